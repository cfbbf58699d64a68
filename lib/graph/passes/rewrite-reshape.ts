/** rewriteReshape: programs that only copy their input under another shape become views of it. */
import { provablyEqual } from "../../arith/index.ts";
import { bufferParams, type Expr, type Interval, ops, type PrimFunc, shapeLiteral } from "../../ir/index.ts";
import { callOp } from "../registry.ts";
import { product, sameSize } from "../shape.ts";
import { stagesOf } from "./op-pattern.ts";
import { graphPass, type Pass } from "./pass.ts";
import { rewriteFunc } from "./rewrite.ts";

/** Calls of programs that copy all elements in order become `memory.view`, which costs nothing. */
export const rewriteReshape: Pass = graphPass("rewriteReshape", (f, mod) => {
  const known = new Map<string, boolean>();
  const isReshape = (name: string): boolean => {
    const there = known.get(name);
    if (there !== undefined) return there;
    const p = mod.funcs[name];
    const yes = p?.kind === "primFunc" && copiesInOrder(p);
    known.set(name, yes);
    return yes;
  };
  return rewriteFunc(f, {
    value: (e) => {
      if (e.kind !== "callTir" || e.into || e.args.length !== 1 || e.type.kind !== "tensor") return e;
      return isReshape(e.func) ? callOp("memory.view", [e.args[0], shapeLiteral(e.type.shape)]) : e;
    },
  });
});

const flat = (indices: readonly Expr[], shape: readonly Expr[]): Expr =>
  indices.reduce<Expr>((at, i, d) => ops.add(ops.mul(at, shape[d]), i), ops.toExpr(0));

/** Whether a program has one input and one output, and the k-th element of the one is the k-th of the other. */
export function copiesInOrder(f: PrimFunc): boolean {
  const [input, output, more] = bufferParams(f);
  if (!output || more || f.params.length !== 2 || input.dtype !== output.dtype) return false;
  if (input.strides || output.strides || f.body.allocs.length > 0) return false;
  const stages = stagesOf(f);
  if (stages?.length !== 1 || stages[0].reduces || stages[0].pattern === "opaque") return false;
  const { store, block } = stages[0];
  const { value } = store;
  if (value.kind !== "load" || value.buffer.id !== input.id || store.buffer.id !== output.id) return false;
  if (!sameSize(product(input.shape), product(output.shape))) return false;
  const ranges = new Map<number, Interval>();
  for (const a of block.axes) {
    if (a.extent.kind === "const") ranges.set(a.v.id, { min: 0, max: Number(a.extent.value) - 1 });
  }
  return provablyEqual(flat(store.indices, output.shape), flat(value.indices, input.shape), ranges);
}
