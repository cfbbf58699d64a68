/**
 * Target-independent lowering: from a scheduled function to plain loops, ready for code generation. Passes run in the
 * order of the table; each entry says what it needs done before it.
 *
 * The lowered form has loops, ifs, lets, stores and sequences; blocks remain only as scopes that allocate buffers, and
 * calls of imported kernels where the target links them.
 */
import type { Interval, PrimFunc, Stmt } from "../../ir/index.ts";
import { expandExterns } from "../externs.ts";
import { symbolicSizes } from "../size.ts";
import { replaceAccumulators } from "./accumulators.ts";
import { alignRows } from "./align-rows.ts";
import { lowerBlocks } from "./blocks.ts";
import { compactBuffers } from "./compact.ts";
import { decideParallel } from "./parallel.ts";
import { partitionLoops } from "./partition.ts";
import type { LowerPass } from "./pass.ts";
import { peelFirst } from "./peel.ts";
import { decideConditions, simplifyStmt } from "./simplify.ts";
import { unrollLoops } from "./unroll.ts";
import { unrollRows } from "./unroll-rows.ts";
import { versionTiles } from "./versions.ts";
import { wholeVectors } from "./whole-vectors.ts";

export type { LowerPass, PassContext } from "./pass.ts";

export const LOWER_PASSES: readonly LowerPass[] = [
  {
    name: "decideParallel",
    reason: "while blocks still tell which axes a loop drives; all later passes may trust `parallel`",
    run: decideParallel,
  },
  {
    name: "lowerBlocks",
    reason: "everything after it sees loops, ifs and stores only",
    run: lowerBlocks,
  },
  {
    name: "simplify",
    reason: "bindings were put into indices and predicates; before compaction, which compares indices",
    run: simplifyStmt,
  },
  {
    name: "compactBuffers",
    reason: "while tiles are still loops: an unrolled tile has many accesses in place of one with a range",
    run: compactBuffers,
  },
  {
    name: "simplifyCompacted",
    reason: "shifted indices lose the outer loops only when simplified",
    run: simplifyStmt,
  },
  {
    name: "alignRows",
    reason: "after compaction, which changes the lengths of rows",
    run: (s, c) => alignRows(s, c.func.body),
  },
  {
    name: "wholeVectors",
    reason: "after compaction, which changes the lengths of rows; while vectorised loops still are loops",
    run: wholeVectors,
  },
  {
    name: "peelFirst",
    reason: "before versions and unrolling, which would copy the tests of inits",
    run: (s, c) => simplifyStmt(peelFirst(s, c), c),
  },
  {
    name: "partitionLoops",
    reason:
      "after peeling, which decides the tests of inits; while tiles still are loops, which it shortens at edges",
    run: partitionLoops,
  },
  {
    name: "versionTiles",
    reason:
      "for conditions that partition left: of symbolic sizes, in long bodies; while unrolled and vectorised loops still are loops, whose variables the test ranges over",
    run: versionTiles,
  },
  {
    name: "unrollRows",
    reason: "before unroll, which does what this marks; after peeling, so that a row has no condition in it",
    run: unrollRows,
  },
  { name: "unroll", reason: "after all that reasons about ranges of loops", run: unrollLoops },
  {
    name: "decideConditions",
    reason: "unrolling made conditions constant; before accumulators, which conditions would prevent",
    run: decideConditions,
  },
  {
    name: "replaceAccumulators",
    reason: "last: unrolled tiles show which elements a loop keeps updating",
    run: replaceAccumulators,
  },
];

/** Called after each pass with what it made. */
export type Observer = (pass: LowerPass, body: Stmt) => void;

export interface Lowered {
  readonly body: Stmt;
  /** What was asked for and not done, and why. */
  readonly notes: readonly string[];
}

export interface LowerOptions {
  /** Calls of imported kernels stay. */
  readonly keepKernels?: boolean;
  /** How many threads share the iterations of parallel loops. Default 1: they are serial. */
  readonly threads?: number;
}

/** The body of a function as plain loops. */
export function lower(given: PrimFunc, observe?: Observer, options: LowerOptions = {}): Lowered {
  const { keepKernels = false, threads = 1 } = options;
  const func = expandExterns(given, () => undefined, keepKernels);
  const notes: string[] = [];
  const sizes = new Map<number, Interval>();
  for (const v of symbolicSizes(func)) sizes.set(v.id, { min: 0, max: Number.POSITIVE_INFINITY });
  const context = { func, sizes, threads, note: (m: string) => notes.push(m) };
  let body: Stmt = func.body;
  for (const pass of LOWER_PASSES) {
    body = pass.run(body, context);
    observe?.(pass, body);
  }
  return { body, notes };
}
