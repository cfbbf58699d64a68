/** Functions whose steps depend on data, of tensors with known sizes, with inputs that take them different ways. */
import { BlockBuilder, R } from "../../lib/graph/index.ts";
import {
  constantOf,
  type GraphExpr,
  graphIf,
  graphVar,
  type IRModule,
  type NDArray,
  ndarray,
  tensorType,
  tupleGet,
  tupleType,
} from "../../lib/ir/index.ts";
import { randomData } from "./random-graph.ts";

export interface ControlFlowCase {
  readonly module: IRModule;
  /** By the names of the parameters, in their order. */
  readonly inputs: readonly Readonly<Record<string, NDArray>>[];
}

const i64 = (n: number): NDArray => ndarray("i64", [], new Uint8Array(BigInt64Array.of(BigInt(n)).buffer));
const bool = (b: boolean): NDArray => ndarray("bool", [], Uint8Array.of(b ? 1 : 0));
const small = (shape: number[], seed: number): GraphExpr =>
  R.multiply(constantOf(randomData(shape, seed)), R.const(0.1));

/** An if in an if; both use what is computed before, which is also needed afterwards. */
function branches(): ControlFlowCase {
  const bb = new BlockBuilder();
  const [x, on] = [R.var("x", R.tensor([4, 4])), R.var("on", R.tensor([], "bool"))];
  bb.function("main", [x, on], () => {
    const a = bb.emit(R.matmul(x, bb.emit(small([4, 4], 1))));
    const negative = bb.emit(R.less(bb.emit(R.sum(x)), R.const(0)));
    const yes = bb.branch(() => bb.emit(R.add(bb.emit(R.nn.relu(bb.emit(R.matmul(a, a)))), x)));
    const no = bb.branch(() => {
      const left = bb.branch(() => bb.emit(R.subtract(a, x)));
      const right = bb.branch(() => bb.emit(R.multiply(a, R.const(2))));
      return bb.emit(R.add(bb.emit(graphIf(negative, left, right)), R.const(1)));
    });
    const y = bb.emit(graphIf(on, yes, no));
    bb.emitFuncOutput(R.tuple(bb.emit(R.add(y, a)), a));
  });
  const at = (seed: number, shift: number): NDArray => {
    const data = randomData([4, 4], seed);
    const numbers = new Float32Array(data.bytes.slice().buffer).map((v) => v + shift);
    return ndarray("f32", [4, 4], new Uint8Array(numbers.buffer));
  };
  const xs = [at(3, 0), at(4, 20), at(5, -20)];
  return {
    module: bb.get(),
    inputs: [true, false].flatMap((on) => xs.map((x) => ({ x, on: bool(on) }))),
  };
}

/** Values that change places in each iteration, as often as an input says. */
function exchange(): ControlFlowCase {
  const bb = new BlockBuilder();
  const type = tensorType([3]);
  const [i, go] = [graphVar("i", tensorType([], "i64")), graphVar("go", tensorType([], "bool"))];
  const [p, q, r, step] = ["p", "q", "r", "step"].map((name) => graphVar(name, type));
  bb.function("turn", [i, go, p, q, r, step], () => {
    const next = bb.emit(R.add(bb.emit(R.multiply(p, R.const(0.5))), step));
    bb.emitFuncOutput(R.tuple(go, q, r, next));
  });
  const [a, b, n] = [R.var("a", R.tensor([3])), R.var("b", R.tensor([3])), R.var("n", R.tensor([], "i64"))];
  bb.function("main", [a, b, n], () => {
    const twice = bb.emit(R.add(a, a));
    const third = bb.emit(R.subtract(a, b));
    const all = bb.emit({
      ...{ kind: "graphLoop", func: "turn", trip: n, carried: [a, b, third], captured: [twice] },
      type: tupleType([type, type, type]),
    } as GraphExpr);
    const [y0, y1, y2] = [0, 1, 2].map((k) => bb.emit(tupleGet(all, k)));
    bb.emitFuncOutput(R.tuple(bb.emit(R.add(y0, twice)), y1, y2));
  });
  const inputs = [0, 1, 5].map((n) => ({ a: randomData([3], 1), b: randomData([3], 2), n: i64(n) }));
  return { module: bb.get(), inputs };
}

/** A recurrence of a fixed length with a row for each iteration, over what is around it. */
function recurrence(): ControlFlowCase {
  const bb = new BlockBuilder();
  const [i, go] = [graphVar("i", tensorType([], "i64")), graphVar("go", tensorType([], "bool"))];
  const [h, w, xs] = [
    graphVar("h", tensorType([2, 3])),
    graphVar("w", tensorType([3, 3])),
    graphVar("xs", tensorType([4, 2, 3])),
  ];
  bb.function("cell", [i, go, h, w, xs], () => {
    const x = bb.emit(R.op("take", [xs, i], { axis: 0 }));
    const next = bb.emit(R.tanh(bb.emit(R.add(bb.emit(R.matmul(h, w)), x))));
    bb.emitFuncOutput(R.tuple(go, next, next, i));
  });
  const [start, x] = [R.var("start", R.tensor([2, 3])), R.var("x", R.tensor([4, 2, 3]))];
  bb.function("main", [start, x], () => {
    const weights = bb.emit(R.multiply(bb.emit(R.sum(x, { axis: [0, 1] })), bb.emit(small([3, 3], 7))));
    const type = tupleType([tensorType([2, 3]), tensorType([4, 2, 3]), tensorType([4], "i64")]);
    const all = bb.emit({
      ...{ kind: "graphLoop", func: "cell", trip: R.const(4, "i64") },
      ...{ carried: [start], captured: [weights, x], type },
    } as GraphExpr);
    const [last, rows, counts] = [0, 1, 2].map((k) => bb.emit(tupleGet(all, k)));
    bb.emitFuncOutput(R.tuple(bb.emit(R.add(last, start)), bb.emit(R.multiply(rows, R.const(2))), counts));
  });
  return {
    module: bb.get(),
    inputs: [1, 2].map((seed) => ({ start: randomData([2, 3], seed), x: randomData([4, 2, 3], seed + 5) })),
  };
}

/** A loop that goes on while its data says so, with a step that has no form on a GPU and an if inside. */
function until(): ControlFlowCase {
  const bb = new BlockBuilder();
  const [i, go] = [graphVar("i", tensorType([], "i64")), graphVar("go", tensorType([], "bool"))];
  const [v, k] = [graphVar("v", tensorType([3])), graphVar("k", tensorType([3]))];
  bb.function("more", [i, go, v, k], () => {
    const wide = bb.emit(R.op("astype", [v], { dtype: "f64" }));
    const twice = bb.emit(R.op("astype", [bb.emit(R.add(wide, wide))], { dtype: "f32" }));
    const odd = bb.emit(R.less(bb.emit(R.sum(twice)), R.const(7)));
    const yes = bb.branch(() => bb.emit(R.add(twice, k)));
    const no = bb.branch(() => bb.emit(R.subtract(twice, k)));
    const next = bb.emit(graphIf(odd, yes, no));
    bb.emitFuncOutput(R.tuple(bb.emit(R.less(bb.emit(R.sum(next)), R.const(50))), next));
  });
  const [x, y, on] = [
    R.var("x", R.tensor([3])),
    R.var("y", R.tensor([3])),
    R.var("on", R.tensor([], "bool")),
  ];
  bb.function("main", [x, y, on], () => {
    const sum = bb.emit(R.add(x, y));
    const all = bb.emit({
      ...{ kind: "graphLoop", func: "more", cond: on, carried: [sum], captured: [y] },
      type: tupleType([tensorType([3])]),
    } as GraphExpr);
    bb.emitFuncOutput(bb.emit(R.add(bb.emit(tupleGet(all, 0)), sum)));
  });
  const of = (...numbers: number[]): NDArray =>
    ndarray("f32", [3], new Uint8Array(Float32Array.from(numbers).buffer));
  const [x0, y0] = [of(0.5, 1, 1.5), of(0.25, 0, 0.5)];
  return { module: bb.get(), inputs: [true, false].map((on) => ({ x: x0, y: y0, on: bool(on) })) };
}

export const CONTROL_FLOW: Readonly<Record<string, () => ControlFlowCase>> = {
  "an if in an if": branches,
  "values that change places": exchange,
  "a recurrence with rows": recurrence,
  "a loop until its data says so": until,
};
