/** Loops that were split, fused, reordered, added, removed or marked. */
import { constInt } from "../ir/index.ts";
import { exprText } from "./expr-text.ts";
import {
  annotationChanges,
  blockRef,
  type Change,
  loopRef,
  type Pair,
  type Rewrite,
} from "./structural-change.ts";
import { loopsUsed, type Structure } from "./structure.ts";

/**
 * An axis that was bound to loops which are gone and is bound to loops which are new tells that the ones became the
 * others; axes that share a loop belong together.
 */
export function rewritesOf(a: Structure, b: Structure): Rewrite[] {
  let groups: { gone: Set<number>; came: Set<number> }[] = [];
  for (const [id, was] of a.blocks) {
    const now = b.blocks.get(id);
    if (!now || now.node === was.node || now.node.axes.length !== was.node.axes.length) continue;
    was.node.axes.forEach((axis, n) => {
      const gone = loopsUsed(axis.binding, a).filter((l) => !b.loops.has(l));
      const came = loopsUsed(now.node.axes[n].binding, b).filter((l) => !a.loops.has(l));
      if (gone.length === 0 || came.length === 0) return;
      const tied = groups.filter((g) => gone.some((l) => g.gone.has(l)) || came.some((l) => g.came.has(l)));
      const joined = { gone: new Set(gone), came: new Set(came) };
      for (const t of tied) {
        for (const l of t.gone) joined.gone.add(l);
        for (const l of t.came) joined.came.add(l);
      }
      groups = [...groups.filter((g) => !tied.includes(g)), joined];
    });
  }
  // Loops in program order: nested ones come out outermost first.
  const ordered = (ids: ReadonlySet<number>, s: Structure) => [...s.loops.keys()].filter((l) => ids.has(l));
  return groups
    .map((g) => ({ gone: ordered(g.gone, a), came: ordered(g.came, b) }))
    .map((r) => withTwins(r, a, b))
    .filter((r) => covers(r, a, b));
}

/**
 * A loop that was parted: the blocks of the first part are the old ones, those of the others are copies. The parts are
 * the new loops in the same place with nothing but new blocks, when together they have as many iterations.
 */
function withTwins(r: Rewrite, a: Structure, b: Structure): Rewrite {
  if (r.gone.length !== 1 || r.came.length !== 1) return r;
  const extent = (s: Structure, l: number): number => constInt(s.loops.get(l)!.node.extent) ?? Number.NaN;
  const around = (l: number): string => {
    const { blocks } = b.loops.get(l)!;
    const loops = blocks.length > 0 ? b.blocks.get(blocks[0])!.loops : [];
    return loops.slice(0, loops.indexOf(l)).join();
  };
  const [first] = r.came;
  const parts = [...b.loops.values()].filter(
    (l) =>
      l.id === first ||
      (!a.loops.has(l.id) && l.blocks.every((x) => !a.blocks.has(x)) && around(l.id) === around(first)),
  );
  const came = parts.map((l) => l.id);
  const whole = came.reduce((n, l) => n + extent(b, l), 0);
  return came.length > 1 && whole === extent(a, r.gone[0]) ? { gone: r.gone, came } : r;
}

/** Whether the new loops have at least as many iterations: otherwise a block took a part of them elsewhere. */
function covers(r: Rewrite, a: Structure, b: Structure): boolean {
  if (parted(r, b)) return true;
  const size = (ids: readonly number[], s: Structure): number =>
    ids.reduce((n, l) => n * (constInt(s.loops.get(l)!.node.extent) ?? Number.NaN), 1);
  const [before, after] = [size(r.gone, a), size(r.came, b)];
  return Number.isNaN(before) || Number.isNaN(after) || after >= before;
}

/** `blocks`: the changes of blocks, which explain the loops that came and went with them. */
export function loopChanges(p: Pair, blocks: readonly Change[]): Change[] {
  const moved = new Set(blocks.flatMap((c) => (c.kind === "blockMoved" && !c.ahead ? [c.block.key] : [])));
  return [...rewrites(p, moved), ...reorders(p, moved), ...comings(p, moved), ...marks(p)];
}

/** Whether all blocks below a loop that stand in both programs have moved. */
function allMoved(p: Pair, s: Structure, loop: number, moved: ReadonlySet<string>): boolean {
  const shared = s.loops.get(loop)!.blocks.filter((x) => p.a.blocks.has(x) && p.b.blocks.has(x));
  return shared.every((x) => moved.has(blockRef(p.b, x).key));
}

function rewrites(p: Pair, moved: ReadonlySet<string>): Change[] {
  const { func, a, b } = p;
  return p.rewrites.flatMap(({ gone, came }): Change[] => {
    const [loops, into] = [gone.map((l) => loopRef(a, l)), came.map((l) => loopRef(b, l))];
    if (loops.length === 1 && into.length === 1) {
      if (allMoved(p, a, gone[0], moved) || loops[0].name === into[0].name) return [];
      return [{ func, kind: "retiled", loops, into }];
    }
    if (loops.length === 1) {
      return [{ func, kind: parted({ gone, came }, b) ? "partitioned" : "split", loop: loops[0], into }];
    }
    if (into.length === 1) return [{ func, kind: "fused", loops, into: into[0] }];
    return [{ func, kind: "retiled", loops, into }];
  });
}

/** Whether the new loops stand one after another. */
const parted = ({ gone, came }: Rewrite, b: Structure): boolean =>
  gone.length === 1 && came.length > 1 && came.some((l, n) => n > 0 && !within(b, came[n - 1], l));

/** Whether some block has both loops around it. */
const within = (s: Structure, outer: number, inner: number): boolean =>
  s.loops.get(inner)!.blocks.some((x) => s.blocks.get(x)!.loops.includes(outer));

/** A loop, or the rewrite it belongs to: what became of it stands for it. */
export function classOf(p: Pair, loop: number): number | Rewrite {
  return p.rewrites.find((r) => r.gone.includes(loop) || r.came.includes(loop)) ?? loop;
}

function reorders(p: Pair, moved: ReadonlySet<string>): Change[] {
  const out = new Map<string, Change>();
  for (const [id, was] of p.a.blocks) {
    const now = p.b.blocks.get(id);
    if (!now || moved.has(blockRef(p.b, id).key)) continue;
    const [x, y] = [was.loops, now.loops].map((ls) => [...new Set(ls.map((l) => classOf(p, l)))]);
    const [before, after] = [x.filter((c) => y.includes(c)), y.filter((c) => x.includes(c))];
    if (before.every((c, n) => c === after[n]) && !torn(p, now.loops)) continue;
    const key = now.loops.join();
    if (out.has(key)) continue;
    // Loops outside the part that changed places need not be named.
    let head = 0;
    while (was.loops[head] === now.loops[head]) head++;
    out.set(key, {
      func: p.func,
      kind: "reordered",
      loops: now.loops.slice(head).map((l) => loopRef(p.b, l)),
      before: was.loops.slice(head).map((l) => loopRef(p.a, l)),
    });
  }
  return [...out.values()];
}

/** Whether another loop stands between the parts of a loop that was split. */
const torn = (p: Pair, loops: readonly number[]): boolean =>
  p.rewrites.some((r) => {
    const at = loops.flatMap((l, n) => (r.came.includes(l) ? [n] : []));
    return at.length > 0 && at[at.length - 1] - at[0] >= at.length;
  });

/** Loops that came or went by themselves, around blocks that stayed. */
function comings(p: Pair, moved: ReadonlySet<string>): Change[] {
  const { func } = p;
  const one = (s: Structure, other: Structure, kind: "loopAdded" | "loopRemoved"): Change[] =>
    [...s.loops.keys()].flatMap((l): Change[] => {
      if (other.loops.has(l) || p.rewrites.includes(classOf(p, l) as never)) return [];
      const around = s.loops.get(l)!.blocks.filter((x) => other.blocks.has(x));
      if (around.length === 0 || allMoved(p, s, l, moved)) return [];
      return [{ func, kind, loop: loopRef(s, l), around: around.map((x) => blockRef(s, x)) }];
    });
  return [...one(p.a, p.b, "loopRemoved"), ...one(p.b, p.a, "loopAdded")];
}

/** Kinds, ranges and annotations of loops that stand in both. */
function marks({ func, a, b }: Pair): Change[] {
  const out: Change[] = [];
  for (const [id, { node: was }] of a.loops) {
    const now = b.loops.get(id)?.node;
    if (!now || now === was) continue;
    const loop = loopRef(b, id);
    const [p, q] = [was, now].map((l) => l.thread ?? l.loopKind);
    if (p !== q) out.push({ func, kind: "loopKind", loop, before: p, after: q });
    if (was.extent !== now.extent || was.min !== now.min) {
      const [x, y] = [was, now].map((l) => {
        const first = exprText(l.min);
        return first === "0" ? exprText(l.extent) : `${exprText(l.extent)} from ${first}`;
      });
      if (x !== y) out.push({ func, kind: "loopRange", loop, before: x, after: y });
    }
    out.push(...annotationChanges(func, loop, was.annotations, now.annotations));
  }
  return out;
}
