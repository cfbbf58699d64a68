/** From a model file to a module with the graph-level function `main`. */
import { BlockBuilder } from "../../graph/index.ts";
import {
  constantOf,
  type Expr,
  type GraphExpr,
  type GraphType,
  type GraphVar,
  graphVar,
  type IRModule,
  type NDArray,
  tensorType,
  tupleExpr,
  tupleType,
  variable,
} from "../../ir/index.ts";
import { Refusal } from "./context.ts";
import { decodeModel } from "./decode.ts";
import { Env } from "./env.ts";
import { NeedsValue, OnnxError, refuseOnnx } from "./error.ts";
import { Importer, identifier } from "./importer.ts";
import { MAX_LITERAL } from "./literal.ts";
import { OPERATORS } from "./operators.ts";
import { readsOf } from "./order.ts";
import {
  type ExternalData,
  isForeign,
  type OnnxFile,
  type OnnxNode,
  type OnnxType,
  type ValueInfo,
} from "./types.ts";
import { MISSING, type TensorValue, type Value } from "./value.ts";

/** What a sequence or optional input holds; null is an empty optional. */
export type InputForm =
  | { readonly dtype: NDArray["dtype"]; readonly shape: readonly number[] }
  | readonly InputForm[]
  | null;

export interface OnnxOptions {
  /** Shapes of inputs by name, where the file leaves sizes open. */
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
  /** Symbolic sizes of the file by name. */
  readonly dims?: Readonly<Record<string, number>>;
  /** Values of inputs that sizes of the program depend on (see NeedsValue). */
  readonly values?: Readonly<Record<string, NDArray>>;
  /** What sequence and optional inputs hold. */
  readonly forms?: Readonly<Record<string, InputForm>>;
  /** Reads a file beside the model. */
  readonly externalData?: ExternalData;
  /** Weights become parameters after the inputs instead of constants; `onnxParams` has their data. */
  readonly keepParamsInInput?: boolean;
}

/**
 * Imports a model. `main` takes its inputs in the file's order and gives the tuple of its outputs; its attributes
 * `inputs`, `outputs` (and `weights`, with `keepParamsInInput`) are their names in the file. Sizes that the file leaves
 * open are symbolic, one variable for each name. Throws an OnnxError that lists everything unsupported, and NeedsValue
 * where sizes depend on the values of inputs.
 */
export function fromOnnx(model: Uint8Array | OnnxFile, options: OnnxOptions = {}): IRModule {
  const file = model instanceof Uint8Array ? decodeModel(model, options) : model;
  const bb = new BlockBuilder();
  const im = new Importer(file, bb, OPERATORS);
  const env = new Env();
  const sizes = new Sizes(options.dims ?? {});
  const params: GraphVar[] = [];
  const inputs = file.graph.inputs.filter((v) => !file.graph.initializers.has(v.name));
  for (const v of inputs) {
    const made = im.guarded({ part: `input "${v.name}"` }, () => inputValue(v, params, sizes, options, im));
    env.set(v.name, made ?? MISSING);
  }
  const weights: string[] = [];
  for (const [name, t] of file.graph.initializers) {
    if (isForeign(t)) continue; // reported where it is used
    if (options.keepParamsInInput) {
      const p = graphVar(identifier(name) ?? name, tensorType(t.shape, t.dtype));
      params.push(p);
      weights.push(name);
      env.set(name, { ...im.ofData(t), leaf: () => p });
    } else env.set(name, im.ofData(t));
  }
  const attrs = {
    inputs: inputs.map((v) => v.name),
    outputs: file.graph.outputs.map((v) => v.name),
    ...(options.keepParamsInInput ? { weights } : {}),
  };
  bb.function("main", params, () => bb.emitFuncOutput(body(im, env)), attrs);
  return bb.get();
}

/** The model's weights by name: what `keepParamsInInput` makes parameters. */
export function onnxParams(file: OnnxFile): Record<string, NDArray> {
  const tensors = [...file.graph.initializers].filter((e): e is [string, NDArray] => !isForeign(e[1]));
  return Object.fromEntries(tensors);
}

function body(im: Importer, env: Env) {
  const { graph } = im.file;
  for (const [name, t] of graph.initializers) {
    if (isForeign(t)) {
      im.guarded({ part: `initializer "${name}"` }, () => im.ofTensor(t, "it"));
      env.set(name, MISSING);
    }
  }
  im.nodes(
    live(
      graph.nodes,
      graph.outputs.map((v) => v.name),
    ),
    env,
    { opsets: im.file.opsets, depth: 0 },
  );
  if (im.problems.length > 0) throw new OnnxError(im.problems);
  if (im.needed.size > 0) throw new NeedsValue([...im.needed.keys()], [...im.needed.values()]);
  return tupleExpr(
    graph.outputs.map((v) =>
      im.resultOf(env.get(v.name) ?? refuseOnnx(`nothing computes the output "${v.name}"`)),
    ),
  );
}

/** The nodes that the outputs depend on. */
function live(nodes: readonly OnnxNode[], outputs: readonly string[]): OnnxNode[] {
  const wanted = new Set(outputs);
  const kept: OnnxNode[] = [];
  for (const n of [...nodes].reverse()) {
    if (!n.outputs.some((o) => wanted.has(o))) continue;
    kept.push(n);
    for (const name of readsOf(n)) wanted.add(name);
  }
  return kept.reverse();
}

/** Symbolic sizes: those of one name are one variable. */
class Sizes {
  private readonly vars = new Map<string, Expr>();
  private readonly given: Readonly<Record<string, number>>;

  constructor(given: Readonly<Record<string, number>>) {
    this.given = given;
  }

  get(name: string): Expr | number {
    if (Object.hasOwn(this.given, name)) return this.given[name];
    const known = this.vars.get(name) ?? variable(identifier(name) ?? "size");
    this.vars.set(name, known);
    return known;
  }
}

type Tensor = Extract<OnnxType, { kind: "tensor" }>;

function inputValue(
  v: ValueInfo,
  params: GraphVar[],
  sizes: Sizes,
  options: OnnxOptions,
  im: Importer,
): Value | undefined {
  const add = (type: GraphType): GraphVar => {
    const p = graphVar(identifier(v.name) ?? v.name, type);
    params.push(p);
    return p;
  };
  if (v.type.kind !== "tensor") {
    const form = options.forms && Object.hasOwn(options.forms, v.name) ? options.forms[v.name] : undefined;
    if (form === undefined || v.type.kind === "other") {
      const what = v.type.kind === "other" ? v.type.name : v.type.kind;
      throw new Refusal(`it is a ${what}, which is only supported where it is known what it holds (forms)`);
    }
    return formed(form, v.type, add(formType(form)), im);
  }
  if (!v.type.dtype) throw new Refusal(`elements of type ${v.type.dtypeName} are not supported`);
  const given = options.values && Object.hasOwn(options.values, v.name) ? options.values[v.name] : undefined;
  const shape = inputShape(v.name, v.type, sizes, options, given);
  const type = tensorType(shape, v.type.dtype);
  const p = add(type);
  if (given) {
    if (given.dtype !== v.type.dtype) throw new Refusal(`its value is ${given.dtype}, not ${v.type.dtype}`);
    return im.ofData(given, constantOf(given));
  }
  // Only small tensors hold sizes.
  const count = shape.reduce<number>((n, s) => (typeof s === "number" ? n * s : n), 1);
  const needs = count <= MAX_LITERAL && shape.length <= 2 ? { needs: new Set([v.name]) } : {};
  return { kind: "tensor", type, leaf: () => p, ...needs } satisfies TensorValue;
}

function inputShape(
  name: string,
  t: Tensor,
  sizes: Sizes,
  options: OnnxOptions,
  value: NDArray | undefined,
): (number | Expr)[] {
  const given = options.shapes && Object.hasOwn(options.shapes, name) ? options.shapes[name] : value?.shape;
  if (!given) {
    if (!t.dims)
      throw new Refusal(
        "its rank is not known: give its whole shape (the option shapes, or --shape NAME=2x3)",
      );
    return t.dims.map((d, i) => (typeof d === "number" ? d : sizes.get(d ?? `${name}_${i}`)));
  }
  // A fixed size of 0 is how some exporters write "any".
  const fits =
    !t.dims ||
    (t.dims.length === given.length &&
      t.dims.every((d, i) => typeof d !== "number" || d === 0 || d === given[i]));
  const right = given.every((s) => Number.isInteger(s) && s >= 0);
  if (!fits || !right) {
    throw new Refusal(
      `the shape [${given.join(", ")}] is not what it takes, [${t.dims?.map((d) => d ?? "?").join(", ")}]`,
    );
  }
  return [...given];
}

function formType(form: InputForm): GraphType {
  if (form === null) return tupleType([]);
  return "dtype" in form ? tensorType(form.shape, form.dtype) : tupleType(form.map(formType));
}

/** A sequence or optional input: the fields of a tuple parameter. */
function formed(form: InputForm, type: OnnxType, p: GraphVar, im: Importer): Value {
  const value = form === null ? undefined : fields(form, () => p, im);
  return type.kind === "optional" ? { kind: "optional", value } : (value ?? MISSING);
}

function fields(form: InputForm, leaf: () => GraphExpr, im: Importer): Value {
  if (form === null) return { kind: "optional", value: undefined };
  if ("dtype" in form) return { kind: "tensor", type: tensorType(form.shape, form.dtype), leaf };
  const field = (i: number): (() => GraphExpr) => im.once(() => im.bb.field(leaf(), i));
  return { kind: "sequence", items: form.map((f, i) => fields(f, field(i), im)) };
}
