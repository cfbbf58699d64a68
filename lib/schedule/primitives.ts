/**
 * The table of primitives: one row each, used by `Schedule` to run, to record and to replay. A primitive that is not
 * in the table does not exist.
 */
import type { PrimFunc } from "../ir/index.ts";
import { addUnitLoop, annotate, unannotate } from "./annotate.ts";
import { reorderBlockIterVar } from "./block-axes.ts";
import { blockizeTarget } from "./blockize-siblings.ts";
import { setScope, storageAlign, unsafeSetDtype } from "./buffer-properties.ts";
import { cacheRead, cacheWrite } from "./cache.ts";
import { cacheIndex } from "./cache-index.ts";
import { cacheInplace } from "./cache-inplace.ts";
import { computeAtPlace, reverseComputeAtPlace } from "./compute-location.ts";
import { decomposePadding } from "./decompose-padding.ts";
import { decomposeReduction } from "./decompose-reduction.ts";
import { fuse } from "./fuse.ts";
import { computeInline } from "./inline.ts";
import { reverseComputeInline } from "./inline-reverse.ts";
import { bind, parallel, unroll, vectorize } from "./loop-kind.ts";
import { loopPartition } from "./loop-partition.ts";
import { merge } from "./merge.ts";
import { padEinsum } from "./pad-einsum.ts";
import { fuseReductionEpilogue } from "./reduction-epilogue.ts";
import { reindex, reindexCacheRead, reindexCacheWrite } from "./reindex.ts";
import { reorder } from "./reorder.ts";
import { rfactor } from "./rfactor.ts";
import { rollingBuffer } from "./rolling-buffer.ts";
import { split } from "./split.ts";
import { tensorize } from "./tensorize.ts";
import { readAt, writeAt } from "./tile-copy.ts";
import { transformBlockLayout } from "./transform-block-layout.ts";
import { transformLayout } from "./transform-layout.ts";
import type { Changed } from "./types.ts";

/**
 * What an input may be: a handle of a sort, any number of loops (always last), a loop or a list of blocks, factors of
 * a tile, or a place to compute at (a loop, also a drawn one).
 */
export type InputKind = "block" | "loop" | "blockOrLoop" | "loopOrBlocks" | "loops" | "factors" | "place";

export interface Row {
  /** What takes handles and values that may be drawn at random, in the order of the call. */
  readonly inputs: readonly InputKind[];
  /** Plain arguments after the inputs, by name and in the order of the call; `options` is an object. */
  readonly attrs: readonly string[];
  /** What the call returns. */
  readonly gives?: "block" | "blocks" | "loop" | "loops";
  /** Participle, for handles that are gone: "loop j was split in step 3". */
  readonly did: string;
  /** Called with ids for handles; `never` because each row has its own arguments. */
  readonly run: (f: PrimFunc, ...args: never[]) => Changed;
}

export const PRIMITIVES = {
  split: { inputs: ["loop", "factors"], attrs: ["options"], gives: "loops", did: "split", run: split },
  fuse: { inputs: ["loops"], attrs: ["options"], gives: "loop", did: "fused", run: fuse },
  loopPartition: {
    inputs: ["loop", "factors"],
    attrs: ["options"],
    gives: "loops",
    did: "partitioned",
    run: loopPartition,
  },
  merge: { inputs: ["loops"], attrs: [], gives: "loop", did: "merged", run: merge },
  reorder: { inputs: ["loops"], attrs: [], did: "reordered", run: reorder },
  addUnitLoop: {
    inputs: ["blockOrLoop"],
    attrs: [],
    gives: "loop",
    did: "put into a loop",
    run: addUnitLoop,
  },
  parallel: { inputs: ["loop"], attrs: [], did: "made parallel", run: parallel },
  vectorize: { inputs: ["loop"], attrs: [], did: "vectorized", run: vectorize },
  unroll: { inputs: ["loop"], attrs: [], did: "unrolled", run: unroll },
  bind: { inputs: ["loop"], attrs: ["thread"], did: "bound", run: bind },
  annotate: { inputs: ["blockOrLoop"], attrs: ["key", "value"], did: "annotated", run: annotate },
  unannotate: { inputs: ["blockOrLoop"], attrs: ["key"], did: "unannotated", run: unannotate },
  computeAt: { inputs: ["block", "place"], attrs: ["options"], did: "moved", run: computeAtPlace },
  reverseComputeAt: {
    inputs: ["block", "place"],
    attrs: ["options"],
    did: "moved",
    run: reverseComputeAtPlace,
  },
  computeInline: { inputs: ["block"], attrs: [], did: "inlined", run: computeInline },
  reverseComputeInline: { inputs: ["block"], attrs: [], did: "inlined", run: reverseComputeInline },
  cacheRead: {
    inputs: ["block"],
    attrs: ["readBufferIndex", "scope", "options"],
    gives: "block",
    did: "cached",
    run: cacheRead,
  },
  cacheWrite: {
    inputs: ["block"],
    attrs: ["writeBufferIndex", "scope"],
    gives: "block",
    did: "cached",
    run: cacheWrite,
  },
  cacheInplace: {
    inputs: ["block"],
    attrs: ["readBufferIndex", "scope"],
    gives: "blocks",
    did: "cached",
    run: cacheInplace,
  },
  cacheIndex: {
    inputs: ["block"],
    attrs: ["scope", "threshold"],
    gives: "blocks",
    did: "cached",
    run: cacheIndex,
  },
  reorderBlockIterVar: { inputs: ["block"], attrs: ["order"], did: "changed", run: reorderBlockIterVar },
  setScope: { inputs: ["block"], attrs: ["buffer", "scope"], did: "changed", run: setScope },
  unsafeSetDtype: { inputs: ["block"], attrs: ["buffer", "dtype"], did: "changed", run: unsafeSetDtype },
  storageAlign: {
    inputs: ["block"],
    attrs: ["writeBufferIndex", "axis", "factor", "offset"],
    did: "changed",
    run: storageAlign,
  },
  rfactor: { inputs: ["loop"], attrs: ["factorAxis"], gives: "block", did: "factored", run: rfactor },
  fuseReductionEpilogue: {
    inputs: ["block", "block"],
    attrs: [],
    did: "fused",
    run: fuseReductionEpilogue,
  },
  decomposeReduction: {
    inputs: ["block", "loop"],
    attrs: [],
    gives: "block",
    did: "decomposed",
    run: decomposeReduction,
  },
  blockize: {
    inputs: ["loopOrBlocks"],
    attrs: ["options"],
    gives: "block",
    did: "made part of a block",
    run: blockizeTarget,
  },
  reindex: { inputs: ["block"], attrs: ["buffer"], gives: "block", did: "reindexed", run: reindex },
  reindexCacheRead: {
    inputs: ["block"],
    attrs: ["readBufferIndex", "scope", "indexMap"],
    gives: "block",
    did: "cached",
    run: reindexCacheRead,
  },
  reindexCacheWrite: {
    inputs: ["block"],
    attrs: ["writeBufferIndex", "scope", "indexMap"],
    gives: "block",
    did: "cached",
    run: reindexCacheWrite,
  },
  readAt: {
    inputs: ["loop", "block"],
    attrs: ["readBufferIndex", "scope"],
    gives: "block",
    did: "cached",
    run: readAt,
  },
  writeAt: {
    inputs: ["loop", "block"],
    attrs: ["writeBufferIndex", "scope"],
    gives: "block",
    did: "cached",
    run: writeAt,
  },
  transformBlockLayout: {
    inputs: ["block"],
    attrs: ["indexMap"],
    did: "laid out",
    run: transformBlockLayout,
  },
  padEinsum: { inputs: ["block"], attrs: ["padding"], did: "padded", run: padEinsum },
  decomposePadding: {
    inputs: ["block", "loop"],
    attrs: [],
    gives: "block",
    did: "decomposed",
    run: decomposePadding,
  },
  rollingBuffer: { inputs: ["block"], attrs: ["writeBufferIndex"], did: "rolled", run: rollingBuffer },
  tensorize: { inputs: ["blockOrLoop"], attrs: ["intrin"], did: "tensorized", run: tensorize },
  transformLayout: {
    inputs: ["block"],
    attrs: ["buffer", "indexMap", "options"],
    did: "laid out",
    run: transformLayout,
  },
} as const satisfies Record<string, Row>;

export type PrimitiveName = keyof typeof PRIMITIVES;
