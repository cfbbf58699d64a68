// The table of views that the compiler library leaves for whoever hosts it. The kernel does not load the library.

/** A way to look at a value: `CompilerView` of lib/show. */
export interface View {
  name: string;
  title: string;
  applies(value: unknown): boolean;
  render(value: unknown): unknown;
  code(name: string, value: unknown): string;
}

/** A way to look at two values: `ComparisonView` of lib/show. */
export interface Comparison {
  name: string;
  title: string;
  applies(a: unknown, b: unknown): boolean;
  render(a: unknown, b: unknown, names: [string, string]): unknown;
  code(a: string, b: string): string;
}

/** What lib/show/install.ts leaves. */
export interface LibraryViews {
  compilerViews: readonly View[];
  comparisonViews: readonly Comparison[];
  valueKind(value: unknown): string | undefined;
  /** A plot of a search; its `toJSON` is Vega-Lite. */
  tuningCurve(history: readonly unknown[]): { toJSON(): object; text: string };
}

/** The table; undefined before a cell, or anybody, has loaded the library. */
export function libraryViews(scope: object): LibraryViews | undefined {
  return Reflect.get(scope, Symbol.for("tilewright.views")) as LibraryViews | undefined;
}
