/** canonicalizeBindings: no names for what has a name, no tuples that are only taken apart, no ifs that are decided. */
import {
  type BindingBlock,
  bindingsOf,
  type GraphBody,
  type GraphExpr,
  type GraphFunc,
  type GraphType,
  type MatchCast,
  mapGraphExpr,
  numbersOf,
  type TupleExpr,
  withGraphBody,
} from "../../ir/index.ts";
import { sameShape } from "../shape.ts";
import { graphPass, type Pass } from "./pass.ts";
import { type Place, rewriteFunc } from "./rewrite.ts";
import { countUses, sizesOfType } from "./uses.ts";

/**
 * Variables that name variables or constants go; a field of a known tuple is that field; a tuple of all fields of a tuple
 * is that tuple; an assertion that always holds is a binding; an if of a constant is one of its branches. Neighbouring
 * dataflow blocks become one, and their outputs are those that somebody uses.
 */
export const canonicalizeBindings: Pass = graphPass("canonicalizeBindings", canonicalized);

/** One rewriting makes way for another: an if that goes, an assertion that becomes a name. */
const ROUNDS = 8;

function canonicalized(f: GraphFunc): GraphFunc {
  let now = f;
  for (let i = 0; i < ROUNDS; i++) {
    const next = onceOver(now);
    if (next === now) break;
    now = next;
  }
  return withGraphBody(now, mergedBlocks(now.body));
}

function onceOver(f: GraphFunc): GraphFunc {
  const known = new Map<number, GraphExpr>();
  return rewriteFunc(f, {
    dropNames: true,
    value: (e, at) => {
      const value = simplified(e, at, known);
      if (at.binding.kind === "bind") known.set(at.binding.v.id, value);
      return value;
    },
    binding: (b) => (b.kind === "matchCast" && alwaysHolds(b) ? { kind: "bind", v: b.v, value: b.value } : b),
  });
}

function simplified(e: GraphExpr, at: Place, known: ReadonlyMap<number, GraphExpr>): GraphExpr {
  switch (e.kind) {
    case "tupleGet": {
      const tuple = e.tuple.kind === "graphVar" ? (known.get(e.tuple.id) ?? e.tuple) : e.tuple;
      const field = tuple.kind === "tupleExpr" ? tuple.fields[e.index] : undefined;
      return field?.kind === "graphVar" || field?.kind === "constant" ? field : e;
    }
    case "tupleExpr":
      return wholeTuple(e, known) ?? e;
    case "graphIf": {
      if (e.cond.kind !== "constant") return e;
      const branch = numbersOf(e.cond.data)[0] ? e.then : e.else;
      at.splice(bindingsOf(branch));
      return branch.result;
    }
    default:
      return e;
  }
}

/** The tuple whose fields these are, all of them in order. */
function wholeTuple(e: TupleExpr, known: ReadonlyMap<number, GraphExpr>): GraphExpr | undefined {
  const gets = e.fields.map((f) => (f.kind === "graphVar" ? known.get(f.id) : undefined));
  const first = gets[0];
  if (first?.kind !== "tupleGet" || first.tuple.kind !== "graphVar") return undefined;
  const { tuple } = first;
  const all =
    tuple.type.kind === "tuple" &&
    tuple.type.fields.length === gets.length &&
    gets.every((g, i) => {
      return (
        g?.kind === "tupleGet" && g.index === i && g.tuple.kind === "graphVar" && g.tuple.id === tuple.id
      );
    });
  return all ? tuple : undefined;
}

/** Sizes of what control flow gives are made known by the cast, even where the value's type names them. */
function alwaysHolds({ v, value }: MatchCast): boolean {
  const control = value.kind === "graphIf" || value.kind === "graphLoop" || value.kind === "callFunc";
  return sameType(v.type, value.type) && (!control || sizesOfType(v.type).size === 0);
}

/** Whether two types are equal for all values of the symbolic sizes. */
function sameType(a: GraphType, b: GraphType): boolean {
  if (a.kind === "tensor") return b.kind === "tensor" && a.dtype === b.dtype && sameShape(a.shape, b.shape);
  if (a.kind === "shape") return b.kind === "shape" && a.rank === b.rank;
  if (b.kind !== "tuple" || a.fields.length !== b.fields.length) return false;
  return a.fields.every((f, i) => sameType(f, b.fields[i]));
}

function mergedBlocks(b: GraphBody): GraphBody {
  const uses = countUses(b);
  const blocks: BindingBlock[] = [];
  let changed = false;
  for (const given of b.blocks) {
    const block = withBranches(given);
    const last = blocks.at(-1);
    changed ||= block !== given;
    if (last && last.dataflow === block.dataflow) {
      changed = true;
      blocks[blocks.length - 1] = {
        dataflow: block.dataflow,
        bindings: [...last.bindings, ...block.bindings],
        outputs: [...last.outputs, ...block.outputs],
      };
    } else if (block.bindings.length > 0) blocks.push(block);
    else changed = true;
  }
  const trimmed = blocks.map((x, i): BindingBlock => {
    if (!x.dataflow) return x;
    const outside = countUses({ blocks: blocks.slice(i + 1), result: b.result });
    const outputs = x.outputs.filter((id) => outside.has(id) && uses.has(id));
    if (outputs.length === x.outputs.length) return x;
    changed = true;
    return { ...x, outputs };
  });
  return changed ? { blocks: trimmed, result: b.result } : b;
}

/** The same within branches of ifs. */
function withBranches(block: BindingBlock): BindingBlock {
  let changed = false;
  const bindings = block.bindings.map((b) => {
    if (b.value.kind !== "graphIf") return b;
    const value = mapGraphExpr(b.value, { expr: (x) => x, body: mergedBlocks });
    changed ||= value !== b.value;
    return value === b.value ? b : { ...b, value };
  });
  return changed ? { ...block, bindings } : block;
}
