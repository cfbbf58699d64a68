/** Element types. Names are short forms of the usual ones: `f32` is float32, `u8` is uint8. */
export const DTYPES = ["f32", "f64", "f16", "i8", "u8", "i32", "i64", "bool"] as const;
export type DType = (typeof DTYPES)[number];

/** Bytes one element takes in memory (bool is stored as one byte, 0 or 1). */
export const BYTES: Readonly<Record<DType, number>> = {
  f32: 4,
  f64: 8,
  f16: 2,
  i8: 1,
  u8: 1,
  i32: 4,
  i64: 8,
  bool: 1,
};

export const isFloat = (t: DType): boolean => t === "f32" || t === "f64" || t === "f16";
export const isInt = (t: DType): boolean => t === "i32" || t === "i64" || t === "i8" || t === "u8";

export function isDType(x: unknown): x is DType {
  return (DTYPES as readonly unknown[]).includes(x);
}

/** Inclusive range of an integer dtype; i64 bounds are rounded to doubles (only used for interval reasoning). */
export function intRange(t: DType): { min: number; max: number } {
  switch (t) {
    case "i8":
      return { min: -128, max: 127 };
    case "u8":
      return { min: 0, max: 255 };
    case "i32":
      return { min: -(2 ** 31), max: 2 ** 31 - 1 };
    case "bool":
      return { min: 0, max: 1 };
    default:
      return { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY };
  }
}
