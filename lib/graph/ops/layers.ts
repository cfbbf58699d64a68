/** Layers that are made of other operators: linear ones and attention. */
import { constantOf, constInt, type GraphExpr, isFloat, type TensorType } from "../../ir/index.ts";
import type { BlockBuilder } from "../block-builder.ts";
import { constantData } from "../constant.ts";
import type { OpArgs, OpDef } from "../op.ts";
import { callsOf } from "../op-call.ts";
import { broadcastShapes, sameShape, sameSize } from "../shape.ts";
import { ELEMENTWISE } from "./elementwise.ts";
import { LINEAR } from "./linear.ts";
import { MANIPULATE } from "./manipulate.ts";
import { SOFTMAX } from "./softmax.ts";

const call = callsOf({ ...ELEMENTWISE, ...MANIPULATE, ...LINEAR, ...SOFTMAX });

const tensor = (name: string, optional = false) => ({
  name,
  kind: "tensor" as const,
  ...(optional ? { optional } : {}),
});

function oneDtype(c: OpArgs): void {
  const dtypes = [...new Set(c.args.map((_, i) => c.tensor(i).dtype))];
  if (dtypes.length > 1) c.refuse(`its operands are ${dtypes.join(" and ")}; convert them with R.astype`);
}

/** The last axis of a type. */
const last = (t: TensorType) => t.shape[t.shape.length - 1];

function linear(c: OpArgs, bb: BlockBuilder): GraphExpr {
  const [x, w, b] = c.args;
  const turned = bb.emit(call("permuteDims", [w], { axes: [1, 0] }));
  const product = call("matmul", [x, turned]);
  return b ? call("add", [bb.emit(product), b]) : product;
}

function attention(c: OpArgs, bb: BlockBuilder): GraphExpr {
  const [q, k, v, bias] = c.args;
  const emit = (e: GraphExpr): GraphExpr => bb.emit(e);
  const heads = (x: GraphExpr, axes: readonly number[]): GraphExpr =>
    emit(call("permuteDims", [x], { axes }));
  const type = c.tensor(0);
  const size = constInt(last(type));
  const scale =
    c.num("scale") || 1 / Math.sqrt(size ?? c.refuse("the size of a head must be known, or a scale given"));
  const scaled = emit(call("multiply", [q, constantOf(constantData(scale, type.dtype))]));
  const products = emit(call("matmul", [heads(scaled, [0, 2, 1, 3]), heads(k, [0, 2, 3, 1])]));
  const scores = bias ? emit(call("add", [products, bias])) : products;
  const weights = emit(call("nn.softmax", [scores], { axis: -1 }));
  const mixed = emit(call("matmul", [weights, heads(v, [0, 2, 1, 3])]));
  return call("permuteDims", [mixed], { axes: [0, 2, 1, 3] });
}

export const LAYERS = {
  "nn.linear": {
    doc: "data · weightᵀ + bias, with weight [outputs, inputs]",
    args: [tensor("data"), tensor("weight"), tensor("bias", true)],
    infer: (c): TensorType => {
      oneDtype(c);
      const [x, w] = [c.tensor(0), c.tensor(1)];
      if (x.shape.length === 0 || w.shape.length !== 2)
        c.refuse("its data must have an axis at least, its weight two");
      if (!sameSize(last(x), w.shape[1]))
        c.refuse(
          `the data has ${constInt(last(x)) ?? "other"} inputs, the weight is for ${constInt(w.shape[1]) ?? "others"}`,
        );
      const shape = [...x.shape.slice(0, -1), w.shape[0]];
      if (c.has(2) && !sameShape(broadcastShapes(c.op, [shape, c.tensor(2).shape]), shape))
        c.refuse("its bias must be one number for each output");
      return { ...x, shape };
    },
    graph: linear,
  },
  "nn.attention": {
    doc: "softmax(scale · query · keyᵀ + bias) · value, for [batch, length, heads, size]",
    args: [tensor("query"), tensor("key"), tensor("value"), tensor("bias", true)],
    attrs: { scale: { doc: "factor of the products; 0 for 1 / √size", default: 0 } },
    infer: (c): TensorType => {
      oneDtype(c);
      const [q, k, v] = [c.tensor(0), c.tensor(1), c.tensor(2)];
      if (!isFloat(q.dtype)) c.refuse(`it is for floats, not ${q.dtype}`);
      if ([q, k, v].some((t) => t.shape.length !== 4))
        c.refuse("query, key and value must be [batch, length, heads, size]");
      const [batch, length, heads, size] = q.shape;
      const keys = k.shape[1];
      if (!sameShape(k.shape, [batch, keys, heads, size]))
        c.refuse("its key must have batch, heads and size of the query");
      if (!sameShape(v.shape, [batch, keys, heads, last(v)]))
        c.refuse("its value must have batch, length and heads of the key");
      const scores = [batch, heads, length, keys];
      if (c.has(3) && !sameShape(broadcastShapes(c.op, [scores, c.tensor(3).shape]), scores))
        c.refuse("its bias must broadcast to [batch, heads, query length, key length]");
      return { ...q, shape: [batch, length, heads, last(v)] };
    },
    graph: attention,
  },
} as const satisfies Record<string, OpDef>;
