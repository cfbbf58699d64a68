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
  buffer,
  constInt,
  type Expr,
  type Interval,
  ops,
  type Stmt,
  type Store,
  visitExpr,
  visitStmt,
} from "../../ir/index.ts";
import { type Guard, guard, placeBarriers, placeGuards } from "./barriers.ts";
import { WgslError } from "./error.ts";
import { type Matrices, matricesOf, matrixCallsIn } from "./matrix.ts";
import { checkGrid, checkThreads, checkUpdates, domains, keptApart } from "./races.ts";
import { loads, type Site, search } from "./sites.ts";
import { combinesIn } from "./subgroups.ts";
import { type GridAxis, replicate, type ThreadAxis, threadAxis, threadsOf } from "./threads.ts";
import { copiesOf, mentionsAxis, workgroupBuffers } from "./workgroup.ts";

export interface KernelPlan {
  readonly grid: readonly GridAxis[];
  readonly axes: readonly ThreadAxis[];
  readonly body: Stmt;
  readonly shared: readonly Buffer[];
  readonly own: readonly Buffer[];
  /** Arrays of the workgroup in which its subgroups meet, by the variable whose values they put together; among `shared`. */
  readonly meeting: ReadonlyMap<number, Buffer>;
  /** Matrices of subgroups; they are no memory. */
  readonly matrices: ReadonlyMap<Buffer, Matrices>;
}

/** Plans one nest. `outside`: buffers that live in device memory. */
export function planKernel(
  nest: Stmt,
  outside: ReadonlySet<number>,
  sizes: ReadonlyMap<number, Interval>,
  subgroupSize = 1,
): KernelPlan {
  const { grid, axes: bound, body: unified } = threadsOf(nest);
  const calls = matrixCallsIn(unified);
  const axes = calls.length > 0 ? inSubgroups(bound, subgroupSize) : bound;
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
  const shared = new Set([...stored].filter((id) => !isOwn(id)));
  checkThreads(
    found,
    axes,
    shared,
    (b, axis) => copies.get(b.id)?.some((a) => a.axis === axis) ?? false,
    fixed,
  );
  for (const id of shared) {
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
  const meeting = new Map(
    combinesIn(guarded).map((c) => [c.own.id, buffer(`${c.own.name}_all`, [threads], c.own.dtype, "shared")]),
  );
  const matrices = matricesOf(matrixCallsIn(guarded));
  const isMatrix = (b: Buffer): boolean => [...matrices.keys()].some((m) => m.id === b.id);
  const allocated = [...found.allocs.values()].map((a) => a.buffer);
  return {
    grid,
    axes,
    body: guarded,
    shared: [...allocated.filter((b) => inWorkgroup.has(b.id)), ...meeting.values()],
    own: allocated.filter((b) => !isMatrix(b) && !inWorkgroup.has(b.id) && !outside.has(b.id)),
    meeting,
    matrices,
  };
}

/** The axes, with as many threads along x as subgroups have, or a multiple of it. */
function inSubgroups(axes: readonly ThreadAxis[], size: number): readonly ThreadAxis[] {
  const x = axes.find((a) => a.axis === "threadIdx.x");
  if (!x) return [threadAxis("threadIdx.x", size), ...axes];
  if (x.extent % size === 0) return axes;
  throw new WgslError(
    `matrix units work in subgroups of ${size} threads: ${x.extent} threads on threadIdx.x are no multiple of that`,
  );
}

/** Whether the first thread of an axis carries the store out alone. */
function isSingle(s: Site, a: ThreadAxis, own: boolean, isOwn: (id: number) => boolean): boolean {
  const around = s.threads.filter((l) => l.thread === a.axis);
  if (around.every((l) => constInt(l.extent) === 1)) return true;
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
