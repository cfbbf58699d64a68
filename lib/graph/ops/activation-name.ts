/** The activations of recurrent layers, by their names in ONNX. */
import { type Expr, ops } from "../../ir/index.ts";
import { te } from "../../te/index.ts";

/** Name, and the two numbers some of them take. */
export type NamedActivation = readonly [name: string, alpha: number, beta: number];

type Formula = (x: Expr, num: (v: number) => Expr, alpha: number, beta: number) => Expr;

interface Known {
  readonly alpha: number;
  readonly beta: number;
  readonly formula: Formula;
}

const known = (formula: Formula, alpha = 0, beta = 0): Known => ({ formula, alpha, beta });

const ACTIVATIONS: Readonly<Record<string, Known>> = {
  relu: known((x, n) => ops.max(x, n(0))),
  tanh: known((x) => ops.tanh(x)),
  sigmoid: known((x) => ops.sigmoid(x)),
  affine: known((x, n, a, b) => ops.add(ops.mul(x, n(a)), n(b)), 1, 0),
  leakyrelu: known((x, n, a) => ops.select(ops.ge(x, n(0)), x, ops.mul(x, n(a))), 0.01),
  thresholdedrelu: known((x, n, a) => ops.select(ops.ge(x, n(a)), x, n(0)), 1),
  scaledtanh: known((x, n, a, b) => ops.mul(ops.tanh(ops.mul(x, n(b))), n(a)), 1, 1),
  hardsigmoid: known((x, n, a, b) => ops.min(ops.max(ops.add(ops.mul(x, n(a)), n(b)), n(0)), n(1)), 0.2, 0.5),
  elu: known((x, n, a) => ops.select(ops.ge(x, n(0)), x, ops.mul(ops.sub(ops.exp(x), n(1)), n(a))), 1),
  softsign: known((x, n) => ops.div(x, ops.add(ops.abs(x), n(1)))),
  // log(1 + e^x) without overflow.
  softplus: known((x, n) => ops.add(ops.max(x, n(0)), ops.log(ops.add(ops.exp(te.neg(ops.abs(x))), n(1))))),
};

export const ACTIVATION_NAMES: readonly string[] = Object.keys(ACTIVATIONS);

/** The activation of a name (in any case), with its defaults where numbers are not given; undefined for unknown names. */
export function namedActivation(name: string, alpha?: number, beta?: number): NamedActivation | undefined {
  const low = name.toLowerCase();
  if (!Object.hasOwn(ACTIVATIONS, low)) return undefined;
  const k = ACTIVATIONS[low];
  return [low, alpha ?? k.alpha, beta ?? k.beta];
}

export const applyActivation = ([name, alpha, beta]: NamedActivation, x: Expr): Expr =>
  ACTIVATIONS[name].formula(x, (v) => ops.toExpr(v, x.dtype), alpha, beta);
