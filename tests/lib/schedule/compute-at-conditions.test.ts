/** Blocks that move take along what their predicate says beyond the extents of their axes. */
import assert from "node:assert/strict";
import { interpret } from "../../../lib/codegen/index.ts";
import { blocksIn, getPrimFunc, loopsIn, type PrimFunc } from "../../../lib/ir/index.ts";
import { Tensor } from "../../../lib/runtime/index.ts";
import { Schedule } from "../../../lib/schedule/index.ts";
import { T } from "../../../lib/script/index.ts";
import { te } from "../../../lib/te/index.ts";

const ROWS = 3;
const COLUMNS = 37;

/** Sums of rows, and the rows divided by them. */
function shares(): PrimFunc {
  const A = te.placeholder([ROWS, COLUMNS], "A");
  const k = te.reduceAxis(COLUMNS);
  const S = te.compute([ROWS], (i) => te.sum(A.at(i, k), k), "S");
  const O = te.compute([ROWS, COLUMNS], (i, j) => te.div(A.at(i, j), S.at(i)), "O");
  return te.createPrimFunc([A, O]);
}

function run(f: PrimFunc): number[] {
  const A = Tensor.random([ROWS, COLUMNS], { seed: 3, min: 1, max: 2 });
  const O = Tensor.zeros([ROWS, COLUMNS]);
  interpret(f, [A, O]);
  return Array.from(O.data as Float32Array);
}

function close(a: readonly number[], b: readonly number[]): void {
  for (const [i, x] of a.entries()) assert.ok(Math.abs(x - b[i]) < 1e-6, `element ${i}: ${x}, not ${b[i]}`);
}

describe("computeAt, conditions over several axes", () => {
  it("sums in lanes of a row that is no multiple of them stop at its end", () => {
    const sch = new Schedule(shares());
    const S = sch.getBlock("S");
    const [, lanes] = sch.split(sch.getLoops(S)[1], [null, 16]);
    const partial = sch.rfactor(lanes, 1);
    const row = sch.getLoops(sch.getBlock("O"))[0];
    sch.computeAt(S, row);
    sch.computeAt(partial, row);
    const moved = blocksIn(sch.func().body).find((b) => b.name === "S_rf");
    assert.ok(moved?.predicate, "the last step has 16 lanes of which 5 are in the row");
    close(run(sch.func()), run(shares()));
    const steps = sch.getLoops(partial)[1];
    sch.decomposeReduction(partial, steps);
    const init = loopsIn(sch.func().body).filter((l) => l.v.name.endsWith("_init"));
    assert.equal(init.length, 1, "the first step has all lanes: they are set to 0 once");
    close(run(sch.func()), run(shares()));
  });

  it("a condition of one axis goes along", () => {
    const mod = T.module({
      main: T.primFunc({ A: T.buffer([8, 8]), O: T.buffer([8]) }, ({ A, O }) => {
        const S = T.alloc([8]);
        for (const [i, k] of T.grid(8, 8)) {
          T.block("S", () => {
            const [vi, vk] = T.axis.remap("SR", [i, k]);
            T.where(k < 5);
            T.init(() => {
              S[vi] = 0;
            });
            S[vi] += A[vi][vk];
          });
        }
        for (const i of T.serial(8)) {
          T.block("O", () => {
            const [vi] = T.axis.remap("S", [i]);
            O[vi] = S[vi];
          });
        }
      }),
    });
    const sums = (f: PrimFunc): number[] => {
      const [A, O] = [Tensor.random([8, 8], { seed: 5 }), Tensor.zeros([8])];
      interpret(f, [A, O]);
      return Array.from(O.data as Float32Array);
    };
    const sch = new Schedule(mod);
    sch.computeAt(sch.getBlock("S"), sch.getLoops(sch.getBlock("O"))[0]);
    close(sums(sch.func()), sums(getPrimFunc(mod, "main")));
  });
});
