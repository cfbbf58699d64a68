/**
 * Vectors of elements that lie apart.
 *
 * A short constant stride is loaded as whole vectors, of which shuffles keep what is wanted. The vectors start at a
 * multiple of the stride, so that the loads of neighbouring elements (a window's, a pixel's channels) are the same and
 * are made once. They may reach 12 bytes beyond the elements in either direction, which the calling convention allows.
 * Longer constant strides are loaded as a vector for each lane (bytes: as a word). Everything else is put together lane by lane.
 */
import type { Buffer, Expr } from "../../ir/index.ts";
import { addPoly, constPoly, type Poly } from "../lower/poly.ts";
import { address, linearIndex } from "./access.ts";
import type { Context, LaneFrame } from "./context.ts";
import type { Value } from "./graph.ts";

/** Strides up to this are loaded whole: then a load brings as many elements as there are loads. */
const MAX_STRIDE = 4;

/** The bytes of four 32-bit words, picked from the eight words of two vectors. */
function shuffle(c: Context, a: Value, b: Value, words: readonly number[]): Value {
  const bytes = words.flatMap((w) => [4 * w, 4 * w + 1, 4 * w + 2, 4 * w + 3]);
  return c.g.make("i8x16.shuffle", [a, b], new Uint8Array(bytes));
}

/** Elements `index + stride * lane` of a buffer of 32-bit elements; undefined where lane by lane is better. */
export function loadStrided(
  c: Context,
  lane: LaneFrame,
  buffer: Buffer,
  index: Poly,
  stride: number,
): Value | undefined {
  if (!isWord(buffer, lane)) return undefined;
  const load = (at: Poly): Value => {
    const { addr, offset } = address(c, buffer, at);
    return c.g.load("v128.load", addr, { offset }, buffer.id);
  };
  if (stride === -1) {
    // Ends with the first lane's element: nothing is read beyond the elements but before them.
    const v = load(addPoly(index, constPoly(-3)));
    return shuffle(c, v, v, [3, 2, 1, 0]);
  }
  if (stride < 2 || stride > MAX_STRIDE) return undefined;
  const constant = index.get("")?.coef ?? 0;
  const phase = ((constant % stride) + stride) % stride;
  const anchor = addPoly(index, constPoly(-phase));
  /** Where each lane's element stands among the words that are loaded. */
  const at = Array.from({ length: lane.active }, (_, i) => phase + stride * i);
  const numbers = [...new Set(at.map((w) => w >> 2))];
  const parts = numbers.map((j) => load(addPoly(anchor, constPoly(4 * j))));
  /** Where lane i stands in the pair of what was put together and vector `j`; undefined when in neither. */
  const among = (i: number, j: number, first: boolean): number | undefined => {
    const w = at[i];
    if (w === undefined || w >> 2 > j) return undefined;
    return w >> 2 === j ? 4 + (w & 3) : first ? w & 3 : i;
  };
  const lanes = [0, 1, 2, 3];
  if (parts.length === 1)
    return shuffle(
      c,
      parts[0],
      parts[0],
      lanes.map((i) => (at[i] ?? 0) & 3),
    );
  return parts.slice(1).reduce((out, part, k) => {
    const words = lanes.map((i) => among(i, numbers[k + 1], k === 0) ?? i);
    return shuffle(c, out, part, words);
  }, parts[0]);
}

/**
 * Elements `index + stride * lane` by whole vectors, one for each lane, of which each brings four neighbours. Where code asks
 * for these neighbours too (a transpose: four rows written by four columns read), the loads and the first step of the
 * shuffles are the same and are made once: four loads and eight shuffles for sixteen elements. Undefined where lane by lane
 * is better.
 */
export function loadAcross(
  c: Context,
  lane: LaneFrame,
  buffer: Buffer,
  index: Poly,
  stride: number,
): Value | undefined {
  if (!isWord(buffer, lane) || lane.active < 4 || Math.abs(stride) < 4) return undefined;
  const phase = (((index.get("")?.coef ?? 0) % 4) + 4) % 4;
  const rows = [0, 1, 2, 3].map((i) => {
    const { addr, offset } = address(c, buffer, addPoly(index, constPoly(stride * i - phase)));
    return c.g.load("v128.load", addr, { offset }, buffer.id);
  });
  const half = phase >> 1;
  const pairs = [0, 2].map((i) => shuffle(c, rows[i], rows[i + 1], half === 0 ? [0, 4, 1, 5] : [2, 6, 3, 7]));
  return shuffle(c, pairs[0], pairs[1], phase % 2 === 0 ? [0, 1, 4, 5] : [2, 3, 6, 7]);
}

/**
 * The same of bytes: four neighbours from each of four places come into one vector, of which a shuffle takes each lane's. What
 * a transpose writes next is in the same vector: four loads and a shuffle for each four bytes that are written.
 */
export function loadBytesAcross(
  c: Context,
  lane: LaneFrame,
  buffer: Buffer,
  index: Poly,
  stride: number,
): Value | undefined {
  const isByte = buffer.dtype === "u8" || buffer.dtype === "i8";
  if (!isByte || lane.lanes !== 4 || lane.active < 4 || Math.abs(stride) < 4) return undefined;
  const phase = (((index.get("")?.coef ?? 0) % 4) + 4) % 4;
  const rows = [0, 1, 2, 3].reduce<Value | undefined>((out, i) => {
    const { addr, offset } = address(c, buffer, addPoly(index, constPoly(stride * i - phase)));
    return out
      ? c.g.load("v128.load32_lane", addr, { lane: i, offset }, buffer.id, [out])
      : c.g.load("v128.load32_zero", addr, { offset }, buffer.id);
  }, undefined);
  if (!rows) return undefined;
  const picked = c.g.make("i8x16.shuffle", [rows, rows], new Uint8Array(columnOfBytes(phase)));
  const sign = buffer.dtype === "u8" ? "u" : "s";
  const half = c.g.make(`i16x8.extend_low_i8x16_${sign}`, [picked]);
  return c.g.make(`i32x4.extend_low_i16x8_${sign}`, [half]);
}

/** Byte `phase` of each of four words, and again. */
const columnOfBytes = (phase: number): number[] => Array.from({ length: 16 }, (_, i) => 4 * (i & 3) + phase);

/** Runs `f` with the lane variable standing for `i`. */
export function inLane<X>(c: Context, lane: LaneFrame, i: number, f: () => X): X {
  const range = c.ranges.get(lane.v.id);
  c.known.set(lane.v.id, i);
  c.ranges.set(lane.v.id, { min: i, max: i });
  const out = f();
  c.known.delete(lane.v.id);
  if (range) c.ranges.set(lane.v.id, range);
  return out;
}

/** Elements anywhere, each loaded into its lane. */
export function loadEach(
  c: Context,
  lane: LaneFrame,
  buffer: Buffer,
  indices: readonly Expr[],
): Value | undefined {
  if (!isWord(buffer, lane)) return undefined;
  let out: Value | undefined;
  for (let i = 0; i < lane.active; i++) {
    const { addr, offset } = inLane(c, lane, i, () => address(c, buffer, linearIndex(c, buffer, indices)));
    out = out
      ? c.g.load("v128.load32_lane", addr, { lane: i, offset }, buffer.id, [out])
      : c.g.load("v128.load32_zero", addr, { offset }, buffer.id);
  }
  return out;
}

/** Stores each lane at its own place; false where the dtype is not one of 32 bits. */
export function storeEach(
  c: Context,
  lane: LaneFrame,
  buffer: Buffer,
  indices: readonly Expr[],
  value: Value,
): boolean {
  if (!isWord(buffer, lane)) return false;
  for (let i = 0; i < lane.active; i++) {
    const { addr, offset } = inLane(c, lane, i, () => address(c, buffer, linearIndex(c, buffer, indices)));
    c.g.store("v128.store32_lane", [addr, value], { lane: i, offset }, buffer.id);
  }
  return true;
}

const isWord = (buffer: Buffer, lane: LaneFrame): boolean =>
  lane.lanes === 4 && (buffer.dtype === "f32" || buffer.dtype === "i32");
