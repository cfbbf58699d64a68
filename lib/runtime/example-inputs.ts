/** Inputs of a model to try it with, when there are none at hand. */
import { ArgumentError } from "../codegen/index.ts";
import { type OnnxModel, onnxTypeText } from "../frontend/onnx/index.ts";
import { isFloat } from "../ir/index.ts";
import { Tensor } from "./tensor.ts";

export interface ExampleOptions {
  /** The sizes that the file leaves open, by name (`openSizes`); 1 for those that are not given. */
  readonly sizes?: Readonly<Record<string, number>>;
  /** Whole shapes of inputs, by the input's name. */
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
  /** The elements of inputs whose values matter, such as shapes and axes. */
  readonly values?: Readonly<Record<string, readonly number[]>>;
  /** The same seed gives the same inputs. Default 0. */
  readonly seed?: number;
}

/**
 * A tensor for each input of a model: normally distributed floats, and integers that are 0 or 1, which are indices into
 * almost anything. Optional inputs are not given (null). Throws an `ArgumentError` for an input that is no tensor, or of a
 * rank that nobody knows.
 */
export function exampleInputs(model: OnnxModel, options: ExampleOptions = {}): Record<string, Tensor | null> {
  const { sizes = {}, shapes = {}, values = {}, seed = 0 } = options;
  const entries = model.inputs.map(({ name, type }, k): [string, Tensor | null] => {
    if (type.kind === "optional") return [name, null];
    if (type.kind !== "tensor" || !type.dtype)
      throw new ArgumentError(
        `the input "${name}" is ${onnxTypeText(type)}; examples are made up for tensors alone`,
      );
    const { dtype } = type;
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value) {
      const scalar = type.dims?.length === 0 && value.length === 1;
      return [name, Tensor.from([...value], scalar ? [] : [value.length], dtype)];
    }
    const given = Object.hasOwn(shapes, name) ? shapes[name] : undefined;
    if (!given && !type.dims)
      throw new ArgumentError(
        `nothing is known of the shape of the input "${name}": give its shape, or its elements`,
      );
    const sizeOf = (size: string): number => (Object.hasOwn(sizes, size) ? sizes[size] : 1);
    const shape =
      given ?? (type.dims ?? []).map((d, i) => (typeof d === "number" ? d : sizeOf(d ?? `${name}_${i}`)));
    const how = isFloat(dtype) ? { normal: true } : { min: 0, max: 2 };
    return [name, Tensor.random(shape, { dtype, seed: seed + k, ...how })];
  });
  return Object.fromEntries(entries);
}
