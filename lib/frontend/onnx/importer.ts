/** Imports the nodes of graphs: one after the other, remembering what is known of each value. */
import { type BlockBuilder, callOp, constShape, GraphError } from "../../graph/index.ts";
import {
  BYTES,
  constantOf,
  type Expr,
  type GraphExpr,
  type NDArray,
  type TensorType,
  tensorType,
  tupleExpr,
  tupleGet,
} from "../../ir/index.ts";
import { type Converted, Refusal, ValueNeeded } from "./context.ts";
import type { Env } from "./env.ts";
import { OnnxError, type OnnxPlace, type OnnxProblem } from "./error.ts";
import { dataOf, type Literal } from "./literal.ts";
import { placeOf } from "./order.ts";
import { shapeTensor } from "./shape-tensor.ts";
import { isForeign, type OnnxAttr, type OnnxFile, type OnnxNode, type OnnxTensor } from "./types.ts";
import { MISSING, type TensorValue, type Value } from "./value.ts";

/** A tensor of more bytes than this cannot be held. */
const MAX_BYTES = 2 ** 31 - 1;

/** Where nodes are imported from: the model's graph, or a function's body with the attributes of its call. */
export interface Frame {
  readonly part?: string;
  readonly opsets: ReadonlyMap<string, number>;
  readonly refs?: ReadonlyMap<string, OnnxAttr>;
  readonly depth: number;
}

/** What nodes mean: `operators.ts`. */
export interface Operators {
  /** A node on given inputs. */
  apply(im: Importer, n: OnnxNode, inputs: Inputs, env: Env, frame: Frame): readonly (Value | undefined)[];
  /** Throws a Refusal when nothing knows the operator, or its operator set is too new. */
  check(im: Importer, n: OnnxNode, frame: Frame): void;
}
export type Inputs = readonly (Value | undefined)[];

/** What became of an attempt. */
export type Trial<X> =
  | { readonly result: X }
  | { readonly problems: readonly OnnxProblem[]; readonly needed: ReadonlyMap<string, OnnxProblem> };

export class Importer {
  readonly file: OnnxFile;
  bb: BlockBuilder;
  /** What was refused so far. */
  problems: OnnxProblem[] = [];
  /** Inputs whose values are needed, and for what. */
  needed = new Map<string, OnnxProblem>();
  /** Grows when a branch begins and falls back when it ends: what was emitted in a branch is not seen outside. */
  private scopes: readonly object[] = [{}];
  readonly operators: Operators;

  constructor(file: OnnxFile, bb: BlockBuilder, operators: Operators) {
    this.operators = operators;
    this.file = file;
    this.bb = bb;
  }

  /** Imports nodes in order into the names of `env`. */
  nodes(nodes: readonly OnnxNode[], env: Env, frame: Frame): void {
    for (const n of nodes) this.node(n, env, frame);
  }

  private node(n: OnnxNode, env: Env, frame: Frame): void {
    const outputs = this.guarded(placeOf(n, frame.part), () => this.results(n, env, frame));
    n.outputs.forEach((name, k) => {
      env.set(name, outputs?.[k] ?? MISSING);
    });
  }

  /** Runs `f`; what it throws becomes a problem at the place, and the result is undefined. */
  guarded<X>(place: OnnxPlace, f: () => X): X | undefined {
    try {
      return f();
    } catch (e) {
      this.report(e, place);
      return undefined;
    }
  }

  private report(e: unknown, place: OnnxPlace): void {
    if (e instanceof ValueNeeded) {
      for (const name of e.inputs) {
        if (!this.needed.has(name)) this.needed.set(name, { reason: e.message, place });
      }
    } else if (e instanceof OnnxError) this.problems.push(...e.problems);
    else if (e instanceof Refusal) {
      const attribute = e.attribute === undefined ? {} : { attribute: e.attribute };
      this.problems.push({ reason: e.message, place: { ...place, ...attribute } });
    } else if (e instanceof GraphError || e instanceof TypeError || e instanceof RangeError) {
      this.problems.push({ reason: e.message, place });
    } else throw e;
  }

  /** The values of a node's outputs; undefined when one of its inputs is missing. */
  results(given: OnnxNode, env: Env, frame: Frame): readonly (Value | undefined)[] | undefined {
    const n = frame.refs ? withRefs(given, frame.refs) : given;
    const inputs = n.inputs.map((name) => (name === "" ? undefined : this.lookup(name, env)));
    while (inputs.length > 0 && inputs.at(-1) === undefined) inputs.pop();
    if (inputs.some((v) => v?.kind === "missing")) {
      this.operators.check(this, n, frame);
      return undefined;
    }
    return this.operators.apply(this, n, inputs, env, frame);
  }

  private lookup(name: string, env: Env): Value {
    return env.get(name) ?? MISSING;
  }

  /** Binds what a converter gave. */
  bindAll(n: OnnxNode, made: Converted, needs?: ReadonlySet<string>): (Value | undefined)[] {
    const list = Array.isArray(made) ? (made as readonly (GraphExpr | undefined)[]) : undefined;
    if (list) return list.map((e, k) => e && this.bind(e, n.outputs[k], needs));
    const e = made as GraphExpr;
    if (e.type.kind !== "tuple") return [this.bind(e, n.outputs[0], needs)];
    const all = this.bb.leaf(e);
    return e.type.fields.map((_, k) => {
      const field = all.kind === "tupleExpr" ? all.fields[k] : tupleGet(all, k);
      return n.outputs[k] ? this.bind(field, n.outputs[k], needs) : undefined;
    });
  }

  /** Binds a tensor to a variable. */
  bind(e: GraphExpr, name?: string, needs?: ReadonlySet<string>): TensorValue {
    const t = e.type;
    if (t.kind !== "tensor") throw new TypeError("a converter gave something that is no tensor");
    this.checkSize(t);
    if (e.kind === "constant") return this.ofData(e.data, e);
    const v = e.kind === "graphVar" ? e : this.bb.emit(e, identifier(name));
    return { kind: "tensor", type: t, leaf: () => v, ...(needs && needs.size > 0 ? { needs } : {}) };
  }

  private checkSize(t: TensorType): void {
    const shape = constShape(t.shape);
    const bytes = (shape ?? []).reduce((a, b) => a * b, BYTES[t.dtype]);
    if (bytes > MAX_BYTES) throw new Refusal(`its result [${shape}] would take ${bytes} bytes`);
    if (shape?.some((s) => s < 0)) throw new Refusal(`its result would have the shape [${shape}]`);
  }

  /** A value with known data. */
  ofData(data: NDArray, leaf: GraphExpr = constantOf(data)): TensorValue {
    return { kind: "tensor", type: tensorType(data.shape, data.dtype), leaf: () => leaf, data };
  }

  /** A tensor of the file. Throws when its elements have a type that is not supported. */
  ofTensor(t: OnnxTensor, what: string): TensorValue {
    if (isForeign(t)) throw new Refusal(`${what} has elements of type ${t.dtype}, which is not supported`);
    return this.ofData(t);
  }

  /** A value with known elements; those that are symbolic sizes become a tensor where somebody reads it. */
  ofLiteral(l: Literal, name?: string): TensorValue {
    const data = dataOf(l);
    if (data) return this.ofData(data);
    const leaf = this.once(() => this.bb.emit(shapeTensor(l), identifier(name)));
    return { kind: "tensor", type: tensorType(l.shape, l.dtype), leaf, literal: l };
  }

  /** Emits a value when it is asked for the first time, and again where the first one is not seen. */
  once(emit: () => GraphExpr): () => GraphExpr {
    const emitted = new Map<object, GraphExpr>();
    return () => {
      for (const scope of this.scopes) {
        const there = emitted.get(scope);
        if (there) return there;
      }
      const v = emit();
      emitted.set(this.scopes[this.scopes.length - 1], v);
      return v;
    };
  }

  /** A tensor of equal elements. `one` is a scalar. */
  broadcast(one: GraphExpr, sizes: readonly Expr[], name?: string): TensorValue {
    return this.bind(callOp("broadcastTo", [one, sizes]), name);
  }

  /** What `f` emits is only seen within it. */
  scoped<X>(f: () => X): X {
    const outer = this.scopes;
    this.scopes = [...outer, {}];
    try {
      return f();
    } finally {
      this.scopes = outer;
    }
  }

  /** What `f` emits goes to another builder, of a function of its own. */
  building<X>(bb: BlockBuilder, f: () => X): X {
    const { bb: outer, scopes } = this;
    this.bb = bb;
    this.scopes = [{}];
    try {
      return f();
    } finally {
      this.bb = outer;
      this.scopes = scopes;
    }
  }

  /** Runs `f`; where it reports or throws problems, gives those, and they are not those of the import. */
  trial<X>(place: OnnxPlace, f: () => X): Trial<X> {
    const { problems, needed } = this;
    this.problems = [];
    this.needed = new Map();
    try {
      const result = this.guarded(place, f);
      if (this.problems.length === 0 && this.needed.size === 0) return { result: result as X };
      return { problems: this.problems, needed: this.needed };
    } finally {
      this.problems = problems;
      this.needed = needed;
    }
  }

  /** The value of a result: sequences become tuples. */
  resultOf(v: Value): GraphExpr {
    switch (v.kind) {
      case "tensor":
        return v.leaf();
      case "sequence":
        return tupleExpr(v.items.map((x) => this.resultOf(x)));
      case "optional":
        return v.value ? this.resultOf(v.value) : tupleExpr([]);
      case "missing":
        return tupleExpr([]);
    }
  }
}

/** A name that may stand in a program for a name of the file. */
export function identifier(name: string | undefined): string | undefined {
  if (!name) return undefined;
  const plain = name.replace(/[^\p{ID_Continue}$]/gu, "_");
  return /^[\p{ID_Start}$_]/u.test(plain) ? plain : `_${plain}`;
}

/** The node with the attributes of the function's call in place of references to them. */
function withRefs(n: OnnxNode, refs: ReadonlyMap<string, OnnxAttr>): OnnxNode {
  const attrs = new Map<string, OnnxAttr>();
  for (const [name, a] of n.attrs) {
    // A reference to what the call does not give leaves the operator's own default.
    const value = a.kind === "ref" ? refs.get(a.value) : a;
    if (value) attrs.set(name, value);
  }
  return { ...n, attrs };
}
