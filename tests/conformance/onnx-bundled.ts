/** Models as deployment bundles, as `Runner` of the test data's cases: each is compiled, loaded and run as users would. */
import assert from "node:assert/strict";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { type BundleTarget, bundle, DeployError } from "../../lib/deploy/index.ts";
import { writeBundle } from "../../lib/deploy/write.node.ts";
import { type DType, elementsOf, type NDArray, ndarray } from "../../lib/ir/index.ts";
import type { Runner } from "./onnx-cases.ts";

interface Given {
  readonly data: unknown;
  readonly shape: readonly number[];
}

interface Loaded {
  run(x: Record<string, Given>): Promise<Record<string, Given>>;
  /** Of those on a GPU. */
  dispose?(): void;
}

/**
 * A runner that writes a bundle into a folder of its own each time. Refusals of the bundle itself are counted in `refused`.
 * `options`: what `load` gets.
 */
export function bundled(
  folder: string,
  refused: string[],
  target: BundleTarget = "wasm",
  options: object = {},
): Runner {
  let count = 0;
  return async (model, inputs) => {
    const module = model.specialise(inputs);
    const made = await bundle([{ module }], { target }).catch((e) => {
      assert.ok(e instanceof DeployError, String(e));
      refused.push(e.message);
      throw e;
    });
    const at = path.join(folder, String(count++));
    writeBundle(made, at);
    const { load } = (await import(pathToFileURL(path.join(at, "model.js")).href)) as {
      load: (options: object) => Promise<Loaded>;
    };
    const [entry] = made.manifest.entries;
    const given = entry.inputs.map(({ name }) => {
      const a = inputs[name] as NDArray;
      return [name, { data: elementsOf(a), shape: a.shape }] as const;
    });
    const loaded = await load(options);
    const outputs = await loaded.run(Object.fromEntries(given));
    loaded.dispose?.();
    return entry.outputs.map(({ name, dtype }) => {
      const { data, shape } = outputs[name];
      const { buffer, byteOffset, byteLength } = data as Uint8Array;
      return ndarray(dtype as DType, shape, new Uint8Array(buffer, byteOffset, byteLength));
    });
  };
}
