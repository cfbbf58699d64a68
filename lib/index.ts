/** The public surface of the compiler library: what `import … from "tilewright"` gives. */
import "./show/install.ts";

export { prove, regionsOf, simplify } from "./arith/index.ts";
export { ArgumentError, InterpretError, interpret } from "./codegen/index.ts";
export {
  type Bundle,
  type BundleEntry,
  type BundleOptions,
  bundle,
  DeployError,
  sizeReport,
} from "./deploy/index.ts";
export {
  decodeModel,
  fromOnnx,
  type ModelSummary,
  modelSummary,
  NeedsValue,
  OnnxError,
  OnnxModel,
  type OnnxOptions,
  openSizes,
} from "./frontend/onnx/index.ts";
export {
  BlockBuilder,
  type Call,
  callOp,
  constantData,
  ExprMutator,
  GraphError,
  getOp,
  listOps,
  OPTIONAL_STAGES,
  type OpDef,
  PassRecorder,
  PIPELINE,
  parseGraphFunc,
  pipelinePasses,
  postOrderVisit,
  R,
  registerOp,
  removeAllUnused,
  runPipeline,
  visitExpr,
} from "./graph/index.ts";
export * as transform from "./graph/passes/public.ts";
export * as pattern from "./graph/pattern/index.ts";
export * as ir from "./ir/index.ts";
export {
  assertModuleWellFormed,
  assertWellFormed,
  type Buffer,
  type DType,
  type Expr,
  firstDifference,
  type IRModule,
  irModule,
  type PrimFunc,
  type Problem,
  reviveModule,
  type Stmt,
  structuralEqual,
  updateFunc,
  VerifyError,
  verify,
  withAttrs,
} from "./ir/index.ts";
export * from "./runtime/index.ts";
export {
  applyTrace,
  type BlockRV,
  type ExprRV,
  type LoopRV,
  Schedule,
  ScheduleError,
  type Step,
  TensorIntrin,
  Trace,
} from "./schedule/index.ts";
export {
  type MatrixIntrinsics,
  type MatrixShape,
  type MatrixUnits,
  matrixIntrinsics,
} from "./schedule/subgroup-matrix.ts";
export {
  constantsOf,
  parseModule,
  parsePrimFunc,
  ScriptError,
  script,
  scriptLines,
  T,
} from "./script/index.ts";
export * from "./show/index.ts";
export { te } from "./te/index.ts";
export { scheduleMatrixUnits } from "./tune/default-gpu/matrix/choose.ts";
export {
  applyDefaultSchedule,
  compileTir,
  type Database,
  defaultSchedule,
  type Measurer,
  MemoryDatabase,
  openDatabase,
  type Progress,
  postOrderSpace,
  randomSearch,
  type ScheduleFunction,
  type Space,
  scheduleFunction,
  scheduleOf,
  type Trial,
  TuneError,
  type TuneOptions,
  type TuningRecord,
  type TuningTarget,
  tuneModel,
  tuneTir,
  UnionDatabase,
  unionSpace,
  watchSearches,
} from "./tune/index.ts";
