/**
 * Products: matrix products, convolutions and their kin. A workgroup has a tile of the result; for every few steps of
 * the reduction its threads fetch the tiles of both operands into the memory of the workgroup together, and each thread
 * adds up a small tile of sums in registers. What consumes the result element by element does so where the sums are. A
 * convolution's input is laid out by the block's axes while it is fetched, padding included.
 */
import { regionsOf } from "../../arith/index.ts";
import { BYTES, constInt } from "../../ir/index.ts";
import type { BlockRV, ExprRV, LoopRV, Schedule } from "../../schedule/index.ts";
import { attempt } from "../default/attempt.ts";
import { epilogueOf } from "../default/inline.ts";
import { layOut } from "../default/panel.ts";
import { fuseColumns, type Roles, rolesOf } from "../default/roles.ts";
import { type Access, contractionOf, extentOf, product, strideAlong } from "../default/shape.ts";
import { LANES } from "./elementwise.ts";
import type { GpuMachine } from "./machine.ts";
import { schedulePanel } from "./panel.ts";

/** A number, or one that was drawn. */
export type Count = number | ExprRV;

/** How a product is tiled: asked for when the loops are there. */
export interface Choices {
  /** Threads along a side, sums of each, and virtual threads that each stands for; together they divide it. */
  readonly side: (
    loop: LoopRV,
    which: "row" | "column",
  ) => readonly [threads: Count, sums: Count, virtual?: Count];
  /** Of a reduction of so many steps, those that are fetched at a time, and those of them that are written out. */
  readonly steps: (loop: LoopRV, extent: number) => readonly [fetched: Count, written: Count];
  /** Whether the threads of a workgroup fetch the operand together. One that is gathered always is. */
  readonly shared: (operand: "x" | "y") => boolean;
  /** Elements of one access while fetching: 4, or 1. */
  readonly lanes: () => Count;
  /**
   * An operand that is gathered is laid out in device memory before, as a nest of its own, and axes of the reduction that
   * lie in one piece are one. Default: a workgroup lays out the part it needs, in its memory.
   */
  readonly apart?: boolean;
}

/** Steps of the reduction that are fetched at a time. */
const STEPS = [8, 16, 4, 9, 7, 6, 5, 3, 2];
/** Bytes of an operand laid out in device memory: less than every adapter binds. */
const MOST_LAID_OUT = 2 ** 26;

export function scheduleProduct(sch: Schedule, block: BlockRV, machine: GpuMachine): Schedule {
  const b = sch.get(block);
  const c = contractionOf(b);
  const roles = c && rolesOf(b, c);
  if (!roles) return sch;
  const columns = product(roles.columns.map(extentOf));
  const outer = [...roles.batch, ...roles.rows.slice(0, -1)].map(extentOf);
  const tiles = machine.tiles(sideOf(roles.rows), columns, product(outer));
  if (!tiles) return sch;
  const [row, column] = tiles;
  const laidOut =
    BYTES[roles.y.buffer.dtype] * columns * product([...roles.batch, ...roles.reduce].map(extentOf));
  // Where an operand that has to be laid out fits nowhere else, parts of it are, in turn, in the memory of the workgroup.
  const together = machine.together || laidOut > MOST_LAID_OUT;
  // Rows are too few for it to be used again: it is read where it lies.
  if (!together && !inPlace(roles) && row.sums < 4) return sch;
  const choices: Choices = {
    side: (_, which) => (which === "row" ? [row.threads, row.sums] : [column.threads, column.sums]),
    steps: (_, extent) => {
      const written = machine.steps.find((n) => extent % n === 0) ?? 1;
      return together ? [STEPS.find((n) => extent % n === 0) ?? 1, 1] : [written, written];
    },
    shared: () => together,
    lanes: () => LANES,
    apart: !together,
  };
  return attempt(sch, (s) => tileProduct(s, block, choices));
}

/** Tiles the product in the block; false, or a primitive's refusal, where it is none that this knows. */
export function tileProduct(s: Schedule, block: BlockRV, choices: Choices): boolean {
  const b = s.get(block);
  const c = contractionOf(b);
  const roles = c && rolesOf(b, c);
  if (!roles || roles.columns.length === 0) return false;
  const made = epilogueOf(s, block) ?? s.cacheWrite(block, 0, "local");
  const number = (of: Access): number =>
    regionsOf(s.get(block)).reads.findIndex((r) => r.buffer.id === of.buffer.id);
  const plain = choices.apart ? inPlace(roles) : roles.columns.length === 1 && isPlain(roles.y);
  const fetches: BlockRV[] = [];
  if (!plain) {
    const panel = gathered(s, block, number(roles.y), roles);
    if (choices.apart) schedulePanel(s, panel);
    else {
      s.setScope(panel, 0, "shared");
      fetches.push(panel);
    }
  } else if (choices.shared("y")) fetches.push(s.cacheRead(block, number(roles.y), "shared"));
  if (choices.shared("x")) fetches.unshift(s.cacheRead(block, number(roles.x), "shared"));
  const kinds = fuseColumns(s, block, made, b.axes, roles);
  s.setScope(block, 0, "local");

  const loops = s.getLoops(block);
  const of = (...wanted: string[]): LoopRV[] => loops.filter((_, i) => wanted.includes(kinds[i]));
  const allRows = of("row");
  let reduce = of("reduce");
  const row = allRows.at(-1) ?? of("unit").at(-1);
  const [column] = of("column");
  if (!row || !column || reduce.length === 0) return false;
  if (choices.apart && reduce.length > 1 && inOnePiece(roles.x, roles.reduce)) reduce = [s.fuse(...reduce)];
  const outer = [...of("batch", "unit"), ...allRows].filter((l) => l.id !== row.id);
  const [ty, rowSums, rowVirtual] = choices.side(row, "row");
  const [r0, r1, r2, rv] = inTiles(s, row, ty, rowSums, rowVirtual);
  const [tx, columnSums, columnVirtual] = choices.side(column, "column");
  const [c0, c1, c2, cv] = inTiles(s, column, tx, columnSums, columnVirtual);
  const virtual = [rv, cv].filter((l) => l !== undefined);
  // The axis of the reduction with the most steps is gone through in parts; the others stand around it.
  const long = reduce.reduce((a, l) => (extentOfLoop(s, l) > extentOfLoop(s, a) ? l : a));
  const [fetched, written] = choices.steps(long, extentOfLoop(s, long));
  const parts = written === 1 ? [fetched] : fetched === written ? [written] : [fetched, written];
  const [k0, ...k] = s.split(long, [null, ...parts]);
  const windows = reduce.filter((l) => l.id !== long.id);
  s.reorder(...outer, r0, c0, ...virtual, r1, c1, ...windows, k0, ...k, r2, c2);
  const group = s.fuse(...outer, r0, c0);
  s.bind(group, "blockIdx.x");
  for (const l of virtual) s.bind(l, l === rv ? "vthread.y" : "vthread.x");
  s.bind(r1, "threadIdx.y");
  s.bind(c1, "threadIdx.x");
  s.reverseComputeAt(made, c1);
  for (const l of s.getLoops(made).slice(depthOf(s, made, c1))) s.unroll(l);
  for (const fetch of fetches) s.computeAt(fetch, k0);
  for (const l of [...(written === 1 ? [] : k.slice(-1)), r2, c2]) s.unroll(l);
  s.decomposeReduction(block, windows[0] ?? k0);
  // Last: where threads have no even share, nothing more can be proven of what they fill.
  for (const fetch of fetches) fetchTogether(s, fetch, k0, [ty, tx], choices);
  return true;
}

/** A side as workgroups, threads and sums, and virtual threads where they are wanted. */
function inTiles(
  s: Schedule,
  side: LoopRV,
  threads: Count,
  sums: Count,
  virtual?: Count,
): [LoopRV, LoopRV, LoopRV, LoopRV?] {
  if (virtual === undefined) return s.split(side, [null, threads, sums]) as [LoopRV, LoopRV, LoopRV];
  const [outer, v, t, inner] = s.split(side, [null, virtual, threads, sums]);
  return [outer, t, inner, v];
}

const extentOfLoop = (s: Schedule, l: LoopRV): number => constInt(s.get(l).extent) ?? 1;

const sideOf = (axes: Roles["rows"]): number => (axes.length === 0 ? 1 : extentOf(axes[axes.length - 1]));

/** Whether the operand is used at axes as they are. */
const isPlain = (a: Access): boolean => a.indices.every((i) => i.kind === "var");

/** Whether columns are one after another in Y, so that it needs no laying out. */
const inPlace = (roles: Roles): boolean =>
  roles.columns.length === 1 ? isPlain(roles.y) : inOnePiece(roles.y, roles.columns);

/** Whether the axes walk through what is accessed as one axis would. */
function inOnePiece(a: Access, axes: Roles["columns"]): boolean {
  let step = 1;
  return [...axes].reverse().every((axis) => {
    const ok = extentOf(axis) === 1 || strideAlong(a, axis.v) === step;
    step *= extentOf(axis);
    return ok;
  });
}

/** Y laid out by the axes of the block, the columns as one; what pads it is computed on the way. */
function gathered(s: Schedule, block: BlockRV, read: number, roles: Roles): BlockRV {
  const panel = s.reindex(block, ["read", read]);
  layOut(s, panel, roles);
  for (const producer of s.getProducers(panel)) {
    const b = s.get(producer);
    if (b.axes.every((a) => a.type === "S") && s.getConsumers(producer).length === 1)
      s.computeInline(producer);
  }
  return panel;
}

/** How many loops stand around a block up to `at`, that one too. */
const depthOf = (s: Schedule, block: BlockRV, at: LoopRV): number =>
  s.getLoops(block).findIndex((l) => s.get(l).v.id === s.get(at).v.id) + 1;

/** The tile of an operand, fetched by all threads of the workgroup; in vectors where they come out even. */
function fetchTogether(
  s: Schedule,
  fetch: BlockRV,
  at: LoopRV,
  threads: readonly [Count, Count],
  choices: Choices,
): void {
  const own = s.getLoops(fetch).slice(depthOf(s, fetch, at));
  if (own.length === 0) return;
  const inner = extentOfLoop(s, own[own.length - 1]);
  const all = product(own.map((l) => extentOfLoop(s, l)));
  const fused = own.length > 1 ? s.fuse(...own) : own[0];
  const together = product(threads.map((n) => (typeof n === "number" ? n : s.get(n))));
  const lanes = inner % LANES === 0 && all % (LANES * together) === 0 ? choices.lanes() : 1;
  const [, y, x, vector] = s.split(fused, [null, ...threads, ...(lanes === 1 ? [] : [lanes])]);
  s.bind(y, "threadIdx.y");
  s.bind(x, "threadIdx.x");
  if (vector) s.vectorize(vector);
}
