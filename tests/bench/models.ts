/** Whole models: those that the conformance tests make with PyTorch. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Match } from "./versus.ts";

/** The Python that Debian's packages belong to. */
const PYTHON = "/usr/bin/python3";

interface Saved {
  readonly shape: number[];
  readonly dtype: string;
  readonly file: string;
}

/** One case for each model (of these names, otherwise all) and size of input; none, with a word why, where PyTorch is missing. */
export function modelMatches(names: readonly string[] = []): readonly Match[] {
  const script = fileURLToPath(new URL("../conformance/models.py", import.meta.url));
  const folder = mkdtempSync(path.join(os.tmpdir(), "tilewright-bench-"));
  const made = existsSync(PYTHON)
    ? spawnSync(PYTHON, ["-W", "ignore", script, folder, ...names], { encoding: "utf8" })
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

function casesOf(folder: string, name: string): Match[] {
  const { cases } = JSON.parse(readFileSync(path.join(folder, `${name}.json`), "utf8")) as {
    cases: { inputs: Record<string, Saved> }[];
  };
  const model = readFileSync(path.join(folder, `${name}.onnx`));
  return cases.map((c) => {
    const inputs = Object.entries(c.inputs).map(([k, s]) => [k, elements(folder, s), s] as const);
    const shapes = inputs.map(([, , s]) => s.shape.join("×")).join(", ");
    const feeds = Object.fromEntries(inputs.map(([k, data, s]) => [k, { data, dims: s.shape }]));
    return { name: `${name} (${shapes})`, model, feeds };
  });
}

function elements(folder: string, s: Saved): Float32Array | BigInt64Array {
  const { buffer, byteOffset, byteLength } = readFileSync(path.join(folder, s.file));
  const bytes = buffer.slice(byteOffset, byteOffset + byteLength);
  return s.dtype === "int64" ? new BigInt64Array(bytes) : new Float32Array(bytes);
}
