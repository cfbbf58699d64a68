/**
 * What may not run side by side. The loops bound to threads and workgroups mean what the same loops mean when they are
 * run one after another; a kernel runs every statement in all threads before the next statement. Both give the same
 * when no two iterations use the same element of a buffer that lives longer than the iteration (one of them writing),
 * or when they all write there what follows from the element alone. What is neither is given back (RunSerially).
 */
import {
  type Buffer,
  constInt,
  type Expr,
  type For,
  ops,
  substExpr,
  type Var,
  variable,
} from "../../ir/index.ts";
import { offsetOf } from "./expr.ts";
import { isThread } from "./lower.ts";
import { areApart, type Domain, type Touch } from "./partition.ts";
import { type Varying, writeTheSame } from "./same-value.ts";
import { type Found, loads, type Site } from "./sites.ts";
import { type GridAxis, loopOf, RunSerially, type ThreadAxis } from "./threads.ts";

export const domains = (axes: readonly ThreadAxis[]): Domain[] =>
  axes.map(({ v, extent }) => ({ v, extent }));

/**
 * Whether the accesses of one buffer with different values of some variables are of different elements: by one of its
 * dimensions, or by the place in memory, in which quotients and remainders come together again. `varying` gives the
 * loops of an access whose variables may have any of their values.
 */
export function keptApart(
  sites: readonly Site[],
  apart: readonly Domain[],
  fixed: ReadonlySet<number>,
  found: Pick<Found, "ranges">,
  varying: (s: Site) => Touch["loops"] = (s) => s.serial,
): boolean {
  const touches = (indices: (s: Site) => readonly Expr[]): Touch[] =>
    sites.map((s) => ({ indices: indices(s), loops: varying(s) }));
  const { ranges } = found;
  return (
    areApart(
      touches((s) => s.indices),
      apart,
      fixed,
      ranges,
    ) ||
    areApart(
      touches((s) => [offsetOf(s.buffer, s.indices, ranges)]),
      apart,
      fixed,
      ranges,
    )
  );
}

/** Updates of an element by several threads would lose some: such loops run in one thread. */
export function checkUpdates(
  sites: readonly Site[],
  axes: readonly ThreadAxis[],
  alone: ReadonlyMap<object, ReadonlySet<string>>,
  found: Found,
  fixed: ReadonlySet<number>,
  isOwn: (id: number) => boolean,
): void {
  for (const s of sites) {
    if (!s.isStore || !s.store) continue;
    const value = loads(s.store.value);
    const again = sites.filter((x) => !x.isStore && x.store === s.store);
    if (again.length === 0 && !value.some((b) => isOwn(b.id))) continue;
    const active = axes.filter((a) => !alone.get(s.store as object)?.has(a.axis));
    if (keptApart([s, ...again], domains(active), fixed, found)) continue;
    throw new RunSerially(
      s.threads.filter((l) => active.some((a) => a.axis === l.thread)).map(loopOf),
      `threads of ${active.map((a) => a.axis).join(", ")} would update the same elements of ${s.buffer.name}`,
    );
  }
}

/** The loops of threads, each against the buffers that its iterations share. */
export function checkThreads(
  found: Found,
  axes: readonly ThreadAxis[],
  shared: ReadonlySet<number>,
  copied: (b: Buffer, axis: string) => boolean,
  fixed: ReadonlySet<number>,
): void {
  const all = new Set(found.sites.flatMap((s) => s.threads));
  for (const loop of all) {
    if ((constInt(loop.extent) ?? 2) <= 1) continue;
    const inside = found.sites.filter((s) => s.threads.includes(loop));
    for (const s of inside) checkNested(s, loop, found, copied);
    const buffers = new Map(inside.filter((s) => s.isStore).map((s) => [s.buffer.id, s.buffer]));
    for (const b of buffers.values()) {
      if (!shared.has(b.id) || found.allocs.get(b.id)?.at.loops.includes(loop)) continue;
      const sites = inside.filter((s) => s.buffer.id === b.id);
      checkLoop(loop, b, sites, axes, found, fixed);
    }
  }
}

/** A loop inside of one with the same threads runs once for all of them: it may not read what is another in each. */
function checkNested(s: Site, loop: For, found: Found, copied: (b: Buffer, axis: string) => boolean): void {
  const again = innerOnSameAxis(s, loop);
  if (!again || !s.store) return;
  for (const b of [s.store.value, ...s.store.indices, ...s.tests].flatMap(loads)) {
    const at = found.allocs.get(b.id)?.at.loops;
    if (!at?.includes(loop) || at.includes(again) || !copied(b, loop.thread as string)) continue;
    throw new RunSerially(
      [loopOf(again)],
      `${b.name} is another one in each thread of ${loop.thread}, and they would share the work of a loop that reads it`,
    );
  }
}

/** The innermost loop around the access, inside of `loop`, that is bound to the same axis. */
const innerOnSameAxis = (s: Site, loop: For): For | undefined =>
  s.loops.slice(s.loops.indexOf(loop) + 1).findLast((l) => l.thread === loop.thread && isThread(l));

function checkLoop(
  loop: For,
  b: Buffer,
  given: readonly Site[],
  axes: readonly ThreadAxis[],
  found: Found,
  fixed: ReadonlySet<number>,
): void {
  const axis = axes.find((a) => a.axis === loop.thread) as ThreadAxis;
  const outer = given[0].loops.slice(0, given[0].loops.indexOf(loop));
  const still = new Set([...fixed, ...outer.map((l) => l.v.id)]);
  still.delete(axis.v.id);
  // Loops that share the axis' variable with the one looked at get one of their own.
  const other = variable(axis.v.name, axis.v.dtype);
  const sites = given.map((s) => (innerOnSameAxis(s, loop) ? renamed(s, axis.v, other) : s));
  const varying = (s: Site): Varying[] =>
    s.loops
      .slice(s.loops.indexOf(loop) + 1)
      .map((l) => ({ v: l.v.id === axis.v.id ? other : l.v, min: l.min, extent: l.extent }));
  const known = found.ranges.get(axis.v.id);
  const ranges = known ? new Map(found.ranges).set(other.id, known) : found.ranges;
  const extent = constInt(loop.extent) ?? axis.extent;
  if (keptApart(sites, [{ v: axis.v, extent }], still, { ranges }, varying)) return;
  const stores = sites.filter((s) => s.isStore);
  const everywhere = stores.map((site) => ({
    site,
    varying: [{ v: axis.v, min: ops.toExpr(0), extent: ops.toExpr(extent) }, ...varying(site)],
  }));
  const steady = stores.every((s) =>
    loads(s.store?.value ?? ops.toExpr(0)).every((x) => !isWritten(x, loop, found)),
  );
  if (steady && isWrittenFirst(loop, b, given, found) && writeTheSame(everywhere, ranges)) return;
  throw new RunSerially(
    [loopOf(loop)],
    `threads of ${loop.thread} would use the same elements of ${b.name} (loop ${loop.v.name})`,
  );
}

function renamed(s: Site, from: Var, to: Var): Site {
  const map = new Map<number, Expr>([[from.id, to]]);
  const subst = (e: Expr): Expr => substExpr(e, map);
  const indices = s.indices.map(subst);
  if (!s.store) return { ...s, indices };
  return {
    ...s,
    indices,
    store: { ...s.store, indices: s.store.indices.map(subst), value: subst(s.store.value) },
  };
}

const isWritten = (b: Buffer, loop: For, found: Found): boolean =>
  found.sites.some((s) => s.isStore && s.buffer.id === b.id && s.threads.includes(loop));

/**
 * Whether reads of the buffer in a loop only ever see what the loop wrote in statements before: there are none, or
 * the buffer holds nothing before the loop, and every store stands before every read, under no serial loop with it.
 */
function isWrittenFirst(loop: For, b: Buffer, inside: readonly Site[], found: Found): boolean {
  const reads = inside.filter((s) => !s.isStore);
  if (reads.length === 0) return true;
  const stores = inside.filter((s) => s.isStore);
  const elsewhere = found.sites.some((s) => s.isStore && s.buffer.id === b.id && !s.threads.includes(loop));
  if (!found.allocs.has(b.id) || elsewhere) return false;
  const order = new Map(found.sites.map((s, i) => [s, i]));
  const below = (s: Site): For[] => s.serial.filter((l) => s.loops.indexOf(l) > s.loops.indexOf(loop));
  return reads.every((r) =>
    stores.every(
      (s) =>
        (order.get(s) as number) < (order.get(r) as number) && !below(s).some((l) => below(r).includes(l)),
    ),
  );
}

/** Workgroups cannot wait for each other: what one writes, no other may read or write differently. */
export function checkGrid(
  sites: readonly Site[],
  grid: readonly GridAxis[],
  axes: readonly ThreadAxis[],
  found: Found,
  fixed: ReadonlySet<number>,
): void {
  if (grid.length === 0) return;
  const groups = grid.map(
    (g): Domain => ({ v: g.v, extent: constInt(g.extent) ?? Number.POSITIVE_INFINITY }),
  );
  const inside = axes.map((a) => ({ v: a.v, min: ops.toExpr(0), extent: ops.toExpr(a.extent) }));
  const varying = (s: Site): Varying[] => [...inside, ...s.serial];
  if (keptApart(sites, groups, fixed, found, varying)) return;
  const stored = new Set(found.sites.filter((s) => s.isStore).map((s) => s.buffer.id));
  const steady = sites.every(
    (s) => s.isStore && loads(s.store?.value ?? ops.toExpr(0)).every((x) => !stored.has(x.id)),
  );
  const everywhere = sites.map((site) => ({
    site,
    varying: [...grid.map((g) => ({ v: g.v, min: ops.toExpr(0), extent: g.extent })), ...varying(site)],
  }));
  if (steady && writeTheSame(everywhere, found.ranges)) return;
  throw new RunSerially(
    grid.map((g) => g.loop),
    `workgroups would use each other's elements of ${sites[0].buffer.name}, and cannot wait for each other`,
  );
}
