/**
 * What a transformation did, in its own words: loops and blocks are followed by id from one program to the other, so
 * that a split is a split and not three changed lines. The texts are in `change-text.ts`.
 */
import type { PrimFunc } from "../ir/index.ts";
import { type Program, tensorPrograms } from "./lines.ts";
import { blockChanges } from "./structural-blocks.ts";
import { bufferChanges } from "./structural-buffers.ts";
import type { Change, Pair } from "./structural-change.ts";
import { loopChanges, rewritesOf } from "./structural-loops.ts";
import { correspondence, structureOf } from "./structure.ts";

const cache = new WeakMap<PrimFunc, WeakMap<PrimFunc, readonly Change[]>>();

/** What was done to get from `a` to `b`; empty when the programs are the same up to the names of variables. */
export function structuralDiff(a: Program, b: Program): Change[] {
  if (a === b) return [];
  const [fs, gs] = [functionsOf(a), functionsOf(b)];
  // Two functions by themselves are compared whatever they are called.
  if (a.kind === "primFunc" && b.kind === "primFunc") return [...funcDiff("primFunc", a, b)];
  const out: Change[] = [];
  for (const func of new Set([...fs.keys(), ...gs.keys()])) {
    const [f, g] = [fs.get(func), gs.get(func)];
    if (f && g) out.push(...funcDiff(func, f, g));
    else out.push({ func, kind: g ? "functionAdded" : "functionRemoved" });
  }
  return out;
}

const functionsOf = (x: Program): Map<string, PrimFunc> => new Map(tensorPrograms(x));

function funcDiff(func: string, f: PrimFunc, g: PrimFunc): readonly Change[] {
  if (f === g) return [];
  let of = cache.get(f);
  if (!of) cache.set(f, (of = new WeakMap()));
  let known = of.get(g);
  // The cache is by function alone; only its name may differ.
  if (known?.[0] && known[0].func !== func) known = known.map((c) => ({ ...c, func }));
  if (!known) {
    const [a, b] = [structureOf(f), structureOf(g, correspondence(f, g))];
    const pair: Pair = { func, a, b, rewrites: rewritesOf(a, b) };
    const blocks = blockChanges(pair);
    known = [...loopChanges(pair, blocks), ...blocks, ...bufferChanges(pair)];
    of.set(g, known);
  }
  return known;
}
