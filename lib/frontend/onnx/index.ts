/** ONNX models to graph-level programs. */
export {
  type Converted,
  type Converter,
  type ConverterTable,
  NodeAttrs,
  NodeContext,
} from "./context.ts";
export { converterOf, listConverters } from "./convert/index.ts";
export {
  type DecodeOptions,
  decodeModel,
  decodeTensorFile,
} from "./decode.ts";
export { NeedsValue, OnnxError, type OnnxPlace, type OnnxProblem } from "./error.ts";
export { fromOnnx, type InputForm, type OnnxOptions, onnxParams } from "./from-onnx.ts";
export { type ModelInput, type ModelInputs, OnnxModel, type OnnxModelOptions } from "./model.ts";
export { NEWEST_OPSET } from "./operators.ts";
export { givenInputs, type ModelSummary, modelSummary, onnxTypeText, openSizes } from "./summary.ts";
export type {
  ExternalData,
  OnnxAttr,
  OnnxFile,
  OnnxFunction,
  OnnxGraph,
  OnnxNode,
  OnnxTensor,
  OnnxType,
  ValueInfo,
} from "./types.ts";
