/** What the tests of the virtual machine share: constant data to tensors and back, and the oracle. */
import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type GraphData, interpretGraph } from "../../../lib/codegen/index.ts";
import { ARRAYS, type IRModule, type NDArray, ndarray, numbersOf } from "../../../lib/ir/index.ts";
import { cpuMemory, type GraphResult, Tensor } from "../../../lib/runtime/index.ts";

export function toTensor(a: NDArray): Tensor {
  const data = new ARRAYS[a.dtype](Uint8Array.from(a.bytes).buffer);
  return Tensor.from(data, a.shape, a.dtype);
}

export function toData(t: GraphResult): GraphData {
  if (!(t instanceof Tensor)) return t.map(toData);
  const { buffer, byteOffset, byteLength } = t.data;
  return ndarray(t.dtype, t.shape, new Uint8Array(buffer, byteOffset, byteLength).slice());
}

/** Elements are equal, but for the last bits of sums in another order. */
export function assertClose(got: GraphData, want: GraphData, where = "result"): void {
  if (Array.isArray(want)) {
    assert.ok(Array.isArray(got) && got.length === want.length, `${where}: another number of fields`);
    want.forEach((w, i) => {
      assertClose(got[i], w, `${where}[${i}]`);
    });
    return;
  }
  const [g, w] = [got as NDArray, want as NDArray];
  assert.equal(`${g.dtype}[${g.shape}]`, `${w.dtype}[${w.shape}]`, where);
  const [a, b] = [numbersOf(g), numbersOf(w)];
  for (const [i, x] of a.entries()) {
    const same = x === b[i] || (Number.isNaN(x) && Number.isNaN(b[i]));
    const close = same || Math.abs(x - b[i]) <= 1e-5 + 1e-5 * Math.abs(b[i]);
    assert.ok(close, `${where}: element ${i} is ${x}, must be ${b[i]}`);
  }
}

export const oracle = (mod: IRModule, args: readonly NDArray[], func = "main"): GraphData =>
  interpretGraph(mod, func, args);

/** Frees all tensors of a result. */
export function free(r: GraphResult): void {
  if (r instanceof Tensor) r.dispose();
  else r.forEach(free);
}

/**
 * The bytes of device memory in use when what earlier tests dropped has been collected: from then on the number can only
 * sink by what is disposed.
 */
export async function settled(): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  let [used, same] = [cpuMemory().usedBytes, 0];
  for (let tries = 0; tries < 50 && same < 3; tries++) {
    collect();
    await setTimeout(5);
    same = cpuMemory().usedBytes === used ? same + 1 : 0;
    used = cpuMemory().usedBytes;
  }
  return used;
}

/** Runs `body` some times, and throws unless device memory is as full afterwards as after the first time. */
export async function keepsMemory(body: () => Promise<void>, times = 20): Promise<void> {
  await body();
  await settled();
  // What was collected may have been what the arena was kept for: the next run makes it anew.
  await body();
  const before = cpuMemory().usedBytes;
  for (let i = 0; i < times; i++) await body();
  assert.ok(cpuMemory().usedBytes <= before, `${cpuMemory().usedBytes} bytes in use, ${before} before`);
}
