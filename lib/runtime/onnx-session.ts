/** Running ONNX models: inputs by name in, outputs by name out. */
import { ArgumentError, describeArgument } from "../codegen/index.ts";
import {
  type ModelInput,
  type OnnxFile,
  OnnxModel,
  type OnnxModelOptions,
  type OnnxType,
  onnxTypeText,
} from "../frontend/onnx/index.ts";
import { type IRModule, ndarray } from "../ir/index.ts";
import type { BuildOptions } from "./build.ts";
import { Tensor } from "./tensor.ts";
import { tunedPipeline } from "./tuned.ts";
import type { GraphArg } from "./vm/arguments.ts";
import { graphRunner } from "./vm/graph-runner.ts";
import type { GraphResult } from "./vm/library.ts";
import type { MemoryPlan } from "./vm/plan.ts";
import type { Profile } from "./vm/profile.ts";
import type { GraphRunner } from "./vm/runner.ts";
import { CACHE_SIZE } from "./vm/specializations.ts";

export interface SessionOptions
  extends Pick<BuildOptions, "target" | "relaxedSimd" | "threads" | "cacheSize" | "pipeline" | "database">,
    Pick<OnnxModelOptions, "externalData"> {}

/** A tensor by its elements: what users of other runtimes have at hand. The dtype is that of the model's input. */
export interface PlainTensor {
  readonly data: ArrayBufferView | readonly number[] | readonly bigint[] | readonly boolean[];
  readonly shape: readonly number[];
}
/** A tensor; tensors in an array for a sequence; null for an optional input that is not given. */
export type SessionInput = Tensor | PlainTensor | readonly SessionInput[] | null;
export type SessionInputs = Readonly<Record<string, SessionInput>>;
export type SessionOutputs = Record<string, GraphResult>;

/** What the model takes or gives, as the file has it. */
export interface SessionPort {
  readonly name: string;
  /** `f32[batch, 3, 224, 224]`: sizes that the file leaves open by their names, or as `?`. */
  readonly type: string;
}

/**
 * Inputs with few elements may decide sizes, and become constants of a program then: they are copied. Of the others only
 * the form matters when a program is made.
 */
const FEW_BYTES = 1 << 16;

/** Gives the memory of sessions that were dropped without `dispose()` back. */
const forgotten = new FinalizationRegistry<Map<IRModule, GraphRunner>>((cache) => {
  for (const library of cache.values()) library.dispose();
});

/**
 * A model that is compiled for the shapes it is given, and, where sizes depend on the values of an input, for those
 * values; the last ones are kept. Weights are uploaded once.
 */
export class OnnxSession {
  readonly model: OnnxModel;
  private readonly options: SessionOptions;
  private readonly cacheSize: number;
  /** In the order of last use. */
  private readonly cache = new Map<IRModule, GraphRunner>();
  /** What the last run was for: the next one is mostly for the same. */
  private last: { readonly args: readonly GraphArg[]; readonly library: GraphRunner } | undefined;

  constructor(model: Uint8Array | OnnxFile | OnnxModel, options: SessionOptions = {}) {
    this.cacheSize = options.cacheSize ?? CACHE_SIZE;
    this.model =
      model instanceof OnnxModel ? model : new OnnxModel(model, { ...options, keep: this.cacheSize });
    const database = options.target === "interpreter" ? undefined : options.database;
    this.options = { ...options, pipeline: tunedPipeline(options.pipeline, database, options) };
    forgotten.register(this, this.cache, this);
  }

  get inputs(): readonly SessionPort[] {
    return this.model.inputs.map(({ name, type }) => ({ name, type: onnxTypeText(type) }));
  }

  get outputs(): readonly SessionPort[] {
    return this.model.outputs.map(({ name, type }) => ({ name, type: onnxTypeText(type) }));
  }

  /**
   * Runs the model. Outputs are tensors (arrays for sequences). Throws an `ArgumentError` for inputs that are missing,
   * unknown or of another form, and an `OnnxError` for what the model cannot do with these shapes.
   */
  async run(inputs: SessionInputs): Promise<SessionOutputs> {
    return this.later(inputs, async (library, args) => {
      const result = (await library.call("main", args)) as readonly GraphResult[];
      return Object.fromEntries(this.model.outputs.map(({ name }, i) => [name, result[i]]));
    });
  }

  /** What the steps of one run took: the middle one of `runs`. */
  async profile(inputs: SessionInputs, options: { readonly runs?: number } = {}): Promise<Profile> {
    return this.later(inputs, async (library, args) => library.profile("main", args, options.runs));
  }

  /** Which steps run on the CPU though the target is another device, and why: a line for each. */
  async notes(inputs: SessionInputs): Promise<readonly string[]> {
    return this.later(inputs, async (library, args) => (await library.notes?.("main", args)) ?? []);
  }

  /** Where intermediate values lie. */
  memoryPlan(inputs: SessionInputs): MemoryPlan {
    return this.with(inputs, (library, args) => library.memoryPlan("main", args));
  }

  /** The module for these inputs, before the pipeline. */
  moduleFor(inputs: SessionInputs): IRModule {
    return this.with(inputs, (library) => library.module);
  }

  /** The module for these inputs, after the pipeline. */
  loweredFor(inputs: SessionInputs): IRModule {
    return this.with(inputs, (library, args) => library.lowered("main", args));
  }

  /** How many compiled programs are kept. */
  get compiled(): number {
    return this.cache.size;
  }

  /** Gives back the memory of weights and programs. Results stay valid. */
  dispose(): void {
    for (const library of this.cache.values()) library.dispose();
    this.cache.clear();
    this.last = undefined;
    forgotten.unregister(this);
  }

  /** Generated code of what was compiled so far. */
  source(format?: string): string {
    return [...this.cache.values()].map((library) => library.source(format)).join("\n");
  }

  private with<X>(inputs: SessionInputs, use: (library: GraphRunner, args: readonly GraphArg[]) => X): X {
    const own: Tensor[] = [];
    try {
      const { library, args } = this.bind(inputs, own);
      return use(library, args);
    } finally {
      for (const t of own) t.dispose();
    }
  }

  /** The same for what takes its time: tensors that were made for the call last as long. */
  private async later<X>(
    inputs: SessionInputs,
    use: (library: GraphRunner, args: readonly GraphArg[]) => Promise<X>,
  ): Promise<X> {
    const own: Tensor[] = [];
    try {
      const { library, args } = this.bind(inputs, own);
      return await use(library, args);
    } finally {
      for (const t of own) t.dispose();
    }
  }

  /** What runs these inputs, and its arguments. Tensors that are made for it are added to `own`. */
  private bind(
    inputs: SessionInputs,
    own: Tensor[],
  ): { readonly library: GraphRunner; readonly args: readonly GraphArg[] } {
    const { model } = this;
    const takes = (): string => this.inputs.map((p) => `${p.name}: ${p.type}`).join(", ");
    for (const name of Object.keys(inputs)) {
      if (!model.inputs.some((p) => p.name === name))
        throw new ArgumentError(`the model has no input "${name}"; it takes ${takes()}`);
    }
    const args = model.inputs.map(({ name, type }) => {
      if (!Object.hasOwn(inputs, name))
        throw new ArgumentError(`the input "${name}" is missing; the model takes ${takes()}`);
      return argumentOf(`the input "${name}"`, inputs[name], type, own);
    });
    const given = args.map((a) => a.arg);
    if (
      !this.last ||
      !model.dependsOnShapesAlone ||
      !given.every((a, i) => sameForm(a, this.last?.args[i]))
    ) {
      const forms = model.inputs.map(({ name }, i) => [name, args[i].form()] as const);
      this.last = { library: this.libraryFor(model.specialise(Object.fromEntries(forms))), args: given };
    }
    return { library: this.last.library, args: given };
  }

  private libraryFor(module: IRModule): GraphRunner {
    const library = this.cache.get(module) ?? graphRunner(module, this.options);
    this.cache.delete(module);
    this.cache.set(module, library);
    for (const [oldest, unused] of this.cache) {
      if (this.cache.size <= this.cacheSize) break;
      this.cache.delete(oldest);
      unused.dispose();
    }
    return library;
  }
}

/**
 * A model from the bytes of its file, or from what `decodeModel` read there. Throws an `OnnxError` when the file cannot be
 * read; what is not supported shows when it is first run, when its shapes are known.
 */
export function loadOnnx(model: Uint8Array | OnnxFile, options: SessionOptions = {}): OnnxSession {
  return new OnnxSession(model, options);
}

interface Argument {
  readonly arg: GraphArg;
  /** What the importer is told of it. */
  readonly form: () => ModelInput;
}

/** Whether two arguments are tensors of one dtype and shape. */
const sameForm = (a: GraphArg, b: GraphArg | undefined): boolean =>
  a instanceof Tensor &&
  b instanceof Tensor &&
  a.dtype === b.dtype &&
  a.shape.length === b.shape.length &&
  a.shape.every((s, d) => s === b.shape[d]);

/** An input on the device. Tensors that are made for it are added to `own`. */
function argumentOf(what: string, given: SessionInput, type: OnnxType, own: Tensor[]): Argument {
  const must = (): string => `${what} must be ${onnxTypeText(type)}`;
  if (type.kind === "optional") {
    return given === null ? { arg: [], form: () => null } : argumentOf(what, given, type.elem, own);
  }
  if (type.kind === "sequence") {
    if (!Array.isArray(given)) throw new ArgumentError(`${must()}: an array, got ${describeArgument(given)}`);
    const items = given.map((x, i) => argumentOf(`${what}[${i}]`, x as SessionInput, type.elem, own));
    return { arg: items.map((x) => x.arg), form: () => items.map((x) => x.form()) };
  }
  const t = tensorOf(must, given, type, own);
  const dims = type.kind === "tensor" ? type.dims : undefined;
  // A fixed size of 0 is how some exporters write "any".
  const fits =
    (type.kind !== "tensor" || type.dtype === undefined || t.dtype === type.dtype) &&
    (!dims ||
      (dims.length === t.shape.length &&
        dims.every((d, i) => typeof d !== "number" || d === 0 || d === t.shape[i])));
  if (!fits) throw new ArgumentError(`${must()}, got ${describeArgument(t)}`);
  const form = (): ModelInput => {
    const { buffer, byteOffset, byteLength } = t.data;
    const bytes = new Uint8Array(buffer, byteOffset, byteLength);
    return ndarray(t.dtype, t.shape, byteLength <= FEW_BYTES ? bytes.slice() : bytes);
  };
  return { arg: t, form };
}

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
