import assert from "node:assert/strict";
import { interpret } from "../../../lib/codegen/index.ts";
import { Schedule } from "../../../lib/schedule/index.ts";
import { script, T } from "../../../lib/script/index.ts";
import { mmRelu } from "./programs.ts";
import { argumentsOf, refuses, same, scheduled } from "./support.ts";

/** B = A + 1 in between, C = B * 2. */
const two = (n = 16) =>
  T.primFunc(
    { A: T.buffer([n]), C: T.buffer([n]) },
    ({ A, C }) => {
      const B = T.alloc([n]);
      for (const i of T.serial(n)) {
        T.block("B", () => {
          const [vi] = T.axis.remap("S", [i]);
          B[vi] = A[vi] + 1;
        });
      }
      for (const i of T.serial(n)) {
        T.block("C", () => {
          const [vi] = T.axis.remap("S", [i]);
          C[vi] = B[vi] * 2;
        });
      }
    },
    { consts: { n } },
  );

describe("transformLayout", () => {
  it("an intermediate: writer and reader follow, loops stay", () => {
    const out = scheduled(two(), (sch) => {
      sch.transformLayout(sch.getBlock("B"), ["write", 0], (i: number) => [
        T.floordiv(i, 4),
        T.floormod(i, 4),
      ]);
    });
    same(
      out,
      T.primFunc({ A: T.buffer([16]), C: T.buffer([16]) }, ({ A, C }) => {
        const B = T.alloc([4, 4]);
        for (const i of T.serial(16)) {
          T.block("B", () => {
            const [vi] = T.axis.remap("S", [i]);
            B[T.floordiv(vi, 4)][T.floormod(vi, 4)] = A[vi] + 1;
          });
        }
        for (const i of T.serial(16)) {
          T.block("C", () => {
            const [vi] = T.axis.remap("S", [i]);
            C[vi] = B[T.floordiv(vi, 4)][T.floormod(vi, 4)] * 2;
          });
        }
      }),
    );
  });

  it("a parameter changes its shape; the packed right side of a product", () => {
    const out = scheduled(
      mmRelu(),
      (sch) => {
        const tile = 4;
        sch.transformLayout(
          sch.getBlock("Y"),
          "B",
          (k: number, j: number) => [T.floordiv(j, tile), k, T.floormod(j, tile)],
          { consts: { tile } },
        );
      },
      false,
    );
    same(
      out,
      T.primFunc({ A: T.buffer([12, 10]), B: T.buffer([4, 10, 4]), C: T.buffer([12, 16]) }, ({ A, B, C }) => {
        const Y = T.alloc([12, 16]);
        for (const [i, j, k] of T.grid(12, 16, 10)) {
          T.block("Y", () => {
            const [vi, vj, vk] = T.axis.remap("SSR", [i, j, k]);
            T.init(() => {
              Y[vi][vj] = 0;
            });
            Y[vi][vj] += A[vi][vk] * B[T.floordiv(vj, 4)][vk][T.floormod(vj, 4)];
          });
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

  it("after split, cacheRead and computeAt: the packed copy of a tile", () => {
    const out = scheduled(mmRelu(), (sch) => {
      const y = sch.getBlock("Y");
      const [, j] = sch.getLoops(y);
      const [j0, j1] = sch.split(j, [null, 4]);
      const [i] = sch.getLoops(y);
      sch.reorder(j0, i, j1);
      const copy = sch.cacheRead(y, 1, "global");
      sch.transformLayout(copy, ["write", 0], (k: number, n: number) => [T.floordiv(n, 4), k, n % 4]);
      sch.computeAt(copy, j0);
    });
    assert.match(
      script(out),
      /B_global\[j_0\]\[v0\]|B_global\[T\.floordiv\(v1, 4\)\]\[v0\]\[T\.floormod\(v1, 4\)\]/,
    );
  });

  it("padding is written by a producer that fills the buffer in one plain nest", () => {
    const out = scheduled(two(14), (sch) => {
      const pad = { padValue: 0 };
      sch.transformLayout(sch.getBlock("B"), "B", (i: number) => [T.floordiv(i, 4), T.floormod(i, 4)], pad);
    });
    same(
      out,
      T.primFunc({ A: T.buffer([14]), C: T.buffer([14]) }, ({ A, C }) => {
        const B = T.alloc([4, 4]);
        for (const [i, j] of T.grid(4, 4)) {
          T.block("B", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            B[vi][vj] = vi * 4 + vj >= 14 ? 0 : A[vi * 4 + vj] + 1;
          });
        }
        for (const i of T.serial(14)) {
          T.block("C", () => {
            const [vi] = T.axis.remap("S", [i]);
            C[vi] = B[T.floordiv(vi, 4)][T.floormod(vi, 4)] * 2;
          });
        }
      }),
    );
  });

  it("padding of a reduction is written by a block of its own, behind it", () => {
    const out = scheduled(
      mmRelu(),
      (sch) => {
        const map = (i: number, j: number) => [T.floordiv(i, 5), j, T.floormod(i, 5)];
        sch.transformLayout(sch.getBlock("Y"), ["write", 0], map, {
          padValue: (i: number, _j: number, k: number) => T.cast(i + k, "f32"),
        });
        assert.equal(sch.getBlock("Y_pad").name, "Y_pad");
      },
      false,
    ).script();
    assert.match(out, /T\.where\(ax0 \* 5 \+ ax2 >= 12\)/);
  });

  it("what the padding holds, in an output", () => {
    const f = two(14);
    const sch = new Schedule(f);
    sch.transformLayout(sch.getBlock("C"), "C", (i: number) => [T.floordiv(i, 4), i % 4], { padValue: -7 });
    const args = argumentsOf(sch.func());
    interpret(sch.func(), args);
    const plain = argumentsOf(f);
    plain[0] = args[0];
    interpret(f, plain);
    assert.deepEqual([...args[1].data], [...plain[1].data, -7, -7]);
  });

  it("stated regions follow", () => {
    const f = T.primFunc({ A: T.buffer([8, 8]), B: T.buffer([8, 8]) }, ({ A, B }) => {
      for (const i of T.serial(8)) {
        T.block("B", () => {
          const [vi] = T.axis.remap("S", [i]);
          T.reads(A[vi][T.slice(0, 8)]);
          T.writes(B[vi][T.slice(0, 8)]);
          for (const j of T.serial(8)) B[vi][j] = A[vi][j];
        });
      }
    });
    const out = scheduled(
      f,
      (sch) =>
        sch.transformLayout(sch.getBlock("B"), "A", (i: number, j: number) => [j, T.floordiv(i, 4), i % 4]),
      false,
    );
    assert.match(
      script(out),
      /T\.reads\(A\[T\.slice\(0, 8\)\]\[T\.floordiv\(vi, 4\)\]\[T\.floormod\(vi, 4\)\]\)/,
    );
  });

  it("symbolic shapes: a permutation", () => {
    const f = T.primFunc({ A: T.buffer(["n", "m"]), B: T.buffer(["n", "m"]) }, ({ A, B, n, m }) => {
      for (const [i, j] of T.grid(n, m)) {
        T.block("B", () => {
          const [vi, vj] = T.axis.remap("SS", [i, j]);
          B[vi][vj] = A[vi][vj];
        });
      }
    });
    const out = scheduled(
      f,
      (sch) => sch.transformLayout(sch.getBlock("B"), "B", (i: number, j: number) => [j, i]),
      false,
    );
    assert.match(script(out), /B: T\.buffer\(\["m", "n"\]\)[\s\S]*B\[vj\]\[vi\] = A\[vi\]\[vj\]/);
  });

  it("refuses what does not fit", () => {
    const sch = new Schedule(two(14));
    const b = sch.getBlock("B");
    const tile = (i: number) => [T.floordiv(i, 4), T.floormod(i, 4)];
    refuses(sch, () => sch.transformLayout(b, "B", tile), {
      rule: /introduces padding/,
      detail: /\[4, 4\] of B has elements .* x \* 4 \+ y >= 14/,
      suggestion: /padValue/,
      nodes: ["B"],
    });
    refuses(sch, () => sch.transformLayout(b, "Z", tile), { rule: /does not access/, detail: /A, B, not Z/ });
    refuses(sch, () => sch.transformLayout(b, ["read", 3], tile), { rule: /read index is out of range/ });
    refuses(sch, () => sch.transformLayout(b, ["to", 0] as never, tile), { rule: /no buffer is named/ });
    refuses(sch, () => sch.transformLayout(b, "B", (i: number, j: number) => [i, j]), {
      rule: /does not fit the buffer/,
      detail: /1 dimension\(s\), the index map takes 2/,
    });
    refuses(sch, () => sch.transformLayout(b, "B", (i: number) => [T.floordiv(i, 2)]), {
      rule: /not injective/,
    });
    refuses(sch, () => sch.transformLayout(b, "B", "(i) => [j]"), {
      rule: /cannot be read/,
      detail: /j is not known/,
    });
    const padded = (padValue: number | string | ((...i: number[]) => unknown)) => () =>
      sch.transformLayout(b, "B", tile, { padValue });
    refuses(
      sch,
      padded(() => true),
      { rule: /another dtype/, detail: /B holds f32, the padding is bool/ },
    );
    refuses(
      sch,
      padded(() => [0, 0]),
      { rule: /not one value/, detail: /takes 0 and gives 2/ },
    );
    refuses(
      sch,
      padded((i: number) => i),
      { rule: /not one value/, detail: /takes 1 and gives 1/ },
    );
    refuses(sch, padded("(i, j) => A[i]"), { rule: /loads from another buffer/, detail: /loads from A/ });
    refuses(sch, padded("(i, j) => q"), { rule: /pad value cannot be read/ });
  });

  it("refuses strides, and a size that nothing would tell any more", () => {
    const strided = T.primFunc(
      { A: T.buffer([8], "f32", { strides: [2] }), B: T.buffer([8]) },
      ({ A, B }) => {
        for (const i of T.serial(8)) {
          T.block("B", () => {
            const [vi] = T.axis.remap("S", [i]);
            B[vi] = A[vi];
          });
        }
      },
    );
    const s = new Schedule(strided);
    const b = s.getBlock("B");
    refuses(s, () => s.transformLayout(b, "A", (i: number) => [7 - i]), {
      rule: /has strides/,
    });
    const sized = T.primFunc({ A: T.buffer(["n"]) }, ({ A, n }) => {
      for (const i of T.serial(n)) {
        T.block("A", () => {
          const [vi] = T.axis.remap("S", [i]);
          A[vi] = 1;
        });
      }
    });
    const z = new Schedule(sized);
    const a = z.getBlock("A");
    refuses(z, () => z.transformLayout(a, "A", (i: number) => [T.floordiv(i, 4), i % 4], { padValue: 0 }), {
      rule: /symbolic size would be lost/,
      detail: /only the shape of A tells n/,
    });
  });
});
