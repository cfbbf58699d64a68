import assert from "node:assert/strict";
import { Schedule } from "../../../lib/schedule/index.ts";
import { script, T } from "../../../lib/script/index.ts";
import { mmRelu } from "./programs.ts";
import { refuses, same, scheduled } from "./support.ts";

describe("readAt and writeAt", () => {
  it("the rows of a product's left side, row by row", () => {
    same(
      scheduled(mmRelu(), (sch) => {
        const y = sch.getBlock("Y");
        sch.readAt(sch.getLoops(y)[0], y, 0, "shared");
      }),
      T.primFunc({ A: T.buffer([12, 10]), B: T.buffer([10, 16]), C: T.buffer([12, 16]) }, ({ A, B, C }) => {
        const Y = T.alloc([12, 16]);
        const S = T.alloc([12, 10], "f32", "shared");
        for (const i of T.serial(12)) {
          for (const a of T.serial(10)) {
            T.block("A_shared", () => {
              const [v0, v1] = T.axis.remap("SS", [i, a]);
              T.annotate({ auto_copy: 1 });
              S[v0][v1] = A[v0][v1];
            });
          }
          for (const [j, k] of T.grid(16, 10)) {
            T.block("Y", () => {
              const [vi, vj, vk] = T.axis.remap("SSR", [i, j, k]);
              T.init(() => {
                Y[vi][vj] = 0;
              });
              Y[vi][vj] += S[vi][vk] * B[vk][vj];
            });
          }
        }
        for (const [i, j] of T.grid(12, 16)) {
          T.block("C", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            C[vi][vj] = T.max(Y[vi][vj], 0);
          });
        }
      }),
    );
  });

  it("tiles, after split and reorder; the result from registers", () => {
    const out = scheduled(mmRelu(), (sch) => {
      const y = sch.getBlock("Y");
      const [i, j, k] = sch.getLoops(y);
      const [i0, i1] = sch.split(i, [null, 4]);
      const [j0, j1] = sch.split(j, [null, 8]);
      sch.reorder(i0, j0, k, i1, j1);
      sch.readAt(k, y, 1, "shared");
      const back = sch.writeAt(j0, y, 0, "local");
      assert.equal(back.name, "Y_local");
    });
    const text = script(out);
    assert.match(text, /B_shared\[v0\]\[v1\] = B\[v0\]\[v1\]/);
    assert.match(text, /Y\[v0\]\[v1\] = Y_local\[v0\]\[v1\]/);
    assert.match(text, /auto_copy: 1/);
  });

  it("at the outermost loop, both sides", () => {
    const out = scheduled(mmRelu(), (sch) => {
      const c = sch.getBlock("C");
      const [i] = sch.getLoops(c);
      sch.readAt(i, c, 0, "local");
      sch.writeAt(i, c, 0, "local");
    });
    assert.match(script(out), /C_local\[vi\]\[vj\] = T\.max\(Y_local\[vi\]\[vj\], 0\)/);
  });

  it("refuse a foreign loop and bad arguments, in their own name", () => {
    const sch = new Schedule(mmRelu());
    const [y, c] = [sch.getBlock("Y"), sch.getBlock("C")];
    const [i] = sch.getLoops(c);
    const [yi] = sch.getLoops(y);
    refuses(sch, () => sch.readAt(i, y, 0, "local"), { rule: /loop is not around/, nodes: ["i", "Y"] });
    const e = refuses(sch, () => sch.readAt(yi, y, 5, "local"), { rule: /read index is out of range/ });
    assert.equal(e.refusal.primitive, "readAt");
    refuses(sch, () => sch.readAt(yi, y, 0, ""), { rule: /scope has no name/ });
    const w = refuses(sch, () => sch.writeAt(yi, y, 2, "local"), { rule: /write index is out of range/ });
    assert.equal(w.refusal.primitive, "writeAt");
    refuses(sch, () => sch.writeAt(i, y, 0, "local"), { rule: /loop is not around/ });
  });
});
