/** Bundles of models that call library functions, which who loads them gives. */
import assert from "node:assert/strict";
import path from "node:path";
import { bundle } from "../../../lib/deploy/index.ts";
import { BlockBuilder, R } from "../../../lib/graph/index.ts";
import type { IRModule } from "../../../lib/ir/index.ts";
import { type BundleTensor, loadHere, withFolder } from "./support.ts";

/** `library.scale` of x + 1, times 2. */
function scaled(): IRModule {
  const x = R.var("x", R.tensor([2, 2]));
  const bb = new BlockBuilder();
  bb.function("main", [x], () => {
    const more = bb.emit(R.add(x, R.const(1)));
    const call = R.callPacked("library.scale", [more], R.tensor([2, 2]), { attrs: { by: 10 } });
    bb.emitFuncOutput(bb.emit(R.multiply(bb.emit(call), R.const(2))));
  });
  return bb.get();
}

describe("deploy: library functions", function () {
  this.timeout(30_000);

  it("are called with the model's memory, shapes and attributes", () =>
    withFolder(async (folder) => {
      const made = await bundle([{ module: scaled() }]);
      assert.deepEqual(made.manifest.functions, ["library.scale"]);
      const seen: unknown[] = [];
      const scale = (
        [a]: readonly BundleTensor[],
        [y]: readonly BundleTensor[],
        attrs: Readonly<Record<string, number>>,
      ): void => {
        seen.push(a.shape, y.shape, attrs);
        for (let i = 0; i < 4; i++) (y.data as Float32Array)[i] = Number(a.data[i]) * attrs.by;
      };
      const loaded = await loadHere(made, path.join(folder, "b"), { functions: { "library.scale": scale } });
      const { y } = await loaded.run({ x: { data: Float32Array.of(0, 1, 2, 3), shape: [2, 2] } });
      assert.deepEqual([...(y.data as Float32Array)], [20, 40, 60, 80]);
      assert.deepEqual(seen, [[2, 2], [2, 2], { by: 10 }]);
    }));

  it("that are missing, or not done when they return, are named", () =>
    withFolder(async (folder) => {
      const made = await bundle([{ module: scaled() }]);
      await assert.rejects(loadHere(made, path.join(folder, "b")), {
        name: "TypeError",
        message: "the model calls functions that are not part of it: load({ functions }) takes library.scale",
      });
      const functions = { "library.scale": async () => {} };
      const late = await loadHere(made, path.join(folder, "b"), { functions });
      const inputs = { x: { data: new Float32Array(4), shape: [2, 2] } };
      await assert.rejects(
        late.run(inputs),
        /library\.scale is asynchronous: it has to be done when it returns/,
      );
    }));

  it("are part of the types", async () => {
    const made = await bundle([{ module: scaled() }]);
    const types = new TextDecoder().decode(made.files.find((f) => f.name === "model.d.ts")?.bytes);
    assert.match(types, /readonly functions: \{\s+readonly "library\.scale": LibraryFunction;/);
    assert.match(types, /export declare function load\(options: Options\)/);
  });
});
