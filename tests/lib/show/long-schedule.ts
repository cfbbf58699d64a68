/** A module of 30 blocks with a long history: what displays must stay fast on. */
import { ops, type PrimFunc } from "../../../lib/ir/index.ts";
import { Schedule } from "../../../lib/schedule/index.ts";
import { te } from "../../../lib/te/index.ts";

/** Fifteen layers of a matrix product and a ReLU. */
export function layers(n = 15, size = 64): PrimFunc {
  const x = te.placeholder([size, size], "x");
  const params = [x];
  let t = x;
  for (let l = 0; l < n; l++) {
    const w = te.placeholder([size, size], `w${l}`);
    params.push(w);
    const k = te.reduceAxis(size, `k${l}`);
    const from = t;
    const mm = te.compute([size, size], (i, j) => te.sum(te.mul(from.at(i, k.v), w.at(k.v, j)), k), `mm${l}`);
    t = te.compute([size, size], (i, j) => ops.max(mm.at(i, j), 0), `relu${l}`);
  }
  return te.createPrimFunc([...params, t]);
}

/** A schedule of `steps` transformations of it. */
export function longSchedule(steps: number): Schedule {
  const sch = new Schedule(layers());
  for (let l = 0; sch.history.length < steps; l = (l + 1) % 15) {
    const mm = sch.getBlock(`mm${l}`);
    const loops = sch.getLoops(mm);
    if (loops.length === 3) {
      const [, j, k] = loops;
      const [j0, j1] = sch.split(j, [null, 8]);
      sch.reorder(j0, k, j1);
      sch.reverseComputeAt(sch.getBlock(`relu${l}`), j0);
    } else if (sch.history.length % 3 === 0) sch.split(loops[0], [null, 2]);
    else sch.annotate(loops[loops.length - 1], `note${sch.history.length}`, sch.history.length);
  }
  return sch;
}
