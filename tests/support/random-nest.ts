/**
 * Random loop nests as people write them by hand and schedules leave them: indices with quotients, remainders, negative
 * steps and clamps, elements in place, statements that share buffers, conditions, lets and indices that are data.
 */
import fc from "fast-check";
import {
  axis,
  type Buffer,
  block,
  buffer,
  type Expr,
  ifThen,
  type LoopKind,
  letIn,
  load,
  loop,
  ops,
  type PrimFunc,
  primFunc,
  type Stmt,
  seq,
  store,
  substStmt,
  type Var,
  variable,
} from "../../lib/ir/index.ts";

/** A way to make an index from the loops; numbers are taken modulo what there is. */
export interface IndexRecipe {
  readonly kind: "affine" | "joined" | "quotient" | "remainder" | "clamped" | "back" | "data" | "fixed";
  readonly a: number;
  readonly b: number;
  readonly by: number;
  readonly plus: number;
}

export interface StoreRecipe {
  readonly to: number;
  readonly at: readonly IndexRecipe[];
  readonly from: number;
  readonly reads: readonly IndexRecipe[];
  readonly same: boolean;
  readonly wrap: "none" | "if" | "let" | "block";
}

export interface NestRecipe {
  readonly extents: readonly number[];
  readonly stores: readonly StoreRecipe[];
  /** Which loop is marked, for programs that are. */
  readonly marked: number;
}

const index: fc.Arbitrary<IndexRecipe> = fc.record({
  kind: fc.oneof(
    { weight: 4, arbitrary: fc.constant<IndexRecipe["kind"]>("affine") },
    { weight: 3, arbitrary: fc.constant<IndexRecipe["kind"]>("joined") },
    {
      weight: 4,
      arbitrary: fc.constantFrom<IndexRecipe["kind"]>(
        "quotient",
        "remainder",
        "clamped",
        "back",
        "data",
        "fixed",
      ),
    },
  ),
  a: fc.nat(3),
  b: fc.nat(3),
  by: fc.integer({ min: 1, max: 6 }),
  plus: fc.nat(2),
});

const stored: fc.Arbitrary<StoreRecipe> = fc.record({
  to: fc.nat(3),
  at: fc.array(index, { minLength: 2, maxLength: 2 }),
  from: fc.nat(3),
  reads: fc.array(index, { minLength: 2, maxLength: 2 }),
  same: fc.boolean(),
  wrap: fc.constantFrom<StoreRecipe["wrap"]>("none", "if", "let", "block"),
});

export const nest: fc.Arbitrary<NestRecipe> = fc.record({
  extents: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 3 }),
  stores: fc.array(stored, { minLength: 1, maxLength: 3 }),
  marked: fc.nat(2),
});

/** Sizes of what is indexed: every index is brought into them, which as a rule changes nothing. */
const ROWS = 24;
const COLUMNS = 16;

/** Parameters: two matrices, and the indices that are data. */
export function nestOf(r: NestRecipe, mark?: LoopKind): PrimFunc {
  const [A, B] = ["A", "B"].map((name) => buffer(name, [ROWS, COLUMNS], "f32"));
  const own = buffer("own", [ROWS, COLUMNS], "f32");
  const data = buffer("data", [ROWS], "i32");
  const vars = r.extents.map((_, d) => variable(`i${d}`));
  const pick = (n: number): { v: Var; extent: number } => {
    const d = n % vars.length;
    return { v: vars[d], extent: r.extents[d] };
  };
  const indexOf = (x: IndexRecipe, size: number): Expr => {
    const [a, b] = [pick(x.a), pick(x.b)];
    const sum = ops.add(ops.mul(a.v, b.extent), b.v);
    const made = (): readonly [Expr, number] => {
      switch (x.kind) {
        case "affine":
          return [
            ops.add(ops.add(ops.mul(a.v, x.by), b.v), x.plus),
            (a.extent - 1) * x.by + b.extent - 1 + x.plus,
          ];
        case "joined":
          return [sum, a.extent * b.extent];
        case "quotient":
          return [ops.floordiv(sum, x.by), Math.floor((a.extent * b.extent) / x.by)];
        case "remainder":
          return [ops.floormod(ops.add(sum, x.plus), x.by), x.by - 1];
        case "clamped":
          return [ops.min(sum, x.by), x.by];
        case "back":
          return [ops.sub(size - 1 - x.plus, ops.mul(a.v, Math.min(2, x.by))), Number.POSITIVE_INFINITY];
        case "data":
          return [load(data, [a.v]), Number.POSITIVE_INFINITY];
        case "fixed":
          return [ops.toExpr(x.plus), x.plus];
      }
    };
    const [e, most] = made();
    return x.kind === "back" ? ops.max(e, 0) : most < size ? e : ops.floormod(e, size);
  };
  const statement = (s: StoreRecipe): Stmt => {
    const pickBuffer = (n: number): Buffer => [A, B, own, own][n];
    const y = pickBuffer(s.to);
    const at = [indexOf(s.at[0], ROWS), indexOf(s.at[1], COLUMNS)];
    const reads = s.same ? at : [indexOf(s.reads[0], ROWS), indexOf(s.reads[1], COLUMNS)];
    const value = ops.add(load(pickBuffer(s.from), reads), 1);
    const plain = store(y, at, value);
    switch (s.wrap) {
      case "none":
        return plain;
      case "if":
        return ifThen(ops.lt(ops.floormod(vars[0], 2), 1), plain);
      case "let": {
        const v = variable("place");
        return letIn(v, at[0], store(y, [v, at[1]], value));
      }
      case "block": {
        const axes = vars.map((v, d) => axis(`v${d}`, "S", r.extents[d], v));
        const inside = substStmt(plain, new Map(vars.map((v, d) => [v.id, axes[d].v] as const)));
        return block({ name: "b", axes, body: inside });
      }
    }
  };
  const body = r.extents.reduceRight<Stmt>(
    (inner, n, d) =>
      loop(vars[d], n, inner, mark && d === r.marked % r.extents.length ? { loopKind: mark } : {}),
    seq(r.stores.map(statement)),
  );
  const first = variable("z0");
  const second = variable("z1");
  const clear = loop(first, ROWS, loop(second, COLUMNS, store(own, [first, second], ops.toExpr(0, "f32"))));
  return primFunc([A, B, data], block({ name: "root", allocs: [own], body: seq([clear, body]) }));
}
