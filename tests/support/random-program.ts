/**
 * Random tensor programs. A program is described by plain data (a recipe), so that a failure shrinks to a small recipe
 * that can be read; `programOf` makes the tensor expressions of it.
 */
import fc from "fast-check";
import { type DType, type Expr, isFloat, ops, type PrimFunc } from "../../lib/ir/index.ts";
import { te } from "../../lib/te/index.ts";

const STAGES = [
  "unary",
  "binary",
  "matmul",
  "reduce",
  "stencil",
  "pad",
  "transpose",
  "flatten",
  "stride",
  "broadcast",
] as const;

export interface StageRecipe {
  readonly kind: (typeof STAGES)[number];
  /** Which of the tensors so far the stage reads; taken modulo their number. */
  readonly from: number;
  readonly other: number;
  /** Chooses among the variants of the kind. */
  readonly variant: number;
}

export interface Recipe {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly stages: readonly StageRecipe[];
}

const stage: fc.Arbitrary<StageRecipe> = fc.record({
  kind: fc.constantFrom(...STAGES),
  from: fc.nat(5),
  other: fc.nat(5),
  variant: fc.nat(11),
});

/** Programs of one to four stages over tensors of one to three dimensions. */
export const recipe: fc.Arbitrary<Recipe> = fc.record({
  dtype: fc.oneof(
    { weight: 6, arbitrary: fc.constant<DType>("f32") },
    { weight: 2, arbitrary: fc.constant<DType>("i32") },
    { weight: 2, arbitrary: fc.constantFrom<DType>("f64", "i64", "i8", "u8", "f16") },
  ),
  shape: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 }),
  stages: fc.array(stage, { minLength: 1, maxLength: 4 }),
});

/**
 * The program: its inputs and the last tensor, in this order, are the parameters. Values stay small whole numbers
 * wherever the inputs are, so that sums are exact in every order.
 */
export function programOf(r: Recipe): PrimFunc {
  const inputs: te.Tensor[] = [];
  const input = (shape: readonly number[]): te.Tensor => {
    const t = te.placeholder(shape, `in${inputs.length}`, r.dtype);
    inputs.push(t);
    return t;
  };
  const tensors: te.Tensor[] = [input(r.shape)];
  const sizes = new Map<te.Tensor, readonly number[]>([[tensors[0], r.shape]]);
  r.stages.forEach((s, n) => {
    const from = tensors[s.from % tensors.length];
    const other = tensors[s.other % tensors.length];
    const made = stageOf(s, `s${n}`, r.dtype, from, other, sizes, input);
    tensors.push(made.tensor);
    sizes.set(made.tensor, made.shape);
  });
  const out = tensors[tensors.length - 1];
  const used = te.inputsOf(out);
  return te.createPrimFunc([...inputs.filter((t) => used.includes(t)), out]);
}

type Made = { tensor: te.Tensor; shape: readonly number[] };

function stageOf(
  s: StageRecipe,
  name: string,
  dtype: DType,
  from: te.Tensor,
  other: te.Tensor,
  sizes: ReadonlyMap<te.Tensor, readonly number[]>,
  input: (shape: readonly number[]) => te.Tensor,
): Made {
  const shape = sizes.get(from) as readonly number[];
  const last = shape.length - 1;
  const compute = (to: readonly number[], f: (i: readonly Expr[]) => Expr): Made => {
    const t = te.compute(to, (...i: Expr[]) => f(i), name);
    (sizes as Map<te.Tensor, readonly number[]>).set(t, to);
    return { tensor: t, shape: to };
  };
  switch (s.kind) {
    case "unary":
      return compute(shape, (i) => unary(from.at(...i), s.variant, dtype));
    case "binary": {
      // Indices of the other tensor are clamped into it, unless its shape is the same.
      const theirs = sizes.get(other) as readonly number[];
      const same = theirs.join() === shape.join();
      return compute(shape, (i) => {
        const at = theirs.map((n, d) => (same ? i[d] : d < i.length ? ops.min(i[d], n - 1) : ops.toExpr(0)));
        return binaryOf(from.at(...i), other.at(...at), s.variant);
      });
    }
    case "matmul": {
      const n = 1 + (s.variant % 6);
      const w = input([shape[last], n]);
      const k = te.reduceAxis(shape[last], `${name}_k`);
      return compute([...shape.slice(0, last), n], (i) => {
        const row = i.slice(0, last);
        return te.sum(ops.mul(from.at(...row, k.v), w.at(k.v, i[last])), k);
      });
    }
    case "reduce": {
      const k = te.reduceAxis(shape[last], `${name}_k`);
      const to = last === 0 ? [1] : shape.slice(0, last);
      const at = (i: readonly Expr[]): Expr => from.at(...(last === 0 ? [] : i), k.v);
      if (s.variant > 8) {
        const find = s.variant % 2 ? te.argmax : te.argmin;
        const position = te.compute(to, (...i: Expr[]) => find(at(i), k), `${name}_at`);
        return compute(to, (i) => te.cast(position.at(...i), dtype));
      }
      const reducer = [te.sum, te.max, te.min][s.variant % 3];
      return compute(to, (i) => reducer(at(i), k));
    }
    case "stencil": {
      const width = Math.min(3, shape[last]);
      const to = [...shape.slice(0, last), shape[last] - width + 1];
      if (s.variant % 2 === 0) {
        const k = te.reduceAxis(width, `${name}_k`);
        return compute(to, (i) => te.sum(from.at(...i.slice(0, last), ops.add(i[last], k.v)), k));
      }
      return compute(to, (i) => {
        const at = (d: number): Expr => from.at(...i.slice(0, last), ops.add(i[last], d));
        return width < 2 ? at(0) : ops.max(at(0), at(width - 1));
      });
    }
    case "pad": {
      const to = [...shape.slice(0, last), shape[last] + 2];
      return compute(to, (i) => {
        const inside = ops.and(ops.ge(i[last], 1), ops.lt(i[last], shape[last] + 1));
        return ops.select(inside, from.at(...i.slice(0, last), ops.sub(i[last], 1)), 0);
      });
    }
    case "transpose":
      return compute([...shape].reverse(), (i) => from.at(...[...i].reverse()));
    case "flatten": {
      if (shape.length < 2) return compute(shape, (i) => unary(from.at(...i), s.variant, dtype));
      const n = shape[last];
      const to = [...shape.slice(0, last - 1), shape[last - 1] * n];
      return compute(to, (i) => {
        const f = i[last - 1];
        return from.at(...i.slice(0, last - 1), ops.floordiv(f, n), ops.floormod(f, n));
      });
    }
    case "stride": {
      const to = [...shape.slice(0, last), Math.ceil(shape[last] / 2)];
      return compute(to, (i) => from.at(...i.slice(0, last), ops.mul(i[last], 2)));
    }
    case "broadcast": {
      if (shape.length > 2) return compute(shape, (i) => unary(from.at(...i), s.variant, dtype));
      return compute([1 + (s.variant % 4), ...shape], (i) => from.at(...i.slice(1)));
    }
  }
}

function unary(x: Expr, variant: number, dtype: DType): Expr {
  switch (variant % 5) {
    case 0:
      return ops.max(x, 0);
    case 1:
      return ops.add(x, 1);
    case 2:
      return ops.sub(ops.toExpr(3, dtype), x);
    case 3:
      return isFloat(dtype) ? ops.abs(x) : ops.min(x, 5);
    default:
      return ops.select(ops.gt(x, 0), x, ops.toExpr(2, dtype));
  }
}

function binaryOf(a: Expr, b: Expr, variant: number): Expr {
  return [ops.add, ops.sub, ops.max, ops.min][variant % 4](a, b);
}
