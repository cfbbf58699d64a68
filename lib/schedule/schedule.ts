/** The schedule as readers use it: every query and primitive as a method. What they share is in `cursor.ts`. */

import type { IndexMapLike } from "../arith/index.ts";
import {
  type Attr,
  type Block,
  type DType,
  type For,
  getPrimFunc,
  type IRModule,
  irModule,
  type PrimFunc,
  primFuncs,
  type Scope,
} from "../ir/index.ts";
import { script } from "../script/index.ts";
import type { BlockizeOptions } from "./blockize.ts";
import type { OutputRef } from "./buffer-properties.ts";
import type { BufferRef, IndexOrName } from "./buffer-ref.ts";
import type { ComputeAtOptions } from "./compute-at.ts";
import { Cursor } from "./cursor.ts";
import { type LayoutOptions, layoutOptions, mapArgument } from "./layout-arguments.ts";
import type { Factor, SplitOptions, UnitIterOptions } from "./split.ts";
import type { CallAttr, CallAttrs, Value } from "./trace.ts";
import type { AnyRV, BlockRV, ExprRV, LoopRV, RV } from "./types.ts";

export interface ScheduleOptions {
  /** Where random decisions start. */
  readonly seed?: number;
}

/**
 * A schedule of a module (a single function becomes the module's `main`). Methods transform `mod` one step at a time
 * or throw a ScheduleError and leave it as it is.
 */
export class Schedule extends Cursor {
  constructor(program: IRModule | PrimFunc, options: ScheduleOptions = {}) {
    // What JavaScript without types can write: the name of a function that the module does not have.
    if (program?.kind !== "module" && program?.kind !== "primFunc")
      throw new TypeError("new Schedule takes a module, or one tensor program (T.primFunc)");
    super(program.kind === "module" ? program : irModule({ main: program }), options.seed ?? 0);
  }

  /** A schedule in the same state, history and handles included; the two are independent from here on. */
  copy(): Schedule {
    const twin = new Schedule(this.mod);
    twin.continueFrom(this);
    return twin;
  }

  /** A copy with random numbers of its own. */
  fork(): Schedule {
    const twin = this.copy();
    twin.seed(this.forkSeed());
    return twin;
  }

  /** Random decisions start from there again. */
  seed(seed: number): void {
    this.reseed(seed);
  }

  /** A seed for another schedule; it differs each time. */
  forkSeed(): number {
    return this.drawSeed();
  }

  /** A function of the module as it is now; its only one when no name is given. */
  func(name?: string): PrimFunc {
    const names = Object.keys(primFuncs(this.mod));
    if (name === undefined && names.length !== 1) {
      throw new Error(`the module has ${names.length} functions (${names.join(", ")}): give a name`);
    }
    return getPrimFunc(this.mod, name ?? names[0]);
  }

  /** Makes `getBlock` look in that function from now on. */
  workOn(func: string): void {
    getPrimFunc(this.mod, func);
    this.call("workOn", [], { func });
  }

  /** The module as it is now, as TypeScript. */
  script(): string {
    return script(this.mod);
  }

  /** Prints the module as it is now. */
  show(): void {
    console.log(this.script());
  }

  // Queries

  /** The block of that name. Throws when there is none or several. */
  getBlock(name: string, func?: string): BlockRV {
    if (func !== undefined) getPrimFunc(this.mod, func);
    return this.block("getBlock", [], { name, func });
  }

  /** The loops around a block, outermost first. */
  getLoops(block: BlockRV): LoopRV[] {
    return this.call("getLoops", [block], {}) as LoopRV[];
  }

  /** The outermost blocks inside a block or below a loop. */
  getChildBlocks(at: BlockRV | LoopRV): BlockRV[] {
    return this.call("getChildBlocks", [at], {}) as BlockRV[];
  }

  /** The blocks that make what a block uses. */
  getProducers(block: BlockRV): BlockRV[] {
    return this.call("getProducers", [block], {}) as BlockRV[];
  }

  /** The blocks that use what a block makes. */
  getConsumers(block: BlockRV): BlockRV[] {
    return this.call("getConsumers", [block], {}) as BlockRV[];
  }

  /** The blocks inside `scope` whose results are seen outside of it. */
  getOutputBlocks(scope: BlockRV): BlockRV[] {
    return this.call("getOutputBlocks", [scope], {}) as BlockRV[];
  }

  /** The block, loop or number a handle stands for now. */
  get(rv: BlockRV): Block;
  get(rv: LoopRV): For;
  get(rv: ExprRV): number;
  get(rv: AnyRV): Block | For | number {
    return rv.kind === "exprRV" ? this.valueOf(rv) : this.node(rv);
  }

  /** Forgets a handle: using it from now on is an error. */
  removeRv(rv: AnyRV): void {
    this.forget(rv);
  }

  // Draws: a decision that is given is taken instead of a random one

  /** n numbers whose product is the loop's extent, the innermost at most `maxInnermostFactor`: a tile for `split`. */
  samplePerfectTile(
    loop: LoopRV,
    n: number,
    maxInnermostFactor = 16,
    decision?: readonly number[],
  ): ExprRV[] {
    return this.call("samplePerfectTile", [loop], { n, maxInnermostFactor }, decision) as ExprRV[];
  }

  /** As samplePerfectTile; the product of the numbers from `partitionPos` on is `innerpartFactor`. */
  samplePartitionedTile(
    loop: LoopRV,
    n: number,
    partitionPos = 0,
    innerpartFactor = 1,
    decision?: readonly number[],
  ): ExprRV[] {
    const given = { n, partitionPos, innerpartFactor };
    return this.call("samplePartitionedTile", [loop], given, decision) as ExprRV[];
  }

  /** One of the candidates, each with its probability. The decision is an index. */
  sampleCategorical(candidates: readonly number[], probs: readonly number[], decision?: number): ExprRV {
    return this.call("sampleCategorical", [], { candidates, probs }, decision)[0] as ExprRV;
  }

  /**
   * A place for `computeAt` at which it is legal: a loop, where the block stands, or inside its consumers. The
   * decision is the position of a loop around the first consumer, -1 or -2.
   */
  sampleComputeLocation(block: BlockRV, decision?: number): LoopRV {
    return this.call("sampleComputeLocation", [block], {}, decision)[0] as LoopRV;
  }

  // Loops

  /**
   * Splits a loop into one for each factor, outermost first. One factor may be null and is inferred. When the factors
   * do not divide the extent, the blocks below get a predicate.
   */
  split(loop: LoopRV, factors: readonly (Factor | ExprRV)[], options?: SplitOptions): LoopRV[] {
    return this.call("split", [loop, factors], attrs({ options })) as LoopRV[];
  }

  /** Fuses loops, given outermost first, into one. */
  fuse(...args: LoopRV[] | [...LoopRV[], UnitIterOptions]): LoopRV {
    const last = args[args.length - 1];
    const options = last !== undefined && !("kind" in last) ? last : undefined;
    const loops = (options ? args.slice(0, -1) : args) as LoopRV[];
    return this.loop("fuse", loops, { options });
  }

  /**
   * Cuts a loop into consecutive ranges of these lengths; what remains is the last (one length may be null, and is
   * what remains). The blocks of range n are called `<block>_<loop>n`.
   */
  loopPartition(loop: LoopRV, lengths: readonly (Factor | ExprRV)[], options?: UnitIterOptions): LoopRV[] {
    return this.call("loopPartition", [loop, lengths], attrs({ options })) as LoopRV[];
  }

  /** Merges neighbouring nests of one shape: each with all its loops down to the given one. */
  merge(...loops: LoopRV[]): LoopRV {
    return this.loop("merge", loops, {});
  }

  /** Puts loops of one chain into the given order, outermost first. */
  reorder(...loops: LoopRV[]): void {
    this.call("reorder", loops, {});
  }

  /** Puts a loop of one iteration around a block or loop. */
  addUnitLoop(at: BlockRV | LoopRV): LoopRV {
    return this.loop("addUnitLoop", [at], {});
  }

  /** Spreads the iterations of a loop over the threads of the CPU. */
  parallel(loop: LoopRV): void {
    this.call("parallel", [loop], {});
  }

  /** Carries the iterations of a loop out side by side in vector registers. */
  vectorize(loop: LoopRV): void {
    this.call("vectorize", [loop], {});
  }

  /** Writes the iterations of a loop out one after another. */
  unroll(loop: LoopRV): void {
    this.call("unroll", [loop], {});
  }

  /** Carries the iterations of a loop out on a thread axis: `blockIdx.x`, `threadIdx.y`, `vthread`, … */
  bind(loop: LoopRV, thread: string): void {
    this.call("bind", [loop], { thread });
  }

  // Marks

  /** Puts `key: value` on a block or loop. */
  annotate(at: BlockRV | LoopRV, key: string, value: Attr | ExprRV): void {
    this.call("annotate", [at], { key, value });
  }

  /** Removes an annotation. */
  unannotate(at: BlockRV | LoopRV, key: string): void {
    this.call("unannotate", [at], { key });
  }

  // Where blocks stand

  /** Moves a producer under a loop of its consumers: each iteration computes the part it needs. */
  computeAt(block: BlockRV, loop: LoopRV, options?: ComputeAtOptions): void {
    this.call("computeAt", [block, loop], attrs({ options }));
  }

  /** Moves a consumer under a loop of its producers: each iteration uses the part it has made. */
  reverseComputeAt(block: BlockRV, loop: LoopRV, options?: ComputeAtOptions): void {
    this.call("reverseComputeAt", [block, loop], attrs({ options }));
  }

  /** Puts what a block computes into its consumers, and removes it. */
  computeInline(block: BlockRV): void {
    this.call("computeInline", [block], {});
  }

  /** Puts what a block computes into its only producer, and removes it. */
  reverseComputeInline(block: BlockRV): void {
    this.call("reverseComputeInline", [block], {});
  }

  // Copies

  /**
   * Copies what a block reads (its `readBufferIndex`-th buffer, or the one of that name) to a storage scope first. All
   * blocks that read the buffer read the copy, or those in `consumerBlocks`. Returns the copy.
   */
  cacheRead(
    block: BlockRV,
    readBufferIndex: IndexOrName,
    scope: Scope,
    options?: { readonly consumerBlocks?: readonly BlockRV[] },
  ): BlockRV {
    return this.block("cacheRead", [block], { readBufferIndex, scope, options });
  }

  /** Lets a block write to a storage scope, and copies from there afterwards. Returns the copy. */
  cacheWrite(block: BlockRV, writeBufferIndex: IndexOrName, scope: Scope): BlockRV {
    return this.block("cacheWrite", [block], { writeBufferIndex, scope });
  }

  /** cacheRead and computeAt in one: under the loop, the part that is used there is copied. Returns the copy. */
  readAt(loop: LoopRV, block: BlockRV, readBufferIndex: IndexOrName, scope: Scope): BlockRV {
    return this.block("readAt", [loop, block], { readBufferIndex, scope });
  }

  /** cacheWrite and reverseComputeAt in one: under the loop, what was written there is copied. Returns the copy. */
  writeAt(loop: LoopRV, block: BlockRV, writeBufferIndex: IndexOrName, scope: Scope): BlockRV {
    return this.block("writeAt", [loop, block], { writeBufferIndex, scope });
  }

  /**
   * Lets a block use a buffer (`["read", 0]`, `["write", 0]` or its name) through a copy with a dimension for each of
   * the block's axes that the access mentions. Returns the copy.
   */
  reindex(block: BlockRV, buffer: BufferRef): BlockRV {
    return this.block("reindex", [block], { buffer });
  }

  /** cacheRead into a buffer laid out by a map of the block's axes: `(vi, vj, vk) => [vk, vj]`. Returns the copy. */
  reindexCacheRead(block: BlockRV, readBufferIndex: IndexOrName, scope: Scope, map: IndexMapLike): BlockRV {
    const indexMap = mapArgument(map);
    return this.block("reindexCacheRead", [block], { readBufferIndex, scope, indexMap });
  }

  /** cacheWrite into a buffer laid out by a map of the block's axes: `(vi, vj, vk) => [vj, vi]`. Returns the copy. */
  reindexCacheWrite(block: BlockRV, writeBufferIndex: IndexOrName, scope: Scope, map: IndexMapLike): BlockRV {
    const indexMap = mapArgument(map);
    return this.block("reindexCacheWrite", [block], { writeBufferIndex, scope, indexMap });
  }

  /**
   * Gives a block new axes, and a nest of loops for them: `(vi, vj) => [T.floordiv(vj, 4), vi, T.floormod(vj, 4)]`. The
   * map has to be one to one, and may not mix spatial and reduce axes.
   */
  transformBlockLayout(block: BlockRV, map: IndexMapLike, consts?: LayoutOptions["consts"]): void {
    this.call("transformBlockLayout", [block], { indexMap: mapArgument(map, consts) });
  }

  // Padding

  /**
   * Lets an einsum (a sum of products at plain axes) compute on padded copies: each axis is extended to a multiple of
   * its number in `padding`.
   */
  padEinsum(block: BlockRV, padding: readonly number[]): void {
    this.call("padEinsum", [block], { padding });
  }

  /** Splits a block that pads into a fill with the constant, before `loop`, and a copy of the inside. Returns the fill. */
  decomposePadding(block: BlockRV, loop: LoopRV): BlockRV {
    return this.block("decomposePadding", [block, loop], {});
  }

  // Blocks of blocks

  /**
   * Makes a block of a loop and everything below it, or of neighbouring blocks with the loops around each alone.
   * Returns the new block; the inner ones keep their handles.
   */
  blockize(target: LoopRV | readonly BlockRV[], options?: BlockizeOptions): BlockRV {
    return this.block("blockize", [target], { options });
  }

  /** Replaces a block (or a loop, which is made one) by the registered intrinsic whose description it matches. */
  tensorize(at: BlockRV | LoopRV, intrin: string): void {
    this.call("tensorize", [at], { intrin });
  }

  // Layouts

  /**
   * Lays a buffer of the block (`["read", 0]`, `["write", 0]` or its name) out anew in the whole function: element
   * `i, j` moves to `map(i, j)`, as in `(i, j) => [T.floordiv(i, 4), j, T.floormod(i, 4)]`. The map's source is read.
   */
  transformLayout(block: BlockRV, buffer: BufferRef, map: IndexMapLike, options: LayoutOptions = {}): void {
    const indexMap = mapArgument(map, options.consts);
    this.call("transformLayout", [block], attrs({ buffer, indexMap, options: layoutOptions(options) }));
  }

  /** Lets a block that updates a buffer (its read number `readBufferIndex`) do so in a copy. Returns both copies. */
  cacheInplace(block: BlockRV, readBufferIndex: IndexOrName, scope: Scope): [BlockRV, BlockRV] {
    return this.call("cacheInplace", [block], { readBufferIndex, scope }) as [BlockRV, BlockRV];
  }

  /** Computes the indices at which a block loads beforehand, those that occur more than `threshold` times. */
  cacheIndex(block: BlockRV, scope: Scope, threshold = 0): BlockRV[] {
    return this.call("cacheIndex", [block], { scope, threshold }) as BlockRV[];
  }

  // Properties of blocks and intermediate buffers. A buffer is meant by the number of the output, or as for layouts

  /** Puts the axes of a block into another order: `order[k]` is the old position of axis k. */
  reorderBlockIterVar(block: BlockRV, order: readonly number[]): void {
    this.call("reorderBlockIterVar", [block], { order });
  }

  /** Moves an intermediate buffer to another storage scope. */
  setScope(block: BlockRV, buffer: OutputRef, scope: Scope): void {
    this.call("setScope", [block], { buffer, scope });
  }

  /** Stores an intermediate buffer with another dtype; values are cast, and may lose precision. */
  unsafeSetDtype(block: BlockRV, buffer: OutputRef, dtype: DType): void {
    this.call("unsafeSetDtype", [block], { buffer, dtype });
  }

  /** Asks for rows of an intermediate buffer whose length is `offset` more than a multiple of `factor` elements. */
  storageAlign(block: BlockRV, writeBufferIndex: number, axis: number, factor: number, offset: number): void {
    this.call("storageAlign", [block], { writeBufferIndex, axis, factor, offset });
  }

  /**
   * Keeps of an output that neighbouring iterations of a loop share with its consumers only the part still needed: the
   * buffer becomes a circle, and what an iteration before has made is not made again.
   */
  rollingBuffer(block: BlockRV, writeBufferIndex: number): void {
    this.call("rollingBuffer", [block], { writeBufferIndex });
  }

  // Reductions

  /**
   * Lets each iteration of a reduce loop form a partial result, in a buffer with one more dimension at `factorAxis`;
   * the block then combines them. Returns the block of the partial results.
   */
  rfactor(loop: LoopRV, factorAxis = 0): BlockRV {
    return this.block("rfactor", [loop], { factorAxis });
  }

  /** Puts `sum + bias` into the sum: the bias becomes its initial value, the epilogue block goes. */
  fuseReductionEpilogue(reduction: BlockRV, epilogue: BlockRV): void {
    this.call("fuseReductionEpilogue", [reduction, epilogue], {});
  }

  /** Splits a reduction into its init, in a nest of its own before `loop`, and its update. Returns the init. */
  decomposeReduction(block: BlockRV, loop: LoopRV): BlockRV {
    return this.block("decomposeReduction", [block, loop], {});
  }

  private block(name: string, inputs: readonly Value[], a: Optional): BlockRV {
    return this.call(name, inputs, attrs(a))[0] as BlockRV;
  }

  private loop(name: string, inputs: readonly RV[], a: Optional): LoopRV {
    return this.call(name, inputs, attrs(a))[0] as LoopRV;
  }
}

type Optional = {
  readonly [name: string]:
    | CallAttr
    | BlockizeOptions
    | SplitOptions
    | UnitIterOptions
    | ComputeAtOptions
    | undefined;
};

/** Arguments that were given. */
function attrs(a: Optional): CallAttrs {
  return Object.fromEntries(Object.entries(a).filter(([, v]) => v !== undefined)) as CallAttrs;
}
