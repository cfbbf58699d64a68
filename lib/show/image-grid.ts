/** Pictures in a tensor, as one self-contained SVG with captions: green for right, red for wrong predictions. */
import { BOUNDS, count, cut } from "./bounds.ts";
import { type Displayable, displayable } from "./display.ts";
import { type Html, html } from "./html.ts";
import { pngAddress } from "./png.ts";
import { pictureHtml } from "./style.ts";
import { INK, INK_STYLE, SANS, svg } from "./svg.ts";
import { textTable } from "./table.ts";
import { elementsOf, reader, type TensorLike, tensorStats } from "./tensor-summary.ts";

/** One label for each picture: a class number or a text. A tensor of class numbers will do. */
export type Labels = ArrayLike<number | string | bigint> | TensorLike;

export interface ImageGridOptions {
  /** What the pictures show. */
  readonly labels?: Labels;
  /** What they were taken for. */
  readonly predictions?: Labels;
  /** Names of the classes, for labels that are numbers. */
  readonly names?: readonly string[];
  /** Pictures in a row (8). */
  readonly columns?: number;
  /** At most this many pictures (40). */
  readonly limit?: number;
  /** Height and width, for pictures stored as rows of numbers. */
  readonly size?: readonly [height: number, width: number];
}

interface Caption {
  readonly label?: string;
  readonly prediction?: string;
  readonly right?: boolean;
}

const CELL = 64;
const GAP = 20;
const LINE = 14;

/**
 * The pictures of a tensor [N, H, W], [N, 1, H, W], [H, W], or [N, H·W] with `size`, u8 (0 … 255) or float (0 … 1, or
 * the tensor's own range when it goes beyond).
 */
export function imageGrid(images: TensorLike, o: ImageGridOptions = {}): Displayable {
  const [n, h, w] = pictureShape(images, o.size);
  const fit = Math.max(1, Math.floor(BOUNDS.pixels / Math.max(1, h * w)));
  const shown = Math.min(n, o.limit ?? 40, BOUNDS.images, fit);
  const captions = Array.from({ length: shown }, (_, i) => caption(i, o));
  const left = n > shown ? `${count(n - shown, "more picture")} left out` : undefined;
  return displayable(() => {
    const text = gridText(captions, n, h, w, left);
    const picture = gridSvg(images, captions, h, w, o.columns ?? 8, left);
    return {
      "text/plain": text,
      "text/html": pictureHtml(picture, text),
      "image/svg+xml": picture.toString(),
    };
  });
}

function pictureShape(t: TensorLike, size?: readonly [number, number]): [n: number, h: number, w: number] {
  const s = t.shape;
  const n = elementsOf(s);
  if (size) {
    const pixels = size[0] * size[1];
    if (pixels <= 0 || n % pixels !== 0)
      throw new RangeError(`a tensor [${s.join(", ")}] does not hold pictures of ${size[0]}×${size[1]}`);
    return [n / pixels, size[0], size[1]];
  }
  if (s.length === 2) return [1, s[0], s[1]];
  if (s.length === 3) return [s[0], s[1], s[2]];
  if (s.length === 4 && s[1] === 1) return [s[0], s[2], s[3]];
  throw new RangeError(
    `pictures are [N, H, W] or [N, 1, H, W], not [${s.join(", ")}]: give \`size: [height, width]\``,
  );
}

function labelOf(labels: Labels | undefined, i: number, names?: readonly string[]): string | undefined {
  if (labels === undefined) return undefined;
  const x = "dtype" in labels ? reader(labels)(i) : labels[i];
  if (x === undefined || Number.isNaN(x)) return undefined;
  return (typeof x === "string" ? undefined : names?.[Number(x)]) ?? String(x);
}

function caption(i: number, o: ImageGridOptions): Caption {
  const label = labelOf(o.labels, i, o.names);
  const prediction = labelOf(o.predictions, i, o.names);
  const known = label !== undefined && prediction !== undefined;
  return { label, prediction, ...(known ? { right: label === prediction } : {}) };
}

/** Green and red that can be read on white and on black. */
const RIGHT = "#1f8f43";
const WRONG = "#d8434b";

function gridSvg(
  t: TensorLike,
  captions: readonly Caption[],
  h: number,
  w: number,
  columns: number,
  left?: string,
): Html {
  const scale = CELL / Math.max(h, w, 1);
  const [pw, ph] = [w * scale, h * scale];
  const cw = Math.max(pw, CELL) + GAP;
  const ch = ph + 6 + LINE * (captions.some((c) => c.right === false) ? 2 : 1) + 6;
  const across = Math.max(1, Math.min(columns, captions.length));
  const levels = levelsOf(t);
  const at = reader(t);
  const cells = captions.map((c, i) => {
    const [x, y] = [(i % across) * cw, Math.floor(i / across) * ch];
    const pixels = Uint8Array.from({ length: h * w }, (_, k) => levels(at(i * h * w + k)));
    const picture = html`<image x="${x + (cw - pw) / 2}" y="${y}" width="${pw}" height="${ph}" style="image-rendering:pixelated" href="${pngAddress(w, h, pixels)}"/>`;
    return html`${picture}${captionLines(c).map(({ text, colour }, k) => textAt(x + cw / 2, y + ph + 6 + LINE * (k + 0.7), text, colour))}`;
  });
  const height = Math.ceil(captions.length / across) * ch;
  const note = left && textAt(across * cw * 0.5, height + 12, `… ${left}`, INK, BOUNDS.label);
  const wrong = captions.filter((c) => c.right === false).length;
  const title = `${count(captions.length, "picture")}${wrong > 0 ? `, ${wrong} predicted wrongly` : ""}`;
  return svg(across * cw, height + (left ? 20 : 0), title, [cells, note]);
}

function captionLines(c: Caption): { text: string; colour: string }[] {
  const label = c.label ?? "";
  if (c.prediction === undefined) return [{ text: label, colour: INK }];
  if (c.right === undefined) return [{ text: c.prediction, colour: INK }];
  if (c.right) return [{ text: `✓ ${c.prediction}`, colour: RIGHT }];
  return [
    { text: `✗ ${c.prediction}`, colour: WRONG },
    { text: `is: ${label}`, colour: INK },
  ];
}

function textAt(x: number, y: number, text: string, colour: string, max = 14): Html {
  const style = colour === INK && html` style="${INK_STYLE}"`;
  return html`<text x="${x}" y="${y}" text-anchor="middle" font-family="${SANS}" font-size="11" fill="${colour}"${style}>${cut(text, max)}</text>`;
}

/** Element → grey level. */
function levelsOf(t: TensorLike): (x: number) => number {
  const clamp = (x: number): number => (x > 0 ? Math.min(255, Math.round(x)) : 0);
  if (t.dtype === "u8") return clamp;
  const { min, max } = tensorStats(t);
  if (min >= 0 && max <= 1) return (x) => clamp(x * 255);
  return (x) => clamp(((x - min) / (max - min || 1)) * 255);
}

function gridText(captions: readonly Caption[], n: number, h: number, w: number, left?: string): string {
  const judged = captions.filter((c) => c.right !== undefined);
  const right = judged.filter((c) => c.right).length;
  const head = `${count(n, "picture")} of ${h}×${w}${judged.length > 0 ? `; ${right} of ${judged.length} shown predicted rightly` : ""}`;
  if (captions.every((c) => c.label === undefined && c.prediction === undefined)) return head;
  const rows = captions.map((c, i) => [
    String(i),
    cut(c.label ?? "", BOUNDS.label),
    cut(c.prediction ?? "", BOUNDS.label),
    c.right === undefined ? "" : c.right ? "right" : "WRONG",
  ]);
  const table = textTable(
    [{ title: "#", align: "right" }, { title: "label" }, { title: "prediction" }, { title: "" }],
    rows,
  );
  return [head, table, ...(left ? [`… ${left}`] : [])].join("\n");
}
