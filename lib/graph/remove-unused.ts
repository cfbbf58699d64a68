/** Dropping what a graph-level function computes and does not use. */
import {
  type BindingBlock,
  type Expr,
  type GraphBinding,
  type GraphBody,
  type GraphExpr,
  type GraphFunc,
  type GraphType,
  graphOperands,
  type IRModule,
  varsOf,
  withGraphBody,
} from "../ir/index.ts";
import { getOp } from "./registry.ts";

/**
 * The function without bindings whose values nothing uses. Calls that write into given memory stay, and outside of
 * dataflow blocks so do library calls, matchCasts and calls of graph-level functions that have such (all of them, where
 * the module is not given). Outputs of dataflow blocks that are not used after them are outputs no longer.
 */
export function removeAllUnused(f: GraphFunc, mod?: IRModule): GraphFunc {
  const body = new Sweep(mod).body(f.body);
  return withGraphBody(f, body);
}

class Sweep {
  private readonly mod: IRModule | undefined;
  /** Ids of the variables and symbolic sizes that are used further down. */
  private readonly live = new Set<number>();

  constructor(mod: IRModule | undefined) {
    this.mod = mod;
  }

  body(b: GraphBody): GraphBody {
    this.use(b.result);
    const blocks: BindingBlock[] = [];
    for (const block of [...b.blocks].reverse()) {
      const outputs = block.outputs.filter((id) => this.live.has(id));
      const bindings: GraphBinding[] = [];
      for (const x of [...block.bindings].reverse()) {
        const kept = this.binding(x, block.dataflow);
        if (kept) bindings.unshift(kept);
      }
      const same =
        outputs.length === block.outputs.length &&
        bindings.length === block.bindings.length &&
        bindings.every((x, i) => x === block.bindings[i]);
      if (bindings.length > 0) blocks.unshift(same ? block : { ...block, bindings, outputs });
    }
    const same = blocks.length === b.blocks.length && blocks.every((x, i) => x === b.blocks[i]);
    return same ? b : { blocks, result: b.result };
  }

  private binding(b: GraphBinding, dataflow: boolean): GraphBinding | undefined {
    const needed = b.kind === "tensorToShape" ? this.anySize(b.sizes) : this.live.has(b.v.id);
    const declares = b.kind === "matchCast" && this.anySize(sizesOf(b.v.type));
    const asserts = b.kind === "matchCast" && !dataflow;
    if (!needed && !declares && !asserts && !hasEffect(b.value, dataflow, this.mod)) return undefined;
    if (b.kind !== "tensorToShape") for (const v of sizesOf(b.v.type)) this.live.add(v.id);
    if (b.value.kind !== "graphIf") {
      this.use(b.value);
      return b;
    }
    const [then, other] = [this.body(b.value.then), this.body(b.value.else)];
    this.use(b.value.cond);
    if (then === b.value.then && other === b.value.else) return b;
    return { ...b, value: { ...b.value, then, else: other } };
  }

  private use(e: GraphExpr): void {
    if (e.kind === "graphVar") this.live.add(e.id);
    const scalars = e.kind === "shapeLiteral" ? e.values : e.kind === "callTir" ? e.tirVars : [];
    for (const s of scalars) for (const id of varsOf(s).keys()) this.live.add(id);
    for (const v of sizesOf(e.type)) this.live.add(v.id);
    for (const x of graphOperands(e)) this.use(x);
  }

  private anySize(vs: Iterable<{ readonly id: number }>): boolean {
    for (const v of vs) if (this.live.has(v.id)) return true;
    return false;
  }
}

function sizesOf(t: GraphType, found: Map<number, Expr & { kind: "var" }> = new Map()) {
  if (t.kind === "tensor") for (const s of t.shape) varsOf(s, found);
  if (t.kind === "tuple") for (const f of t.fields) sizesOf(f, found);
  return found.values();
}

/** Whether a value does more than give a result. */
function hasEffect(e: GraphExpr, dataflow: boolean, mod: IRModule | undefined, open?: Set<string>): boolean {
  switch (e.kind) {
    case "opCall":
      return getOp(e.op).builtin === true && e.op !== "memory.view";
    case "callTir":
      return e.into !== undefined;
    case "callPacked":
      return e.into !== undefined || !dataflow;
    case "graphIf":
      return bodyHasEffect(e.then, mod, open) || bodyHasEffect(e.else, mod, open);
    case "callFunc":
    case "graphLoop": {
      const f = mod?.funcs[e.func];
      if (f?.kind !== "graphFunc") return !dataflow;
      // A function that calls itself adds no effect by that.
      const seen = open ?? new Set();
      if (seen.has(e.func)) return false;
      return bodyHasEffect(f.body, mod, seen.add(e.func));
    }
    default:
      return false;
  }
}

function bodyHasEffect(b: GraphBody, mod: IRModule | undefined, open?: Set<string>): boolean {
  return b.blocks.some((block) => block.bindings.some((x) => hasEffect(x.value, block.dataflow, mod, open)));
}
