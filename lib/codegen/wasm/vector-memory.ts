/** Vector loads and stores of contiguous elements: how each dtype lies in memory and in a v128. */
import { type Buffer, BYTES } from "../../ir/index.ts";
import type { Poly } from "../lower/poly.ts";
import { address } from "./access.ts";
import type { Context, LaneFrame } from "./context.ts";
import type { Value } from "./graph.ts";
import { packLanes, unpackLanes, vectorLanes } from "./half-float.ts";
import { type Lanes, maskFor, words } from "./vector.ts";

/** `lanes` elements from `index` on. */
export function loadVector(c: Context, buffer: Buffer, index: Poly, lanes: Lanes): Value {
  const { g } = c;
  const { addr, offset } = address(c, buffer, index);
  const load = (op: string): Value => g.load(op, addr, { offset }, buffer.id);
  const bytes = (sign: "s" | "u"): Value => {
    // Two bytes come with a splat: there is no load of 16 bits that clears the rest.
    const raw = load(lanes === 4 ? "v128.load32_zero" : "v128.load16_splat");
    const half = g.make(`i16x8.extend_low_i8x16_${sign}`, [raw]);
    return g.make(`i32x4.extend_low_i16x8_${sign}`, [half]);
  };
  switch (buffer.dtype) {
    case "f32":
    case "i32":
      return load(lanes === 4 ? "v128.load" : "v128.load64_zero");
    case "f64":
    case "i64":
      return load("v128.load");
    case "f16": {
      const raw =
        lanes === 4
          ? load("v128.load16x4_u")
          : g.make("i32x4.extend_low_i16x8_u", [load("v128.load32_zero")]);
      return unpackLanes(vectorLanes(g), raw);
    }
    case "i8":
      return bytes("s");
    case "u8":
      return bytes("u");
    case "bool": {
      const mask = g.make("i32x4.ne", [bytes("u"), words(g, [0, 0, 0, 0])]);
      return lanes === 4 ? mask : g.make("i64x2.extend_low_i32x4_s", [mask]);
    }
  }
}

/** One element in every lane, loaded as such. Only for four-byte and eight-byte dtypes that fill the vector. */
export function loadSplat(c: Context, buffer: Buffer, index: Poly, lanes: Lanes): Value | undefined {
  const wide = buffer.dtype === "f64" || buffer.dtype === "i64";
  if (!(wide ? lanes === 2 : buffer.dtype === "f32" || buffer.dtype === "i32")) return undefined;
  const { addr, offset } = address(c, buffer, index);
  return c.g.load(wide ? "v128.load64_splat" : "v128.load32_splat", addr, { offset }, buffer.id);
}

/** The bytes that lanes were widened from, which are what narrowing brings back; undefined where they were not. */
function widenedFrom(x: Value, sign: "s" | "u"): Value | undefined {
  if (x.op !== `i32x4.extend_low_i16x8_${sign}`) return undefined;
  const [half] = x.args;
  return half.op === `i16x8.extend_low_i8x16_${sign}` ? half.args[0] : undefined;
}

/** Stores the active lanes from `index` on. */
export function storeVector(c: Context, buffer: Buffer, index: Poly, lane: LaneFrame, value: Value): void {
  const { g } = c;
  const { lanes, active } = lane;
  const { addr, offset } = address(c, buffer, index);
  const size = BYTES[buffer.dtype];
  /** The first bytes of `x`: in pieces of as many bytes as instructions store. */
  const put = (x: Value): void => {
    if (active * size === 16) return g.store("v128.store", [addr, x], { offset }, buffer.id);
    const held = g.pin(x);
    let at = 0;
    for (const piece of [8, 4, 2, 1]) {
      if (at + piece > active * size) continue;
      g.store(
        `v128.store${8 * piece}_lane`,
        [addr, held],
        { lane: at / piece, offset: offset + at },
        buffer.id,
      );
      at += piece;
    }
  };
  const bytes = (sign: "s" | "u", x: Value): void => {
    const before = widenedFrom(x, sign);
    if (before) return put(before);
    const half = g.make("i16x8.narrow_i32x4_s", [x, x]);
    put(g.make(`i8x16.narrow_i16x8_${sign}`, [half, half]));
  };
  switch (buffer.dtype) {
    case "f32":
    case "i32":
    case "f64":
    case "i64":
      return put(value);
    case "f16": {
      const half = packLanes(vectorLanes(g), value);
      return put(g.make("i16x8.narrow_i32x4_u", [half, half]));
    }
    case "i8":
      return bytes("s", value);
    case "u8":
      return bytes("u", value);
    case "bool":
      return bytes("u", g.make("v128.and", [maskFor(g, lanes, "u8", value), words(g, [1, 1, 1, 1])]));
  }
}
