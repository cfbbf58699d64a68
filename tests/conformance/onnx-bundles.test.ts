/** The standard's own cases of single operators as deployment bundles: each is compiled, loaded and run as users would. */
import assert from "node:assert/strict";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { bundle, DeployError } from "../../lib/deploy/index.ts";
import { writeBundle } from "../../lib/deploy/write.node.ts";
import { type DType, elementsOf, type NDArray, ndarray } from "../../lib/ir/index.ts";
import { withFolder } from "../lib/deploy/support.ts";
import { requireSystem } from "../support/system.ts";
import { casesOf, type Outcome, type Runner, runCase } from "./onnx-cases.ts";

interface Given {
  readonly data: unknown;
  readonly shape: readonly number[];
}

/** A runner that writes a bundle into a folder of its own each time. Refusals of the bundle itself are counted in `refused`. */
function bundled(folder: string, refused: string[]): Runner {
  let count = 0;
  return async (model, inputs) => {
    const module = model.specialise(inputs);
    const made = await bundle([{ module }]).catch((e) => {
      assert.ok(e instanceof DeployError, String(e));
      refused.push(e.message);
      throw e;
    });
    const at = path.join(folder, String(count++));
    writeBundle(made, at);
    const { load } = (await import(pathToFileURL(path.join(at, "model.js")).href)) as {
      load: () => Promise<{ run: (x: Record<string, Given>) => Promise<Record<string, Given>> }>;
    };
    const [entry] = made.manifest.entries;
    const given = entry.inputs.map(({ name }) => {
      const a = inputs[name] as NDArray;
      return [name, { data: elementsOf(a), shape: a.shape }] as const;
    });
    const outputs = await (await load()).run(Object.fromEntries(given));
    return entry.outputs.map(({ name, dtype }) => {
      const { data, shape } = outputs[name];
      const { buffer, byteOffset, byteLength } = data as Uint8Array;
      return ndarray(dtype as DType, shape, new Uint8Array(buffer, byteOffset, byteLength));
    });
  };
}

describe("conformance: ONNX's cases of single operators as bundles", function () {
  this.timeout(600_000);

  it("all of plain inference pass; the rest is refused with the reason, and never wrong", async function () {
    requireSystem(this, "libonnx-testdata");
    const refused: string[] = [];
    const outcomes: [string, Outcome][] = [];
    await withFolder(async (folder) => {
      const run = bundled(folder, refused);
      for (const c of casesOf("node")) outcomes.push([c.name, await runCase(c, run)]);
    });
    const counted = outcomes.filter(([, o]) => o.counted);
    const failed = counted.filter(([, o]) => o.status !== "passed").map(([n, o]) => `${n}: ${o.reason}`);
    assert.deepEqual(failed, []);
    assert.equal(counted.length, 804);
    assert.deepEqual(
      outcomes.filter(([, o]) => o.status === "wrong").map(([n]) => n),
      [],
    );
    for (const reason of refused) assert.match(reason, /a bundle takes and gives tensors/);
    console.log(`${counted.length} of ${counted.length} pass; ${refused.length} others are refused`);
  });
});
