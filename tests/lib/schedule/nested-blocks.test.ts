import assert from "node:assert/strict";
import { interpret } from "../../../lib/codegen/index.ts";
import { verify } from "../../../lib/ir/index.ts";
import { build, Tensor } from "../../../lib/runtime/index.ts";
import { parsePrimFunc, script, T } from "../../../lib/script/index.ts";
import { argumentsOf, same, sameResults } from "./support.ts";

/** A matmul in tiles of 4: the outer block's axes choose the tile, its init fills it. */
const tiled = () =>
  T.primFunc({ A: T.buffer([8, 8]), B: T.buffer([8, 8]), C: T.buffer([8, 8]) }, ({ A, B, C }) => {
    for (const [i0, j0, k0] of T.grid(2, 2, 2)) {
      T.block("tile", () => {
        const [vi0, vj0, vk0] = T.axis.remap("SSR", [i0, j0, k0]);
        T.init(() => {
          for (const [i1, j1] of T.grid(4, 4)) {
            T.block("zero", () => {
              const [vi1, vj1] = T.axis.remap("SS", [i1, j1]);
              C[vi0 * 4 + vi1][vj0 * 4 + vj1] = 0;
            });
          }
        });
        for (const [i1, j1, k1] of T.grid(4, 4, 4)) {
          T.block("mm", () => {
            const [vi1, vj1, vk1] = T.axis.remap("SSR", [i1, j1, k1]);
            C[vi0 * 4 + vi1][vj0 * 4 + vj1] +=
              A[vi0 * 4 + vi1][vk0 * 4 + vk1] * B[vk0 * 4 + vk1][vj0 * 4 + vj1];
          });
        }
      });
    }
  });

const plain = () =>
  T.primFunc({ A: T.buffer([8, 8]), B: T.buffer([8, 8]), C: T.buffer([8, 8]) }, ({ A, B, C }) => {
    for (const [i, j, k] of T.grid(8, 8, 8)) {
      T.block("mm", () => {
        const [vi, vj, vk] = T.axis.remap("SSR", [i, j, k]);
        T.init(() => {
          C[vi][vj] = 0;
        });
        C[vi][vj] += A[vi][vk] * B[vk][vj];
      });
    }
  });

describe("nested blocks", () => {
  it("see the axes of the blocks around them; the outer init runs once for each tile", () => {
    assert.deepEqual(verify(tiled()), []);
    sameResults(plain(), tiled());
  });

  it("survive printing and parsing", () => {
    same(parsePrimFunc(script(tiled())), tiled());
  });

  it("compute the same in WebAssembly", async () => {
    const f = tiled();
    const lib = await build(f);
    const args = argumentsOf(f);
    const tensors = args.map((a) => Tensor.from(a.data as Float32Array, a.shape as number[]));
    await lib.main(...tensors);
    const expected = argumentsOf(f);

    interpret(plain(), expected);
    assert.deepEqual([...tensors[2].data], [...expected[2].data]);
  });

  it("do not see loops outside, nor may an init's block mention reduce axes", () => {
    assert.throws(
      () =>
        T.primFunc({ C: T.buffer([8]) }, ({ C }) => {
          for (const i0 of T.serial(2)) {
            T.block("tile", () => {
              const vi0 = T.axis.spatial(2, i0);
              for (const i1 of T.serial(4)) {
                T.block("one", () => {
                  const vi1 = T.axis.spatial(4, i1);
                  C[i0 * 4 + vi1 + vi0] = 0;
                });
              }
            });
          }
        }),
      /i0 is a loop outside block "tile"/,
    );
    assert.throws(
      () =>
        T.primFunc({ C: T.buffer([8]) }, ({ C }) => {
          for (const k0 of T.serial(2)) {
            T.block("tile", () => {
              const vk0 = T.axis.reduce(2, k0);
              T.init(() => {
                T.block("one", () => {
                  C[vk0] = 0;
                });
              });
              C[0] += 1;
            });
          }
        }),
      /vk0 is a reduce axis/,
    );
  });
});
