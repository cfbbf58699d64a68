/** The accesses of a kernel, each with what stands around it. */
import {
  type Buffer,
  childStmts,
  constant,
  constInt,
  type Expr,
  type Interval,
  loop,
  loopRange,
  ops,
  ownExprs,
  type Stmt,
  type Store,
  store,
  variable,
  visitExpr,
} from "../../ir/index.ts";
import { WgslError } from "./error.ts";
import { isThread } from "./lower.ts";
import { matrixCall, memoryOf } from "./matrix.ts";
import { type Around, below, NOTHING_AROUND } from "./threads.ts";

export interface Site extends Around {
  readonly buffer: Buffer;
  readonly indices: readonly Expr[];
  /** The store that it is, or belongs to; absent for what conditions and bounds load. */
  readonly store?: Store;
  readonly isStore: boolean;
}

export interface Found {
  readonly sites: readonly Site[];
  readonly allocs: ReadonlyMap<number, { readonly buffer: Buffer; readonly at: Around }>;
  readonly ranges: ReadonlyMap<number, Interval>;
}

/** All accesses in program order: the operands of a store before the store. */
export function search(body: Stmt, start: ReadonlyMap<number, Interval>): Found {
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
    const call = matrixCall(s);
    if (call) {
      const own = at.threads.find((l) => l.thread === "threadIdx.x" && constInt(l.extent) !== 1);
      if (own) {
        throw new WgslError(
          `${call.func}: all threads of a subgroup carry it out together, but ${own.v.name} around it is bound to ${own.thread}`,
        );
      }
      for (const p of memoryOf(call)) {
        // Every element of the part, as loops over it would touch it.
        const over = p.ranges.map((r) => loop(variable("part", r.min.dtype), r.extent, s));
        for (const l of over) ranges.set(l.v.id, loopRange(l.min, l.extent, ranges));
        const indices = p.ranges.map((r, d) => ops.add(r.min, over[d].v));
        const around = { ...at, loops: [...at.loops, ...over], serial: [...at.serial, ...over] };
        const what = store(p.buffer, indices, constant(0, p.buffer.dtype));
        if (p.access !== "w") sites.push({ ...around, buffer: p.buffer, indices, isStore: false });
        if (p.access !== "r")
          sites.push({ ...around, buffer: p.buffer, indices, isStore: true, store: what });
      }
    }
    if (s.kind === "for" && !isThread(s)) ranges.set(s.v.id, loopRange(s.min, s.extent, ranges));
    const inner = below(s, at);
    for (const c of childStmts(s)) go(c, inner);
  };
  go(body, NOTHING_AROUND);
  return { sites, allocs, ranges };
}

/** The buffers that an expression loads from, once for each load. */
export function loads(e: Expr): Buffer[] {
  const out: Buffer[] = [];
  visitExpr(e, (x) => {
    if (x.kind === "load") out.push(x.buffer);
  });
  return out;
}
