/** Elements of tensors as they stand in device memory: see `lib/codegen/wgsl/types.ts`. */
import { ArgumentError } from "../../codegen/arguments.ts";
import type { DType, TypedArray } from "../../ir/index.ts";

/** The words of a tensor. Throws for an i64 that has no i32. */
export function toDevice(data: TypedArray, dtype: DType, what: string): ArrayBufferView<ArrayBuffer> {
  switch (dtype) {
    case "f32":
    case "i32":
    case "f16":
      return data as unknown as ArrayBufferView<ArrayBuffer>;
    case "i64": {
      const from = data as BigInt64Array;
      const out = new Int32Array(from.length);
      for (let i = 0; i < from.length; i++) {
        out[i] = Number(from[i]);
        if (BigInt(out[i]) !== from[i]) {
          throw new ArgumentError(`${what}: element ${i} is ${from[i]}; WGSL has 32-bit integers only`);
        }
      }
      return out;
    }
    case "f64":
      throw new ArgumentError(`${what}: WGSL has no f64: cast to f32`);
    default:
      return Int32Array.from(data as Int8Array);
  }
}

/** Puts words that were read back into a tensor's elements. */
export function fromDevice(words: ArrayBuffer, data: TypedArray, dtype: DType): void {
  switch (dtype) {
    case "f32":
      (data as Float32Array).set(new Float32Array(words));
      return;
    case "f16":
      (data as Uint16Array).set(new Uint16Array(words));
      return;
    case "i64": {
      const from = new Int32Array(words);
      const to = data as BigInt64Array;
      for (let i = 0; i < from.length; i++) to[i] = BigInt(from[i]);
      return;
    }
    default:
      (data as Int32Array).set(new Int32Array(words));
  }
}
