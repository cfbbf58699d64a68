/** Random programs: expressions over all dtypes and operators, in loops of all kinds. */
import type { BufferArg } from "../../../lib/codegen/index.ts";
import {
  ARITH_OPS,
  type Buffer,
  binary,
  buffer,
  COMPARE_OPS,
  call,
  cast,
  constant,
  DTYPES,
  type DType,
  type Expr,
  isFloat,
  type LoopKind,
  letIn,
  load,
  loop,
  ops,
  type PrimFunc,
  primFunc,
  type Stmt,
  select,
  seq,
  store,
  type Var,
  variable,
} from "../../../lib/ir/index.ts";
import { randomArray, rng } from "./harness.ts";

const { add, mul } = ops;
const NUMERIC = DTYPES.filter((t) => t !== "bool");
/** Exact in every target, so that results can be compared bit by bit. */
const EXACT_FLOAT = ["floor", "ceil", "trunc", "round", "abs", "sqrt"];

export interface Case {
  readonly func: PrimFunc;
  readonly args: BufferArg[];
}

/** The program of a seed, with arguments. */
export function randomCase(seed: number): Case {
  const next = rng(seed);
  const int = (n: number): number => Math.floor(next() * n);
  const pick = <X>(xs: readonly X[]): X => xs[int(xs.length)];
  const [n, m] = [1 + int(6), 1 + int(23)];
  const [i, j] = [variable("i"), variable("j")];
  const inputs = NUMERIC.map((t): Buffer => buffer(`in_${t}`, [n, m + 2], t));
  const flags = buffer("flags", [n, m + 2], "bool");
  const vars = new Map<DType, Var[]>();

  const index = (): Expr[] => {
    const columns: (() => Expr)[] = [
      () => j,
      () => add(j, int(3)),
      () => ops.sub(m - 1, j),
      () => ops.floordiv(add(j, 1), 2),
      () => ops.floormod(mul(j, 3), m),
      () => constant(int(m)),
    ];
    return [pick([() => i as Expr, () => ops.sub(n - 1, i)])(), pick(columns)()];
  };
  const leaf = (t: DType): Expr => {
    const bound = vars.get(t) ?? [];
    if (bound.length > 0 && next() < 0.3) return pick(bound);
    if (next() < 0.2) return isFloat(t) ? constant(int(9) - 4, t) : constant(int(t === "bool" ? 2 : 5), t);
    if ((t === "i32" || t === "i64") && next() < 0.15) return cast(pick([i, j]), t);
    const b = t === "bool" ? flags : (inputs.find((x) => x.dtype === t) as Buffer);
    return load(b, index());
  };
  const expr = (t: DType, depth: number): Expr => {
    if (depth === 0) return leaf(t);
    const r = next();
    if (t === "bool") {
      if (r < 0.5) {
        const of = pick(NUMERIC);
        return binary(pick(COMPARE_OPS), expr(of, depth - 1), expr(of, depth - 1));
      }
      return r < 0.8
        ? ops.and(expr(t, depth - 1), expr(t, depth - 1))
        : ops.or(expr(t, depth - 1), expr(t, depth - 1));
    }
    if (r < 0.5) {
      const division = (op: string): boolean => op.startsWith("floor") || op.startsWith("trunc");
      const op = pick(ARITH_OPS.filter((o) => (isFloat(t) ? !division(o) : o !== "div")));
      // Divisors are literals: division by zero is an error, not a value.
      if (division(op)) return binary(op, expr(t, depth - 1), constant(pick([1, 2, 3, 4, 8]), t));
      return binary(op, expr(t, depth - 1), expr(t, depth - 1));
    }
    if (r < 0.65) return select(expr("bool", depth - 1), expr(t, depth - 1), expr(t, depth - 1));
    if (r < 0.8) return cast(expr(pick(DTYPES), depth - 1), t);
    if (r < 0.9 && isFloat(t)) return call(pick(EXACT_FLOAT), [expr(t, depth - 1)]);
    if (r < 0.9) return call(pick(["bitAnd", "bitOr", "bitXor"]), [expr(t, depth - 1), expr(t, depth - 1)]);
    return leaf(t);
  };

  const outputs = Array.from({ length: 1 + int(2) }, (_, k) => buffer(`out${k}`, [n, m], pick(DTYPES)));
  const stores = outputs.map((b): Stmt => store(b, [i, j], expr(b.dtype, 1 + int(4))));
  let body: Stmt = seq(stores);
  if (next() < 0.4) {
    const t = pick(NUMERIC);
    const v = variable("x", t);
    const value = expr(t, 2);
    vars.set(t, [v]);
    body = letIn(v, value, seq(outputs.map((b): Stmt => store(b, [i, j], expr(b.dtype, 2)))));
    vars.clear();
  }
  const kinds: LoopKind[] = ["serial", "vectorized", "vectorized", "unrolled", "parallel"];
  const outer: LoopKind[] = ["serial", "unrolled", "parallel"];
  const nest = loop(i, n, loop(j, m, body, { loopKind: pick(kinds) }), { loopKind: pick(outer) });
  const params = [...inputs, flags, ...outputs];
  const args = params.map((b): BufferArg => {
    const shape = b.shape.map((e) => (e.kind === "const" ? Number(e.value) : 0));
    return { dtype: b.dtype, shape, data: randomArray(b.dtype, shape[0] * shape[1], next) };
  });
  return { func: primFunc(params, nest), args };
}
