/**
 * Integers of a bundle's file that take fewer bytes there than in memory: words of 16 or 32 bits whose values lie close
 * together are stored as their distances from the least of them. Weights of 8 bits, which kernels want as pairs of 16-bit
 * numbers (or a device as 32-bit ones), take 8 bits in the file that way, and are widened once, when it is loaded.
 */
import { BYTES, type DType, type NDArray } from "../ir/index.ts";

/** How the words of a constant are stored. */
export interface Narrow {
  /** Bits of the words in memory. */
  readonly word: 16 | 32;
  /** Bits of each in the file, as unsigned numbers. */
  readonly bits: 8 | 16;
  /** What is added to them. */
  readonly base: number;
  /** How many words. */
  readonly count: number;
}

/** Constants that would save less stay as they are: each one is a line in the module. */
const WORTH_BYTES = 256;
const INTEGERS: readonly DType[] = ["i32", "i64"];

const wordsOf = (c: NDArray, word: 16 | 32): Int16Array | Int32Array => {
  const bytes = c.bytes.slice();
  return word === 16 ? new Int16Array(bytes.buffer) : new Int32Array(bytes.buffer);
};

/** The form that takes the fewest bytes, or undefined where the constant should stay as it is. */
export function narrowOf(c: NDArray): Narrow | undefined {
  if (!INTEGERS.includes(c.dtype)) return undefined;
  const forms = ([32, 16] as const).flatMap((word): Narrow[] => {
    const words = wordsOf(c, word);
    let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const x of words) {
      if (x < least) least = x;
      if (x > most) most = x;
    }
    const bits = most - least < 2 ** 8 ? 8 : most - least < 2 ** 16 ? 16 : word;
    return bits === 8 || (bits === 16 && word === 32)
      ? [{ word, bits, base: least, count: words.length }]
      : [];
  });
  const [best] = forms.toSorted((a, b) => narrowBytes(a) - narrowBytes(b));
  return best && c.bytes.length - narrowBytes(best) >= WORTH_BYTES ? best : undefined;
}

/** Bytes in the file. */
export const narrowBytes = (n: Narrow): number => (n.count * n.bits) / 8;

/** The bytes in the file: little-endian, like the memory of WebAssembly. */
export function narrowed(c: NDArray, { word, bits, base, count }: Narrow): Uint8Array {
  const words = wordsOf(c, word);
  const out = bits === 8 ? new Uint8Array(count) : new Uint16Array(count);
  for (let i = 0; i < count; i++) out[i] = words[i] - base;
  return new Uint8Array(out.buffer);
}

/** What the manifest calls it: the dtype, and what stands for an element. */
export function narrowName(dtype: DType, { word, bits }: Narrow): string {
  const each = (BYTES[dtype] * 8) / word;
  return `${dtype} as ${each > 1 ? `${each} ` : ""}u${bits}`;
}
