/**
 * A product as matrix units take it: `out[batch…, m, n] += x[batch…, m, k] * y[batch…, k, n]`, each side one axis and a
 * whole number of matrices. Operands that lie otherwise (a convolution's input, a side of several axes) are laid out by
 * copies, which a workgroup later makes in its own memory, part by part; so are those that zeros are put behind.
 */
import type { BlockAxis } from "../../../ir/index.ts";
import type { BlockRV, Schedule } from "../../../schedule/index.ts";
import { epilogueOf } from "../../default/inline.ts";
import { flatText, type Roles, rolesOf } from "../../default/roles.ts";
import { type Access, contractionOf, extentOf } from "../../default/shape.ts";
import { readNumber } from "../reads.ts";

/** One operand of the product in normal form. */
export interface Operand {
  /** The copy that lays it out, if it does not lie in memory as it has to. */
  readonly copy?: BlockRV;
  /** Its last two dimensions are the other way round. */
  readonly transposed: boolean;
}

export interface Normal {
  readonly x: Operand;
  readonly y: Operand;
  /** What takes the result element by element, if the product does not write it where it belongs. */
  readonly consumer?: BlockRV;
}

/** Sizes that the sides have to be multiples of. */
export interface Multiples {
  readonly rows: number;
  readonly columns: number;
  readonly reduce: number;
}

/** Brings the block into that form; false where it is no product. A primitive's refusal is thrown. */
export function normalize(s: Schedule, block: BlockRV, to: Multiples): Normal | false {
  const b = s.get(block);
  const c = contractionOf(b);
  const roles = c && rolesOf(b, c);
  if (!c || !roles || [roles.rows, roles.columns, roles.reduce].some((side) => side.length === 0))
    return false;
  const { rows, columns, reduce } = roles;
  const simple = [rows, columns, reduce].every((side) => side.length === 1);
  const lies = (a: Access, p: BlockAxis, q: BlockAxis): "as" | "turned" | undefined =>
    simple ? orderOf(a, p, q) : undefined;
  const [ofX, ofY] = [lies(roles.x, rows[0], reduce[0]), lies(roles.y, reduce[0], columns[0])];
  let consumer = epilogueOf(s, block);
  const layOut = (a: Access, first: Roles["rows"], second: Roles["rows"]): BlockRV => {
    const copy = s.reindex(block, ["read", readNumber(s.get(block), a)]);
    const map = mapOf(s.get(copy).axes, [first, second]);
    s.transformLayout(copy, ["write", 0], map);
    s.transformBlockLayout(copy, map);
    inlineProducers(s, copy);
    return copy;
  };
  let x = ofX ? undefined : layOut(roles.x, rows, reduce);
  let y = ofY ? undefined : layOut(roles.y, reduce, columns);
  if (lies(c.out, rows[0], columns[0]) !== "as") {
    const spatial = b.axes.filter((a) => a.type === "S");
    const map = mapOf(spatial, [rows, columns]);
    const copy = s.reindex(block, ["write", 0]);
    if (consumer) s.computeInline(copy);
    else consumer = copy;
    s.transformLayout(block, ["write", 0], map);
    s.transformBlockLayout(consumer, map);
  }
  if (!simple) s.transformBlockLayout(block, mapOf(b.axes, [rows, columns, reduce]));
  const padding = paddingOf(s, block, to);
  if (!padding) return false;
  if (padding.some((n) => n !== 1)) {
    s.padEinsum(block, padding);
    const [crop] = s.getConsumers(block);
    if (crop && crop.id !== consumer?.id) {
      if (consumer) s.computeInline(crop);
      else consumer = crop;
    }
    [x, y] = [paddedCopy(s, block, "x", x), paddedCopy(s, block, "y", y)];
  }
  return {
    x: { transposed: ofX === "turned", ...(x && { copy: x }) },
    y: { transposed: ofY === "turned", ...(y && { copy: y }) },
    ...(consumer && { consumer }),
  };
}

/** Whether an access has the two axes as its last indices, and nothing but axes and constants before them. */
function orderOf(a: Access, p: BlockAxis, q: BlockAxis): "as" | "turned" | undefined {
  if (!a.indices.every((i) => i.kind === "var" || i.kind === "const")) return undefined;
  const [u, v] = a.indices.slice(-2).map((i) => (i.kind === "var" ? i.id : undefined));
  if (u === p.v.id && v === q.v.id) return "as";
  return u === q.v.id && v === p.v.id ? "turned" : undefined;
}

/** `(a0, a1, a2, a3) => [a0, (a1) * 8 + a2, a3]`: what is in no group stays in front, each group is one axis. */
function mapOf(axes: readonly BlockAxis[], groups: readonly (readonly BlockAxis[])[]): string {
  const names = axes.map((_, i) => `a${i}`);
  const marks = groups.map((g) => {
    const of = new Set(g.map((a) => a.v.name));
    return axes.map((a) => of.has(a.v.name));
  });
  const rest = names.filter((_, i) => !marks.some((m) => m[i]));
  const flat = marks.map((m) => flatText(names, axes.map(extentOf), m));
  return `(${names.join(", ")}) => [${[...rest, ...flat].join(", ")}]`;
}

/** What a copy reads and nothing else does (zeros around a picture, say) is computed on the way. */
function inlineProducers(s: Schedule, copy: BlockRV): void {
  for (const producer of s.getProducers(copy)) {
    const b = s.get(producer);
    if (b.axes.every((a) => a.type === "S") && s.getConsumers(producer).length === 1)
      s.computeInline(producer);
  }
}

/** For every axis of the block in normal form, what it has to be a multiple of. */
function paddingOf(s: Schedule, block: BlockRV, to: Multiples): number[] | undefined {
  const b = s.get(block);
  const c = contractionOf(b);
  const roles = c && rolesOf(b, c);
  if (roles?.rows.length !== 1 || roles.columns.length !== 1 || roles.reduce.length !== 1) return undefined;
  const needs = new Map([
    [roles.rows[0].v.id, to.rows],
    [roles.columns[0].v.id, to.columns],
    [roles.reduce[0].v.id, to.reduce],
  ]);
  return b.axes.map((a) => {
    const n = needs.get(a.v.id) ?? 1;
    return extentOf(a) % n === 0 ? 1 : n;
  });
}

/** The copy that stands before an operand after padding: the one with zeros behind it has taken in the one before. */
function paddedCopy(
  s: Schedule,
  block: BlockRV,
  which: "x" | "y",
  before: BlockRV | undefined,
): BlockRV | undefined {
  const b = s.get(block);
  const c = contractionOf(b);
  const operand = c && rolesOf(b, c)?.[which];
  const copy = s.getProducers(block).find((p) => {
    const { body } = s.get(p);
    return (
      body.kind === "store" && body.buffer.id === operand?.buffer.id && body.buffer.name.endsWith("_pad")
    );
  });
  if (!copy) return before;
  if (before) s.computeInline(before);
  return copy;
}
