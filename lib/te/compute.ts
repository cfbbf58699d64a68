/** Computed tensors. */
import { type Expr, ops, type Var, variable, visitExpr } from "../ir/index.ts";
import { isReduction, type Reduction } from "./reduce.ts";
import { type Compute, type Index, Tensor, tensorBuffer } from "./tensor.ts";

/**
 * A tensor whose element at (i, j, …) is what the function gives for these indices. The function may take all
 * indices as a rest parameter; a number it gives is an f32. A reduction must be the whole of what it gives.
 */
export function compute(
  shape: readonly Index[],
  fn: (...indices: Var[]) => Expr | Reduction | number,
  name = "compute",
): Tensor {
  const sizes = tensorBuffer(name, shape, "f32").shape;
  const names = indexNames(fn, sizes.length, name);
  const indices = sizes.map((s, d) => variable(names[d], s.dtype));
  const given = fn(...indices);
  if (given === undefined || given === null) throw new TypeError(`${name}: the function gives no value`);
  const body = ops.toExpr(given, "f32");
  const inside = isReduction(body) ? body.source : body;
  visitExpr(inside, (e) => {
    if (!isReduction(e)) return;
    throw new TypeError(
      `${name}: te.${e.combiner} must be the whole value of a te.compute; ` +
        "give it a compute of its own and read that tensor here",
    );
  });

  const outputs: Tensor[] = [];
  const op: Compute = { kind: "compute", indices, body, outputs };
  let values: Tensor | undefined;
  if (isReduction(body) && (body.combiner === "argmax" || body.combiner === "argmin")) {
    values = new Tensor(tensorBuffer(`${name}_value`, sizes, body.source.dtype), op);
  }
  const t = new Tensor(tensorBuffer(name, sizes, body.dtype), op, values);
  outputs.push(t, ...(values ? [values] : []));
  return t;
}

/** The names of the function's parameters, as far as its source tells; `i0`, `i1`, … otherwise. */
function indexNames(fn: (...indices: Var[]) => unknown, rank: number, name: string): string[] {
  const source = String(fn);
  const list = /^\s*(?:function\b[^(]*)?(?:\(([^()]*)\)|([\p{ID_Start}$_][\p{ID_Continue}$]*)\s*=>)/u.exec(
    source,
  );
  const params = (list?.[1] ?? list?.[2] ?? "...").split(",").map((p) => p.trim());
  const rest = params.some((p) => p.startsWith("..."));
  if (fn.length > rank || (!rest && fn.length > 0 && fn.length !== rank)) {
    throw new TypeError(
      `${name}: the function takes ${fn.length} index(es), the shape has ${rank} dimension(s)`,
    );
  }
  return Array.from({ length: rank }, (_, d) => {
    const p = params[d];
    return p !== undefined && /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(p) ? p : `i${d}`;
  });
}
