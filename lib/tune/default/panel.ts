/** Operands of a product laid out for its tiles: panels of columns, padding to whole tiles. */
import { regionsOf } from "../../arith/index.ts";
import { LAYOUT_PREPROC } from "../../graph/layout-attrs.ts";
import { type BlockAxis, constInt, ops } from "../../ir/index.ts";
import type { BlockRV, Schedule } from "../../schedule/index.ts";
import { flatText, type Roles } from "./roles.ts";
import { extentOf, loadsOf, storeOf, strideAlong } from "./shape.ts";

/** Copies of one iteration that are written out. */
const MAX_WRITTEN = 160;

/**
 * All panels are laid out before the product, one after another. Of a constant that is a nest of its own kind: the
 * pipeline runs it once, when the model is loaded.
 */
export function packWhole(sch: Schedule, source: BlockRV, roles: Roles, nr: number, once: boolean): void {
  const names = sch.get(source).axes.map((_, i) => `a${i}`);
  const rest = names.slice(0, -1);
  const column = names[names.length - 1];
  const batch = rest.slice(0, rest.length - roles.reduce.length);
  const reduce = rest.slice(batch.length);
  const to = [...batch, `T.floordiv(${column}, ${nr})`, ...reduce, `T.floormod(${column}, ${nr})`];
  sch.transformLayout(source, ["write", 0], `(${names.join(", ")}) => [${to.join(", ")}]`);
  if (once) sch.annotate(source, LAYOUT_PREPROC, true);
  const loops = sch.getLoops(source);
  sch.split(loops[loops.length - 1], [null, nr]);
  copyInner(sch, source, batch.length, once ? 1 : runOf(roles));
}

/** The copy of Y: batch, then the reduce axes, then the columns as one axis. */
export function layOut(sch: Schedule, panel: BlockRV, roles: Roles): void {
  const { axes } = sch.get(panel);
  const names = axes.map((_, i) => `a${i}`);
  const columns = new Set(roles.columns.map((a) => a.v.name));
  const is = axes.map((a) => columns.has(a.v.name));
  const flat = flatText(names, axes.map(extentOf), is);
  const rest = names.filter((_, i) => !is[i]);
  const map = `(${names.join(", ")}) => [${[...rest, flat].join(", ")}]`;
  sch.transformLayout(panel, ["write", 0], map);
  sch.transformBlockLayout(panel, map);
}

/** Pads the block to full tiles; the copies of Y and of the result that this makes become the panel and the consumer. */
export function padded(
  sch: Schedule,
  block: BlockRV,
  panel: BlockRV,
  epilogue: BlockRV,
  padding: readonly number[],
): { source: BlockRV; epilogue: BlockRV } {
  sch.padEinsum(block, padding);
  const [crop] = sch.getConsumers(block);
  if (crop.id !== epilogue.id) sch.computeInline(crop);
  // Where only rows are padded the panel is used as it is.
  const source = sch.getConsumers(panel)[0];
  if (source.id === block.id) return { source: panel, epilogue };
  sch.computeInline(panel);
  return { source, epilogue };
}

/** The rows' operand is a constant that was padded: that is done once, when the model is loaded. */
export function padOnce(sch: Schedule, block: BlockRV, roles: Roles): void {
  const isCopy = (p: BlockRV): boolean =>
    loadsOf(storeOf(sch.get(p))?.value ?? ops.toExpr(0)).some((l) => l.buffer.id === roles.x.buffer.id);
  const copy = sch.getProducers(block).find(isCopy);
  if (!copy) return;
  sch.annotate(copy, LAYOUT_PREPROC, true);
  const loops = sch.getLoops(copy);
  const [, inner] = sch.split(loops[loops.length - 1], [null, 4]);
  sch.vectorize(inner);
}

/**
 * The rows' operand is a constant that comes from memory: what a tile takes of it lies in one piece, in the order in which
 * it is taken, so that the processor sees what to bring next.
 */
export function packRows(sch: Schedule, block: BlockRV, roles: Roles, row: BlockAxis, mr: number): void {
  const { buffer, indices } = roles.x;
  const dim = indices.findIndex((e) => e.kind === "var" && e.id === row.v.id);
  if (dim < 0 || mr === 1 || extentOf(row) % mr !== 0) return;
  const at = regionsOf(sch.get(block)).reads.findIndex((r) => r.buffer.id === buffer.id);
  const copy = sch.cacheRead(block, at, "global");
  const names = indices.map((_, i) => `a${i}`);
  const to = names.map((n, i) => (i === dim ? `T.floordiv(${n}, ${mr})` : n));
  const map = [...to, `T.floormod(${names[dim]}, ${mr})`].join(", ");
  sch.transformLayout(copy, ["write", 0], `(${names.join(", ")}) => [${map}]`);
  sch.annotate(copy, LAYOUT_PREPROC, true);
}

/**
 * Elements in a row of Y that neighbouring columns go through at one short stride: Infinity where all columns are one row,
 * also those that only pad it; 1 where they do not.
 */
export function runOf(roles: Roles): number {
  const last = roles.columns[roles.columns.length - 1];
  const stride = strideAlong(roles.y, last.v);
  if (stride === undefined || stride < 1 || stride > 4) return 1;
  return roles.columns.length === 1 ? Number.POSITIVE_INFINITY : extentOf(last);
}

/**
 * The loops of a copy inside `outer`: columns in vectors as far as they lie in one row of Y, and written out; so are the
 * steps of a window, which lie at constant distances.
 */
export function copyInner(sch: Schedule, copy: BlockRV, outer: number, run: number): void {
  const loops = sch.getLoops(copy).slice(outer);
  const inner = loops[loops.length - 1];
  const nr = constInt(sch.get(inner).extent) ?? 1;
  const { body } = sch.get(copy);
  const plain = body.kind === "store" && body.value.kind === "load";
  let written = nr;
  if (run === Number.POSITIVE_INFINITY || (plain && run % nr === 0)) {
    sch.vectorize(inner);
    written = nr / 4;
  } else if (plain && run % 4 === 0) {
    const [groups, lanes] = sch.split(inner, [null, 4]);
    sch.unroll(groups);
    sch.vectorize(lanes);
    written = nr / 4;
  } else sch.unroll(inner);
  for (const l of loops.slice(1, -1).reverse()) {
    written *= constInt(sch.get(l).extent) ?? Number.POSITIVE_INFINITY;
    if (written > MAX_WRITTEN) break;
    sch.unroll(l);
  }
}
