/** Tensors made of numbers and shapes. */
import { simplify } from "../../../arith/index.ts";
import { R } from "../../../graph/index.ts";
import { type Expr, isInt, ops } from "../../../ir/index.ts";
import type { Converter, ConverterTable, NodeContext } from "../context.ts";
import { dtypeName, dtypeOf } from "../decode-tensor.ts";
import { elemExpr } from "../literal.ts";
import { cast, scalar } from "./elementwise.ts";

/** max(ceil((limit - start) / delta), 0) of sizes; undefined where they are not known, or no integers. */
function knownCount(cx: NodeContext): Expr | undefined {
  const parts = [0, 1, 2].map((i) => cx.literal(i)?.elems[0]);
  const [start, limit, delta] = parts;
  if (start === undefined || limit === undefined || typeof delta !== "number") return undefined;
  if (delta === 0) return cx.refuse("a step of 0 goes nowhere");
  if (typeof start === "number" && typeof limit === "number")
    return ops.toExpr(Math.max(0, Math.ceil((limit - start) / delta)));
  if (!isInt(cx.dtype(0))) return undefined;
  const way = ops.sub(elemExpr(limit), elemExpr(start));
  const [length, step] = delta > 0 ? [way, delta] : [ops.sub(ops.toExpr(0), way), -delta];
  return simplify(ops.max(ops.floordiv(ops.add(length, step - 1), step), 0));
}

/** The count as data, where the numbers are: the program reads it when it runs. */
function computedCount(cx: NodeContext): Expr {
  for (const i of [0, 1, 2]) if (cx.tensor(i).needs) cx.need(i);
  const [start, limit, delta] = [0, 1, 2].map((i) => cx.emit(cast(cx.input(i), "f64")));
  const way = cx.emit(R.op("subtract", [limit, start]));
  const steps = cx.emit(R.op("ceil", [cx.emit(R.op("divide", [way, delta]))]));
  const count = cx.emit(R.op("maximum", [steps, scalar(0, "f64")]));
  return cx.bb.tensorToShape(cx.emit(cast(count, "i64")), ["n"])[0];
}

const range: Converter = (cx) => {
  const n = knownCount(cx) ?? computedCount(cx);
  return R.op("arange", [[n], cx.input(0), cx.input(2)]);
};

const eyeLike: Converter = (cx) => {
  const code = cx.attr.has("dtype") ? cx.attr.int("dtype") : undefined;
  const dtype = code === undefined ? cx.dtype(0) : dtypeOf(code);
  if (!dtype) return cx.refuse(`${dtypeName(code as number)} is not supported`, "dtype");
  return R.op("eye", [cx.shape(0)], { k: cx.attr.int("k", 0), dtype });
};

export const CREATE: ConverterTable = {
  EyeLike: eyeLike,
  Range: range,
};
