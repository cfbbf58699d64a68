/** Blocks that moved, came, went, were inlined, or changed inside. */
import type { Block, Stmt } from "../ir/index.ts";
import { childStmts } from "../ir/index.ts";
import { accessText, exprText } from "./expr-text.ts";
import { annotationChanges, blockRef, type Change, loopRef, type Pair } from "./structural-change.ts";
import { classOf } from "./structural-loops.ts";
import type { BlockPlace } from "./structure.ts";

export function blockChanges(p: Pair): Change[] {
  const moved: Change[] = [];
  const inside: Change[] = [];
  for (const [id, was] of p.a.blocks) {
    const now = p.b.blocks.get(id);
    if (!now) continue;
    const move = moveOf(p, was, now);
    if (move) moved.push(move);
    if (now.node !== was.node) inside.push(...insideOf(p, was, now));
  }
  const came = added(p);
  // An init that became a block is told there.
  const taken = new Set(came.flatMap((c) => (c.kind === "blockAdded" && c.initOf ? [c.initOf.key] : [])));
  const rest = inside.filter((c) => !(c.kind === "blockPart" && c.part === "init" && taken.has(c.block.key)));
  return [...removed(p), ...came, ...moved, ...swapped(p, moved), ...rest];
}

function moveOf(p: Pair, was: BlockPlace, now: BlockPlace): Change | undefined {
  const same = was.loops.length === now.loops.length && was.loops.every((l, n) => l === now.loops[n]);
  if (same) return undefined;
  // Loops that only one program has, and that nothing became or came from, say nothing about the place.
  const lasting = (l: number): boolean =>
    typeof classOf(p, l) !== "number" || (p.a.loops.has(l) && p.b.loops.has(l));
  const [x, y] = [was, now].map((b) => new Set(b.loops.filter(lasting).map((l) => classOf(p, l))));
  const under = now.loops.findLast((l) => lasting(l) && !x.has(classOf(p, l)));
  const outOf = was.loops.findLast((l) => lasting(l) && !y.has(classOf(p, l)));
  if (under === undefined && outOf === undefined) return undefined;
  return {
    func: p.func,
    kind: "blockMoved",
    block: blockRef(p.b, now.id),
    ...(under === undefined ? {} : { under: loopRef(p.b, under) }),
    loops: now.loops
      .filter((l) => !p.a.loops.has(l) && typeof classOf(p, l) === "number")
      .map((l) => loopRef(p.b, l)),
    ...(outOf === undefined ? {} : { outOf: loopRef(p.a, outOf) }),
  };
}

/** Blocks that changed places with others in the order of the program, as few as explain the new order. */
function swapped(p: Pair, moved: readonly Change[]): Change[] {
  const gone = new Set(moved.map((c) => (c.kind === "blockMoved" ? c.block.key : "")));
  const stay = (id: number) => p.a.blocks.has(id) && p.b.blocks.has(id) && !gone.has(blockRef(p.b, id).key);
  const before = [...p.a.blocks.keys()].filter(stay);
  const after = [...p.b.blocks.keys()].filter(stay);
  if (before.every((id, n) => id === after[n])) return [];
  const rank = new Map(before.map((id, n) => [id, n]));
  const kept = new Set(longestRise(after.map((id) => rank.get(id)!)).map((n) => after[n]));
  return after.flatMap((id, n): Change[] => {
    if (kept.has(id)) return [];
    const next = after.slice(n + 1).find((x) => kept.has(x));
    const ahead = next === undefined ? {} : { ahead: blockRef(p.b, next) };
    return [{ func: p.func, kind: "blockMoved", block: blockRef(p.b, id), loops: [], ...ahead }];
  });
}

/** Positions of a longest increasing subsequence. Quadratic: there are few blocks. */
function longestRise(xs: readonly number[]): number[] {
  const best = xs.map(() => 1);
  const from = xs.map(() => -1);
  for (let i = 0; i < xs.length; i++) {
    for (let j = 0; j < i; j++) {
      if (xs[j] < xs[i] && best[j] + 1 > best[i]) [best[i], from[i]] = [best[j] + 1, j];
    }
  }
  const out: number[] = [];
  for (let i = best.indexOf(Math.max(...best)); i >= 0; i = from[i]) out.unshift(i);
  return out;
}

function removed(p: Pair): Change[] {
  return [...p.a.blocks.values()].flatMap((was): Change[] => {
    if (p.b.blocks.has(was.id)) return [];
    // Who had to do with its buffers and does its work now: a reader of what it wrote, or a writer of it now.
    const heirs = [...p.b.blocks.values()].filter((now) => {
      const before = p.a.blocks.get(now.id);
      if (!before || before.node === now.node) return false;
      const reader = [...was.writes].some((b) => before.reads.has(b) && !now.reads.has(b));
      const writer = [...was.writes].some((b) => !before.writes.has(b) && now.writes.has(b));
      return reader || writer;
    });
    const inlinedInto = heirs.map((h) => blockRef(p.b, h.id));
    return [{ func: p.func, kind: "blockRemoved", block: blockRef(p.a, was.id), inlinedInto }];
  });
}

function added(p: Pair): Change[] {
  return [...p.b.blocks.values()].flatMap((now): Change[] => {
    if (p.a.blocks.has(now.id)) return [];
    const around = [...p.b.blocks.values()].filter((x) => x.scope === now.id && p.a.blocks.has(x.id));
    const donor = [...p.b.blocks.values()].find((x) => {
      const before = p.a.blocks.get(x.id);
      const lost = before?.node.init && !x.node.init;
      return lost && [...now.writes].some((b) => x.writes.has(b));
    });
    // The innermost loop that has to do with others too; those below it were made for this block.
    const shared = now.loops.findLast((l) =>
      p.b.loops.get(l)!.blocks.some((x) => x !== now.id && !inside(p, x, now.id)),
    );
    const own = shared === undefined ? now.loops : now.loops.slice(now.loops.indexOf(shared) + 1);
    const copies = copyOf(now.node);
    return [
      {
        func: p.func,
        kind: "blockAdded",
        block: blockRef(p.b, now.id),
        ...(shared === undefined || around.length > 0 ? {} : { under: loopRef(p.b, shared) }),
        loops: around.length > 0 ? [] : own.map((l) => loopRef(p.b, l)),
        ...(copies ? { copies } : {}),
        around: around.map((x) => blockRef(p.b, x.id)),
        ...(donor ? { initOf: blockRef(p.a, donor.id) } : {}),
      },
    ];
  });
}

function inside(p: Pair, block: number, around: number): boolean {
  let at = p.b.blocks.get(block);
  while (at && at.scope !== around) at = p.b.blocks.get(at.scope);
  return at !== undefined;
}

/** What a block copies when it does nothing else. */
function copyOf(b: Block): { from: string; to: string; scope: string } | undefined {
  const s = b.body;
  if (b.init || s.kind !== "store" || s.value.kind !== "load") return undefined;
  return { from: s.value.buffer.name, to: s.buffer.name, scope: s.buffer.scope };
}

/** What changed in a block that stands in both programs. */
function insideOf(p: Pair, was: BlockPlace, now: BlockPlace): Change[] {
  const { func } = p;
  const block = blockRef(p.b, now.id);
  const out: Change[] = [];
  const [x, y] = [was.node, now.node];
  if (x.name !== y.name) out.push({ func, kind: "blockRenamed", block, before: x.name });
  for (const access of ["reads", "writes"] as const) {
    const name = (id: number, s: Pair["a"]): string => s.buffers.get(id)?.buffer.name ?? "?";
    const gone = [...was[access]].filter((id) => !now[access].has(id)).map((id) => name(id, p.a));
    const came = [...now[access]].filter((id) => !was[access].has(id)).map((id) => name(id, p.b));
    // A body that updates reads what it writes: said of the init, once.
    const update = access === "reads" && x.init !== undefined && y.init === undefined;
    if (!update && (gone.length > 0 || came.length > 0)) {
      out.push({ func, kind: "blockAccess", block, access, added: came, removed: gone });
    }
  }
  const part = (name: "init" | "predicate", a: unknown, b: unknown): void => {
    if ((a === undefined) === (b === undefined)) return;
    out.push({ func, kind: "blockPart", block, part: name, change: b === undefined ? "removed" : "added" });
  };
  part("init", x.init, y.init);
  part("predicate", x.predicate, y.predicate);
  const types = (b: Block): string => b.axes.map((a) => `${a.type} ${a.v.name} ${exprText(a.extent)}`).join();
  if (types(x) !== types(y)) out.push({ func, kind: "blockPart", block, part: "axes", change: "changed" });
  // Of a block of blocks the inner ones tell.
  const silent = !out.some((c) => c.kind === "blockAccess" || (c.kind === "blockPart" && c.part === "axes"));
  // A buffer of another shape is indexed otherwise wherever it is used; that is said of the buffer.
  const reshaped = [...now.reads, ...now.writes].some((id) => {
    const [u, v] = [p.a, p.b].map((side) => side.buffers.get(id)?.buffer);
    return u !== v && u?.shape.map(exprText).join() !== v?.shape.map(exprText).join();
  });
  if (
    silent &&
    !reshaped &&
    was.leaf &&
    now.leaf &&
    x.body !== y.body &&
    stmtText(x.body) !== stmtText(y.body)
  ) {
    out.push({ func, kind: "blockPart", block, part: "body", change: "changed" });
  }
  out.push(...annotationChanges(func, block, x.annotations, y.annotations));
  return out;
}

/** What a body does, without who its buffers and variables are. */
function stmtText(s: Stmt): string {
  const own =
    s.kind === "store"
      ? `${accessText(s.buffer.name, s.indices)} = ${exprText(s.value)}`
      : s.kind === "if"
        ? exprText(s.cond)
        : s.kind === "for"
          ? `${s.v.name} ${exprText(s.min)} ${exprText(s.extent)}`
          : s.kind === "let"
            ? `${s.v.name} = ${exprText(s.value)}`
            : s.kind === "extern"
              ? JSON.stringify([s.func, s.args])
              : "";
  return `${s.kind} ${own}{${childStmts(s).map(stmtText).join(";")}}`;
}
