/**
 * Operators of graph-level programs. An operator is plain data: what it takes, what it gives (`infer`), and what it
 * means in terms of tensor programs (one of `te`, `graph` and `prim`; see OpDef). `ops/` holds the tables; `registry.ts` finds them by name.
 */
import {
  type Attr,
  type Attrs,
  type Expr,
  type GraphExpr,
  type GraphType,
  type PrimFunc,
  type TensorType,
  typeText,
} from "../ir/index.ts";
import type { te } from "../te/index.ts";
import type { BlockBuilder } from "./block-builder.ts";
import { GraphError, refuseGraph } from "./error.ts";
import type { TeProgram } from "./te-call.ts";

export interface ArgSpec {
  readonly name: string;
  /** One tensor, several (a tuple), or sizes (a shape literal). */
  readonly kind: "tensor" | "tensors" | "shape";
  /** May be left out; only arguments at the end may. */
  readonly optional?: boolean;
}

export interface AttrSpec {
  readonly doc: string;
  /** An attribute without a default must be given. */
  readonly default?: Attr;
}

/** What `te` legalizations get: the arguments as tensors of tensor expressions. */
export type TeArg = te.Tensor | readonly te.Tensor[] | readonly Expr[];

export interface OpDef {
  /** First line of its documentation: what it computes. */
  readonly doc: string;
  readonly args: readonly ArgSpec[];
  readonly attrs?: Readonly<Record<string, AttrSpec>>;
  /** Shape and dtype of the result. Throws a GraphError for arguments that do not fit. */
  readonly infer: (c: OpArgs) => GraphType;
  /** The result as tensor expressions of the arguments: one tensor, or one for each field of a tuple. */
  readonly te?: (c: TeCall) => te.Tensor | readonly te.Tensor[];
  /** The result in terms of other operators, emitted by the builder: instead of `te`. */
  readonly graph?: (c: OpArgs, bb: BlockBuilder) => GraphExpr;
  /**
   * The tensor program itself, for what te cannot say (sorting, recurrences, scatter): its buffers are the tensors among
   * the arguments in order (those of a tuple one after another; sizes are none), then the results. Sizes that it cannot
   * read off its buffers' shapes are scalar parameters at the end, named in `tirVars`.
   */
  readonly prim?: (c: TypedCall) => PrimFunc | Pick<TeProgram, "func" | "tirVars">;
  /** Neither of these: the runtime does it (`memory.view`), and legalization leaves it. */
  readonly builtin?: true;
}

/** The arguments of a call, checked against the operator's signature, with attributes completed by defaults. */
export class OpArgs {
  readonly op: string;
  readonly args: readonly GraphExpr[];
  readonly attrs: Attrs;

  constructor(op: string, args: readonly GraphExpr[], attrs: Attrs) {
    this.op = op;
    this.args = args;
    this.attrs = attrs;
  }

  has(i: number): boolean {
    return i < this.args.length;
  }

  /** The type of a tensor argument. */
  tensor(i: number): TensorType {
    const t = this.args[i]?.type;
    if (t?.kind !== "tensor")
      return this.refuse(`argument ${i} is ${t ? typeText(t) : "missing"}, not a tensor`);
    return t;
  }

  /** The types of the tensors of a tuple argument. */
  tensors(i: number): readonly TensorType[] {
    const t = this.args[i]?.type;
    const fields = t?.kind === "tuple" ? t.fields : [];
    if (t?.kind !== "tuple" || !fields.every((f): f is TensorType => f.kind === "tensor"))
      return this.refuse(`argument ${i} is ${t ? typeText(t) : "missing"}, not a tuple of tensors`);
    return fields;
  }

  /** The sizes of a shape argument. */
  shape(i: number): readonly Expr[] {
    const a = this.args[i];
    if (a?.kind !== "shapeLiteral") return this.refuse(`argument ${i} is no shape: R.shape([…])`);
    return a.values;
  }

  num(name: string): number {
    const v = this.attrs[name];
    return typeof v === "number"
      ? v
      : this.refuse(`attribute ${name} must be a number, got ${JSON.stringify(v)}`);
  }

  str(name: string): string {
    const v = this.attrs[name];
    return typeof v === "string"
      ? v
      : this.refuse(`attribute ${name} must be a string, got ${JSON.stringify(v)}`);
  }

  flag(name: string): boolean {
    const v = this.attrs[name];
    return typeof v === "boolean"
      ? v
      : this.refuse(`attribute ${name} must be true or false, got ${JSON.stringify(v)}`);
  }

  nums(name: string): readonly number[] {
    const v = this.attrs[name];
    if (Array.isArray(v) && v.every((x) => typeof x === "number")) return v as readonly number[];
    return this.refuse(`attribute ${name} must be an array of numbers, got ${JSON.stringify(v)}`);
  }

  refuse(reason: string): never {
    return refuseGraph(this.op, reason);
  }
}

/** A call whose type is known. */
export class TypedCall extends OpArgs {
  /** What `infer` said. */
  readonly type: GraphType;

  constructor(of: OpArgs, type: GraphType) {
    super(of.op, of.args, of.attrs);
    this.type = type;
  }

  /** The result's type, or that of its field `k`. */
  out(k = 0): TensorType {
    const t = this.type.kind === "tuple" ? this.type.fields[k] : this.type;
    if (t.kind !== "tensor") throw new GraphError(this.op, "its result is no tensor");
    return t;
  }
}

/** A call with its arguments as tensors of tensor expressions. */
export class TeCall extends TypedCall {
  readonly inputs: readonly TeArg[];

  constructor(of: OpArgs, inputs: readonly TeArg[], type: GraphType) {
    super(of, type);
    this.inputs = inputs;
  }

  /** A tensor argument. */
  x(i: number): te.Tensor {
    return this.inputs[i] as te.Tensor;
  }

  /** The tensors of a tuple argument. */
  xs(i: number): readonly te.Tensor[] {
    return this.inputs[i] as readonly te.Tensor[];
  }
}
