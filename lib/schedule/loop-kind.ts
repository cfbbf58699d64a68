/** parallel, vectorize, unroll, bind: how the iterations of a loop are carried out. */
import { type Block, blocksIn, type For, type PrimFunc, usesVar } from "../ir/index.ts";
import { repeatedBy, whyNotCompact } from "./conditions.ts";
import { refuse } from "./error.ts";
import { childBlocks, findBlock, findLoop, type Located, rangesOf, replaceIn } from "./lookup.ts";
import { checkThreadFree } from "./thread-axis.ts";

const DIMS = ["x", "y", "z"];
/**
 * The thread axes `bind` knows. Virtual threads may occur several times in a nest; the others once, or where loops share
 * their work.
 */
const THREAD_AXES: readonly string[] = [
  ...["blockIdx", "threadIdx", "vthread"].flatMap((t) => DIMS.map((d) => `${t}.${d}`)),
  "vthread",
];

/** Spreads the iterations over threads of the CPU. */
export function parallel(f: PrimFunc, loopId: number): PrimFunc {
  const at = findLoop(f, loopId);
  checkParallelizable("parallel", f, at.node);
  return withKind(f, at, { loopKind: "parallel" });
}

/** Carries the iterations out side by side in vector registers. */
export function vectorize(f: PrimFunc, loopId: number): PrimFunc {
  const at = findLoop(f, loopId);
  checkParallelizable("vectorize", f, at.node);
  return withKind(f, at, { loopKind: "vectorized" });
}

/** Writes the iterations out one after another. Legal for every loop; a thread axis is dropped. */
export function unroll(f: PrimFunc, loopId: number): PrimFunc {
  return withKind(f, findLoop(f, loopId), { loopKind: "unrolled" });
}

/** Carries the iterations out on a thread axis of a GPU, such as `threadIdx.x`. */
export function bind(f: PrimFunc, loopId: number, thread: string): PrimFunc {
  const at = findLoop(f, loopId);
  const { node } = at;
  if (!THREAD_AXES.includes(thread)) {
    const detail = `${JSON.stringify(thread)} is not one of ${THREAD_AXES.join(", ")}`;
    refuse("bind", "unknown thread axis", detail, [node], (n) => `sch.bind(${n(node)}, "threadIdx.x")`);
  }
  checkParallelizable("bind", f, node, thread);
  if (!thread.startsWith("vthread")) checkThreadFree(f, at, thread, rangesOf(f, at.path));
  return withKind(f, at, { loopKind: "threadBinding", thread });
}

function withKind(f: PrimFunc, at: Located<For>, kind: Pick<For, "loopKind" | "thread">): PrimFunc {
  const { thread: _, ...l } = at.node;
  return replaceIn(f, at, { ...l, ...kind });
}

/** The iterations of the loop may run at the same time. `thread`: on that thread axis. */
function checkParallelizable(primitive: string, f: PrimFunc, l: For, thread?: string): void {
  const compact = whyNotCompact(f, l);
  if (compact) {
    const { block, why } = compact;
    const update = !block.init && block.axes.some((a) => a.type === "R");
    refuse(
      primitive,
      "the blocks below the loop are not a compact dataflow",
      `${block.name} is ${why}`,
      [l, block],
      update ? `sch.${primitive} before sch.decomposeReduction, which keeps the kinds of loops` : undefined,
    );
  }
  // Iterations inside one workgroup can combine partial results; blocks of a grid and CPU threads cannot.
  const mayReduce = thread?.startsWith("threadIdx.") ?? false;
  for (const b of blocksIn(l)) checkAxes(primitive, l, b, mayReduce);
  for (const b of childBlocks(l)) checkRepeated(primitive, f, l, b);
}

function checkAxes(primitive: string, l: For, b: Block, mayReduce: boolean): void {
  const ids = new Set([l.v.id]);
  for (const a of b.axes) {
    if (a.type === "S" || (a.type === "R" && mayReduce) || !usesVar(a.binding, ids)) continue;
    const spatial = b.axes.filter((x) => x.type === "S").map((x) => x.v.name);
    const where = spatial.length > 0 ? `a loop of ${spatial.join(" or ")}` : "a loop of a spatial axis";
    refuse(
      primitive,
      `the loop reaches an axis that is not data-parallel`,
      `${l.v.name} drives ${a.v.name} of ${b.name}, ${a.type === "R" ? "a reduce axis" : "an opaque axis"}`,
      [l, b],
      primitive === "bind" && a.type === "R"
        ? (n) => `sch.bind(${n(l)}, "threadIdx.x"), the axes that may carry a reduction`
        : `sch.${primitive} of ${where}`,
    );
  }
}

/** A reduction that every iteration computes again would be reset by one while another uses it. */
function checkRepeated(primitive: string, f: PrimFunc, l: For, b: Block): void {
  if (!b.axes.some((a) => a.type === "R") || !repeatedBy(f, findBlock(f, b.id)).includes(l)) return;
  refuse(
    primitive,
    "the loop repeats a reduction",
    `iterations of ${l.v.name} compute the same instances of ${b.name}: they would write the same elements`,
    [l, b],
  );
}
