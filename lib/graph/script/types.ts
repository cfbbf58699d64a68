/** How graph-level functions look to the type checker: values that operators take, and sizes as numbers. */
import type { DType, GraphExpr, GraphType, GraphVar, ShapeType } from "../../ir/index.ts";
import type { Dim } from "../../script/index.ts";

/** Inside `R.func` a tuple gives its fields by index, or in order: `const [a, b] = R.split(x)`. */
export interface Fields {
  readonly [field: number]: Value;
  [Symbol.iterator](): Iterator<Value>;
}
/** A value of the program. */
export type Value = GraphVar & Fields;

/** The type of a parameter whose sizes may be names: `R.tensor(["n", 784])`. */
export interface TensorSpec<S extends readonly Dim[] = readonly Dim[]> {
  readonly kind: "tensorSpec";
  readonly shape: S;
  readonly dtype: DType;
}

/** The type of a parameter: of a tensor, or a list of types for a tuple. */
export type TypeSpec = GraphType | TensorSpec | readonly TypeSpec[];
export type GraphParams = { readonly [name: string]: TypeSpec };

/** A type where values are made: a list of types is that of a tuple. */
export type TypeLike = GraphType | readonly TypeLike[];

/** The name a size declares: "n" and "n: i64" declare n. */
type SizeName<X> = X extends `${infer N}: ${string}` ? N : X extends string ? X : never;
type NamesOf<X> = X extends TensorSpec<infer S> ? SizeName<S[number]> : never;
type Within<X> = X extends readonly unknown[] ? X[number] : never;
/** Of a tensor, or of the fields of a tuple (two levels: what is written in practice, and ends for the checker). */
type NamesIn<X> = NamesOf<X> | NamesOf<Within<X>> | NamesOf<Within<Within<X>>>;
/** The symbolic sizes that the types of these parameters declare. */
type SizesOf<P extends GraphParams> = { [K in keyof P]: NamesIn<P[K]> }[keyof P];

/** What the callback of `R.func` takes: parameters, symbolic sizes and constants, by name. */
export type GraphArgs<P extends GraphParams, C> = { [K in keyof P]: Value } & {
  [S in SizesOf<P> as string extends S ? never : S]: number;
} & { readonly [K in keyof C]: C[K] extends boolean ? boolean : number };

/** What a function or a branch gives: a value, or several as a tuple. */
export type Result = GraphExpr | readonly Result[];

export interface LoopParts {
  /** How many times at most: i64[]. */
  readonly trip?: GraphExpr;
  /** Whether to begin at all: bool[]. */
  readonly cond?: GraphExpr;
  /** What one iteration hands to the next. */
  readonly carried?: readonly GraphExpr[];
  /** What every iteration sees. */
  readonly captured?: readonly GraphExpr[];
}

/** Words that are read inside `R.func` and never run. */
export interface GraphProgram {
  /** Bindings without side effects; the value is what `R.output` lists. */
  dataflow<X>(body: () => X): X;
  /** What is seen after the dataflow block: `return R.output(gv)`, `return R.output(gv, gv1)`. */
  output(): void;
  output(value: GraphExpr): Value;
  output<const V extends readonly GraphExpr[]>(...values: V): { readonly [K in keyof V]: Value };
  /** One branch or the other; `cond` is a bool tensor of one element. */
  if(cond: GraphExpr, then: () => Result, otherwise: () => Result): Value;
  /** A loop whose body is a graph-level function of the module; `type` of the carried values, then of the stacked ones. */
  loop(func: string, parts: LoopParts, type: TypeLike): Value;
  /** Asserts that a value has a type. Sizes that `R.size` declared get their values here. */
  matchCast(value: GraphExpr, type: TypeLike): Value;
  /** A value whose type is written otherwise than it would be inferred. */
  withType(value: GraphExpr, type: TypeLike): Value;
  /** A symbolic size that a `R.matchCast` or `R.tensorToShape` below gives a value: `const m = R.size()`. */
  size(dtype?: "i32" | "i64"): number;
  /**
   * The elements of an integer tensor as sizes: `const [n, m] = R.tensorToShape(t)`, or `R.tensorToShape(t, [n, m])` for
   * sizes that `R.size` declared.
   */
  tensorToShape(value: GraphExpr): number[];
  tensorToShape(value: GraphExpr, sizes: readonly number[]): void;
  /** Data that are given beside the script, under a name. */
  constant(name: string, type: TypeLike): Value;
}

/** Types beside those of tensors. */
export interface GraphTypes {
  /** The type of sizes as a value. */
  shapeType(rank: number): ShapeType;
}
