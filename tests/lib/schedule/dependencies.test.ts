import assert from "node:assert/strict";
import type { Block, PrimFunc } from "../../../lib/ir/index.ts";
import {
  consumersOf,
  outputBlocks,
  producersOf,
  stagesOf,
  whyNotStagePipeline,
} from "../../../lib/schedule/dependencies.ts";
import { T } from "../../../lib/script/index.ts";
import { dataflow } from "./dataflow.ts";
import { chain, conv, rowNorm } from "./dataflow-programs.ts";
import { mmRelu } from "./programs.ts";

const edges = (f: PrimFunc): string[] =>
  stagesOf(f.body).dependencies.map((d) => `${d.from.name} ${d.kind} ${d.to.name} (${d.buffer.name})`);
const names = (bs: readonly Block[]): string[] => bs.map((b) => b.name);
const pipeline = (f: PrimFunc): string | undefined => whyNotStagePipeline(f, f.body)?.detail;

describe("dependencies", () => {
  it("edges, producers, consumers and outputs of a chain", () => {
    const f = chain();
    assert.deepEqual(edges(f), [
      "B readAfterWrite C (B)",
      "B readAfterWrite D (B)",
      "C readAfterWrite D (C)",
    ]);
    const [b, c, d] = stagesOf(f.body).blocks;
    assert.deepEqual(names(producersOf(f.body, d)), ["B", "C"]);
    assert.deepEqual(names(consumersOf(f.body, b)), ["C", "D"]);
    assert.deepEqual(names(producersOf(f.body, c)), ["B"]);
    assert.deepEqual(names(outputBlocks(f.body)), ["D"]);
    assert.equal(stagesOf(f.body), stagesOf(f.body));
  });

  it("init and update of a decomposed reduction write one after the other", () => {
    const d = dataflow(mmRelu()).loops((sch) => {
      const y = sch.getBlock("Y");
      sch.decomposeReduction(y, sch.getLoops(y)[2]);
    });
    assert.deepEqual(edges(d.f), [
      "Y_init readAfterWrite Y_update (Y)",
      "Y_init writeAfterWrite Y_update (Y)",
      "Y_init readAfterWrite C (Y)",
      "Y_update readAfterWrite C (Y)",
    ]);
    assert.equal(pipeline(d.f), undefined);
  });

  it("a write after a read breaks the pipeline", () => {
    const f = T.primFunc({ A: T.buffer([4]), B: T.buffer([4]) }, ({ A, B }) => {
      for (const i of T.serial(4)) {
        T.block("B", () => {
          const [vi] = T.axis.remap("S", [i]);
          B[vi] = A[vi];
        });
      }
      for (const i of T.serial(4)) {
        T.block("A", () => {
          const [vi] = T.axis.remap("S", [i]);
          A[vi] = 1;
        });
      }
    });
    assert.deepEqual(edges(f), ["B writeAfterRead A (A)"]);
    assert.match(pipeline(f) ?? "", /A writes A, which B reads before/);
  });

  it("so does a statement that is no block", () => {
    const f = T.primFunc({ A: T.buffer([4]) }, ({ A }) => {
      for (const i of T.serial(4)) A[i] = 0;
    });
    assert.match(pipeline(f) ?? "", /holds a statement \(store\)/);
  });
});

describe("region cover", () => {
  it("holds for whole stages, tiles with predicates, fused and re-split loops, symbolic sizes", () => {
    for (const f of [mmRelu(), conv(), rowNorm(), symbolic()]) assert.equal(pipeline(f), undefined);
    const d = dataflow(mmRelu()).loops((sch) => {
      const [i, j] = sch.getLoops(sch.getBlock("Y"));
      sch.split(sch.fuse(i, j), [null, 7]);
      const [p, q] = sch.getLoops(sch.getBlock("C"));
      sch.split(q, [null, 5]);
      sch.split(p, [null, 5]);
    });
    assert.equal(pipeline(d.f), undefined);
  });

  it("two producers cover together", () => {
    assert.equal(pipeline(halves(4)), undefined);
    assert.match(pipeline(halves(3)) ?? "", /C reads parts of B that B1 and B2 do not fill before/);
  });

  it("does not hold for a stride, a diagonal, a predicate that leaves something out", () => {
    assert.match(pipeline(stride()) ?? "", /B may leave gaps/);
    assert.match(pipeline(diagonal()) ?? "", /B may leave gaps/);
    assert.match(pipeline(left()) ?? "", /B do not fill/);
  });

  it("is judged inside the loops around both stages", () => {
    const d = dataflow(rowNorm()).reverseComputeAt("S", ["E", 0]).reverseComputeAt("D", ["E", 0]);
    assert.equal(pipeline(d.f), undefined);
  });
});

const symbolic = (): PrimFunc =>
  T.primFunc({ A: T.buffer(["n", 8]), C: T.buffer(["n", 8]) }, ({ A, C, n }) => {
    const B = T.alloc([n, 8]);
    for (const [i, j] of T.grid(n, 8)) {
      T.block("B", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        B[vi][vj] = A[vi][vj];
      });
    }
    for (const [i, j] of T.grid(n, 8)) {
      T.block("C", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        C[vi][vj] = B[vi][vj];
      });
    }
  });

/** B2 starts at 4 and makes `count` elements. */
const halves = (count: number): PrimFunc =>
  T.primFunc(
    { A: T.buffer([8]), C: T.buffer([8]) },
    ({ A, C, count }) => {
      const B = T.alloc([8]);
      for (const i of T.serial(4)) {
        T.block("B1", () => {
          const [vi] = T.axis.remap("S", [i]);
          B[vi] = A[vi];
        });
      }
      for (const i of T.serial(count)) {
        T.block("B2", () => {
          const [vi] = T.axis.remap("S", [i]);
          B[vi + 4] = A[vi];
        });
      }
      for (const i of T.serial(8)) {
        T.block("C", () => {
          const [vi] = T.axis.remap("S", [i]);
          C[vi] = B[vi];
        });
      }
    },
    { consts: { count } },
  );

const stride = (): PrimFunc =>
  T.primFunc({ A: T.buffer([8]), C: T.buffer([8]) }, ({ A, C }) => {
    const B = T.alloc([8]);
    for (const i of T.serial(4)) {
      T.block("B", () => {
        const [vi] = T.axis.remap("S", [i]);
        B[vi * 2] = A[vi];
      });
    }
    for (const i of T.serial(8)) {
      T.block("C", () => {
        const [vi] = T.axis.remap("S", [i]);
        C[vi] = B[vi];
      });
    }
  });

const diagonal = (): PrimFunc =>
  T.primFunc({ A: T.buffer([4]), C: T.buffer([4, 4]) }, ({ A, C }) => {
    const B = T.alloc([4, 4]);
    for (const i of T.serial(4)) {
      T.block("B", () => {
        const [vi] = T.axis.remap("S", [i]);
        B[vi][vi] = A[vi];
      });
    }
    for (const [i, j] of T.grid(4, 4)) {
      T.block("C", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        C[vi][vj] = B[vi][vj];
      });
    }
  });

const left = (): PrimFunc =>
  T.primFunc({ A: T.buffer([8]), C: T.buffer([8]) }, ({ A, C }) => {
    const B = T.alloc([8]);
    for (const i of T.serial(8)) {
      T.block("B", () => {
        const [vi] = T.axis.remap("S", [i]);
        T.where(i < 7);
        B[vi] = A[vi];
      });
    }
    for (const i of T.serial(8)) {
      T.block("C", () => {
        const [vi] = T.axis.remap("S", [i]);
        C[vi] = B[vi];
      });
    }
  });
