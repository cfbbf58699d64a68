/** Runs a function through the interpreter and through WebAssembly on the same data, and compares. */
import assert from "node:assert/strict";
import { type BufferArg, bindArguments, evalSize, interpret } from "../../../lib/codegen/index.ts";
import { compileWasm, hostFunctions, type WasmOptions } from "../../../lib/codegen/wasm/index.ts";
import {
  assertWellFormed,
  type DType,
  f16FromBits,
  f16ToBits,
  irModule,
  newArray,
  type PrimFunc,
  type Scalar,
  type TypedArray,
} from "../../../lib/ir/index.ts";

/** Deterministic numbers in [0, 1): mulberry32. */
export function rng(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Random contents that exercise a dtype: small numbers, both signs where there are two. */
export function randomArray(dtype: DType, n: number, next: () => number): TypedArray {
  const data = newArray(dtype, n);
  for (let i = 0; i < n; i++) {
    const x = next() * 8 - 4;
    if (dtype === "i64") (data as BigInt64Array)[i] = BigInt(Math.trunc(x * 3));
    else if (dtype === "bool") (data as Uint8Array)[i] = x > 0 ? 1 : 0;
    else if (dtype === "f16") (data as Uint16Array)[i] = f16ToBits(x);
    else if (dtype === "f32" || dtype === "f64") (data as Float64Array)[i] = x;
    else (data as Int32Array)[i] = Math.trunc(x * 3);
  }
  return data;
}

/** One memory for all runs: making one costs more than most of the programs here. */
const memory = new WebAssembly.Memory({ initial: 16 });

export interface Outcome {
  readonly wat: string;
  readonly workspace: number;
}

/** Runs the generated code of `f` on copies of `args` and writes the results back into them. */
function runWasm(f: PrimFunc, args: readonly (BufferArg | Scalar)[], options: WasmOptions = {}): Outcome {
  const mod = compileWasm(irModule({ f }), options);
  assert.ok(WebAssembly.validate(mod.bytes), `invalid module:\n${mod.wat()}`);
  const info = mod.functions.f;
  const { sizes } = bindArguments(f, args);
  const workspace = evalSize(info.workspace, sizes) ?? 0;
  // Starting elsewhere than 0 shows addresses that forget their base.
  let top = 1024;
  const at = args.map((a) => {
    if (typeof a !== "object") return 0;
    const start = top;
    top += Math.ceil(a.data.byteLength / 16) * 16 + 16;
    return start;
  });
  const scratch = top;
  const missing = Math.ceil((top + workspace + 64) / 65536) - memory.buffer.byteLength / 65536;
  if (missing > 0) memory.grow(missing);
  const bytes = new Uint8Array(memory.buffer);
  // What nobody wrote reads as NaN, or as an unlikely integer.
  bytes.fill(0xff, scratch, scratch + workspace);
  // Between the arguments, too, nothing may be written.
  bytes.fill(0x5a, 1024 - 16, top);
  args.forEach((a, i) => {
    if (typeof a === "object") bytes.set(bytesOf(a.data), at[i]);
  });
  const canary = scratch + workspace;
  bytes.fill(0x5a, canary, canary + 64);
  const parallel = (fn: number, begin: number, end: number, environment: number): void =>
    inPieces(instance, mod.parallel[fn], [begin, end], environment, options.threads ?? 1);
  const instance: WebAssembly.Instance = new WebAssembly.Instance(new WebAssembly.Module(mod.bytes), {
    env: { memory, ...hostFunctions, parallel },
  });
  const values = args.map((a, i) => (typeof a === "object" ? at[i] : a));
  (instance.exports.f as (...xs: Scalar[]) => void)(
    ...values,
    ...info.sizes.map((v) => sizes.get(v.id) ?? 0),
    scratch,
  );
  args.forEach((a, i) => {
    if (typeof a === "object") bytesOf(a.data).set(bytes.subarray(at[i], at[i] + a.data.byteLength));
  });
  const ends = args.flatMap((a, i) => (typeof a === "object" ? [at[i] + a.data.byteLength] : []));
  for (const end of [1024 - 16, ...ends]) {
    assert.ok(
      bytes.subarray(end, end + 16).every((b) => b === 0x5a),
      "wrote beside an argument",
    );
  }
  assert.ok(
    bytes.subarray(canary, canary + 64).every((b) => b === 0x5a),
    "wrote beyond the workspace",
  );
  return { wat: mod.wat(), workspace };
}

/**
 * The iterations of a parallel loop as threads might run them, the last first: pieces of one and two iterations, each for
 * another thread.
 */
function inPieces(
  { exports }: WebAssembly.Instance,
  name: string,
  [begin, end]: readonly [number, number],
  environment: number,
  threads: number,
): void {
  const run = exports[name] as (begin: number, end: number, thread: number, environment: number) => void;
  for (let [to, piece] = [end, 0]; to > begin; piece++) {
    const from = Math.max(begin, to - 1 - (piece % 2));
    run(from, to, (piece * 5 + 1) % threads, environment);
    to = from;
  }
}

const bytesOf = (d: TypedArray): Uint8Array => new Uint8Array(d.buffer, d.byteOffset, d.byteLength);

export interface CompareOptions extends WasmOptions {
  readonly rtol?: number;
  readonly atol?: number;
}

/** Asserts that interpreter and WebAssembly leave the same contents in all buffers. */
export function assertSame(
  f: PrimFunc,
  args: readonly (BufferArg | Scalar)[],
  o: CompareOptions = {},
): Outcome {
  assertWellFormed(f);
  const copy = () =>
    args.map((a) => (typeof a === "object" ? { ...a, data: a.data.slice() as TypedArray } : a));
  const expected = copy();
  const actual = copy();
  interpret(f, expected);
  const outcome = runWasm(f, actual, o);
  args.forEach((a, i) => {
    if (typeof a !== "object") return;
    const want = (expected[i] as BufferArg).data;
    const got = (actual[i] as BufferArg).data;
    for (let k = 0; k < want.length; k++) {
      if (!close(value(want[k], a.dtype), value(got[k], a.dtype), o)) {
        const x = value(got[k], a.dtype);
        assert.fail(`${f.params[i].name}[${k}] is ${x}, expected ${value(want[k], a.dtype)}\n${outcome.wat}`);
      }
    }
  });
  return outcome;
}

function value(x: number | bigint, dtype: DType): number | bigint {
  return dtype === "f16" ? f16FromBits(Number(x)) : x;
}

function close(a: number | bigint, b: number | bigint, { rtol = 0, atol = 0 }: CompareOptions): boolean {
  if (typeof a === "bigint" || typeof b === "bigint") return a === b;
  if (Object.is(a, b) || (Number.isNaN(a) && Number.isNaN(b))) return true;
  if (a === b) return Math.abs(a) > 0 || rtol > 0 || atol > 0;
  return Math.abs(a - b) <= atol + rtol * Math.abs(a);
}
