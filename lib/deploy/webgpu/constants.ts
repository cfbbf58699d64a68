/** The constants of a bundle: each stored once, whatever entry points mention it, on the device or on the CPU. */
import { elementsOf, type NDArray, ndarray } from "../../ir/index.ts";
import { toDevice } from "../../runtime/webgpu/elements.ts";
import { layOutWeights, type Weights } from "../weights.ts";
import type { EntryPoint } from "./entry-points.ts";

/** Where constants are in the expanded file of weights. */
export interface Constants {
  readonly weights: Weights;
  /** By entry point and number of the constant, in the form that it has on the device. */
  onDevice(entry: number, index: number): Stored;
  /** The same, in the form that it has on the CPU. */
  onCpu(entry: number, index: number): Stored;
  /** All that are needed on the device, and on the CPU. */
  readonly device: readonly Stored[];
  readonly cpu: readonly Stored[];
}

/** A range of the expanded file. */
export interface Stored {
  readonly from: number;
  readonly bytes: number;
}

export function constantsOf(entries: readonly EntryPoint[], f16: boolean): Constants {
  const keys: string[] = [];
  const data: NDArray[] = [];
  entries.forEach(({ linked, program }, entry) => {
    for (const v of linked.values) {
      if (v.kind !== "constant") continue;
      const c = program.constants[v.index];
      if (v.span) {
        keys.push(`device ${entry} ${v.index}`);
        data.push(wordsOf(c));
      }
      if (v.here) {
        keys.push(`cpu ${entry} ${v.index}`);
        data.push(c);
      }
    }
  });
  const weights = layOutWeights(data, 0, f16);
  const stored = new Map(
    keys.map((key, i) => [key, { from: weights.addresses[i], bytes: data[i].bytes.length }] as const),
  );
  const of = (kind: string): Stored[] => {
    const byStart = new Map([...stored].filter(([k]) => k.startsWith(kind)).map(([, s]) => [s.from, s]));
    return [...byStart.values()];
  };
  const get = (key: string): Stored => stored.get(key) as Stored;
  return {
    weights,
    onDevice: (entry, index) => get(`device ${entry} ${index}`),
    onCpu: (entry, index) => get(`cpu ${entry} ${index}`),
    device: of("device"),
    cpu: of("cpu"),
  };
}

/** A constant as the device has it: 32-bit integers for those of other widths. */
function wordsOf(c: NDArray): NDArray {
  if (c.dtype === "f32" || c.dtype === "i32" || c.dtype === "f16") return c;
  const { buffer, byteOffset, byteLength } = toDevice(elementsOf(c), c.dtype, "a constant");
  return ndarray("i32", c.shape, new Uint8Array(buffer, byteOffset, byteLength));
}
