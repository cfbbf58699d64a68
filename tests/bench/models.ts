/**
 * Whole models against onnxruntime-web, one thread, untuned: those that the conformance tests make with PyTorch. Both get
 * the same ONNX file and the same inputs as JavaScript arrays, and give their outputs back as such.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import * as ort from "onnxruntime-web";
import { loadOnnx, Tensor } from "../../lib/index.ts";
import type { Contender } from "./compare.ts";
import { ortSession } from "./ort.ts";

/** The Python that Debian's packages belong to. */
const PYTHON = "/usr/bin/python3";

export interface ModelCase {
  readonly name: string;
  readonly contenders: () => Promise<Contender[]>;
}

interface Saved {
  readonly shape: number[];
  readonly dtype: string;
  readonly file: string;
}

/** One case for each model and size of input; none, with a word why, where PyTorch is missing. */
export function modelCases(): readonly ModelCase[] {
  const script = fileURLToPath(new URL("../conformance/models.py", import.meta.url));
  const folder = mkdtempSync(path.join(os.tmpdir(), "tilewright-bench-"));
  const made = existsSync(PYTHON)
    ? spawnSync(PYTHON, ["-W", "ignore", script, folder], { encoding: "utf8" })
    : undefined;
  if (made?.status !== 0) {
    console.log("\nmodels: NOT MEASURED, they are made with Debian's python3-torch");
    return [];
  }
  return made.stdout
    .trim()
    .split("\n")
    .flatMap((name) => casesOf(folder, name.trim()));
}

function casesOf(folder: string, name: string): ModelCase[] {
  const { cases } = JSON.parse(readFileSync(path.join(folder, `${name}.json`), "utf8")) as {
    cases: { inputs: Record<string, Saved>; outputs: Record<string, Saved> }[];
  };
  const model = readFileSync(path.join(folder, `${name}.onnx`));
  return cases.map((c) => {
    const inputs = Object.entries(c.inputs).map(([k, s]) => [k, elements(folder, s), s] as const);
    const shapes = inputs.map(([, , s]) => s.shape.join("×")).join(", ");
    return {
      name: `${name} (${shapes})`,
      contenders: async () => {
        const peer = await ortSession(model, 1);
        const feeds = Object.fromEntries(
          inputs.map(([k, data, s]) => [
            k,
            data instanceof BigInt64Array
              ? new ort.Tensor("int64", data, s.shape)
              : new ort.Tensor("float32", data, s.shape),
          ]),
        );
        const ours = loadOnnx(model);
        const given = Object.fromEntries(inputs.map(([k, data, s]) => [k, { data, shape: s.shape }]));
        const [theirs, mine] = [await peer.run(feeds), await ours.run(given)];
        for (const k of Object.keys(c.outputs)) agree(k, mine[k], theirs[k].data as Float32Array);
        return [
          { name: "onnxruntime-web", run: async () => void (await peer.run(feeds)) },
          {
            name: "tilewright",
            run: async () => {
              for (const y of Object.values(await ours.run(given))) if (y instanceof Tensor) y.dispose();
            },
          },
        ];
      },
    };
  });
}

function elements(folder: string, s: Saved): Float32Array | BigInt64Array {
  const { buffer, byteOffset, byteLength } = readFileSync(path.join(folder, s.file));
  const bytes = buffer.slice(byteOffset, byteOffset + byteLength);
  return s.dtype === "int64" ? new BigInt64Array(bytes) : new Float32Array(bytes);
}

/** Both give the same answer, to 1e-3 of its largest element. */
function agree(name: string, y: unknown, expected: Float32Array): void {
  if (!(y instanceof Tensor)) throw new Error(`${name} is no tensor`);
  const scale = expected.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
  const got = y.data as Float32Array;
  expected.forEach((x, i) => {
    if (!(Math.abs(x - got[i]) <= 1e-3 * scale)) throw new Error(`${name}[${i}]: ${got[i]} against ${x}`);
  });
}
