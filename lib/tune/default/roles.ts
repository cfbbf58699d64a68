/** Which axes of a product are whose: rows, columns, batch, reduction; and the columns made one axis. */
import type { Block, BlockAxis } from "../../ir/index.ts";
import type { BlockRV, Schedule } from "../../schedule/index.ts";
import { type Contraction, extentOf, moves } from "./shape.ts";

export interface Roles {
  readonly batch: readonly BlockAxis[];
  readonly rows: readonly BlockAxis[];
  readonly columns: readonly BlockAxis[];
  readonly reduce: readonly BlockAxis[];
  /** Which load is Y: its number among the loads of the block's reads. */
  readonly y: Contraction["x"];
  readonly x: Contraction["x"];
}

/** Who is who; undefined when the result's last axis belongs to both operands or to none. */
export function rolesOf(b: Block, c: Contraction): Roles | undefined {
  const spatial = b.axes.filter((a) => a.type === "S");
  const last = [...spatial].reverse().find((a) => extentOf(a) > 1);
  if (!last) return undefined;
  const [inX, inY] = [moves(c.x, last.v), moves(c.y, last.v)];
  if (inX === inY) return undefined;
  const [x, y] = inY ? [c.x, c.y] : [c.y, c.x];
  const reduce = b.axes.filter((a) => a.type === "R");
  if (!reduce.every((a) => moves(x, a.v) && moves(y, a.v))) return undefined;
  const big = spatial.filter((a) => extentOf(a) > 1);
  const isRow = (a: BlockAxis): boolean => moves(x, a.v) && !moves(y, a.v);
  const isColumn = (a: BlockAxis): boolean => !moves(x, a.v) && moves(y, a.v);
  // Columns are those at the end of the result, which lie in one piece; other axes of Y are gone through like a batch.
  const firstColumn = big.length - [...big].reverse().findIndex((a) => !isColumn(a));
  const columns = big.every(isColumn) ? big : big.slice(firstColumn);
  const rows = big.filter(isRow);
  const batch = big.filter((a) => !rows.includes(a) && !columns.includes(a));
  return { batch, rows, columns, reduce, x, y };
}

/** The row-major position of those names that are marked: `(a0) * 8 + a1`. */
export function flatText(
  names: readonly string[],
  sizes: readonly number[],
  marked: readonly boolean[],
): string {
  let text = "";
  names.forEach((n, i) => {
    if (marked[i]) text = text === "" ? n : `(${text}) * ${sizes[i]} + ${n}`;
  });
  return text;
}

export type Kind = "batch" | "row" | "column" | "reduce" | "unit";

/** Makes the columns one axis of the block, its result and its consumer; what the axes of the block are then. */
export function fuseColumns(
  sch: Schedule,
  block: BlockRV,
  epilogue: BlockRV,
  axes: readonly BlockAxis[],
  roles: Roles,
): readonly Kind[] {
  const among = (list: readonly BlockAxis[], a: BlockAxis): boolean => list.some((x) => x.v.id === a.v.id);
  const kinds = axes.map((a): Kind => {
    if (a.type === "R") return "reduce";
    if (among(roles.rows, a)) return "row";
    if (among(roles.columns, a)) return "column";
    return among(roles.batch, a) ? "batch" : "unit";
  });
  const first = kinds.indexOf("column");
  if (roles.columns.length === 1) return kinds;
  const map = (list: readonly BlockAxis[], marked: readonly boolean[]): string => {
    const names = list.map((_, i) => `a${i}`);
    const flat = flatText(names, list.map(extentOf), marked);
    const at = marked.indexOf(true);
    const out = names.flatMap((n, i) => (i === at ? [flat] : marked[i] ? [] : [n]));
    return `(${names.join(", ")}) => [${out.join(", ")}]`;
  };
  const spatial = axes.filter((a) => a.type === "S");
  const marked = spatial.map((a) => among(roles.columns, a));
  sch.transformBlockLayout(
    block,
    map(
      axes,
      kinds.map((kind) => kind === "column"),
    ),
  );
  sch.transformLayout(block, ["write", 0], map(spatial, marked));
  sch.transformBlockLayout(epilogue, map(spatial, marked));
  return kinds.filter((kind, i) => kind !== "column" || i === first);
}
