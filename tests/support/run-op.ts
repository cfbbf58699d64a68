/**
 * Operators run by themselves: legalized, then by the interpreter and as WebAssembly, so that a test compares both with
 * what it computes in another way.
 */
import assert from "node:assert/strict";
import { interpret } from "../../lib/codegen/index.ts";
import {
  BlockBuilder,
  callOp,
  constantData,
  getOp,
  OpArgs,
  placeholderOf,
  type TeArg,
  TeCall,
  TypedCall,
  teProgram,
} from "../../lib/graph/index.ts";
import {
  type Attrs,
  bindingsOf,
  constantOf,
  type DType,
  type GraphExpr,
  graphVar,
  type IRModule,
  type NDArray,
  ndarray,
  numbersOf,
  type OpCall,
  outputTypes,
  type PrimFunc,
  primFuncs,
  shapeLiteral,
  type TensorType,
  tupleExpr,
} from "../../lib/ir/index.ts";
import { build, Tensor } from "../../lib/runtime/index.ts";
import type { te } from "../../lib/te/index.ts";

export type Target = "interpreter" | "wasm";
type Value = NDArray | readonly Value[];
type Run = (f: PrimFunc, inputs: readonly NDArray[], outputs: readonly TensorType[]) => Promise<NDArray[]>;

const sizes = (t: TensorType): number[] =>
  t.shape.map((s) => {
    assert.equal(s.kind, "const", "sizes are known here");
    return Number((s as { value: number }).value);
  });

const tensorOf = (a: NDArray): Tensor => {
  const t = Tensor.empty(a.shape, a.dtype);
  new Uint8Array(t.data.buffer, t.data.byteOffset, t.data.byteLength).set(a.bytes);
  return t;
};

const bytesOf = (t: Tensor): Uint8Array =>
  new Uint8Array(t.data.buffer, t.data.byteOffset, t.data.byteLength).slice();

const runners: Record<Target, Run> = {
  interpreter: async (f, inputs, outputs) => {
    const outs = outputs.map((t) => Tensor.empty(sizes(t), t.dtype));
    interpret(f, [...inputs.map(tensorOf), ...outs]);
    return outs.map((t) => ndarray(t.dtype, t.shape, bytesOf(t)));
  },
  wasm: async (f, inputs, outputs) => {
    const outs = outputs.map((t) => Tensor.empty(sizes(t), t.dtype));
    const lib = await build(f, { target: "wasm" });
    await lib.main(...inputs.map(tensorOf), ...outs);
    return outs.map((t) => ndarray(t.dtype, t.shape, bytesOf(t)));
  },
};

const flat = (v: Value): NDArray[] => (Array.isArray(v) ? v.flatMap(flat) : [v as NDArray]);

/** The value of a graph-level expression, operator by operator. */
async function evaluate(
  e: GraphExpr,
  env: ReadonlyMap<number, Value>,
  mod: IRModule,
  run: Run,
): Promise<Value> {
  const go = (x: GraphExpr): Promise<Value> => evaluate(x, env, mod, run);
  const all = async (xs: readonly GraphExpr[]): Promise<Value[]> => {
    const out: Value[] = [];
    for (const x of xs) out.push(await go(x));
    return out;
  };
  switch (e.kind) {
    case "constant":
      return e.data;
    case "graphVar":
      return env.get(e.id) ?? assert.fail(`${e.name} is not bound`);
    case "tupleExpr":
      return all(e.fields);
    case "tupleGet":
      return ((await go(e.tuple)) as readonly Value[])[e.index];
    case "shapeLiteral":
      return [];
    case "callTir": {
      const outs = await run(primFuncs(mod)[e.func], flat(await all(e.args)), outputTypes(e.type));
      return e.type.kind === "tuple" ? outs : outs[0];
    }
    case "opCall":
      return evaluateOp(e, await all(e.args), run);
    default:
      return assert.fail(`${e.kind} is not expected here`);
  }
}

async function evaluateOp(e: OpCall, values: readonly Value[], run: Run): Promise<Value> {
  const def = getOp(e.op);
  const args = new OpArgs(e.op, e.args, e.attrs);
  const type = def.infer(args);
  assert.deepEqual(type, e.type, "the type is inferred again as it was");
  const outputs = outputTypes(type);
  if (def.graph) {
    const bb = new BlockBuilder();
    const env = new Map<number, Value>();
    const param = (t: GraphExpr, v: Value): GraphExpr => {
      if (t.kind === "shapeLiteral") return t;
      if (t.type.kind === "tuple") {
        const fields = t.type.fields.map((type, k) => graphVar(`f${k}`, type));
        fields.forEach((f, k) => {
          env.set(f.id, (v as readonly Value[])[k]);
        });
        return tupleExpr(fields);
      }
      const p = graphVar("x", t.type);
      env.set(p.id, v);
      return t.kind === "constant" ? t : p;
    };
    const params = e.args.map((a, i) => param(a, values[i]));
    const f = bb.function("main", [], () => {
      const result = def.graph?.(new OpArgs(e.op, params, e.attrs), bb);
      bb.emitFuncOutput(result as GraphExpr);
    });
    assert.deepEqual(f.body.result.type, type, "the expansion has the type that was inferred");
    for (const b of bindingsOf(f.body)) {
      assert.equal(b.kind, "bind");
      if (b.kind === "bind") env.set(b.v.id, await evaluate(b.value, env, bb.get(), run));
    }
    return evaluate(f.body.result, env, bb.get(), run);
  }
  const inputs: TeArg[] = e.args.map((a, i): TeArg => {
    if (a.kind === "shapeLiteral") return a.values;
    if (a.type.kind === "tuple")
      return a.type.fields.map((t, k) => placeholderOf(t as TensorType, `x${i}_${k}`));
    return placeholderOf(a.type as TensorType, `x${i}`);
  });
  let func: PrimFunc;
  if (def.te) {
    const result = def.te(new TeCall(args, inputs, type));
    const tensors = inputs.flatMap((t, i) => (e.args[i].kind === "shapeLiteral" ? [] : (t as te.Tensor)));
    func = teProgram(e.op, tensors, result).func;
  } else {
    const made = def.prim?.(new TypedCall(args, type)) ?? assert.fail(`${e.op} has no legalization`);
    func = "func" in made ? made.func : made;
  }
  const outs = await run(func, flat(values), outputs);
  outs.forEach((o, k) => {
    assert.deepEqual([o.dtype, o.shape], [outputs[k].dtype, sizes(outputs[k])], "the result has the type");
  });
  return type.kind === "tuple" ? outs : outs[0];
}

export interface FlatArray {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly data: readonly number[];
}

/** Numbers of a shape, as a constant. */
export const nd = (shape: readonly number[], data: ArrayLike<number>, dtype: DType = "f32"): NDArray =>
  constantData(Float64Array.from(data), dtype, shape);

export type Given = NDArray | readonly NDArray[] | { readonly sizes: readonly number[] };

/** The results of an operator by the interpreter and as WebAssembly, which must agree, as flat arrays of numbers. */
export async function runOp(
  op: string,
  given: readonly Given[],
  attrs: Attrs = {},
  tolerance = 1e-5,
): Promise<FlatArray[]> {
  // Parameters, not constants: what an operator does must not depend on knowing its data.
  const values: Value[] = given.map((g) => ("sizes" in g ? [] : (g as Value)));
  const args: GraphExpr[] = given.map((g, i) => {
    if ("sizes" in g) return shapeLiteral(g.sizes);
    const v = (a: NDArray, k: number): GraphExpr => graphVar(`x${i}_${k}`, constantOf(a).type);
    return Array.isArray(g) ? tupleExpr((g as readonly NDArray[]).map(v)) : v(g as NDArray, 0);
  });
  const call = callOp(op, args, attrs);
  const both: FlatArray[][] = [];
  for (const target of ["interpreter", "wasm"] as const) {
    const out = flat(await evaluateOp(call, values, runners[target]));
    both.push(out.map((a) => ({ shape: a.shape, dtype: a.dtype, data: numbersOf(a) })));
  }
  both[0].forEach((a, k) => {
    close(both[1][k].data, a.data, tolerance);
  });
  return both[1];
}

/** Asserts that numbers agree: within `tolerance`, relative to the larger of 1 and the expected. */
export function close(actual: readonly number[], expected: readonly number[], tolerance = 1e-5): void {
  assert.equal(actual.length, expected.length, "the number of elements");
  actual.forEach((x, i) => {
    const y = expected[i];
    const same = Object.is(x, y) || x === y || Math.abs(x - y) <= tolerance * Math.max(1, Math.abs(y));
    assert.ok(same, `element ${i}: ${x}, expected ${y}`);
  });
}
