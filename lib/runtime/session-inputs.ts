/** Inputs of models, as the callers of sessions give them. */
import { ArgumentError, describeArgument } from "../codegen/index.ts";
import { type ModelInput, type OnnxType, onnxTypeText } from "../frontend/onnx/index.ts";
import { ARRAYS, type NDArray, ndarray } from "../ir/index.ts";
import type { Target } from "./backend.ts";
import { Tensor } from "./tensor.ts";
import type { GraphArg } from "./vm/arguments.ts";
import { GpuTensor } from "./webgpu/tensor.ts";

/** A tensor by its elements: what users of other runtimes have at hand. The dtype is that of the model's input. */
export interface PlainTensor {
  readonly data: ArrayBufferView | readonly number[] | readonly bigint[] | readonly boolean[];
  readonly shape: readonly number[];
}
/** A tensor (of the GPU in sessions for it); tensors in an array for a sequence; null for an optional input that is not given. */
export type SessionInput = Tensor | GpuTensor | PlainTensor | readonly SessionInput[] | null;
export type SessionInputs = Readonly<Record<string, SessionInput>>;

/**
 * Inputs with few elements may decide sizes, and become constants of a program then: they are copied. Of the others only
 * the form matters when a program is made.
 */
const FEW_BYTES = 1 << 16;

export interface Argument {
  readonly arg: GraphArg;
  /** What the importer is told of it. */
  readonly form: () => ModelInput;
}

/** Whether two arguments are tensors of one dtype and shape. */
export const sameForm = (a: GraphArg, b: GraphArg | undefined): boolean =>
  isTensor(a) &&
  isTensor(b) &&
  a.dtype === b.dtype &&
  a.shape.length === b.shape.length &&
  a.shape.every((s, d) => s === b.shape[d]);

/**
 * The short way for what is mostly given, another input of the form of the last run's: tensors of the CPU, and typed arrays of
 * their dtype. Undefined where it takes a closer look. A tensor that is made is added to `own`.
 */
export function sameAgain(
  given: SessionInput | undefined,
  before: GraphArg,
  own: Tensor[],
): Tensor | undefined {
  if (!(before instanceof Tensor) || typeof given !== "object" || given === null) return undefined;
  if (given instanceof Tensor) return !given.disposed && sameForm(given, before) ? given : undefined;
  const { data, shape } = given as Partial<PlainTensor>;
  const same =
    Array.isArray(shape) &&
    shape.length === before.shape.length &&
    shape.every((s, d) => s === before.shape[d]);
  if (!same || !(data instanceof ARRAYS[before.dtype]) || data.length !== before.size) return undefined;
  const t = Tensor.from(data, shape, before.dtype);
  own.push(t);
  return t;
}

/** An input on the device. Tensors that are made for it are added to `own`. */
export function argumentOf(
  what: string,
  given: SessionInput,
  type: OnnxType,
  target: Target,
  own: Tensor[],
): Argument {
  const must = (): string => `${what} must be ${onnxTypeText(type)}`;
  if (type.kind === "optional") {
    return given === null ? { arg: [], form: () => null } : argumentOf(what, given, type.elem, target, own);
  }
  if (type.kind === "sequence") {
    if (!Array.isArray(given)) throw new ArgumentError(`${must()}: an array, got ${describeArgument(given)}`);
    const items = given.map((x, i) => argumentOf(`${what}[${i}]`, x as SessionInput, type.elem, target, own));
    return { arg: items.map((x) => x.arg), form: () => items.map((x) => x.form()) };
  }
  const t = given instanceof GpuTensor ? onDevice(must, given, target) : tensorOf(must, given, type, own);
  const dims = type.kind === "tensor" ? type.dims : undefined;
  // A fixed size of 0 is how some exporters write "any".
  const fits =
    (type.kind !== "tensor" || type.dtype === undefined || t.dtype === type.dtype) &&
    (!dims ||
      (dims.length === t.shape.length &&
        dims.every((d, i) => typeof d !== "number" || d === 0 || d === t.shape[i])));
  if (!fits) throw new ArgumentError(`${must()}, got ${describeArgument(t)}`);
  const form = (): ModelInput => {
    if (t instanceof GpuTensor) return unread(what, t);
    const { buffer, byteOffset, byteLength } = t.data;
    const bytes = new Uint8Array(buffer, byteOffset, byteLength);
    return ndarray(t.dtype, t.shape, byteLength <= FEW_BYTES ? bytes.slice() : bytes);
  };
  return { arg: t as Tensor, form };
}

/** What an input's elements decide, and they are on the GPU. */
export class ElementsNeeded extends ArgumentError {}

/** A tensor of the GPU as the importer sees it: it asks for the elements only where they decide about sizes. */
function unread(what: string, { dtype, shape }: GpuTensor): NDArray {
  return {
    dtype,
    shape,
    get bytes(): Uint8Array {
      throw new ElementsNeeded(`${what} decides sizes by its elements: bring it to the CPU with to("cpu")`);
    },
  } as unknown as NDArray;
}

function onDevice(must: () => string, t: GpuTensor, target: Target): GpuTensor {
  if (target !== "webgpu")
    throw new ArgumentError(
      `${must()}: the session is for "${target}", and ${t}; bring it to the CPU with to("cpu")`,
    );
  if (t.disposed) throw new ArgumentError(`${must()}, got a tensor that was disposed: ${t}`);
  return t;
}

const isTensor = (a: GraphArg | undefined): a is Tensor => a instanceof Tensor || a instanceof GpuTensor;

function tensorOf(must: () => string, given: SessionInput, type: OnnxType, own: Tensor[]): Tensor {
  if (given instanceof Tensor) {
    if (given.disposed) throw new ArgumentError(`${must()}, got a tensor that was disposed: ${given}`);
    return given;
  }
  if (typeof given !== "object" || given === null || !("data" in given) || !("shape" in given))
    throw new ArgumentError(`${must()}: a Tensor or { data, shape }, got ${describeArgument(given)}`);
  try {
    const dtype = type.kind === "tensor" ? type.dtype : undefined;
    const t = Tensor.from(given.data as ArrayBufferView, given.shape, dtype);
    own.push(t);
    return t;
  } catch (e) {
    throw new ArgumentError(`${must()}: ${(e as Error).message}`, { cause: e });
  }
}
