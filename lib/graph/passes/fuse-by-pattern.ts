/**
 * fuseByPattern, mergeComposite and runCodegen: parts of a program that a library does better are found by their form,
 * put into functions of their own, and handed over.
 */
import {
  type Attrs,
  type Bind,
  type BindingBlock,
  bindingsOf,
  callFunc,
  callPacked,
  type GraphBinding,
  type GraphExpr,
  type GraphFunc,
  graphFunc,
  type IRModule,
  removeFuncs,
  withGraphBody,
} from "../../ir/index.ts";
import { BlockBuilder } from "../block-builder.ts";
import { refuseGraph } from "../error.ts";
import { indexBindings, type Match, matchExpr, type Pattern } from "../pattern/index.ts";
import { outlined } from "./outline.ts";
import { isDeferred, type Pass } from "./pass.ts";
import { rewriteFunc } from "./rewrite.ts";
import { countUses, varsUsed } from "./uses.ts";

export interface FusionPattern {
  /** `library.what`: what stands before the point is the target of runCodegen. */
  readonly name: string;
  readonly pattern: Pattern;
  /** Whether a match is wanted. */
  readonly check?: (match: Match) => boolean;
}

/**
 * What matches a pattern becomes a function with the attribute `Composite` (the pattern's name). Patterns are tried in
 * order, at later values first, so that the longest match wins. Of a match nothing but its last value may be used
 * elsewhere.
 */
export function fuseByPattern(patterns: readonly FusionPattern[]): Pass {
  return {
    name: "fuseByPattern",
    run: (mod) => {
      const bb = new BlockBuilder(mod);
      let changed = false;
      for (const [name, f] of Object.entries(mod.funcs)) {
        if (f.kind !== "graphFunc" || isDeferred(f) || f.attrs.Primitive || f.attrs.Composite) continue;
        const done = withMatches(f, patterns, bb);
        changed ||= done !== f;
        bb.updateFunc(name, done);
      }
      return changed ? bb.get() : mod;
    },
  };
}

function withMatches(f: GraphFunc, patterns: readonly FusionPattern[], bb: BlockBuilder): GraphFunc {
  const index = indexBindings(f);
  const uses = countUses(f.body);
  const taken = new Set<number>();
  let changed = false;
  const blocks = f.body.blocks.map((block): BindingBlock => {
    const own = new Map<number, Bind>();
    for (const b of block.bindings) if (b.kind === "bind") own.set(b.v.id, b);
    const calls = new Map<number, GraphExpr>();
    const gone = new Set<number>();
    for (const b of [...block.bindings].reverse()) {
      if (b.kind !== "bind" || taken.has(b.v.id)) continue;
      for (const p of patterns) {
        const match = matchExpr(p.pattern, b.v, index.seenFrom(b.v));
        const ids = match && closedOver(match, b, own, uses, block.outputs, taken);
        if (!ids || (p.check && !p.check(match))) continue;
        const members = block.bindings.filter((x): x is Bind => x.kind === "bind" && ids.has(x.v.id));
        const made = outlined(members, { Composite: p.name });
        if (!made) continue;
        calls.set(b.v.id, callFunc(bb.addFunc(made.func, p.name.replace(".", "_")), made.args, b.v.type));
        for (const id of ids) {
          taken.add(id);
          if (id !== b.v.id) gone.add(id);
        }
        break;
      }
    }
    if (calls.size === 0) return block;
    changed = true;
    const bindings = block.bindings.flatMap((b): readonly GraphBinding[] => {
      if (b.kind !== "bind") return [b];
      const value = calls.get(b.v.id);
      return gone.has(b.v.id) ? [] : [value ? { ...b, value } : b];
    });
    return { dataflow: false, bindings, outputs: [] };
  });
  return changed ? withGraphBody(f, { blocks, result: f.body.result }) : f;
}

/** The variables of a match, when all are bound in the block and only the last one is used outside of it. */
function closedOver(
  match: Match,
  root: Bind,
  own: ReadonlyMap<number, Bind>,
  uses: ReadonlyMap<number, number>,
  outputs: readonly number[],
  taken: ReadonlySet<number>,
): Set<number> | undefined {
  const ids = new Set([...match.inner.map((v) => v.id), root.v.id]);
  const inside = new Map<number, number>();
  for (const id of ids) {
    const b = own.get(id);
    if (!b || taken.has(id)) return undefined;
    for (const [x, n] of countUses({ blocks: [], result: b.value })) inside.set(x, (inside.get(x) ?? 0) + n);
  }
  for (const id of ids) {
    if (id === root.v.id) continue;
    if (outputs.includes(id) || (inside.get(id) ?? 0) !== (uses.get(id) ?? 0)) return undefined;
  }
  return ids;
}

const targetOf = (name: unknown): string => String(name).split(".")[0];

/**
 * Every call of a `Composite` function becomes a call of a function for its target (attribute `Codegen`); where what the
 * one gives is used by another of the same target alone, both become one.
 */
export const mergeComposite: Pass = {
  name: "mergeComposite",
  run: (mod) => {
    const bb = new BlockBuilder(mod);
    let changed = false;
    for (const [name, f] of Object.entries(mod.funcs)) {
      if (f.kind !== "graphFunc" || isDeferred(f) || f.attrs.Composite || f.attrs.Codegen) continue;
      const done = mergedCalls(f, mod, bb);
      changed ||= done !== f;
      bb.updateFunc(name, done);
    }
    return changed ? bb.get() : mod;
  },
};

function mergedCalls(f: GraphFunc, mod: IRModule, bb: BlockBuilder): GraphFunc {
  const target = (e: GraphExpr): string | undefined => {
    const callee = e.kind === "callFunc" ? mod.funcs[e.func] : undefined;
    return callee?.kind === "graphFunc" && callee.attrs.Composite
      ? targetOf(callee.attrs.Composite)
      : undefined;
  };
  const uses = countUses(f.body);
  let changed = false;
  const blocks = f.body.blocks.map((block): BindingBlock => {
    const groups = new Map<number, Bind[]>();
    const gone = new Set<number>();
    for (const b of block.bindings) {
      const t = b.kind === "bind" ? target(b.value) : undefined;
      if (b.kind !== "bind" || !t) continue;
      const members = [b];
      for (const id of varsUsed(b.value)) {
        const before = groups.get(id);
        if (!before || uses.get(id) !== 1 || target(before[before.length - 1].value) !== t) continue;
        members.unshift(...before);
        gone.add(id);
      }
      groups.set(b.v.id, members);
    }
    if (groups.size === 0) return block;
    changed = true;
    const order = new Map(block.bindings.map((b, i) => [b, i]));
    const bindings = block.bindings.flatMap((b): readonly GraphBinding[] => {
      const members = b.kind === "bind" ? groups.get(b.v.id) : undefined;
      if (b.kind !== "bind" || !members) return [b];
      if (gone.has(b.v.id)) return [];
      const t = target(b.value) as string;
      const sorted = [...members].sort((x, y) => (order.get(x) as number) - (order.get(y) as number));
      const made = outlined(sorted, { Codegen: t });
      if (!made) return refuseGraph("mergeComposite", `${b.v.name} has sizes that its arguments do not tell`);
      // What is called inside may not stand in a dataflow block.
      const plain = { ...made.func.body.blocks[0], dataflow: false, outputs: [] };
      const func = graphFunc(made.func.params, { ...made.func.body, blocks: [plain] }, made.func.attrs);
      return [{ ...b, value: callFunc(bb.addFunc(func, `${t}_part`), made.args, b.v.type) }];
    });
    return { ...block, dataflow: false, bindings, outputs: [] };
  });
  return changed ? withGraphBody(f, { blocks, result: f.body.result }) : f;
}

/** What a target makes of a function: the name of the library function that does it, and what it is told. */
export interface ExternalCode {
  readonly func: string;
  readonly attrs?: Attrs;
}
/** Makes (and registers) the library function for a part of a program. */
export type Codegen = (func: GraphFunc, name: string, mod: IRModule) => ExternalCode;

/** Functions with the attribute `Codegen` are handed to their targets, and calls of them become `callPacked`. */
export function runCodegen(targets: Readonly<Record<string, Codegen>>): Pass {
  return {
    name: "runCodegen",
    run: (mod) => {
      const made = new Map<string, ExternalCode>();
      for (const [name, f] of Object.entries(mod.funcs)) {
        if (f.kind !== "graphFunc" || !f.attrs.Codegen) continue;
        const target = String(f.attrs.Codegen);
        const codegen = Object.hasOwn(targets, target) ? targets[target] : undefined;
        if (!codegen) return refuseGraph("runCodegen", `there is no code generator for ${target}`);
        made.set(name, codegen(f, name, mod));
      }
      if (made.size === 0) return mod;
      const bb = new BlockBuilder(mod);
      const used = new Set<string>(made.keys());
      for (const name of made.keys()) {
        for (const b of bindingsOf((mod.funcs[name] as GraphFunc).body)) {
          if (b.value.kind === "callFunc") used.add(b.value.func);
        }
      }
      for (const [name, f] of Object.entries(mod.funcs)) {
        if (f.kind !== "graphFunc" || used.has(name)) continue;
        const value = (e: GraphExpr): GraphExpr => {
          const code = e.kind === "callFunc" ? made.get(e.func) : undefined;
          if (e.kind !== "callFunc" || !code) return e;
          return callPacked(code.func, e.args, e.type, code.attrs ? { attrs: code.attrs } : {});
        };
        bb.updateFunc(name, rewriteFunc(f, { value }));
      }
      return removeFuncs(bb.get(), used);
    },
  };
}
