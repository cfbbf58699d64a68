/**
 * Where a node was written. Kept beside the programs, not in them: spans are no part of a program's meaning, do not
 * survive JSON, and a node made by a transformation has none.
 */
export interface Span {
  /** 1-based line and 0-based column in `source`. */
  readonly line: number;
  readonly column: number;
  /** Character offset in `source`. */
  readonly offset: number;
  /** The text the node was parsed from (a function's source, or a whole script). */
  readonly source: string;
}

const spans = new WeakMap<object, Span>();

/** Remembers where `node` was written and returns it. */
export function withSpan<N extends object>(node: N, span: Span | undefined): N {
  if (span) spans.set(node, span);
  return node;
}

export function spanOf(node: object): Span | undefined {
  return spans.get(node);
}
