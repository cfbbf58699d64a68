/** computeInline: the value of an elementwise producer is put wherever it is read, and its buffer goes. */
import { regionsOf, simplify } from "../arith/index.ts";
import {
  type Block,
  constant,
  constInt,
  type Expr,
  type PrimFunc,
  rewriteStmt,
  type Store,
  substExpr,
} from "../ir/index.ts";
import { converted } from "./compute-at-regions.ts";
import { whyNotComplete } from "./conditions.ts";
import { requireStagePipeline, writtenOutside } from "./dependencies.ts";
import { refuse } from "./error.ts";
import {
  dropStatedRegions,
  onlyStore,
  rangesBelow,
  refuseInit,
  refuseOpaqueAccess,
  takeOut,
  withScopeBody,
} from "./inline-parts.ts";
import { findBlock, rangesOf } from "./lookup.ts";

const NAME = "computeInline";

/**
 * Puts the block into its consumers: each load of its buffer becomes the block's value at these indices. Refuses a
 * block with an init, with several outputs, that is an output or not complete, whose store is not to distinct axes, or
 * a scope that is no stage pipeline or would be left empty.
 */
export function computeInline(f: PrimFunc, block: number): PrimFunc {
  const at = findBlock(f, block);
  const b = at.node;
  if (b === f.body) refuse(NAME, "the root block cannot be inlined", `${b.name} is the whole function`, []);
  refuseInit(NAME, b);
  const { writes } = regionsOf(b);
  if (writes.length !== 1) {
    const names = writes.map((w) => w.buffer.name).join(", ") || "nothing";
    refuse(NAME, "the block does not write exactly one buffer", `${b.name} writes ${names}`, [b]);
  }
  const { buffer } = writes[0];
  const scope = requireStagePipeline(NAME, f, at);
  if (writtenOutside(scope, b)) {
    const detail = `${b.name} writes ${buffer.name}, which is seen outside ${scope.name}`;
    refuse(NAME, "the block is an output", detail, [b], (n) => `sch.reverseComputeInline(${n(b)})`);
  }
  const incomplete = whyNotComplete(at);
  if (incomplete) refuse(NAME, "the block is not complete", incomplete, [b]);
  const store = onlyStore(NAME, b);
  const axisOf = axesOfIndices(b, store);
  refuseOpaqueAccess(NAME, scope, buffer);

  const rest = takeOut(NAME, scope, b);
  const ranges = rangesBelow(rest, rangesOf(f, at.path.slice(0, at.path.indexOf(scope) + 1)));
  const valueAt = (indices: readonly Expr[]): Expr => {
    const map = new Map<number, Expr>(b.axes.map((a) => [a.v.id, constant(0, a.v.dtype)]));
    axisOf.forEach((axis, i) => {
      if (axis) map.set(axis.id, converted(indices[i], axis.dtype));
    });
    return simplify(substExpr(store.value, map), ranges);
  };
  // `rewriteStmt` takes expressions bottom-up: the indices given to `valueAt` are rewritten already.
  const body = rewriteStmt(dropStatedRegions(rest, buffer), {
    expr: (e) => (e.kind === "load" && e.buffer.id === buffer.id ? valueAt(e.indices) : e),
  });
  return withScopeBody(f, scope, body, buffer);
}

/** The axis behind each index of the store; undefined for the 0 of a dimension that only an axis of extent 1 covers. */
function axesOfIndices(b: Block, store: Store): (Block["axes"][number]["v"] | undefined)[] {
  const rule = "the left side is not made of distinct axes that cover all";
  const left = new Set(b.axes.map((a) => a.v.id));
  const out = store.indices.map((e) => {
    const axis = e.kind === "var" ? b.axes.find((a) => a.v.id === e.id) : undefined;
    if (axis && left.delete(axis.v.id)) return axis.v;
    if (constInt(e) === 0 && constInt(store.buffer.shape[store.indices.indexOf(e)]) === 1) return undefined;
    const what = axis ? `uses the axis ${axis.v.name} twice` : "has an index that is no axis";
    return refuse(NAME, rule, `${b.name} stores to ${store.buffer.name} and ${what}`, [b]);
  });
  const open = b.axes.find((a) => left.has(a.v.id) && constInt(a.extent) !== 1);
  if (open) {
    const detail = `the axis ${open.v.name} of ${b.name} does not index ${store.buffer.name}`;
    refuse(NAME, rule, detail, [b]);
  }
  return out;
}
