/**
 * Patterns over values of graph-level programs. A pattern is an object with an identity: what it matched is asked for
 * by the pattern itself (`match.get(x)`), and a pattern that stands at two places matches the same value at both.
 * Words are those of TVM's dataflow pattern language.
 */
import type { Attrs, DType, GraphExpr } from "../../ir/index.ts";

/** What a pattern matches. `args` undefined: any. */
export type PatternNode =
  | { readonly kind: "wildcard" }
  | { readonly kind: "const" }
  | { readonly kind: "param" }
  | { readonly kind: "op"; readonly name: string; readonly args?: readonly Pattern[] }
  | { readonly kind: "callTir" | "callPacked"; readonly func?: string; readonly args?: readonly Pattern[] }
  | { readonly kind: "tuple"; readonly fields?: readonly Pattern[] }
  | { readonly kind: "tupleGet"; readonly tuple: Pattern; readonly index?: number }
  | { readonly kind: "or"; readonly sides: readonly Pattern[] }
  | { readonly kind: "has"; readonly of: Pattern; readonly what: Properties }
  /** `of` is an operand of `by`, of which it is the only user where `only`. */
  | { readonly kind: "usedBy"; readonly of: Pattern; readonly by: Pattern; readonly only: boolean };

/** What can be asked of a value beside its form. */
export interface Properties {
  readonly dtype?: DType;
  /** -1: any size. */
  readonly shape?: readonly number[];
  readonly rank?: number;
  /** Of an operator or a library call: these among its attributes. */
  readonly attrs?: Attrs;
  /** Anything else. */
  readonly where?: (e: GraphExpr) => boolean;
}

export class Pattern {
  readonly node: PatternNode;

  constructor(node: PatternNode) {
    this.node = node;
  }

  /** This or the other; this is tried first. */
  or(other: Pattern): Pattern {
    return new Pattern({ kind: "or", sides: [this, other] });
  }

  /** The same with a dtype, shape, rank or attributes. */
  has(what: Properties): Pattern {
    return new Pattern({ kind: "has", of: this, what });
  }

  /** This, perhaps with something around it: `add.optional((x) => isOp("nn.relu")(x))`. The longer one is tried first. */
  optional(around: (x: Pattern) => Pattern): Pattern {
    return around(this).or(this);
  }

  /** Matches `by` where this is one of its operands: a chain of whatever else they take. */
  usedBy(by: Pattern): Pattern {
    return new Pattern({ kind: "usedBy", of: this, by, only: false });
  }

  /** `usedBy` where nothing else uses it: `matmul.onlyUsedBy(add).onlyUsedBy(relu)`. */
  onlyUsedBy(by: Pattern): Pattern {
    return new Pattern({ kind: "usedBy", of: this, by, only: true });
  }
}

/** Any value. */
export const wildcard = (): Pattern => new Pattern({ kind: "wildcard" });
/** A constant. */
export const isConst = (): Pattern => new Pattern({ kind: "const" });
/** A variable that nothing is bound to: a parameter. */
export const isParam = (): Pattern => new Pattern({ kind: "param" });

/** A call of that operator: `isOp("add")(a, b)`; `isOp("add")()` with any arguments. */
export const isOp =
  (name: string) =>
  (...args: readonly Pattern[]): Pattern =>
    new Pattern({ kind: "op", name, ...(args.length > 0 ? { args } : {}) });

/** A call of a tensor program (of that name), with any arguments where none are given. */
export const isCallTir = (func?: string, args?: readonly Pattern[]): Pattern =>
  new Pattern({ kind: "callTir", ...(func === undefined ? {} : { func }), ...(args ? { args } : {}) });

/** A call of a library function (of that name), with any arguments where none are given. */
export const isCallPacked = (func?: string, args?: readonly Pattern[]): Pattern =>
  new Pattern({ kind: "callPacked", ...(func === undefined ? {} : { func }), ...(args ? { args } : {}) });

/** A tuple, of those fields where they are given. */
export const isTuple = (fields?: readonly Pattern[]): Pattern =>
  new Pattern({ kind: "tuple", ...(fields ? { fields } : {}) });

/** A field of a tuple, of any index where none is given. */
export const isTupleGet = (tuple: Pattern, index?: number): Pattern =>
  new Pattern({ kind: "tupleGet", tuple, ...(index === undefined ? {} : { index }) });
