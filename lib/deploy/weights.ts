/**
 * The weights of a bundle. In memory they lie one after another from a fixed address on; the file has the same bytes, but
 * for those that take fewer there: first f32 that are stored as f16, then narrow integers (`narrow.ts`). So loading is a
 * loop for all of the former, one for each of the latter, and one copy.
 */
import { elementsOf, f16ToBits, type NDArray, sameData } from "../ir/index.ts";
import { type Narrow, narrowBytes, narrowed, narrowName, narrowOf } from "./narrow.ts";

/** Every constant starts at a multiple of this: that of a SIMD load. */
const ALIGN = 16;
const aligned = (bytes: number): number => Math.ceil(bytes / ALIGN) * ALIGN;

/** The largest number that f16 holds. */
const F16_MAX = 65504;
/** Constants of no more elements stay f32: their bytes do not matter, and they are often scales and epsilons. */
const FEW = 64;

export interface Weights {
  /** The file. */
  readonly bytes: Uint8Array;
  /** Of the constants given, in order. */
  readonly addresses: readonly number[];
  /** How many numbers at the start of the file are f16, for f32 in memory. */
  readonly halves: number;
  /** What follows them: integers that are wider in memory, where they begin in the file, and their address. */
  readonly narrow: readonly (Narrow & { readonly from: number; readonly at: number })[];
  /** Where the bytes begin that are in memory as in the file, here and there. */
  readonly rest: { readonly from: number; readonly at: number };
  /** Where they end in memory. */
  readonly end: number;
  /** Names of dtypes as they are stored, for the manifest. */
  readonly stored: readonly { readonly dtype: string; readonly count: number; readonly bytes: number }[];
}

/** Lays out constants from `start` on. Equal data are stored once. */
export function layOutWeights(constants: readonly NDArray[], start: number, f16: boolean): Weights {
  const distinct = distinctData(constants);
  const half = f16 ? distinct.filter(fitsHalf) : [];
  const forms = new Map(distinct.flatMap((c) => pair(c, narrowOf(c))));
  const isHalf = new Set(half);
  const whole = distinct.filter((c) => !isHalf.has(c) && !forms.has(c));
  const at = new Map<NDArray, number>();
  let next = start;
  const place = (all: Iterable<NDArray>): void => {
    for (const c of all) {
      at.set(c, next);
      next += aligned(c.bytes.length);
    }
  };
  place(half);
  const halves = (next - start) / 4;
  place(forms.keys());
  let from = halves * 2;
  const narrow = [...forms].map(([c, form]) => {
    const stored = { ...form, from, at: at.get(c) as number };
    from += narrowBytes(form);
    return stored;
  });
  const rest = { from, at: next };
  place(whole);
  const bytes = new Uint8Array(rest.from + (next - rest.at));
  const view = new DataView(bytes.buffer);
  for (const c of half) {
    const first = ((at.get(c) as number) - start) / 2;
    (elementsOf(c) as Float32Array).forEach((x, i) => {
      view.setUint16(first + 2 * i, f16ToBits(x), true);
    });
  }
  [...forms.keys()].forEach((c, i) => {
    bytes.set(narrowed(c, narrow[i]), narrow[i].from);
  });
  for (const c of whole) bytes.set(c.bytes, rest.from + (at.get(c) as number) - rest.at);
  const representative = new Map<NDArray, NDArray>();
  for (const c of constants) representative.set(c, distinct.find((d) => sameTensorData(c, d)) as NDArray);
  return {
    bytes,
    addresses: constants.map((c) => at.get(representative.get(c) as NDArray) as number),
    halves,
    narrow,
    rest,
    end: next,
    stored: summary(half, forms, whole),
  };
}

const pair = <X, Y>(x: X, y: Y | undefined): [X, Y][] => (y === undefined ? [] : [[x, y]]);

/** Bytes decide, not shapes: a reshaped weight is the same weight. */
function sameTensorData(a: NDArray, b: NDArray): boolean {
  if (a === b) return true;
  if (a.dtype !== b.dtype || a.bytes.length !== b.bytes.length) return false;
  return sameData({ ...a, shape: [] }, { ...b, shape: [] });
}

function distinctData(constants: readonly NDArray[]): NDArray[] {
  const bySize = new Map<number, NDArray[]>();
  for (const c of constants) {
    const known = bySize.get(c.bytes.length) ?? [];
    if (known.some((d) => sameTensorData(c, d))) continue;
    bySize.set(c.bytes.length, [...known, c]);
  }
  const kept = new Set([...bySize.values()].flat());
  return constants.filter((c, i) => kept.has(c) && constants.indexOf(c) === i);
}

function fitsHalf(c: NDArray): boolean {
  if (c.dtype !== "f32" || c.bytes.length / 4 <= FEW) return false;
  return (elementsOf(c) as Float32Array).every((x) => !(Math.abs(x) > F16_MAX) || !Number.isFinite(x));
}

function summary(
  half: readonly NDArray[],
  forms: ReadonlyMap<NDArray, Narrow>,
  whole: readonly NDArray[],
): Weights["stored"] {
  const sums = new Map<string, { count: number; bytes: number }>();
  const add = (dtype: string, bytes: number): void => {
    const s = sums.get(dtype) ?? { count: 0, bytes: 0 };
    sums.set(dtype, { count: s.count + 1, bytes: s.bytes + bytes });
  };
  for (const c of half) add("f32 as f16", c.bytes.length / 2);
  for (const [c, form] of forms) add(narrowName(c.dtype, form), narrowBytes(form));
  for (const c of whole) add(c.dtype, c.bytes.length);
  return [...sums].map(([dtype, s]) => ({ dtype, ...s }));
}
