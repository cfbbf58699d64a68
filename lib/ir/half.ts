/**
 * IEEE 754 binary16 ("half"): 1 sign bit, 5 exponent bits (bias 15), 10 fraction bits. JavaScript computes in
 * doubles; a result rounded once from the exact double is the correctly rounded half result for +, -, *, / and sqrt,
 * since 53 >= 2 * 11 + 2.
 */
const word = new DataView(new ArrayBuffer(8));

/** The half nearest to `x`, ties to even; from 65520 on it is infinite. */
export function roundF16(x: number): number {
  const a = Math.abs(x);
  if (a >= 65520) return x > 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  if (!(a > 0)) return x; // zeros keep their sign, NaN stays
  word.setFloat64(0, a);
  const exponent = ((word.getUint32(0) >>> 20) & 0x7ff) - 1023;
  // The sum lies in the binade whose doubles are 2^(e-10) apart, so adding rounds |x| to 10 fraction bits
  // (subnormal halves, below 2^-14, are all 2^-24 apart) and subtracting is exact.
  const magic = 2 ** (Math.max(exponent, -14) + 42);
  const r = a + magic - magic;
  return x < 0 ? -r : r;
}

/** The bits of the half nearest to `x`, ties to even. NaN becomes the quiet NaN 0x7e00. */
export function f16ToBits(x: number): number {
  if (Number.isNaN(x)) return 0x7e00;
  const r = roundF16(x);
  const sign = r < 0 || Object.is(r, -0) ? 0x8000 : 0;
  const a = Math.abs(r);
  if (a === Number.POSITIVE_INFINITY) return sign | 0x7c00;
  if (a < 2 ** -14) return sign | (a * 2 ** 24);
  word.setFloat64(0, a);
  const high = word.getUint32(0);
  const exponent = (high >>> 20) - 1023;
  return sign | ((exponent + 15) << 10) | ((high >>> 10) & 0x3ff);
}

/** The number that half bits stand for. */
export function f16FromBits(bits: number): number {
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 0x3ff;
  const a =
    exponent === 31
      ? fraction === 0
        ? Number.POSITIVE_INFINITY
        : Number.NaN
      : exponent === 0
        ? fraction * 2 ** -24
        : (1024 + fraction) * 2 ** (exponent - 25);
  return bits & 0x8000 ? -a : a;
}
