/** Models of PyTorch, exported to ONNX by PyTorch itself (`models.py`), with PyTorch's own answers. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { loadOnnx, type SessionOptions, Tensor } from "../../lib/runtime/index.ts";
import { systemPython } from "../support/system.ts";

interface Saved {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly file: string;
}
interface Case {
  readonly inputs: Readonly<Record<string, Saved>>;
  readonly outputs: Readonly<Record<string, Saved>>;
}

/** Exports the models into a folder of their own. */
export function exportModels(names: readonly string[] = []): string {
  const folder = mkdtempSync(path.join(tmpdir(), "tilewright-models-"));
  const script = new URL("models.py", import.meta.url).pathname;
  execFileSync(systemPython, ["-W", "ignore", script, folder, ...names], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  return folder;
}

function elements(folder: string, s: Saved): Float32Array | BigInt64Array {
  const { buffer, byteOffset, byteLength } = readFileSync(path.join(folder, s.file));
  const bytes = buffer.slice(byteOffset, byteOffset + byteLength);
  return s.dtype === "int64" ? new BigInt64Array(bytes) : new Float32Array(bytes);
}

/** A case with its data. */
export interface SavedCase {
  readonly inputs: Readonly<Record<string, SavedTensor>>;
  readonly outputs: Readonly<Record<string, SavedTensor>>;
}
export interface SavedTensor {
  readonly data: Float32Array | BigInt64Array;
  readonly shape: readonly number[];
}

/** The cases of a model that was exported. */
export function savedCases(folder: string, name: string): SavedCase[] {
  const { cases } = JSON.parse(readFileSync(path.join(folder, `${name}.json`), "utf8")) as { cases: Case[] };
  const read = (all: Case["inputs"]): SavedCase["inputs"] =>
    Object.fromEntries(
      Object.entries(all).map(([k, s]) => [k, { data: elements(folder, s), shape: s.shape }] as const),
    );
  return cases.map((c) => ({ inputs: read(c.inputs), outputs: read(c.outputs) }));
}

/**
 * Runs a model on its cases. The error, relative to the largest element of the answer, must be at most `relative`. Gives
 * what of it ran on the CPU though the target is another device.
 */
export async function checkModel(
  folder: string,
  name: string,
  relative: number,
  options: SessionOptions = {},
): Promise<readonly string[]> {
  const session = loadOnnx(readFileSync(path.join(folder, `${name}.onnx`)), options);
  const notes = new Set<string>();
  for (const { inputs, outputs } of savedCases(folder, name)) {
    const got = await session.run(inputs);
    for (const n of await session.notes(inputs)) notes.add(n);
    for (const [k, s] of Object.entries(outputs)) {
      const y = got[k];
      assert(y instanceof Tensor, `${k} is a tensor`);
      assert.deepEqual([...y.shape], [...s.shape]);
      const error = relativeError(y.data as Float32Array, s.data as Float32Array);
      assert(error <= relative, `${k}: relative error ${error}`);
    }
  }
  session.dispose();
  return [...notes];
}

/** The largest difference, relative to the largest element of the answer. */
export function relativeError(got: Float32Array, want: Float32Array): number {
  const scale = want.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
  // NaN compares false everywhere: it counts as infinite.
  return want.reduce((worst, x, i) => {
    const d = Math.abs(x - got[i]) / scale;
    return d <= worst ? worst : Number.isNaN(d) ? Number.POSITIVE_INFINITY : d;
  }, 0);
}
