/**
 * The rule for what a schedule left on the CPU: the spatial loops outside of a nest become one, 64 of whose iterations
 * make a workgroup. A nest that has none, or of which the schedule primitives refuse it, runs in one invocation.
 */
import {
  type Block,
  blocksIn,
  type For,
  irModule,
  type PrimFunc,
  type Stmt,
  usesVar,
} from "../../ir/index.ts";
import { Schedule, ScheduleError } from "../../schedule/index.ts";
import { hasBoundLoops } from "./lower.ts";
import { matrixCallsIn } from "./matrix.ts";

/** A multiple of what GPUs run in lockstep, and small enough for every adapter. */
const THREADS = 64;

/** The function with a thread axis in every nest that had none. */
export function bindDefaults(f: PrimFunc): PrimFunc {
  const nests = topLoops(f.body.body).filter((l) => !hasBoundLoops(l) && matrixCallsIn(l).length === 0);
  if (nests.length === 0) return f;
  const sch = new Schedule(irModule({ main: f }));
  for (const nest of nests) bindNest(sch, nest);
  return sch.func();
}

function topLoops(s: Stmt): For[] {
  if (s.kind === "seq") return s.stmts.flatMap(topLoops);
  return s.kind === "for" ? [s] : [];
}

function bindNest(sch: Schedule, nest: For): void {
  const spatial = spatialPrefix(nest);
  const [block] = blocksIn(nest);
  // Without a block nothing says that iterations may run side by side.
  if (spatial.length === 0 || !block) return;
  const steps = sch.history.length;
  try {
    const rvs = sch.getLoops(sch.getBlock(block.name)).slice(0, spatial.length);
    const fused = rvs.length > 1 ? sch.fuse(...rvs) : rvs[0];
    const [outer, inner] = sch.split(fused, [null, THREADS]);
    sch.bind(outer, "blockIdx.x");
    sch.bind(inner, "threadIdx.x");
  } catch (e) {
    if (!(e instanceof ScheduleError)) throw e;
    while (sch.history.length > steps) sch.undo();
  }
}

/** The outermost loops that stand alone, one in another, and drive spatial axes only. */
function spatialPrefix(nest: For): For[] {
  const out: For[] = [];
  const blocks: Block[] = blocksIn(nest);
  for (let s: Stmt = nest; s.kind === "for"; s = s.body) {
    if (s.loopKind !== "serial" && s.loopKind !== "parallel") break;
    const v = new Set([s.v.id]);
    const reduces = blocks.some((b) => b.axes.some((a) => a.type !== "S" && usesVar(a.binding, v)));
    if (reduces || Object.keys(s.annotations).length > 0) break;
    out.push(s);
  }
  return out;
}
