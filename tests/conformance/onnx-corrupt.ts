/** Damaged model files: bits flipped, ends cut off, bytes overwritten; from a seed. */
import { interpretGraph } from "../../lib/codegen/index.ts";
import { decodeModel, fromOnnx, type OnnxFile } from "../../lib/frontend/onnx/index.ts";
import { BYTES, constInt, type GraphFunc, type GraphType, ndarray } from "../../lib/ir/index.ts";

/** Numbers in [0, 1) from a seed: a linear congruential generator (Numerical Recipes), scrambled at the start. */
export function generator(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const below = (random: () => number, n: number): number => Math.floor(random() * n);

export function corrupt(bytes: Uint8Array, random: () => number): Uint8Array {
  const out = new Uint8Array(bytes);
  const kind = below(random, 4);
  if (kind === 0) return out.subarray(0, below(random, out.length));
  const changes = 1 + below(random, kind === 1 ? 1 : 8);
  for (let i = 0; i < changes; i++) {
    const at = below(random, out.length);
    if (kind === 3) out[at] = below(random, 256);
    else out[at] ^= 1 << below(random, 8);
  }
  return out;
}

export interface Ending {
  readonly kind: "refused" | "imported" | "ran" | "crashed";
  readonly error?: Error;
}

/** Errors that are words for people. */
const CLEAR = new Set(["OnnxError", "NeedsValue", "GraphError", "InterpretError", "ArgumentError"]);

const LIMITS = { maxSteps: 2e5, maxBytes: 2 ** 26 };

/** Decodes, imports and, where all sizes are known and small, runs a file. */
export function tryFile(bytes: Uint8Array): Ending {
  try {
    const file: OnnxFile = decodeModel(bytes);
    const mod = fromOnnx(file);
    const main = mod.funcs.main as GraphFunc;
    const inputs = main.params.map((p) => zeros(p.type));
    if (inputs.some((x) => x === undefined)) return { kind: "imported" };
    interpretGraph(mod, "main", inputs as NonNullable<(typeof inputs)[number]>[], LIMITS);
    return { kind: "ran" };
  } catch (e) {
    const error = e as Error;
    return { kind: CLEAR.has(error.name) ? "refused" : "crashed", error };
  }
}

function zeros(t: GraphType) {
  if (t.kind !== "tensor") return undefined;
  const shape = t.shape.map(constInt);
  if (!shape.every((s) => s !== undefined)) return undefined;
  const bytes = shape.reduce((a, b) => a * b, BYTES[t.dtype]);
  return bytes > 2 ** 24 ? undefined : ndarray(t.dtype, shape, new Uint8Array(bytes));
}
