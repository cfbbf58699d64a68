/**
 * Dtypes in WGSL. Values are f32, f16, i32 or bool; in buffers a bool is a u32. i8 and u8 are i32 values that are
 * wrapped after every operation, one element a word in memory (WGSL cannot store single bytes, and two threads may not
 * share a word). i64 is an i32 for index arithmetic: what cannot be proven to fit is refused. There is no f64.
 */
import type { Buffer, DType } from "../../ir/index.ts";
import { WgslError } from "./error.ts";

/** What a value of the dtype is in an expression. Throws for f64, and for f16 where the device has none. */
export function valueType(t: DType, f16: boolean): "f32" | "f16" | "i32" | "bool" {
  switch (t) {
    case "f32":
      return "f32";
    case "f16":
      if (!f16)
        throw new WgslError(`f16 needs the feature "shader-f16", which the device lacks: cast to f32`);
      return "f16";
    case "f64":
      throw new WgslError("WGSL has no f64: cast to f32, or build for another target");
    case "bool":
      return "bool";
    default:
      return "i32";
  }
}

/** What an element of a buffer is in memory. */
export function elementType(b: Buffer, f16: boolean): string {
  const t = valueType(b.dtype, f16);
  return t === "bool" ? "u32" : t;
}

/** Bytes of an element in device memory. */
export const elementBytes = (t: DType): number => (t === "f16" ? 2 : 4);
