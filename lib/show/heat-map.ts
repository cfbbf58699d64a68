/** A heat map of the last two dimensions of a tensor, as SVG. Cells of one colour are one path: it stays small. */
import { BOUNDS } from "./bounds.ts";
import { type Html, html } from "./html.ts";
import { num } from "./number.ts";
import { INK, INK_STYLE, round, SANS, svg } from "./svg.ts";
import { lastTwo, reader, type TensorLike } from "./tensor-summary.ts";

const LEVELS = 20;
/** Dark blue over teal to yellow: lightness rises evenly, so it also reads in grey. */
const SEQUENTIAL = [
  [46, 20, 94],
  [49, 80, 142],
  [31, 138, 141],
  [94, 194, 98],
  [249, 226, 57],
] as const;
/** Blue for negative, red for positive, grey for zero. */
const DIVERGING = [
  [24, 78, 165],
  [110, 160, 220],
  [200, 200, 200],
  [226, 130, 110],
  [165, 22, 36],
] as const;
const NOT_FINITE = "#d33fd3";

/** Undefined for tensors without elements, scalars, and tensors without a finite element. */
export function heatMap(t: TensorLike): Html | undefined {
  const { rows, cols } = lastTwo(t.shape);
  if (rows * cols < 2) return undefined;
  const [fy, fx] = [Math.ceil(rows / BOUNDS.heatCells), Math.ceil(cols / BOUNDS.heatCells)];
  const [h, w] = [Math.ceil(rows / fy), Math.ceil(cols / fx)];
  const cells = means(t, rows, cols, fy, fx);
  const finite = cells.filter(Number.isFinite);
  if (finite.length === 0) return undefined;
  const [min, max] = [Math.min(...finite), Math.max(...finite)];
  const diverging = min < 0 && max > 0;
  const [lo, hi] = diverging ? [-Math.max(-min, max), Math.max(-min, max)] : [min, max];
  const level = (x: number): number =>
    Number.isFinite(x) ? Math.min(LEVELS - 1, Math.floor(((x - lo) / (hi - lo || 1)) * LEVELS)) : LEVELS;
  const paths: string[] = Array.from({ length: LEVELS + 1 }, () => "");
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; ) {
      const l = level(cells[y * w + x]);
      let end = x + 1;
      while (end < w && level(cells[y * w + end]) === l) end++;
      paths[l] += `M${x} ${y}h${end - x}v1h${x - end}z`;
      x = end;
    }
  }
  const size = Math.max(3, Math.min(24, Math.floor(288 / Math.max(h, w))));
  const colour = (l: number): string =>
    l === LEVELS ? NOT_FINITE : stop(diverging ? DIVERGING : SEQUENTIAL, l);
  const [width, top] = [Math.max(w * size, finite.length < cells.length ? 225 : 150), h * size];
  const legend = Array.from(
    { length: LEVELS },
    (_, l) =>
      html`<rect x="${round((l * 150) / LEVELS)}" y="${top + 6}" width="${round(150 / LEVELS + 0.5)}" height="8" fill="${colour(l)}"/>`,
  );
  const label = (x: number, anchor: string, text: string): Html =>
    html`<text x="${x}" y="${top + 26}" text-anchor="${anchor}" font-family="${SANS}" font-size="11" fill="${INK}" style="${INK_STYLE}">${text}</text>`;
  const missing =
    paths[LEVELS] !== "" &&
    html`<rect x="164" y="${top + 6}" width="8" height="8" fill="${NOT_FINITE}"/>${label(164, "start", "not finite")}`;
  const body = html`<g transform="scale(${size})" shape-rendering="crispEdges">${paths.map((d, l) => d !== "" && html`<path d="${d}" fill="${colour(l)}"/>`)}</g>${legend}${label(0, "start", num(lo, 3))}${label(150, "end", num(hi, 3))}${missing}`;
  const grouped = fy > 1 || fx > 1 ? `, each cell the mean of ${fy}×${fx} elements` : "";
  return svg(
    width,
    top + 30,
    `heat map of ${rows}×${cols} elements from ${num(min)} to ${num(max)}${grouped}`,
    body,
  );
}

/** How many elements one cell stands for, where it is more than one: "4×4". */
export function heatMapGroup(shape: readonly number[]): string | undefined {
  const { rows, cols } = lastTwo(shape);
  const [fy, fx] = [Math.ceil(rows / BOUNDS.heatCells), Math.ceil(cols / BOUNDS.heatCells)];
  return fy > 1 || fx > 1 ? `${fy}×${fx}` : undefined;
}

/** Means of groups of `fy`×`fx` elements of the first slice; not a number where any of them is not finite. */
function means(t: TensorLike, rows: number, cols: number, fy: number, fx: number): number[] {
  const out: number[] = [];
  const at = reader(t);
  for (let y = 0; y < rows; y += fy) {
    for (let x = 0; x < cols; x += fx) {
      let [sum, n] = [0, 0];
      for (let i = y; i < Math.min(y + fy, rows); i++)
        for (let j = x; j < Math.min(x + fx, cols); j++, n++) sum += at(i * cols + j);
      out.push(sum / n);
    }
  }
  return out;
}

function stop(stops: readonly (readonly [number, number, number])[], level: number): string {
  const x = (level / (LEVELS - 1)) * (stops.length - 1);
  const i = Math.min(stops.length - 2, Math.floor(x));
  const mix = stops[i].map((c, k) => Math.round(c + (stops[i + 1][k] - c) * (x - i)));
  return `#${mix.map((c) => c.toString(16).padStart(2, "0")).join("")}`;
}
