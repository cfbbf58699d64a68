/** Random graph-level functions: elementwise chains, diamonds, products, tuples, shared constants, ifs. */
import fc from "fast-check";
import { BlockBuilder, R } from "../../lib/graph/index.ts";
import { constShape } from "../../lib/graph/shape.ts";
import {
  constantOf,
  type Expr,
  type GraphExpr,
  type GraphVar,
  graphIf,
  type IRModule,
  type NDArray,
  ndarray,
  ops,
  type TensorType,
  variable,
} from "../../lib/ir/index.ts";

export interface RandomGraph {
  readonly mod: IRModule;
  /** Arguments for `main`. */
  readonly args: readonly NDArray[];
}

export interface RandomGraphOptions {
  /** The first size of the parameters is symbolic. */
  readonly symbolic?: boolean;
  readonly ifs?: boolean;
}

const UNARY = ["nn.relu", "tanh", "sin", "abs"];
const BINARY = ["add", "multiply", "subtract", "maximum"];
const N = 3;
const K = 4;

/** f32 data with small values that the seed decides. */
export function randomData(shape: readonly number[], seed: number): NDArray {
  const count = shape.reduce((a, b) => a * b, 1);
  let state = (seed % 2147483646) + 1;
  const data = Float32Array.from({ length: count }, () => {
    state = (state * 48271) % 2147483647;
    return Math.round((state / 2147483647) * 64 - 32) / 32;
  });
  return ndarray("f32", shape, new Uint8Array(data.buffer));
}

/**
 * A module whose `main` takes two tensors of [3, 4] and holds the operations that the numbers choose. Of the values that
 * were made some are used several times; the result is one, or a tuple.
 */
export function randomGraph(choices: readonly number[], o: RandomGraphOptions = {}): RandomGraph {
  let next = 0;
  const pick = (n: number): number => (choices[next++ % choices.length] >>> (next % 7)) % n;
  const n: Expr | number = o.symbolic ? variable("n") : N;
  const x = R.var("x", R.tensor([n, K]));
  const y = R.var("y", R.tensor([n, K]));
  const shared = constantOf(randomData([K], 7));
  const weight = constantOf(randomData([K, K], 11));
  const cond = R.var("cond", R.tensor([], "bool"));
  const bb = new BlockBuilder();
  bb.function("main", o.ifs ? [x, y, cond] : [x, y], () => {
    const made: GraphVar[] = [x, y];
    const any = (): GraphVar => made[pick(made.length)];
    const step = (): void => {
      const kind = pick(15);
      if (kind < 3) made.push(bb.emit(R.op(UNARY[pick(UNARY.length)], [any()])));
      else if (kind < 6) made.push(bb.emit(R.op(BINARY[pick(BINARY.length)], [any(), any()])));
      else if (kind === 6) made.push(bb.emit(R.op(BINARY[pick(BINARY.length)], [any(), shared])));
      else if (kind === 7) made.push(bb.emit(R.matmul(any(), weight)));
      else if (kind === 8)
        made.push(bb.emit(R.subtract(any(), bb.emit(R.logSumExp(any(), { axis: [-1], keepdims: true })))));
      else if (kind === 9) {
        const total = bb.emit(R.sum(any(), { axis: [-1], keepdims: true }));
        made.push(bb.emit(R.add(any(), total)));
      } else if (kind === 10) {
        const tuple = bb.emit(R.tuple(any(), any()));
        made.push(bb.emit(R.get(tuple, pick(2))));
      } else if (kind === 11) made.push(bb.emit(R.nn.softmax(any())));
      else if (kind === 12) {
        const parts = bb.emit(R.split(any(), { sections: 2, axis: 1 }));
        const [left, right] = [bb.field(parts, 0), bb.field(parts, 1)];
        made.push(bb.emit(R.concat([right, left], { axis: 1 })));
      } else if (kind === 13) {
        const flat = bb.emit(R.reshape(any(), R.shape([ops.mul(ops.toExpr(n), K)])));
        made.push(bb.emit(R.reshape(bb.emit(R.op(UNARY[pick(UNARY.length)], [flat])), R.shape([n, K]))));
      } else {
        const twice = R.add(R.const(0.5), R.const(0.25));
        made.push(bb.emit(R.multiply(any(), bb.emit(twice))));
      }
    };
    const outputs: GraphVar[] = [];
    bb.dataflow(() => {
      const steps = 3 + pick(8);
      for (let i = 0; i < steps; i++) step();
      for (const v of [made.at(-1) as GraphVar, any()]) outputs.push(bb.emitOutput(R.maximum(v, v)));
    });
    let result: GraphExpr = outputs[0];
    if (o.ifs) {
      const branch = () =>
        bb.branch(() => {
          made.splice(0, made.length, x, y, ...outputs);
          const steps = 1 + pick(3);
          for (let i = 0; i < steps; i++) step();
          return made.at(-1) as GraphVar;
        });
      const [yes, no] = [branch(), branch()];
      made.splice(0, made.length, x, y, ...outputs);
      result = bb.emit(graphIf(cond, yes, no));
      result = bb.emit(R.add(result, any()));
    }
    if (pick(2)) result = R.tuple(...outputs, x);
    bb.emitFuncOutput(result);
  });
  const shape = (t: TensorType): number[] => constShape(t.shape) ?? [N, K];
  const args = [x, y].map((p, i) => randomData(shape(p.type as TensorType), 31 + i));
  const yes = ndarray("bool", [], Uint8Array.of(pick(2)));
  return { mod: bb.get(), args: o.ifs ? [...args, yes] : args };
}

/** The numbers that `randomGraph` takes. */
export const choices = (): fc.Arbitrary<number[]> =>
  fc.array(fc.nat(2 ** 31 - 1), { minLength: 8, maxLength: 40 });
