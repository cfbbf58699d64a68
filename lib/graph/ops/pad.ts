/** Borders around tensors, and blocks of positions moved into channels and back. */
import { simplify } from "../../arith/index.ts";
import { constant, constInt, type Expr, load, ops, store, type TensorType } from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpArgs, OpDef, TypedCall } from "../op.ts";
import { knownIsZero, type Size, withShape } from "../shape.ts";
import { X } from "./elementwise-form.ts";
import { buffersOf, fillBlock, programOf, spatialBlock } from "./prim-form.ts";

const MODES = ["constant", "reflect", "edge", "wrap"] as const;
type Mode = (typeof MODES)[number];

function mode(c: OpArgs): Mode {
  const m = c.str("padMode") as Mode;
  return MODES.includes(m) ? m : c.refuse(`padMode is one of ${MODES.join(", ")}, not "${m}"`);
}

function padded(c: OpArgs): TensorType {
  const x = c.tensor(0);
  const width = c.shape(1);
  if (width.length !== 2 * x.shape.length)
    c.refuse(`padWidth has ${width.length} number(s); it takes two for each of ${x.shape.length} axes`);
  if (c.has(2)) {
    const v = c.tensor(2);
    if (v.dtype !== x.dtype || v.shape.some((s) => constInt(s) !== 1))
      c.refuse(`the value is one element of ${x.dtype}`);
  }
  const m = mode(c);
  const shape = x.shape.map((s, d): Size => {
    const size = simplify(ops.add(ops.add(s, width[2 * d]), width[2 * d + 1]));
    const n = constInt(size);
    if (n !== undefined && n < 0) c.refuse(`axis ${d} would have size ${n}`);
    if (m !== "constant" && constInt(s) === 0 && n !== 0)
      c.refuse(`axis ${d} is empty: there is nothing to take for padMode ${m}`);
    return size;
  });
  return withShape(x, shape);
}

/**
 * Where an axis of `n` is read for position `e` of the result, which may lie outside: before it by `before` elements at most,
 * behind it by `after`.
 */
function source(m: Exclude<Mode, "constant">, e: Expr, n: Size, [before, after]: readonly Size[]): Expr {
  const last = ops.sub(n, 1);
  if (m === "edge") return ops.max(ops.min(e, last), 0);
  if (m === "wrap") return ops.floormod(e, n);
  if (constInt(n) === 1) return ops.toExpr(0);
  // A walk to and fro: it comes back after 2 (n - 1) steps.
  const period = ops.mul(last, 2);
  const most = Math.max(constInt(before) ?? Number.NaN, constInt(after) ?? Number.NaN);
  // At borders narrower than the axis is long it turns once, and nothing need be divided for each element.
  const once = most <= (constInt(n) ?? Number.NaN) - 1;
  const r = once ? ops.max(e, ops.sub(0, e)) : ops.floormod(e, period);
  return ops.min(r, ops.sub(period, r));
}

/**
 * Borders of one value are filled and the inside is copied, both without conditions. Everything else is one block that
 * computes where each element comes from.
 */
function pad(c: TypedCall): ReturnType<NonNullable<OpDef["prim"]>> {
  const b = buffersOf(c);
  const [x, given] = b.ins;
  const [out] = b.outs;
  const width = c.shape(1);
  const m = mode(c);
  const outside = given
    ? load(
        given,
        given.shape.map(() => ops.toExpr(0)),
      )
    : constant(0, x.dtype);
  if (m === "constant" && width.every((w) => (constInt(w) ?? -1) >= 0)) {
    const to = (i: readonly Expr[]): Expr[] => i.map((e, d) => ops.add(e, width[2 * d]));
    const fill = fillBlock("pad_border", out, outside);
    if (x.shape.some(knownIsZero)) return programOf(b, [fill]);
    return programOf(b, [fill, spatialBlock("pad", x.shape, (i) => store(out, to(i), load(x, i)))]);
  }
  const value = (i: readonly Expr[]): Expr => {
    const at = i.map((e, d): Expr => ops.sub(e, width[2 * d]));
    if (m !== "constant")
      return load(
        x,
        at.map((e, d) => source(m, e, x.shape[d], width.slice(2 * d, 2 * d + 2))),
      );
    const inside = ops.allOf(at.flatMap((e, d) => [ops.ge(e, 0), ops.lt(e, x.shape[d])]));
    return inside ? ops.select(inside, load(x, at), outside) : load(x, at);
  };
  return programOf(b, [spatialBlock("pad", out.shape, (i) => store(out, i, value(i)))]);
}

function blockSize(c: OpArgs): number {
  const b = c.num("blockSize");
  if (!Number.isInteger(b) || b < 1) c.refuse(`${b} is no size of blocks`);
  if (c.tensor(0).shape.length !== 4) c.refuse("x is (batch, channel, height, width)");
  return b;
}

/** Quotient of a size, refused where it is known not to be whole. */
function quotient(c: OpArgs, s: Size, by: number, what: string): Size {
  const n = constInt(s);
  if (n !== undefined && n % by !== 0) c.refuse(`${what} ${n} does not divide by ${by}`);
  return simplify(ops.floordiv(s, by));
}

const BLOCK = { doc: "height and width of a block" } as const;

export const PAD = {
  "nn.pad": {
    doc: "with borders: padWidth is (before, after) for each axis, negative to cut off",
    args: [...X, { name: "padWidth", kind: "shape" }, { name: "value", kind: "tensor", optional: true }],
    attrs: {
      padMode: {
        doc: "constant (the value, or 0), reflect (without the edge itself), edge, or wrap (around)",
        default: "constant",
      },
    },
    infer: padded,
    prim: pad,
  },
  spaceToDepth: {
    doc: "blocks of positions become channels: (n, c, h, w) to (n, b b c, h / b, w / b)",
    args: X,
    attrs: { blockSize: BLOCK },
    infer: (c): TensorType => {
      const b = blockSize(c);
      const [n, ch, h, w] = c.tensor(0).shape;
      const shape = [
        n,
        simplify(ops.mul(ch, b * b)),
        quotient(c, h, b, "the height"),
        quotient(c, w, b, "the width"),
      ];
      return withShape(c.tensor(0), shape);
    },
    te: (c) => {
      const x = c.x(0);
      const b = blockSize(c);
      const channels = x.shape[1];
      return te.compute(
        c.out().shape,
        (n, k, h, w) => {
          const part = ops.floordiv(k, channels);
          const [dy, dx] = [ops.floordiv(part, b), ops.floormod(part, b)];
          return x.at(n, ops.floormod(k, channels), ops.add(ops.mul(h, b), dy), ops.add(ops.mul(w, b), dx));
        },
        "spaceToDepth",
      );
    },
  },
  depthToSpace: {
    doc: "channels become blocks of positions: (n, c, h, w) to (n, c / (b b), h b, w b)",
    args: X,
    attrs: {
      blockSize: BLOCK,
      mode: {
        doc: "DCR: the place in the block is the slower part of a channel; CRD: the faster",
        default: "DCR",
      },
    },
    infer: (c): TensorType => {
      const b = blockSize(c);
      if (!["DCR", "CRD"].includes(c.str("mode"))) c.refuse(`mode is DCR or CRD, not "${c.str("mode")}"`);
      const [n, ch, h, w] = c.tensor(0).shape;
      const shape = [
        n,
        quotient(c, ch, b * b, "the number of channels"),
        simplify(ops.mul(h, b)),
        simplify(ops.mul(w, b)),
      ];
      return withShape(c.tensor(0), shape);
    },
    te: (c) => {
      const x = c.x(0);
      const b = blockSize(c);
      const { shape } = c.out();
      return te.compute(
        shape,
        (n, k, h, w) => {
          const place = ops.add(ops.mul(ops.floormod(h, b), b), ops.floormod(w, b));
          const channel =
            c.str("mode") === "DCR"
              ? ops.add(ops.mul(place, shape[1]), k)
              : ops.add(ops.mul(k, b * b), place);
          return x.at(n, channel, ops.floordiv(h, b), ops.floordiv(w, b));
        },
        "depthToSpace",
      );
    },
  },
} as const satisfies Record<string, OpDef>;
