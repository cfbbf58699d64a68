/** Activation functions of neural networks: elementwise, named as in TVM's `nn` group. */
import { type Expr, ops, type TensorType } from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { OpArgs, OpDef } from "../op.ts";
import { broadcastShapes, sameShape } from "../shape.ts";
import { checkDtype, like, sameDtype, unary, wide } from "./elementwise-form.ts";
import { broadcastIndex } from "./te-index.ts";

const { add, div, exp, gt, lt, max, min, mul, select, sub } = ops;

const FLOAT = { takes: "float" } as const;
const clamp01 = (x: Expr): Expr => max(min(x, like(x, 1)), like(x, 0));

/** Of floats only, with attributes that are numbers; halves are computed as f32. */
function activation(
  doc: string,
  f: (x: Expr, n: (name: string) => number) => Expr,
  defaults: Readonly<Record<string, readonly [value: number, doc: string]>> = {},
): OpDef {
  const attrs = Object.fromEntries(
    Object.entries(defaults).map(([name, [value, what]]) => [name, { doc: what, default: value }]),
  );
  const body = wide((x: Expr, c: OpArgs) => f(x, (name) => c.num(name)));
  return unary(doc, body, { ...FLOAT, attrs });
}

const slope = "slope below 0";

/** tanh(log(1 + e^x)) = (n² + 2n) / (n² + 2n + 2) with n = e^x; from 20 on it is 1 in f32, and n² would overflow later. */
function mish(x: Expr): Expr {
  const n = exp(min(x, like(x, 20)));
  const m = mul(n, add(n, like(x, 2)));
  return mul(x, div(m, add(m, like(x, 2))));
}

export const ACTIVATION = {
  "nn.relu": unary("max(x, 0)", (x) => max(x, like(x, 0))),
  "nn.leakyRelu": activation(
    "x, or alpha * x where x is negative",
    (x, n) => select(lt(x, like(x, 0)), mul(x, like(x, n("alpha"))), x),
    { alpha: [0.01, slope] },
  ),
  "nn.elu": activation(
    "x, or alpha * (exp(x) - 1) where x is negative",
    (x, n) => select(lt(x, like(x, 0)), mul(like(x, n("alpha")), sub(exp(x), like(x, 1))), x),
    { alpha: [1, "minus the limit at -infinity"] },
  ),
  "nn.selu": activation(
    "gamma * x, or gamma * alpha * (exp(x) - 1) where x is not positive",
    (x, n) =>
      mul(
        like(x, n("gamma")),
        select(gt(x, like(x, 0)), x, mul(like(x, n("alpha")), sub(exp(x), like(x, 1)))),
      ),
    // Klambauer et al. 2017, "Self-Normalizing Neural Networks", equation 14.
    { alpha: [1.6732632423543772, "fixed point of the paper"], gamma: [1.0507009873554805, "its scale"] },
  ),
  "nn.celu": activation(
    "max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0)",
    (x, n) => {
      const alpha = like(x, n("alpha"));
      const low = mul(alpha, sub(exp(div(x, alpha)), like(x, 1)));
      return add(max(x, like(x, 0)), min(low, like(x, 0)));
    },
    { alpha: [1, "minus the limit at -infinity"] },
  ),
  "nn.hardSigmoid": activation(
    "alpha * x + beta, held between 0 and 1",
    (x, n) => clamp01(add(mul(x, like(x, n("alpha"))), like(x, n("beta")))),
    { alpha: [0.2, "slope"], beta: [0.5, "value at 0"] },
  ),
  "nn.hardSwish": activation("x times (x / 6 + 1/2 held between 0 and 1)", (x) =>
    mul(x, clamp01(add(mul(x, like(x, 1 / 6)), like(x, 0.5)))),
  ),
  "nn.gelu": activation("x times the normal distribution function of x", (x) =>
    mul(mul(like(x, 0.5), x), add(like(x, 1), ops.erf(mul(x, like(x, Math.SQRT1_2))))),
  ),
  "nn.geluTanh": activation("gelu by tanh: 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))", (x) => {
    const cubic = mul(mul(x, mul(x, x)), like(x, 0.044715));
    const inner = mul(like(x, Math.sqrt(2 / Math.PI)), add(x, cubic));
    return mul(mul(like(x, 0.5), x), add(like(x, 1), ops.tanh(inner)));
  }),
  "nn.silu": activation("x * sigmoid(x)", (x) => mul(x, ops.sigmoid(x))),
  "nn.mish": activation("x * tanh(softplus(x))", mish),
  // max(x, 0) + log(1 + exp(-|x|)) never overflows.
  "nn.softplus": activation("log(1 + exp(x))", (x) =>
    add(max(x, like(x, 0)), ops.log(add(like(x, 1), exp(sub(like(x, 0), ops.abs(x)))))),
  ),
  "nn.softsign": activation("x / (1 + |x|)", (x) => div(x, add(like(x, 1), ops.abs(x)))),
  "nn.thresholdedRelu": activation(
    "x where it is above alpha, 0 elsewhere",
    (x, n) => select(gt(x, like(x, n("alpha"))), x, like(x, 0)),
    { alpha: [1, "threshold"] },
  ),
  "nn.shrink": activation(
    "x + bias below -lambd, x - bias above lambd, 0 between",
    (x, n) => {
      const [lambd, bias] = [like(x, n("lambd")), like(x, n("bias"))];
      const high = select(gt(x, lambd), sub(x, bias), like(x, 0));
      return select(lt(x, sub(like(x, 0), lambd)), add(x, bias), high);
    },
    { lambd: [0.5, "half the width of the gap"], bias: [0, "how far both sides move to 0"] },
  ),
  "nn.prelu": {
    doc: "x, or slope * x where x is negative; the slope broadcasts to x",
    args: [
      { name: "x", kind: "tensor" },
      { name: "slope", kind: "tensor" },
    ],
    infer: (c): TensorType => {
      checkDtype(c, sameDtype(c), "number");
      const x = c.tensor(0);
      const shape = broadcastShapes(c.op, [x.shape, c.tensor(1).shape]);
      if (!sameShape(shape, x.shape)) c.refuse("the slope must broadcast to the shape of x");
      return x;
    },
    te: (c) => {
      const [x, s] = [c.x(0), c.x(1)];
      const value = (i: readonly Expr[]) => {
        const e = x.get(i);
        return select(lt(e, like(e, 0)), mul(e, s.get(broadcastIndex(s, i, x.shape))), e);
      };
      return te.compute(x.shape, (...i) => value(i), "prelu");
    },
  },
} as const satisfies Record<string, OpDef>;
