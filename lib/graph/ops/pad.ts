/** Borders around tensors, and blocks of positions moved into channels and back. */
import { simplify } from "../../arith/index.ts";
import { constInt, type Expr, ops, type TensorType } from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpArgs, OpDef, TeCall } from "../op.ts";
import { type Size, withShape } from "../shape.ts";
import { X } from "./elementwise-form.ts";

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

/** Where an axis of `n` is read for position `e` of the result, which may lie outside. */
function source(m: Exclude<Mode, "constant">, e: Expr, n: Size): Expr {
  const last = ops.sub(n, 1);
  if (m === "edge") return ops.max(ops.min(e, last), 0);
  if (m === "wrap") return ops.floormod(e, n);
  if (constInt(n) === 1) return ops.toExpr(0);
  // A walk to and fro: it comes back after 2 (n - 1) steps.
  const period = ops.mul(last, 2);
  const r = ops.floormod(e, period);
  return ops.min(r, ops.sub(period, r));
}

function pad(c: TeCall): te.Tensor {
  const x = c.x(0);
  const width = c.shape(1);
  const m = mode(c);
  const value = (i: readonly Expr[]): Expr => {
    const at = i.map((e, d): Expr => ops.sub(e, width[2 * d]));
    if (m !== "constant") return x.get(at.map((e, d) => source(m, e, x.shape[d])));
    const outside = c.has(2) ? c.x(2).get(c.x(2).shape.map(() => 0)) : te.const(0, x.dtype);
    const inside = at.flatMap((e, d) => {
      const [low, high] = [constInt(width[2 * d]), constInt(width[2 * d + 1])];
      return [
        ...(low !== undefined && low <= 0 ? [] : [ops.ge(e, 0)]),
        ...(high !== undefined && high <= 0 ? [] : [ops.lt(e, x.shape[d])]),
      ];
    });
    const all = ops.allOf(inside);
    return all ? ops.select(all, x.get(at), outside) : x.get(at);
  };
  return te.compute(c.out().shape, (...i) => value(i), "pad");
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
    te: pad,
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
