/** How programs look to the type checker: buffers are nested arrays of numbers (of booleans for bool). */
import type { DType } from "../ir/index.ts";
import type { BufferSpec, Dim, ParamSpecs, ScalarSpec } from "./spec.ts";

/** An element of a buffer, or a scalar. */
export type ScalarOf<D extends DType> = D extends "bool" ? boolean : number;

/** One dimension. Not an array: a buffer in a program has elements and nothing else. */
export interface Dimension<X> {
  [index: number]: X;
}

/** A buffer without dimensions: its one element. */
export interface Single<X> {
  value: X;
}

/** What a shape that is not written out becomes: nothing can be done with it, and its name says why. */
export interface ShapeMustBeALiteral {
  readonly "write the shape as a literal, or make it `as const`": never;
}

type Nested<S extends readonly unknown[], X> = S extends readonly [unknown, ...infer R]
  ? R extends readonly []
    ? Dimension<X>
    : Dimension<Nested<R, X>>
  : never;

/** A buffer of that shape and dtype: `A[i][j]` is an element. */
export type BufferOf<S extends readonly unknown[], D extends DType> = S extends readonly []
  ? Single<ScalarOf<D>>
  : number extends S["length"]
    ? ShapeMustBeALiteral
    : Nested<S, ScalarOf<D>>;

/** The name a size declares: "n" and "n: i64" declare n. */
type SizeName<X> = X extends `${infer N}: ${string}` ? N : X extends string ? X : never;

/** The symbolic sizes that the shapes of these parameters declare. */
export type SizesOf<P extends ParamSpecs> = {
  [K in keyof P]: P[K] extends BufferSpec<infer S extends readonly Dim[]> ? SizeName<S[number]> : never;
}[keyof P];

type ParamOf<X> =
  X extends BufferSpec<infer S, infer D>
    ? BufferOf<S, D>
    : X extends ScalarSpec<infer D>
      ? ScalarOf<D>
      : never;

/** What the callback of `T.primFunc` takes: parameters, symbolic sizes and constants, by name. */
export type ProgramArgs<P extends ParamSpecs, C> = { [K in keyof P]: ParamOf<P[K]> } & {
  [S in SizesOf<P> as string extends S ? never : S]: number;
} & { readonly [K in keyof C]: C[K] extends boolean ? boolean : number };

/** As many numbers as there are elements in the tuple. */
export type NumbersLike<L extends readonly unknown[]> = { -readonly [K in keyof L]: number };
