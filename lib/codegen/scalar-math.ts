/** Scalar functions that JavaScript lacks, shared by the interpreter and by what WebAssembly imports. */

/** Nearest whole number, ties to even; the sign of zero is kept, as WebAssembly's `nearest` does. */
export function roundEven(x: number): number {
  if (!Number.isFinite(x)) return x;
  const low = Math.floor(x);
  const rest = x - low;
  const r = rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
  return r === 0 && (x < 0 || Object.is(x, -0)) ? -0 : r;
}

const TWO_OVER_SQRT_PI = 2 / Math.sqrt(Math.PI);

/**
 * Error function, to a few units in the last place of a double. Abramowitz & Stegun 7.1.6 (a series of positive
 * terms, so nothing cancels) below 2.5, and 1 - erfc by the continued fraction 7.1.14 above, where erfc is so small
 * that its own error vanishes in the difference.
 */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (!(a < 6)) return Number.isNaN(x) ? x : Math.sign(x); // erfc(6) < 2^-54
  if (a < 2.5) {
    let term = a;
    let sum = a;
    for (let n = 1; term > sum * 1e-17; n++) {
      term *= (2 * a * a) / (2 * n + 1);
      sum += term;
    }
    const y = TWO_OVER_SQRT_PI * Math.exp(-a * a) * sum;
    return x < 0 || Object.is(x, -0) ? -y : y;
  }
  let tail = a;
  for (let n = 60; n > 0; n--) tail = a + n / 2 / tail;
  return Math.sign(x) * (1 - (TWO_OVER_SQRT_PI / 2) * (Math.exp(-a * a) / tail));
}

/** The f32 nearest to a 64-bit integer. Going through a double would round twice. */
export function i64ToF32(x: bigint): number {
  const n = Number(x);
  if (Number.isSafeInteger(n)) return Math.fround(n);
  // Beyond 2^53: drop 11 bits but remember in the last kept one whether any was set ("round to odd").
  const sticky = x & 0x7ffn ? 0x800n : 0n;
  return Math.fround(Number(((x >> 11n) << 11n) | sticky));
}
