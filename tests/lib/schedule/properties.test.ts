/** reorderBlockIterVar, setScope, unsafeSetDtype, storageAlign. */
import assert from "node:assert/strict";
import { lower } from "../../../lib/codegen/lower/index.ts";
import { blocksIn } from "../../../lib/ir/index.ts";
import { Schedule } from "../../../lib/schedule/index.ts";
import { addOne, mmRelu } from "./programs.ts";
import { becomes, refuses, sameResults, scheduled } from "./support.ts";

describe("reorderBlockIterVar", () => {
  it("permutes the axes, alone, twice, and after a split", () => {
    const out = scheduled(mmRelu(), (sch) => {
      const y = sch.getBlock("Y");
      sch.reorderBlockIterVar(y, [2, 0, 1]);
    });
    becomes(
      out,
      `
      T.primFunc(
        { A: T.buffer([12, 10]), B: T.buffer([10, 16]), C: T.buffer([12, 16]) },
        ({ A, B, C }) => {
          const Y = T.alloc([12, 16]);
          for (const [i, j, k] of T.grid(12, 16, 10)) {
            T.block("Y", () => {
              const [vk, vi, vj] = T.axis.remap("RSS", [k, i, j]);
              T.init(() => { Y[vi][vj] = 0; });
              Y[vi][vj] += A[vi][vk] * B[vk][vj];
            });
          }
          for (const [i, j] of T.grid(12, 16)) {
            T.block("C", () => {
              const [vi, vj] = T.axis.remap("SS", [i, j]);
              C[vi][vj] = T.max(Y[vi][vj], 0);
            });
          }
        },
      );
    `,
    );
    const twice = scheduled(mmRelu(), (sch) => {
      const y = sch.getBlock("Y");
      sch.split(sch.getLoops(y)[0], [null, 5]);
      sch.reorderBlockIterVar(y, [1, 2, 0]);
      sch.reorderBlockIterVar(y, [1, 2, 0]);
      sch.decomposeReduction(y, sch.getLoops(y)[0]);
    });
    becomes(
      twice,
      `
      T.primFunc(
        { A: T.buffer([12, 10]), B: T.buffer([10, 16]), C: T.buffer([12, 16]) },
        ({ A, B, C }) => {
          const Y = T.alloc([12, 16]);
          for (const [i_0_init, i_1_init, j_init] of T.grid(3, 5, 16)) {
            T.block("Y_init", () => {
              const vi_init = T.axis.spatial(12, i_0_init * 5 + i_1_init);
              const vj_init = T.axis.spatial(16, j_init);
              T.where(i_0_init * 5 + i_1_init < 12);
              Y[vi_init][vj_init] = 0;
            });
          }
          for (const [i_0, i_1, j, k] of T.grid(3, 5, 16, 10)) {
            T.block("Y_update", () => {
              const vk = T.axis.reduce(10, k);
              const vi = T.axis.spatial(12, i_0 * 5 + i_1);
              const vj = T.axis.spatial(16, j);
              T.where(i_0 * 5 + i_1 < 12);
              Y[vi][vj] += A[vi][vk] * B[vk][vj];
            });
          }
          for (const [i, j] of T.grid(12, 16)) {
            T.block("C", () => {
              const [vi, vj] = T.axis.remap("SS", [i, j]);
              C[vi][vj] = T.max(Y[vi][vj], 0);
            });
          }
        },
      );
    `,
    );
    const sch = new Schedule(addOne());
    const before = sch.mod;
    sch.reorderBlockIterVar(sch.getBlock("B"), [0, 1, 2]);
    assert.equal(sch.mod, before, "the same order changes nothing");
  });

  it("refuses", () => {
    const sch = new Schedule(mmRelu());
    const y = sch.getBlock("Y");
    const suggestion = /^sch\.reorderBlockIterVar\(Y, \[2, 1, 0\]\)$/;
    refuses(sch, () => sch.reorderBlockIterVar(y, [0, 1]), {
      rule: /every axis/,
      detail: /2 of the 3/,
      suggestion,
    });
    refuses(sch, () => sch.reorderBlockIterVar(y, [0, 1, 1]), { rule: /given twice/, suggestion });
    refuses(sch, () => sch.reorderBlockIterVar(y, [0, 1, 3]), { rule: /out of range/, detail: /0 to 2/ });
  });
});

describe("setScope", () => {
  it("changes the scope wherever the buffer is used", () => {
    const out = scheduled(mmRelu(), (sch) => {
      sch.setScope(sch.getBlock("Y"), 0, "shared");
    });
    becomes(
      out,
      `
      T.primFunc(
        { A: T.buffer([12, 10]), B: T.buffer([10, 16]), C: T.buffer([12, 16]) },
        ({ A, B, C }) => {
          const Y = T.alloc([12, 16], "f32", "shared");
          for (const [i, j, k] of T.grid(12, 16, 10)) {
            T.block("Y", () => {
              const [vi, vj, vk] = T.axis.remap("SSR", [i, j, k]);
              T.init(() => { Y[vi][vj] = 0; });
              Y[vi][vj] += A[vi][vk] * B[vk][vj];
            });
          }
          for (const [i, j] of T.grid(12, 16)) {
            T.block("C", () => {
              const [vi, vj] = T.axis.remap("SS", [i, j]);
              C[vi][vj] = T.max(Y[vi][vj], 0);
            });
          }
        },
      );
    `,
    );
    scheduled(mmRelu(), (sch) => {
      const y = sch.getBlock("Y");
      sch.reverseComputeAt(sch.getBlock("C"), sch.getLoops(y)[0]);
      sch.setScope(y, "Y", "local");
      sch.setScope(sch.getBlock("C"), ["read", 0], "shared");
    });
    const cached = scheduled(mmRelu(), (sch) => {
      const c = sch.cacheWrite(sch.getBlock("C"), 0, "global");
      sch.setScope(sch.getBlock("C"), 0, "local");
      sch.computeAt(sch.getBlock("C"), sch.getLoops(c)[1]);
    });
    assert.match(JSON.stringify(cached.body.allocs), /"scope":"local"/);
  });

  it("refuses", () => {
    const sch = new Schedule(mmRelu());
    const [y, c] = [sch.getBlock("Y"), sch.getBlock("C")];
    refuses(sch, () => sch.setScope(y, 0, ""), { rule: /storage scope has no name/ });
    refuses(sch, () => sch.setScope(y, 1, "local"), { rule: /write index is out of range/ });
    refuses(sch, () => sch.setScope(y, "Z", "local"), { rule: /does not access the buffer/ });
    refuses(sch, () => sch.setScope(c, 0, "local"), {
      rule: /not allocated in the function/,
      detail: /C is a parameter/,
      suggestion: /^sch\.cacheWrite\(C, 0/,
    });
  });
});

describe("unsafeSetDtype", () => {
  it("casts what is stored and loaded", () => {
    const out = scheduled(mmRelu(), (sch) => {
      sch.unsafeSetDtype(sch.getBlock("Y"), 0, "f64");
    });
    becomes(
      out,
      `
      T.primFunc(
        { A: T.buffer([12, 10]), B: T.buffer([10, 16]), C: T.buffer([12, 16]) },
        ({ A, B, C }) => {
          const Y = T.alloc([12, 16], "f64");
          for (const [i, j, k] of T.grid(12, 16, 10)) {
            T.block("Y", () => {
              const [vi, vj, vk] = T.axis.remap("SSR", [i, j, k]);
              T.init(() => { Y[vi][vj] = T.cast(T.const(0, "f32"), "f64"); });
              Y[vi][vj] = T.cast(T.cast(Y[vi][vj], "f32") + A[vi][vk] * B[vk][vj], "f64");
            });
          }
          for (const [i, j] of T.grid(12, 16)) {
            T.block("C", () => {
              const [vi, vj] = T.axis.remap("SS", [i, j]);
              C[vi][vj] = T.max(T.cast(Y[vi][vj], "f32"), 0);
            });
          }
        },
      );
    `,
    );
    scheduled(mmRelu(), (sch) => {
      const copy = sch.cacheRead(sch.getBlock("Y"), 0, "local");
      sch.unsafeSetDtype(copy, 0, "i32");
      sch.computeAt(copy, sch.getLoops(sch.getBlock("Y"))[0]);
    });
    scheduled(mmRelu(), (sch) => {
      sch.unsafeSetDtype(sch.getBlock("Y"), 0, "i32");
      sch.decomposeReduction(sch.getBlock("Y"), sch.getLoops(sch.getBlock("Y"))[2]);
    });
  });

  it("refuses", () => {
    const sch = new Schedule(mmRelu());
    const [y, c] = [sch.getBlock("Y"), sch.getBlock("C")];
    refuses(sch, () => sch.unsafeSetDtype(c, 0, "f64"), { rule: /not allocated/ });
    refuses(sch, () => sch.unsafeSetDtype(y, 2, "f64"), { rule: /write index is out of range/ });
    refuses(sch, () => sch.unsafeSetDtype(y, 0, "float32" as "f32"), {
      rule: /unknown dtype/,
      detail: /f32, f64/,
    });
  });
});

describe("storageAlign", () => {
  it("is noted on the block, once for each axis, and gives strides when lowered", () => {
    const out = scheduled(mmRelu(), (sch) => {
      const y = sch.getBlock("Y");
      sch.storageAlign(y, 0, 0, 32, 1);
      sch.storageAlign(y, 0, -2, 16, 3);
    });
    const note = blocksIn(out.body).find((b) => b.name === "Y")?.annotations.buffer_dim_align;
    assert.deepEqual(note, [[0, 0, 16, 3]]);
    const [y] = blocksIn(lower(out).body).flatMap((b) => b.allocs);
    assert.deepEqual(
      y.strides?.map((s) => s.kind === "const" && s.value),
      [19, 1],
    );
    sameResults(mmRelu(), out);
  });

  it("follows a compacted buffer, and two axes", () => {
    const out = scheduled(mmRelu(), (sch) => {
      const y = sch.getBlock("Y");
      const copy = sch.cacheRead(y, 0, "shared");
      sch.computeAt(copy, sch.getLoops(y)[0]);
      sch.storageAlign(copy, 0, 1, 4, 2);
      sch.storageAlign(copy, 0, 0, 8, 4);
    });
    const buffers = blocksIn(lower(out).body).flatMap((b) => b.allocs);
    const shared = buffers.find((b) => b.scope === "shared");
    assert.deepEqual(
      shared?.shape.map((s) => s.kind === "const" && s.value),
      [1, 10],
    );
    assert.deepEqual(
      shared?.strides?.map((s) => s.kind === "const" && s.value),
      [20, 2],
    );
  });

  it("refuses", () => {
    const sch = new Schedule(mmRelu());
    const [y, c] = [sch.getBlock("Y"), sch.getBlock("C")];
    refuses(sch, () => sch.storageAlign(y, 0, 2, 8, 0), {
      rule: /axis is out of range/,
      detail: /2 dimension/,
    });
    refuses(sch, () => sch.storageAlign(y, 0, -3, 8, 0), { rule: /axis is out of range/ });
    refuses(sch, () => sch.storageAlign(y, 0, 0, 0, 0), {
      rule: /factor must be a whole number above 0/,
      suggestion: /^sch\.storageAlign\(Y, 0, 0, 32, 1\)$/,
    });
    refuses(sch, () => sch.storageAlign(y, 0, 0, 8, -1), { rule: /offset must be/ });
    refuses(sch, () => sch.storageAlign(y, 1, 0, 8, 1), { rule: /write index is out of range/ });
    refuses(sch, () => sch.storageAlign(c, 0, 0, 8, 1), { rule: /not allocated/ });
  });
});
