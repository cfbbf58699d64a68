/** fuseOps: calls of tensor programs that are better run together become functions of their own. */
import {
  type Bind,
  type BindingBlock,
  type CallTir,
  callFunc,
  type GraphBinding,
  type GraphBody,
  type GraphExpr,
  type IRModule,
  mapGraphExpr,
  type PrimFunc,
  type TensorType,
  withGraphBody,
} from "../../ir/index.ts";
import { BlockBuilder } from "../block-builder.ts";
import { constShape, sameShape } from "../shape.ts";
import { type FuseNode, type GroupLimits, groupsOf } from "./fuse-groups.ts";
import { atMost, type OpPattern, patternOf, programCost } from "./op-pattern.ts";
import { outlined } from "./outline.ts";
import { isDeferred, type Pass } from "./pass.ts";
import { countUses } from "./uses.ts";

export type FuseOptions = Partial<GroupLimits>;

/**
 * Each group of calls in a dataflow block that `groupsOf` finds becomes a graph-level function with the attribute
 * `Primitive`, called with what the group reads. A group has one result. Calls of which nothing is known, library calls
 * and calls with several results stay alone.
 */
export function fuseOps(options: FuseOptions = {}): Pass {
  const limits = { maxOps: options.maxOps ?? 64, maxWeight: options.maxWeight ?? 128 };
  return { name: "fuseOps", run: (mod) => new Fuser(mod, limits).run() };
}

class Fuser {
  private readonly mod: IRModule;
  private readonly limits: GroupLimits;
  private readonly bb: BlockBuilder;
  private readonly costs = new Map<string, ReturnType<typeof programCost> & { pattern: OpPattern }>();

  constructor(mod: IRModule, limits: GroupLimits) {
    this.mod = mod;
    this.limits = limits;
    this.bb = new BlockBuilder(mod);
  }

  run(): IRModule {
    let changed = false;
    for (const [name, f] of Object.entries(this.mod.funcs)) {
      if (f.kind !== "graphFunc" || isDeferred(f) || f.attrs.Primitive || f.attrs.Composite) continue;
      const done = withGraphBody(f, this.body(f.body));
      changed ||= done !== f;
      this.bb.updateFunc(name, done);
    }
    return changed ? this.bb.get() : this.mod;
  }

  private body(b: GraphBody): GraphBody {
    let changed = false;
    const blocks = b.blocks.map((x) => {
      const made = x.dataflow ? this.block(x) : this.branches(x);
      changed ||= made !== x;
      return made;
    });
    return changed ? { blocks, result: b.result } : b;
  }

  private branches(block: BindingBlock): BindingBlock {
    let changed = false;
    const bindings = block.bindings.map((b) => {
      if (b.value.kind !== "graphIf") return b;
      const value = mapGraphExpr(b.value, { expr: (x) => x, body: (x) => this.body(x) });
      changed ||= value !== b.value;
      return value === b.value ? b : { ...b, value };
    });
    return changed ? { ...block, bindings } : block;
  }

  private block(block: BindingBlock): BindingBlock {
    const at = new Map<number, number>();
    block.bindings.forEach((b, i) => {
      if (b.kind === "bind") at.set(b.v.id, i);
    });
    const escapes = new Set(block.outputs);
    for (const b of block.bindings) {
      if (this.callOf(b)) continue;
      for (const id of countUses({ blocks: [], result: b.value }).keys()) escapes.add(id);
    }
    const nodes = block.bindings.map((b, i) => this.node(b, i, at, escapes));
    const groups = groupsOf(nodes, this.limits);
    const calls = new Map<number, GraphExpr>();
    for (const root of new Set(groups)) {
      const members = block.bindings.filter((_, i) => groups[i] === root);
      const call = members.length > 1 ? this.group(members as Bind[]) : undefined;
      if (call) calls.set(root, call);
    }
    if (calls.size === 0) return block;
    const bindings = block.bindings.flatMap((b, i): readonly GraphBinding[] => {
      const value = calls.get(groups[i]);
      if (!value) return [b];
      return groups[i] === i && b.kind === "bind" ? [{ ...b, value }] : [];
    });
    // Calls of functions may not stand in dataflow blocks.
    return { dataflow: false, bindings, outputs: [] };
  }

  /** The call of a binding that may be fused. */
  private callOf(b: GraphBinding): (CallTir & { readonly type: TensorType }) | undefined {
    const e = b.value;
    const program = e.kind === "callTir" && this.mod.funcs[e.func]?.kind === "primFunc";
    return b.kind === "bind" && program && e.type.kind === "tensor" && !e.into ? (e as never) : undefined;
  }

  private node(
    b: GraphBinding,
    index: number,
    at: ReadonlyMap<number, number>,
    escapes: ReadonlySet<number>,
  ): FuseNode {
    const call = this.callOf(b);
    if (!call) return { index, pattern: "opaque", inputs: [], escapes: true, elements: 0, expensive: false };
    const cost = this.cost(call.func);
    const inputs = call.args.flatMap((a, k) => {
      const node = a.kind === "graphVar" ? at.get(a.id) : undefined;
      if (node === undefined) return [];
      return [{ node, pattern: edge(cost.pattern, call, a), places: Math.max(1, cost.reads[k] ?? 1) }];
    });
    const shape = constShape(call.type.shape);
    return {
      index,
      pattern: cost.pattern,
      inputs,
      escapes: b.kind !== "bind" || escapes.has(b.v.id),
      elements: shape ? shape.reduce((x, y) => x * y, 1) : 0,
      expensive: cost.expensive,
    };
  }

  private cost(name: string): ReturnType<typeof programCost> & { pattern: OpPattern } {
    const known = this.costs.get(name);
    if (known) return known;
    const f = this.mod.funcs[name] as PrimFunc;
    const made = { ...programCost(f), pattern: patternOf(f) };
    this.costs.set(name, made);
    return made;
  }

  /** The call of a function made of these bindings; undefined when a size in them is not one of its parameters'. */
  private group(members: readonly Bind[]): GraphExpr | undefined {
    const made = outlined(members, { Primitive: true });
    if (!made) return undefined;
    const last = members[members.length - 1].v;
    return callFunc(this.bb.addFunc(made.func, fusedName(members)), made.args, last.type);
  }
}

const MAX_NAME = 48;

/** `fused_matmul_add_relu`. */
function fusedName(members: readonly Bind[]): string {
  const parts = members.map((b) => (b.value.kind === "callTir" ? b.value.func.replace(/\d+$/, "") : ""));
  let name = "fused";
  for (const p of parts) {
    if (name.length + p.length >= MAX_NAME) return `${name}_etc`;
    name += `_${p}`;
  }
  return name;
}

/** The pattern of a call with respect to one argument: an operand of the result's own shape is read in place. */
function edge(pattern: OpPattern, call: CallTir & { readonly type: TensorType }, arg: GraphExpr): OpPattern {
  if (!atMost(pattern, "broadcast")) return pattern;
  return arg.type.kind === "tensor" && sameShape(arg.type.shape, call.type.shape) ? "elemWise" : "broadcast";
}
