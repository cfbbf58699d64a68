/**
 * Rewriting graph-level functions binding by binding, in order: the way most passes go. Variables that stand for
 * something else afterwards are replaced wherever they are used; what does not change keeps its identity.
 */
import {
  type BindingBlock,
  type Expr,
  type GraphBinding,
  type GraphBody,
  type GraphExpr,
  type GraphFunc,
  type GraphType,
  type GraphVar,
  graphFunc,
  graphVar,
  mapGraphExpr,
  mapType,
} from "../../ir/index.ts";
import { varsUsed } from "./uses.ts";

/** Where a value stands while it is rewritten. */
export interface Place {
  /** Its binding, as it was. */
  readonly binding: GraphBinding;
  /** Binds a value to a new variable, before this binding. */
  emit(value: GraphExpr, name?: string): GraphVar;
  /** Puts bindings as they are before this binding. */
  splice(bindings: readonly GraphBinding[]): void;
}

export interface Rewriter {
  /**
   * What a binding's value becomes; its operands are those of the new program already, its branches are rewritten. A
   * variable or constant stands for the bound variable from there on, and the binding goes.
   */
  readonly value?: (e: GraphExpr, at: Place) => GraphExpr;
  /** What a whole binding becomes, after `value`; undefined drops it. */
  readonly binding?: (b: GraphBinding) => GraphBinding | undefined;
  /** What a function or branch gives, with its operands replaced. */
  readonly result?: (e: GraphExpr, at: Place) => GraphExpr;
  /** A variable that only names another one or a constant goes, too. */
  readonly dropNames?: boolean;
  /** What sizes become, in types too. */
  readonly size?: (e: Expr) => Expr;
  /** Called when a body begins and ends: for tables that hold what is visible. */
  readonly enter?: () => void;
  readonly leave?: () => void;
  /** Called when a block of bindings ends, with the ids that are seen after it, if not all. */
  readonly endBlock?: (seen: readonly number[] | undefined) => void;
}

/** Operands by the variables that stand for them. */
export type Replacements = Map<number, GraphExpr>;

/** The function with its body rewritten, and its parameters' types where sizes are. */
export function rewriteFunc(f: GraphFunc, r: Rewriter, env: Replacements = new Map()): GraphFunc {
  let params = f.params;
  const { size } = r;
  if (size) {
    params = f.params.map((p) => retyped(p, mapType(p.type, size)));
    if (params.every((p, i) => p === f.params[i])) params = f.params;
    else for (const p of params) env.set(p.id, p);
  }
  const body = rewriteBody(f.body, r, env);
  return body === f.body && params === f.params ? f : graphFunc(params, body, f.attrs);
}

/** The same variable with another type. */
const retyped = (v: GraphVar, type: GraphType): GraphVar =>
  type === v.type ? v : graphVar(v.name, type, v.id);

export function rewriteBody(b: GraphBody, r: Rewriter, env: Replacements): GraphBody {
  return new BodyRewrite(r, env).body(b);
}

const EFFECTS = new Set(["graphIf", "graphLoop", "callFunc"]);
const hasEffects = (b: GraphBinding): boolean =>
  EFFECTS.has(b.value.kind) || ("into" in b.value && b.value.into !== undefined);

class BodyRewrite {
  private readonly r: Rewriter;
  private readonly env: Replacements;

  constructor(r: Rewriter, env: Replacements) {
    this.r = r;
    this.env = env;
  }

  body(b: GraphBody): GraphBody {
    this.r.enter?.();
    const blocks: BindingBlock[] = [];
    for (const block of b.blocks) {
      const made = this.block(block);
      if (made.bindings.length > 0) blocks.push(made);
    }
    const before: GraphBinding[] = [];
    const operands = this.operands(b.result);
    const place = this.place({ kind: "bind", v: RESULT, value: b.result }, before);
    const result = this.r.result ? this.r.result(operands, place) : operands;
    if (before.length > 0) blocks.push({ dataflow: false, bindings: before, outputs: [] });
    this.r.leave?.();
    const same = blocks.length === b.blocks.length && blocks.every((x, i) => x === b.blocks[i]);
    return same && result === b.result ? b : { blocks: withOutputs(blocks, result), result };
  }

  private block(b: BindingBlock): BindingBlock {
    const bindings: GraphBinding[] = [];
    let changed = false;
    for (const x of b.bindings) {
      const from = bindings.length;
      this.binding(x, bindings);
      changed ||= bindings.length !== from + 1 || bindings[from] !== x;
    }
    const outputs = b.dataflow ? this.outputs(b, bindings) : b.outputs;
    this.r.endBlock?.(b.dataflow ? outputs : undefined);
    if (!changed && outputs === b.outputs) return b;
    // What a rewrite put in may be more than a dataflow block holds.
    if (b.dataflow && bindings.some(hasEffects)) return { dataflow: false, bindings, outputs: [] };
    return { dataflow: b.dataflow, bindings, outputs };
  }

  /** The outputs that are bound here still, and what stands for the others. */
  private outputs(b: BindingBlock, bindings: readonly GraphBinding[]): readonly number[] {
    const own = new Set(bindings.flatMap((x) => (x.kind === "tensorToShape" ? [] : [x.v.id])));
    const now = b.outputs.flatMap((id) => {
      if (own.has(id)) return [id];
      const to = this.env.get(id);
      return to?.kind === "graphVar" && own.has(to.id) ? [to.id] : [];
    });
    const unique = [...new Set(now)];
    const same = unique.length === b.outputs.length && unique.every((id, i) => id === b.outputs[i]);
    return same ? b.outputs : unique;
  }

  private binding(b: GraphBinding, out: GraphBinding[]): void {
    const operands = this.operands(b.value);
    const value = this.r.value ? this.r.value(operands, this.place(b, out)) : operands;
    const next = this.rebound(b, value);
    if (next === undefined) return;
    const kept = this.r.binding ? this.r.binding(next) : next;
    if (kept) out.push(kept);
  }

  /** The binding of another value, or nothing when the variable now stands for a leaf. */
  private rebound(b: GraphBinding, value: GraphExpr): GraphBinding | undefined {
    const { size } = this.r;
    if (b.kind === "tensorToShape") return value === b.value ? b : { ...b, value };
    if (b.kind === "matchCast") {
      const v = size ? retyped(b.v, mapType(b.v.type, size)) : b.v;
      if (v !== b.v) this.env.set(v.id, v);
      return value === b.value && v === b.v ? b : { ...b, v, value };
    }
    const leaf = value.kind === "graphVar" || value.kind === "constant";
    if (leaf && (value !== b.value || this.r.dropNames)) {
      this.env.set(b.v.id, value);
      return undefined;
    }
    if (value === b.value) return b;
    const v = retyped(b.v, value.type);
    if (v !== b.v) this.env.set(v.id, v);
    return { kind: "bind", v, value };
  }

  private place(binding: GraphBinding, out: GraphBinding[]): Place {
    return {
      binding,
      emit: (value, name) => {
        const v = graphVar(name ?? "lv", value.type);
        out.push({ kind: "bind", v, value });
        return v;
      },
      splice: (bindings) => {
        out.push(...bindings);
      },
    };
  }

  /** The value with its operands replaced and its branches rewritten. */
  private operands(e: GraphExpr): GraphExpr {
    const leaf = (x: GraphExpr): GraphExpr => {
      if (x.kind === "graphVar") return this.env.get(x.id) ?? x;
      return x.kind === "constant" ? x : mapGraphExpr(x, { expr: leaf, size: this.r.size });
    };
    if (e.kind === "graphVar" || e.kind === "constant") return leaf(e);
    return mapGraphExpr(e, { expr: leaf, body: (b) => this.body(b), size: this.r.size });
  }
}

/** The blocks with every variable that is used after its dataflow block among the outputs: a rewrite may use more. */
function withOutputs(blocks: readonly BindingBlock[], result: GraphExpr): readonly BindingBlock[] {
  if (!blocks.some((x) => x.dataflow)) return blocks;
  const used = varsUsed(result);
  const out: BindingBlock[] = [];
  for (const b of [...blocks].reverse()) {
    const missing = b.dataflow
      ? b.bindings.flatMap((x) =>
          x.kind !== "tensorToShape" && used.has(x.v.id) && !b.outputs.includes(x.v.id) ? [x.v.id] : [],
        )
      : [];
    out.push(missing.length > 0 ? { ...b, outputs: [...b.outputs, ...missing] } : b);
    for (const x of b.bindings) varsUsed(x.value, used);
  }
  return out.reverse();
}

/** Stands in `Place.binding` for what a body gives, which no variable is bound to. */
const RESULT: GraphVar = { kind: "graphVar", id: -1, name: "result", type: { kind: "tuple", fields: [] } };
