/** fuseReductionEpilogue: what is added to a finished sum becomes its initial value. */
import { axisRanges, exprKey, provablyEqual, regionsOf, simplify } from "../arith/index.ts";
import {
  type Block,
  type Buffer,
  constInt,
  type Expr,
  type PrimFunc,
  type Ranges,
  replaceStmt,
  type Store,
  store,
  substExpr,
  visitExpr,
} from "../ir/index.ts";
import { whyNotOneStep, whyNotReduction } from "./conditions.ts";
import { consumersOf, producersOf, requireStagePipeline, stagesOf, writtenOutside } from "./dependencies.ts";
import { refuse } from "./error.ts";
import { dropStatedRegions, onlyStore, refuseOpaqueAccess, takeOut, withScopeBody } from "./inline-parts.ts";
import { findBlock, type Located, rangesOf, scopeBlock } from "./lookup.ts";
import { reducerOf } from "./reducer.ts";

const NAME = "fuseReductionEpilogue";

/**
 * Puts an epilogue `out = sum + bias` into the reduction that makes `sum`: its init stores the bias, it adds up in
 * `out`, and the buffer between is gone. Refuses whatever would compute something else: other functions of the sum
 * (max(sum, 0) of every partial sum is not max of the whole), other reducers, a sum that does not start at 0.
 */
export function fuseReductionEpilogue(f: PrimFunc, reduction: number, epilogue: number): PrimFunc {
  const at = findBlock(f, reduction);
  const end = findBlock(f, epilogue);
  const [b, e] = [at.node, end.node];
  const scope = requireStagePipeline(NAME, f, at);
  if (scopeBlock(end) !== scope || b === e) {
    refuse(NAME, "the blocks are not in the same scope", `${b.name} and ${e.name}`, [b, e]);
  }
  const { buffer, indices, input } = sumOf(f, at);
  const outside = writtenOutside(scope, b);
  if (outside) {
    const detail = `${b.name} writes ${outside.name}, which is seen outside ${scope.name}`;
    refuse(NAME, "the reduction is an output", detail, [b]);
  }
  const consumers = consumersOf(scope, b);
  if (consumers.length !== 1 || consumers[0] !== e) {
    const detail = `${b.name} is read by ${consumers.map((c) => c.name).join(", ") || "no block"}`;
    refuse(NAME, "the epilogue is not the only consumer of the reduction", detail, [b, e]);
  }
  const incomplete = whyNotOneStep(end);
  if (incomplete) refuse(NAME, "the epilogue is not complete", incomplete, [e]);
  const s = onlyStore(NAME, e);
  const { place, bias } = addition(e, s, buffer);
  refuseOpaqueAccess(NAME, scope, buffer);
  const late = producersOf(scope, e).find((p) => p !== b && isBehind(scope, p, b));
  if (late) {
    const detail = `${late.name} makes what ${e.name} adds, and stands behind ${b.name}`;
    refuse(NAME, "the bias is made behind the reduction", detail, [late, b]);
  }

  const axes = axesAt(e, place, buffer, indices);
  const ranges: Ranges = new Map([...rangesOf(f, at.path.slice(0, -1)), ...axisRanges(b.axes)]);
  const to = s.indices.map((i) => simplify(substExpr(i, axes), ranges));
  const start = simplify(substExpr(bias, axes), ranges);
  const { reads: _, writes: __, ...rest } = b;
  const next: Block = {
    ...rest,
    init: store(s.buffer, to, start),
    body: input.update([{ buffer: s.buffer, indices: to, input: input.accumulators[0].input }]),
  };
  const body = replaceStmt(takeOut(NAME, scope, e), b, next);
  return withScopeBody(f, scope, dropStatedRegions(body, buffer), buffer);
}

/** The buffer and place a sum that starts at 0 is formed at. */
function sumOf(f: PrimFunc, at: Located<Block>) {
  const b = at.node;
  const why = whyNotReduction(f, at);
  if (why) refuse(NAME, "the block is not a reduction block", why, [b]);
  const input = reducerOf(b);
  if (input?.kind !== "sum") {
    const detail = `${b.name} applies ${input?.kind ?? "no reducer that is known"}`;
    return refuse(NAME, "the reduction is not a sum", detail, [b]);
  }
  const [{ buffer, indices, start }] = input.accumulators;
  if (start.kind !== "const" || Number(start.value) !== 0 || (constInt(start) ?? 0) !== 0) {
    refuse(NAME, "the sum does not start at 0", `${b.name} starts with something else`, [b]);
  }
  return { buffer, indices, input };
}

/** sum[place] + bias, where the bias is free of the sum. */
function addition(e: Block, s: Store, buffer: Buffer): { place: readonly Expr[]; bias: Expr } {
  const isSum = (x: Expr): boolean => x.kind === "load" && x.buffer.id === buffer.id;
  const { value } = s;
  const sides = value.kind === "binary" && value.op === "add" ? [value.a, value.b] : [];
  const sum = sides.find(isSum);
  const bias = sides.find((x) => x !== sum);
  let again = false;
  if (bias) {
    visitExpr(bias, (x) => {
      if (isSum(x)) again = true;
    });
  }
  if (sum?.kind === "load" && bias && !again && s.buffer.dtype === buffer.dtype) {
    return { place: sum.indices, bias };
  }
  const detail = `${e.name} computes something else than ${buffer.name} plus a bias: applied to the initial value, it would change the result`;
  return refuse(
    NAME,
    "the epilogue is not an addition",
    detail,
    [e],
    (n) => `sch.reverseComputeAt(${n(e)}, loop)`,
  );
}

/** The epilogue's axes in terms of the reduction's: each axis is one dimension of the sum, and covers it. */
function axesAt(
  e: Block,
  place: readonly Expr[],
  buffer: Buffer,
  indices: readonly Expr[],
): ReadonlyMap<number, Expr> {
  const axes = new Map<number, Expr>();
  place.forEach((i, d) => {
    const a = i.kind === "var" ? e.axes.find((x) => x.v.id === i.id) : undefined;
    if (a && !axes.has(a.v.id) && provablyEqual(a.extent, buffer.shape[d])) axes.set(a.v.id, indices[d]);
  });
  const unit = e.axes.filter((a) => constInt(a.extent) === 1 && !axes.has(a.v.id));
  for (const a of unit) axes.set(a.v.id, { kind: "const", dtype: a.v.dtype, value: 0 });
  const dims = place.filter((i) => !(constInt(i) === 0)).map(exprKey);
  const whole =
    axes.size === e.axes.length &&
    new Set(dims).size === dims.length &&
    axes.size - unit.length === dims.length;
  if (!whole || e.predicate) {
    const detail = `${e.name} does not take each element of ${buffer.name} once`;
    refuse(NAME, "the epilogue does not cover the reduction", detail, [e]);
  }
  return axes;
}

function isBehind(scope: Block, p: Block, b: Block): boolean {
  const order = stagesOf(scope).blocks;
  return order.indexOf(p) > order.indexOf(b) && regionsOf(p).writes.length > 0;
}
