/** A tiled matrix product as a schedule leaves it: packed B panels, accumulators, unrolled and vectorised tile. */
import {
  axis,
  block,
  buffer,
  type Expr,
  load,
  loop,
  ops,
  type PrimFunc,
  primFunc,
  seq,
  store,
  variable,
} from "../../../lib/ir/index.ts";

const { add, mul } = ops;

export interface Tile {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Rows and columns of the register tile. */
  readonly mr: number;
  readonly nr: number;
  /** Copy a panel of B for each column tile. */
  readonly packB: boolean;
  /** Accumulate into a local tile, then copy; otherwise into C itself. */
  readonly local: boolean;
  /** Steps of k in the innermost loop. */
  readonly unrollK: number;
}

/** C = A B with sizes that the tile divides. */
export function tiledMatmul(t: Tile): PrimFunc {
  const A = buffer("A", [t.m, t.k]);
  const B = buffer("B", [t.k, t.n]);
  const C = buffer("C", [t.m, t.n]);
  const Bp = buffer("B_packed", [t.k, t.n]);
  const Cl = buffer("C_local", [t.m, t.n], "f32", "local");
  const [i0, j0, i1, j1, k0, k1] = ["i0", "j0", "i1", "j1", "k0", "k1"].map((n) => variable(n));
  const row = (v: Expr) => add(mul(i0, t.mr), v);
  const col = (v: Expr) => add(mul(j0, t.nr), v);
  const from = t.packB ? Bp : B;
  const to = t.local ? Cl : C;
  const k = add(mul(k0, t.unrollK), k1);

  const zero = () => {
    const [a, b, vi, vj] = ["a", "b", "vi", "vj"].map((n) => variable(n));
    const init = block({
      name: "C_init",
      axes: [axis(vi, "S", t.m, row(a)), axis(vj, "S", t.n, col(b))],
      body: store(to, [vi, vj], ops.toExpr(0, "f32")),
    });
    return loop(a, t.mr, loop(b, t.nr, init, { loopKind: "vectorized" }), { loopKind: "unrolled" });
  };
  const update = () => {
    const [vi, vj, vk] = ["vi", "vj", "vk"].map((n) => variable(n));
    const body = block({
      name: "C",
      axes: [axis(vi, "S", t.m, row(i1)), axis(vj, "S", t.n, col(j1)), axis(vk, "R", t.k, k)],
      body: store(to, [vi, vj], add(load(to, [vi, vj]), mul(load(A, [vi, vk]), load(from, [vk, vj])))),
    });
    const tile = loop(i1, t.mr, loop(j1, t.nr, body, { loopKind: "vectorized" }), { loopKind: "unrolled" });
    const steps = t.unrollK > 1 ? loop(k1, t.unrollK, tile, { loopKind: "unrolled" }) : loop(k1, 1, tile);
    return loop(k0, t.k / t.unrollK, steps);
  };
  const writeBack = () => {
    const [a, b, vi, vj] = ["a", "b", "vi", "vj"].map((n) => variable(n));
    const copy = block({
      name: "C_write",
      axes: [axis(vi, "S", t.m, row(a)), axis(vj, "S", t.n, col(b))],
      body: store(C, [vi, vj], load(Cl, [vi, vj])),
    });
    return loop(a, t.mr, loop(b, t.nr, copy, { loopKind: "vectorized" }), { loopKind: "unrolled" });
  };
  const pack = () => {
    const [p, q, vk, vj] = ["p", "q", "vk", "vj"].map((n) => variable(n));
    const copy = block({
      name: "B_packed",
      axes: [axis(vk, "S", t.k, p), axis(vj, "S", t.n, col(q))],
      body: store(Bp, [vk, vj], load(B, [vk, vj])),
    });
    return loop(p, t.k, loop(q, t.nr, copy, { loopKind: "vectorized" }));
  };
  const tile = loop(i0, t.m / t.mr, seq([zero(), update(), ...(t.local ? [writeBack()] : [])]));
  const body = loop(j0, t.n / t.nr, t.packB ? seq([pack(), tile]) : tile);
  return primFunc([A, B, C], body, { allocs: [...(t.packB ? [Bp] : []), ...(t.local ? [Cl] : [])] });
}
