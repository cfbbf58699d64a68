/**
 * A kernel: where its buffers live, which threads do what, where they wait. What cannot be shown to be safe side by
 * side is given back (RunSerially) to run in one thread.
 *
 * An intermediate that only the threads' own loops touch is a variable of each thread. One that is `shared`, or that
 * thread loops inside of its allocation touch, is workgroup memory: one for all threads around it when what is written
 * there says nothing of them, otherwise one for each.
 */
import {
  type Buffer,
  childStmts,
  constInt,
  type Expr,
  type Interval,
  loopRange,
  ops,
  ownExprs,
  type Stmt,
  type Store,
  usesVar,
  visitExpr,
  visitStmt,
} from "../../ir/index.ts";
import { type Guard, guard, placeBarriers, placeGuards } from "./barriers.ts";
import { offsetOf } from "./expr.ts";
import { isThread } from "./lower.ts";
import { areApart, type Domain, type Touch } from "./partition.ts";
import {
  type Around,
  below,
  type GridAxis,
  loopOf,
  NOTHING_AROUND,
  RunSerially,
  replicate,
  type ThreadAxis,
  threadsOf,
} from "./threads.ts";

export interface KernelPlan {
  readonly grid: readonly GridAxis[];
  readonly axes: readonly ThreadAxis[];
  readonly body: Stmt;
  readonly shared: readonly Buffer[];
  readonly own: readonly Buffer[];
}

interface Site extends Around {
  readonly buffer: Buffer;
  readonly indices: readonly Expr[];
  /** The store that it is, or belongs to; absent for what conditions and bounds load. */
  readonly store?: Store;
  readonly isStore: boolean;
}

interface Found {
  readonly sites: readonly Site[];
  readonly allocs: ReadonlyMap<number, { readonly buffer: Buffer; readonly at: Around }>;
  readonly ranges: ReadonlyMap<number, Interval>;
}

/** Plans one nest. `outside`: buffers that live in device memory. */
export function planKernel(
  nest: Stmt,
  outside: ReadonlySet<number>,
  sizes: ReadonlyMap<number, Interval>,
): KernelPlan {
  const { grid, axes, body: unified } = threadsOf(nest);
  const start = new Map(sizes);
  for (const g of grid)
    start.set(g.v.id, { min: 0, max: (constInt(g.extent) ?? Number.POSITIVE_INFINITY) - 1 });
  for (const a of axes) start.set(a.v.id, { min: 0, max: a.extent - 1 });

  const first = search(unified, start);
  const inWorkgroup = workgroupBuffers(first, outside);
  const copies = copiesOf(first, inWorkgroup, axes);
  const { body } = replicate(unified, copies);
  const found = search(body, start);

  const isOwn = (id: number): boolean => !outside.has(id) && !inWorkgroup.has(id);
  const guards = new Map<Store, readonly Guard[]>();
  const alone = new Map<Store, ReadonlySet<string>>();
  for (const s of found.sites) {
    if (!s.isStore || !s.store) continue;
    const own = isOwn(s.buffer.id);
    const single = new Set(axes.filter((a) => isSingle(s, a, own, isOwn)).map((a) => a.axis));
    alone.set(s.store, single);
    guards.set(s.store, guardsOf(s, axes, single));
  }
  const threads = axes.reduce((n, a) => n * a.extent, 1);
  // What all threads of a workgroup see alike.
  const fixed = new Set([...sizes.keys(), ...grid.map((g) => g.v.id)]);
  const watched = new Set<number>();
  const storesApart = new Set<number>();
  const stored = new Set(found.sites.filter((s) => s.isStore).map((s) => s.buffer.id));
  for (const id of stored) {
    if (isOwn(id)) continue;
    const sites = found.sites.filter((s) => s.buffer.id === id);
    checkUpdates(sites, axes, alone, found, fixed, (b) => isOwn(b) || (copies.get(b)?.length ?? 0) > 0);
    if (outside.has(id)) checkGrid(sites, grid, axes, found, new Set(sizes.keys()));
    const active = axes.filter((a) => sites.some((s) => !s.store || !alone.get(s.store)?.has(a.axis)));
    const apart = (some: readonly Site[]): boolean => keptApart(some, domains(active), fixed, found);
    if (threads === 1 || apart(sites)) continue;
    watched.add(id);
    if (apart(sites.filter((s) => s.isStore))) storesApart.add(id);
  }
  const threadVars = new Set(axes.map((a) => a.v.id));
  const lets = letsIn(body);
  const fenced = placeBarriers(body, watched, storesApart);
  const guarded = placeGuards(fenced, {
    of: (s) => guards.get(s) ?? [],
    uniform: (e) => isUniform(e, threadVars, lets),
    changes: (e) => loads(e).some((b) => stored.has(b.id)),
  });
  const allocated = [...found.allocs.values()].map((a) => a.buffer);
  return {
    grid,
    axes,
    body: guarded,
    shared: allocated.filter((b) => inWorkgroup.has(b.id)),
    own: allocated.filter((b) => !inWorkgroup.has(b.id) && !outside.has(b.id)),
  };
}

function search(body: Stmt, start: ReadonlyMap<number, Interval>): Found {
  const sites: Site[] = [];
  const allocs = new Map<number, { buffer: Buffer; at: Around }>();
  const ranges = new Map(start);
  const read = (e: Expr, at: Around, store?: Store): void => {
    visitExpr(e, (x) => {
      if (x.kind === "load") {
        sites.push({
          ...at,
          buffer: x.buffer,
          indices: x.indices,
          isStore: false,
          ...(store ? { store } : {}),
        });
      }
    });
  };
  const go = (s: Stmt, at: Around): void => {
    if (s.kind === "block") for (const b of s.allocs) allocs.set(b.id, { buffer: b, at });
    else for (const e of ownExprs(s)) read(e, at, s.kind === "store" ? s : undefined);
    if (s.kind === "store")
      sites.push({ ...at, buffer: s.buffer, indices: s.indices, isStore: true, store: s });
    if (s.kind === "for" && !isThread(s)) ranges.set(s.v.id, loopRange(s.min, s.extent, ranges));
    const inner = below(s, at);
    for (const c of childStmts(s)) go(c, inner);
  };
  go(body, NOTHING_AROUND);
  return { sites, allocs, ranges };
}

function workgroupBuffers(found: Found, outside: ReadonlySet<number>): ReadonlySet<number> {
  const out = new Set<number>();
  for (const [id, { buffer, at }] of found.allocs) {
    if (outside.has(id)) continue;
    const inside = found.sites.some((s) => s.buffer.id === id && s.threads.length > at.threads.length);
    if (inside || buffer.scope.startsWith("shared")) out.add(id);
  }
  return out;
}

/** For buffers in workgroup memory: the axes of which every thread needs a copy of its own. */
function copiesOf(
  found: Found,
  inWorkgroup: ReadonlySet<number>,
  axes: readonly ThreadAxis[],
): ReadonlyMap<number, readonly ThreadAxis[]> {
  const out = new Map<number, readonly ThreadAxis[]>();
  for (let changed = true; changed; ) {
    changed = false;
    for (const id of inWorkgroup) {
      const alloc = found.allocs.get(id);
      if (!alloc) continue;
      const around = axes.filter((a) => alloc.at.threads.some((l) => l.thread === a.axis));
      const stores = found.sites.filter((s) => s.isStore && s.buffer.id === id);
      const copied = around.filter((a) => {
        const depth = alloc.at.threads.length;
        const fills = stores.filter((s) => s.threads.slice(depth).some((l) => l.thread === a.axis));
        const tells = stores.filter((s) => !fills.includes(s) && mentionsAxis(s, a, (b) => dep(b, a)));
        if (tells.length > 0 && fills.length > 0) {
          throw new RunSerially(
            fills.flatMap((s) =>
              s.threads
                .slice(depth)
                .filter((l) => l.thread === a.axis)
                .map(loopOf),
            ),
            `${alloc.buffer.name} is filled by all threads of ${a.axis} together, and by each for itself`,
          );
        }
        return tells.length > 0;
      });
      if (copied.length !== (out.get(id)?.length ?? 0)) {
        out.set(id, copied);
        changed = true;
      }
    }
  }
  return out;

  /** Whether the contents of a buffer are another in each thread of the axis. */
  function dep(b: Buffer, a: ThreadAxis): boolean {
    const alloc = found.allocs.get(b.id);
    if (!alloc?.at.threads.some((l) => l.thread === a.axis)) return false;
    return !inWorkgroup.has(b.id) || (out.get(b.id)?.includes(a) ?? false);
  }
}

/** Whether what a store does, or whether it runs, says anything of an axis. */
function mentionsAxis(s: Site, a: ThreadAxis, depends: (b: Buffer, a: ThreadAxis) => boolean): boolean {
  const v = new Set([a.v.id]);
  const own = s.store ? [...s.store.indices, s.store.value] : s.indices;
  return [...own, ...s.tests].some((e) => usesVar(e, v) || loads(e).some((b) => depends(b, a)));
}

function loads(e: Expr): Buffer[] {
  const out: Buffer[] = [];
  visitExpr(e, (x) => {
    if (x.kind === "load") out.push(x.buffer);
  });
  return out;
}

/** Whether the first thread of an axis carries the store out alone. */
function isSingle(s: Site, a: ThreadAxis, own: boolean, isOwn: (id: number) => boolean): boolean {
  if (!s.threads.some((l) => l.thread === a.axis)) return true;
  return !own && !mentionsAxis(s, a, (b) => isOwn(b.id));
}

function guardsOf(s: Site, axes: readonly ThreadAxis[], single: ReadonlySet<string>): Guard[] {
  return axes.flatMap((a) => {
    if (a.extent === 1) return [];
    if (single.has(a.axis)) return [guard(ops.eq(a.v, 0))];
    const least = Math.min(
      ...s.threads.filter((l) => l.thread === a.axis).map((l) => constInt(l.extent) ?? a.extent),
    );
    return least < a.extent ? [guard(ops.lt(a.v, least))] : [];
  });
}

const domains = (axes: readonly ThreadAxis[]): Domain[] => axes.map(({ v, extent }) => ({ v, extent }));

/**
 * Whether the accesses of one buffer with different values of some variables are of different elements: by one of its
 * dimensions, or by the place in memory, in which quotients and remainders come together again.
 */
function keptApart(
  sites: readonly Site[],
  apart: readonly Domain[],
  fixed: ReadonlySet<number>,
  found: Found,
  around: Touch["loops"] = [],
): boolean {
  const touches = (indices: (s: Site) => readonly Expr[]): Touch[] =>
    sites.map((s) => ({ indices: indices(s), loops: [...around, ...s.serial] }));
  return (
    areApart(
      touches((s) => s.indices),
      apart,
      fixed,
      found.ranges,
    ) ||
    areApart(
      touches((s) => [offsetOf(s.buffer, s.indices, found.ranges)]),
      apart,
      fixed,
      found.ranges,
    )
  );
}

/** Updates of an element by several threads would lose some: such loops run in one thread. */
function checkUpdates(
  sites: readonly Site[],
  axes: readonly ThreadAxis[],
  alone: ReadonlyMap<Store, ReadonlySet<string>>,
  found: Found,
  fixed: ReadonlySet<number>,
  isOwn: (id: number) => boolean,
): void {
  for (const s of sites) {
    if (!s.isStore || !s.store) continue;
    const value = loads(s.store.value);
    const again = sites.filter((x) => !x.isStore && x.store === s.store);
    if (again.length === 0 && !value.some((b) => isOwn(b.id))) continue;
    const active = axes.filter((a) => !alone.get(s.store as Store)?.has(a.axis));
    if (keptApart([s, ...again], domains(active), fixed, found)) continue;
    throw new RunSerially(
      s.threads.filter((l) => active.some((a) => a.axis === l.thread)).map(loopOf),
      `threads of ${active.map((a) => a.axis).join(", ")} would update the same elements of ${s.buffer.name}`,
    );
  }
}

/** Workgroups cannot wait for each other: what one writes, no other may read or write differently. */
function checkGrid(
  sites: readonly Site[],
  grid: readonly GridAxis[],
  axes: readonly ThreadAxis[],
  found: Found,
  fixed: ReadonlySet<number>,
): void {
  const stores = new Set(sites.filter((s) => s.isStore).map((s) => s.store));
  if (grid.length === 0) return;
  // One store alone writes the same value wherever workgroups overlap, if it takes it from where all see the same.
  const only = stores.size === 1 && sites.length === 1 ? sites[0].store : undefined;
  if (only && !loads(only.value).some((b) => found.allocs.has(b.id))) return;
  const groups = grid.map(
    (g): Domain => ({
      v: g.v,
      extent: constInt(g.extent) ?? Number.POSITIVE_INFINITY,
    }),
  );
  const inside = axes.map((a) => ({ v: a.v, min: ops.toExpr(0), extent: ops.toExpr(a.extent) }));
  if (keptApart(sites, groups, fixed, found, inside)) return;
  throw new RunSerially(
    grid.map((g) => g.loop),
    `workgroups would use each other's elements of ${sites[0].buffer.name}, and cannot wait for each other`,
  );
}

/** All threads of a workgroup have the same value: no thread variable, no memory, nothing that a let binds. */
function isUniform(e: Expr, threads: ReadonlySet<number>, lets: ReadonlySet<number>): boolean {
  let uniform = true;
  visitExpr(e, (x) => {
    if (x.kind === "load" || (x.kind === "var" && (threads.has(x.id) || lets.has(x.id)))) uniform = false;
  });
  return uniform;
}

function letsIn(s: Stmt): ReadonlySet<number> {
  const out = new Set<number>();
  visitStmt(s, {
    stmt: (x) => {
      if (x.kind === "let") out.add(x.v.id);
    },
  });
  return out;
}
