/** The two forms of elementwise operators, which the tables fill: one operand, and two that broadcast. */
import {
  type DType,
  type Expr,
  cast as exprCast,
  isDType,
  isFloat,
  isInt,
  ops,
  type TensorType,
} from "../../ir/index.ts";
import { te } from "../../te/index.ts";
import type { ArgSpec, AttrSpec, OpArgs, OpDef } from "../op.ts";
import { broadcastShapes } from "../shape.ts";
import { broadcastIndex } from "./te-index.ts";

/** Which dtypes an operator takes. */
export type Takes = "float" | "int" | "number" | "bool" | "any";

const TAKES: Readonly<Record<Takes, (t: DType) => boolean>> = {
  float: isFloat,
  int: isInt,
  number: (t) => t !== "bool",
  bool: (t) => t === "bool",
  any: () => true,
};
const WORDS: Readonly<Record<Takes, string>> = {
  float: "floats",
  int: "integers",
  number: "numbers",
  bool: "bool",
  any: "every dtype",
};

export function checkDtype(c: OpArgs, t: DType, takes: Takes): void {
  if (!TAKES[takes](t)) c.refuse(`it is for ${WORDS[takes]}, not ${t}; convert with R.astype`);
}

/** A dtype among the attributes. */
export function dtypeAttr(c: OpArgs, name = "dtype"): DType {
  const t = c.str(name);
  return isDType(t) ? t : c.refuse(`there is no dtype "${t}"`);
}

/** Throws when two arguments differ in dtype; gives the dtype they have. */
export function sameDtype(c: OpArgs, i = 0, k = 1): DType {
  const [a, b] = [c.tensor(i), c.tensor(k)];
  if (a.dtype !== b.dtype) c.refuse(`its operands are ${a.dtype} and ${b.dtype}; convert one with R.astype`);
  return a.dtype;
}

export const X = [{ name: "x", kind: "tensor" }] as const satisfies readonly ArgSpec[];
const AB = [
  { name: "a", kind: "tensor" },
  { name: "b", kind: "tensor" },
] as const satisfies readonly ArgSpec[];

/** A cast that is left out where it changes nothing. */
export const castTo = (e: Expr, t: DType): Expr => (e.dtype === t ? e : exprCast(e, t));

/** Computes halves as f32 and rounds once. */
export const wide =
  (f: (x: Expr, c: OpArgs) => Expr) =>
  (x: Expr, c: OpArgs): Expr =>
    x.dtype === "f16" ? castTo(f(castTo(x, "f32"), c), "f16") : f(x, c);

interface Form {
  readonly takes?: Takes;
  /** The dtype of the result; that of the operands otherwise. */
  readonly result?: DType;
  readonly attrs?: Readonly<Record<string, AttrSpec>>;
}

const shortName = (c: OpArgs): string => c.op.split(".").at(-1) as string;

export function unary(doc: string, f: (x: Expr, c: OpArgs) => Expr, form: Form = {}): OpDef {
  const { takes = "number", result, attrs } = form;
  return {
    doc,
    args: X,
    ...(attrs ? { attrs } : {}),
    infer: (c): TensorType => {
      const x = c.tensor(0);
      checkDtype(c, x.dtype, takes);
      return { ...x, dtype: result ?? x.dtype };
    },
    te: (c) => te.compute(c.out().shape, (...i) => f(c.x(0).get(i), c), shortName(c)),
  };
}

export function binary(doc: string, f: (a: Expr, b: Expr, c: OpArgs) => Expr, form: Form = {}): OpDef {
  const { takes = "number", result, attrs } = form;
  return {
    doc,
    args: AB,
    ...(attrs ? { attrs } : {}),
    infer: (c): TensorType => {
      const dtype = sameDtype(c);
      checkDtype(c, dtype, takes);
      const shape = broadcastShapes(c.op, [c.tensor(0).shape, c.tensor(1).shape]);
      return { kind: "tensor", dtype: result ?? dtype, shape };
    },
    te: (c) => {
      const [a, b] = [c.x(0), c.x(1)];
      const { shape } = c.out();
      return te.compute(
        shape,
        (...i) => f(a.get(broadcastIndex(a, i, shape)), b.get(broadcastIndex(b, i, shape)), c),
        shortName(c),
      );
    },
  };
}

/** A literal of the dtype of another value. */
export const like = (x: Expr, value: number): Expr => ops.toExpr(value, x.dtype);
