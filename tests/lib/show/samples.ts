/** Programs and steps for the tests of displays, built by hand so that they need no other layer. */
import {
  axis,
  type Block,
  block,
  buffer,
  constant,
  type Expr,
  type IRModule,
  irModule,
  type LoopKind,
  load,
  loop,
  ops,
  primFunc,
  type Stmt,
  seq,
  store,
  variable,
} from "../../../lib/ir/index.ts";

const N = 128;
const A = buffer("A", [N, N]);
const B = buffer("B", [N, N]);
const C = buffer("C", [N, N]);
const Y = buffer("Y", [N, N]);
const [i, j, k, i1, j1] = ["i", "j", "k", "i_1", "j_1"].map((n) => variable(n));
const [j0, ji] = [variable("j_0"), variable("j_1")];
const Y_BLOCK = 1_000_001;

function matmulBlock(jBinding: Expr, name = "Y"): Block {
  const [vi, vj, vk] = ["vi", "vj", "vk"].map((n) => variable(n));
  const axes = [axis(vi, "S", N, i), axis(vj, "S", N, jBinding), axis(vk, "R", N, k)];
  const value = ops.add(load(Y, [vi, vj]), ops.mul(load(A, [vi, vk]), load(B, [vk, vj])));
  return block({
    name,
    id: Y_BLOCK,
    axes,
    init: store(Y, [vi, vj], constant(0, "f32")),
    body: store(Y, [vi, vj], value),
  });
}

const [ui, uj] = [variable("vi"), variable("vj")];
const relu = loop(
  i1,
  N,
  loop(
    j1,
    N,
    block({
      name: "C",
      id: Y_BLOCK + 1,
      axes: [axis(ui, "S", N, i1), axis(uj, "S", N, j1)],
      body: store(C, [ui, uj], ops.max(load(Y, [ui, uj]), 0)),
    }),
  ),
);

const moduleOf = (nest: Stmt, name = "mm_relu"): IRModule =>
  irModule({ [name]: primFunc([A, B, C], seq([nest, relu]), { allocs: [Y] }) });

const split = ops.add(ops.mul(j0, 8), ji);
const inner = (order: "k outside" | "k inside", kind: LoopKind = "serial"): Stmt => {
  const body = matmulBlock(split);
  if (order === "k inside") return loop(j0, 16, loop(ji, 8, loop(k, N, body), { loopKind: kind }));
  return loop(j0, 16, loop(k, N, loop(ji, 8, body, { loopKind: kind })));
};

/** matmul and relu: as written, split, reordered, vectorized, parallel. */
export const states: readonly IRModule[] = [
  moduleOf(loop(i, N, loop(j, N, loop(k, N, matmulBlock(j))))),
  moduleOf(loop(i, N, inner("k inside"))),
  moduleOf(loop(i, N, inner("k outside"))),
  moduleOf(loop(i, N, inner("k outside", "vectorized"))),
  moduleOf(loop(i, N, inner("k outside", "vectorized"), { loopKind: "parallel" })),
];

/** The first state with its two nests in the other order: everything in one of them moved. */
export const swapped: IRModule = irModule({
  mm_relu: primFunc([A, B, C], seq([relu, loop(i, N, loop(j, N, loop(k, N, matmulBlock(j))))]), {
    allocs: [Y],
  }),
});

const CALLS = [
  "const [j_0, j_1] = sch.split(j, [null, 8]);",
  "sch.reorder(j_0, k, j_1);",
  "sch.vectorize(j_1);",
  "sch.parallel(i);",
];

export const schedule = {
  mod: states.at(-1)!,
  history: CALLS.map((call, n) => ({
    index: n + 1,
    primitive: /sch\.(\w+)/.exec(call)![1],
    call,
    before: states[n],
    after: states[n + 1],
    ms: 0.2 + n / 10,
  })),
};

/** A module whose names are `name`, for tests of escaping. */
export function named(name: string): IRModule {
  const X = buffer(name, [4]);
  const v = variable(name);
  const u = variable(name);
  const b = block({
    name,
    axes: [axis(u, "S", 4, v)],
    body: store(X, [u], constant(1, "f32")),
    annotations: { [name]: name },
  });
  return irModule({
    [name]: primFunc(
      [X],
      loop(v, 4, b, { loopKind: "threadBinding", thread: name, annotations: { [name]: name } }),
    ),
  });
}

export const timings = [
  {
    name: "plain loops",
    target: "wasm",
    median: 41.2,
    min: 40.1,
    max: 48.9,
    p25: 40.6,
    p75: 42.8,
    gflops: 0.1,
    runs: 25,
  },
  {
    name: "reordered",
    target: "wasm",
    median: 11.7,
    min: 11.4,
    max: 13.2,
    p25: 11.5,
    p75: 12.1,
    gflops: 0.36,
    runs: 50,
  },
  {
    name: "vectorized",
    target: "wasm",
    median: 3.9,
    min: 3.81,
    max: 4.4,
    p25: 3.85,
    p75: 4.0,
    gflops: 1.07,
    runs: 100,
  },
  {
    name: "fused linear + relu",
    target: "wasm",
    median: 3.1,
    min: 3.02,
    max: 3.9,
    p25: 3.05,
    p75: 3.3,
    gflops: 1.35,
    runs: 100,
  },
];
