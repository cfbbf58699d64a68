/**
 * Products: a tile of sums stays in registers while the reduction runs; blocks of rows, columns and reduce steps are as
 * large as drawn, so that what is used again stays in a cache; operands are copied into panels at a drawn place.
 *
 *     batch, r00 | j00 | k0 | r01 | j01 | k1 … | r1 (unrolled), j1 (vectorised)
 *
 * in one of four orders of rows (r) and columns (j). With the reduction in parts (k0), sums go through memory between
 * parts; without, what consumes the result does so tile by tile.
 */
import { regionsOf } from "../../arith/index.ts";
import { type BlockAxis, constInt } from "../../ir/index.ts";
import type { BlockRV, ExprRV, LoopRV, Schedule } from "../../schedule/index.ts";
import { epilogueOf } from "../default/inline.ts";
import { copyInner, layOut, packWhole, padded, runOf } from "../default/panel.ts";
import { fuseColumns, type Roles, rolesOf } from "../default/roles.ts";
import { contractionOf, extentOf, product, strideAlong } from "../default/shape.ts";
import { fits } from "../default/tile.ts";
import { chance, type Draw, drawNumber, oneOf } from "./draw.ts";
import { spread } from "./spread.ts";

const LANES = 4;
const WIDTHS = [4, 8, 12, 16, 24, 32];
const MOST_ROWS = 12;

export function tiles(sch: Schedule, block: BlockRV, d: Draw): Schedule | undefined {
  const b = sch.get(block);
  const c = contractionOf(b);
  const roles = c && rolesOf(b, c);
  if (!roles || roles.columns.length === 0) return undefined;
  const last = roles.columns[roles.columns.length - 1];
  const [m, n, k] = [roles.rows, roles.columns, roles.reduce].map((axes) => product(axes.map(extentOf)));
  if (n < LANES) return undefined;
  const inPlace = strideAlong(roles.y, last.v) === 1 && extentOf(last) >= LANES;
  // What is used by few rows is hardly worth a copy in every call.
  const once = d.constants.has(roles.y.buffer.id);
  const pack = !inPlace || chance(d, once || m >= 64 ? 0.9 : m >= 8 ? 0.6 : 0.05);
  const parts = k >= 32 && chance(d, 0.5);
  return pack ? packed(sch, block, b.axes, roles, d, parts) : unpacked(sch, block, b.axes, roles, d, parts);
}

/** The columns' operand is laid out by panels. */
function packed(
  sch: Schedule,
  block: BlockRV,
  axes: readonly BlockAxis[],
  roles: Roles,
  d: Draw,
  parts: boolean,
): Schedule {
  const n = product(roles.columns.map(extentOf));
  const { reads } = regionsOf(sch.get(block));
  const at = (buffer: number): number => reads.findIndex((r) => r.buffer.id === buffer);
  const given = epilogueOf(sch, block);
  // Sums that go through memory between parts may as well lie in the result.
  const own = given === undefined && roles.columns.length === 1 && chance(d, 0.6);
  const made = given ?? (own ? undefined : sch.cacheWrite(block, 0, "global"));
  const panel = sch.reindex(block, ["read", at(roles.y.buffer.id)]);
  layOut(sch, panel, roles);
  const kinds = made ? fuseColumns(sch, block, made, axes, roles) : kindsOf(axes, roles);
  const { nr, mr } = drawTile(sch, roles, n, d);
  const padding = made && paddingOf(sch, block, kinds, { nr, mr }, d);
  const { source, epilogue } =
    made && padding ? padded(sch, block, panel, made, padding) : { source: panel, epilogue: made };
  const width = sch.get(nr);
  const whole = extentOf(sch.get(source).axes.at(-1) as BlockAxis) % width === 0;
  const once = d.constants.has(roles.y.buffer.id) && whole;
  const before = once || (whole && chance(d, 0.3));
  if (before) packWhole(sch, source, roles, width, once);
  const loops = sch.getLoops(block);
  const of = (kind: Kind): LoopRV[] => loops.filter((_, i) => kinds[i] === kind);
  const nest = tile(sch, d, {
    ...{ batch: of("batch"), rows: of("row"), columns: of("column"), reduce: of("reduce") },
    ...{ nr, mr, parts },
  });
  if (!before) place(sch, source, nest, runOf(roles), d);
  if (roles.rows.length > 0 && chance(d, 0.2)) {
    const copy = sch.cacheRead(block, roles.x.buffer.name, "global");
    sch.computeAt(copy, nest.rowTile);
    vectorizeLast(sch, copy);
  }
  finish(sch, block, epilogue, nest, d);
  return sch;
}

type Kind = "batch" | "row" | "column" | "reduce" | "unit";

function kindsOf(axes: readonly BlockAxis[], roles: Roles): Kind[] {
  const among = (list: readonly BlockAxis[], a: BlockAxis): boolean => list.some((x) => x.v.id === a.v.id);
  return axes.map((a): Kind => {
    if (a.type === "R") return "reduce";
    if (among(roles.rows, a)) return "row";
    if (among(roles.columns, a)) return "column";
    return among(roles.batch, a) ? "batch" : "unit";
  });
}

/** Both operands are read where they lie. */
function unpacked(
  sch: Schedule,
  block: BlockRV,
  axes: readonly BlockAxis[],
  roles: Roles,
  d: Draw,
  parts: boolean,
): Schedule {
  const given = epilogueOf(sch, block);
  const epilogue = given ?? (parts || chance(d, 0.5) ? undefined : sch.cacheWrite(block, 0, "global"));
  const { nr, mr } = drawTile(sch, roles, extentOf(roles.columns[roles.columns.length - 1]), d);
  const loops = sch.getLoops(block);
  const of = (list: readonly BlockAxis[]): LoopRV[] =>
    list.map((a) => loops[axes.findIndex((x) => x.v.id === a.v.id)]);
  const [outer, columns] = [of(roles.columns.slice(0, -1)), of(roles.columns.slice(-1))];
  const nest = tile(sch, d, {
    ...{ batch: [...of(roles.batch), ...outer], rows: of(roles.rows), columns, reduce: of(roles.reduce) },
    ...{ nr, mr, parts },
  });
  finish(sch, block, epilogue, nest, d);
  return sch;
}

/** How often a tile is drawn that fits the registers of other engines than the one that the search is for. */
const ELSEWHERE = 0.05;
/** From so many tiles on a ragged last one hardly shows. */
const MANY = 16;

/** A tile that fits the registers; those that divide the extents are drawn more often. */
function drawTile(sch: Schedule, roles: Roles, n: number, { loads }: Draw): { nr: ExprRV; mr: ExprRV } {
  const lastRow = roles.rows[roles.rows.length - 1];
  const m = lastRow ? extentOf(lastRow) : 1;
  const widths = WIDTHS.filter((w) => w <= Math.max(LANES, n));
  const nr = drawNumber(
    sch,
    widths.map((w) => [w, (n % w === 0 ? 6 : 1) * (m > 1 && (w > 16 || w < 8) ? 0.3 : 1)]),
  );
  const width = sch.get(nr);
  const weight = (mr: number): number => {
    const t = { mr, nr: width };
    if (!fits(t, "late") || mr > m) return mr === 1 ? 1e-3 : 0;
    // Few sums wait for each other, and uneven tiles need conditions.
    const even = m % mr === 0 ? 8 : m >= MANY * mr ? 4 : 1;
    return even * Math.min(1.5, (mr * width) / LANES / 8) ** 2 * (fits(t, loads) ? 1 : ELSEWHERE);
  };
  const mr = drawNumber(
    sch,
    Array.from({ length: MOST_ROWS }, (_, i) => [i + 1, weight(i + 1)] as const),
  );
  return { nr, mr };
}

interface Loops {
  readonly batch: readonly LoopRV[];
  readonly rows: readonly LoopRV[];
  readonly columns: readonly LoopRV[];
  readonly reduce: readonly LoopRV[];
  readonly nr: ExprRV;
  readonly mr: ExprRV;
  /** Whether the reduction runs in parts. */
  readonly parts: boolean;
}

interface Nest {
  /** Loops around the tile, outermost first, without those of the reduction's inner part. */
  readonly outer: readonly LoopRV[];
  /** The innermost loop around a tile, the innermost that goes through rows, and the innermost whose panels differ. */
  readonly tileAt: LoopRV;
  readonly panelAt: LoopRV;
  readonly rowTile: LoopRV;
  /** The loop just outside the parts of the reduction, and the first of the reduction's loops. */
  readonly blockAt: LoopRV;
  readonly firstReduce: LoopRV;
  readonly parts: boolean;
  readonly nr: ExprRV;
}

/** Splits and orders the loops; the tile's are unrolled and vectorised. */
function tile(sch: Schedule, d: Draw, l: Loops): Nest {
  const [j, ...moreColumns] = l.columns;
  const [j0, j1] = sch.split(j, [null, l.nr]);
  const [j00, j01] = sch.split(j0, sch.samplePerfectTile(j0, 2, 64));
  const [k, ...moreReduce] = l.reduce;
  const [k0, k1] = l.parts ? sch.split(k, sch.samplePerfectTile(k, 2, 1024)) : [undefined, k];
  const unroll =
    moreReduce.length === 0
      ? drawNumber(sch, [
          [1, 6],
          [2, 2],
          [4, 1],
        ])
      : undefined;
  const inner = [k1, ...moreReduce];
  const tail: LoopRV[] = [];
  // Windows of few steps are written out; a long reduction by a few steps.
  if (unroll && sch.get(unroll) > 1) {
    const [ka, kb] = sch.split(k1, [null, unroll]);
    inner.splice(0, 1, ka);
    tail.push(kb);
  } else if (moreReduce.length > 0 && chance(d, 0.4)) {
    const window = moreReduce[moreReduce.length - 1];
    if ((constInt(sch.get(window).extent) ?? 99) <= 7) {
      inner.pop();
      tail.push(window);
    }
  }
  const between = moreColumns;
  const rows = l.rows.slice(0, -1);
  const lastRow = l.rows[l.rows.length - 1];
  const [r00, r01, r1] = lastRow ? splitRows(sch, lastRow, l.mr) : [];
  const rowsOutside = chance(d, 0.5);
  const [rowsA, rowsB] = rowsOutside ? [rows, []] : [[], rows];
  const have = (...xs: (LoopRV | undefined)[]): LoopRV[] => xs.filter((x) => x !== undefined);
  const outside = chance(d, 0.5) ? [...rowsA, ...have(r00), j00] : [j00, ...rowsA, ...have(r00)];
  const columnsFirst = chance(d, 0.75);
  const inside = columnsFirst ? [j01, ...rowsB, ...have(r01)] : [...rowsB, ...have(r01), j01];
  const around = [...l.batch, ...between, ...outside];
  sch.reorder(...around, ...have(k0), ...inside, ...inner, ...tail, ...have(r1), j1);
  for (const t of tail) sch.unroll(t);
  if (r1) sch.unroll(r1);
  sch.vectorize(j1);
  return {
    outer: [...around, ...have(k0), ...inside],
    tileAt: inside[inside.length - 1],
    panelAt: columnsFirst ? j01 : (k0 ?? around[around.length - 1]),
    rowTile: r01 ?? inside[inside.length - 1],
    blockAt: around[around.length - 1],
    firstReduce: k0 ?? inner[0],
    parts: l.parts,
    nr: l.nr,
  };
}

function splitRows(sch: Schedule, row: LoopRV, mr: ExprRV): [LoopRV, LoopRV, LoopRV] {
  const [r0, r1] = sch.split(row, [null, mr]);
  const [r00, r01] = sch.split(r0, sch.samplePerfectTile(r0, 2, 256));
  return [r00, r01, r1];
}

/** Moves the copy of the columns' operand to a drawn place: best is mostly where all rows of a block use one panel. */
function place(sch: Schedule, panel: BlockRV, nest: Nest, run: number, d: Draw): void {
  const all = sch.getLoops(sch.getConsumers(panel)[0]);
  const at = (l: LoopRV): number => all.findIndex((x) => x.id === l.id);
  const wanted = at(nest.panelAt);
  const decision = oneOf(
    d,
    nest.outer.map((l) => [at(l), at(l) === wanted ? 6 : 0.3] as const),
  );
  sch.computeAt(panel, sch.sampleComputeLocation(panel, decision));
  const loops = sch.getLoops(panel);
  const last = loops[loops.length - 1];
  if ((constInt(sch.get(last).extent) ?? 1) > sch.get(nest.nr)) sch.split(last, [null, nest.nr]);
  copyInner(sch, panel, decision + 1, run);
}

/** What the axes of the block are padded to multiples of, or undefined when they are whole tiles, or stay uneven. */
function paddingOf(
  sch: Schedule,
  block: BlockRV,
  kinds: readonly Kind[],
  { nr, mr }: { readonly nr: ExprRV; readonly mr: ExprRV },
  d: Draw,
): number[] | undefined {
  const extents = sch.get(block).axes.map(extentOf);
  const [width, rows] = [sch.get(nr), sch.get(mr)];
  const [columns, lastRow] = [chance(d, 0.8), chance(d, 0.6) ? kinds.lastIndexOf("row") : -1];
  const padding = extents.map((n, i) => {
    if (kinds[i] === "column" && columns && n % width !== 0) return width;
    return i === lastRow && n % rows !== 0 && n <= 256 ? rows : 1;
  });
  return padding.some((p) => p > 1) ? padding : undefined;
}

/** The copy in vectors where its source lies contiguously; otherwise element by element, written out. */
function vectorizeLast(sch: Schedule, copy: BlockRV): void {
  const loops = sch.getLoops(copy);
  const last = loops[loops.length - 1];
  const b = sch.get(copy);
  const value = b.body.kind === "store" && b.body.value.kind === "load" ? b.body.value : undefined;
  const axis = b.axes[b.axes.length - 1];
  const along = value && axis ? strideAlong(value, axis.v) === 1 : false;
  const extent = constInt(sch.get(last).extent) ?? 1;
  if (extent < LANES) return;
  const [, inner] = extent > 16 ? sch.split(last, [null, extent % 16 === 0 ? 16 : LANES]) : [last, last];
  if (along) sch.vectorize(inner);
  else sch.unroll(inner);
}

/** The consumer follows the sums: tile by tile, or block by block where the reduction runs in parts. */
function finish(sch: Schedule, block: BlockRV, epilogue: BlockRV | undefined, nest: Nest, d: Draw): void {
  if (epilogue) {
    const at = nest.parts ? nest.blockAt : nest.tileAt;
    sch.reverseComputeAt(epilogue, at);
    const loops = sch.getLoops(epilogue);
    const own = loops.slice(loops.findIndex((l) => l.id === at.id) + 1);
    const last = own[own.length - 1];
    if (nest.parts) {
      const [, inner] = sch.split(last, [null, nest.nr]);
      sch.vectorize(inner);
    } else {
      sch.vectorize(last);
      if (own.length > 1) sch.unroll(own[own.length - 2]);
    }
  }
  spread(sch, block, d);
  sch.decomposeReduction(block, nest.firstReduce);
}
