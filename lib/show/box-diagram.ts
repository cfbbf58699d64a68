/**
 * Tensor functions seen from outside: a box for each call with its name, inputs and output, in the order of the
 * calls. For short chains as they are drawn on a blackboard; whole models have the graph view.
 */
import { cut } from "./bounds.ts";
import { type Displayable, displayable, type MimeBundle } from "./display.ts";
import { type Html, html, plain } from "./html.ts";
import { frame } from "./style.ts";
import { INK, INK_STYLE, MONO, SANS, svg } from "./svg.ts";

/** A call: what it reads and what it makes. Tensors are linked by name, the text before the first space. */
export interface BoxCall {
  readonly name: string;
  /** `x [100, 784]`: a name, then whatever is to stand beside it. */
  readonly inputs: readonly string[];
  readonly output: string;
}

const CHAR = 7.3;
const GAP = 34;
const ROW = 17;
const BOX = 34;
const BLUE = "#2f81f7";

const tensorName = (text: string): string => text.split(" ", 1)[0];

/** The calls as boxes in a row, arrows between them carrying the tensors. Throws on an empty list. */
export function boxDiagram(calls: readonly BoxCall[]): Displayable<MimeBundle> & { toString(): string } {
  if (calls.length === 0) throw new RangeError("boxDiagram: give at least one call { name, inputs, output }");
  const text = calls.map((c) => plain(`${c.output} = ${c.name}(${c.inputs.join(", ")})`)).join("\n");
  return displayable(() => ({
    "text/plain": text,
    "text/html": frame([], html`${picture(calls, text)}`),
  }));
}

function picture(calls: readonly BoxCall[], title: string): Html {
  // Inputs that come from the box to the left run along the arrow; all others stand above the box.
  const columns = calls.map((c, i) => {
    const before = i > 0 ? tensorName(calls[i - 1].output) : undefined;
    const above = c.inputs.filter((x) => tensorName(x) !== before);
    const fromLeft = before !== undefined && above.length < c.inputs.length;
    const widest = Math.max(c.name.length + 2, ...above.map((x) => x.length));
    return { c, above, fromLeft, width: Math.max(96, widest * CHAR + 16) };
  });
  const rows = Math.max(...columns.map((c) => c.above.length));
  const top = rows * ROW + 20;
  const middle = top + BOX / 2;
  const out: Html[] = [];
  let x = 4;
  for (const [i, col] of columns.entries()) {
    const centre = x + col.width / 2;
    col.above.forEach((t, r) => {
      const y = (rows - col.above.length + r) * ROW + 13;
      out.push(label(t, centre, y, "middle"));
    });
    if (col.above.length > 0) out.push(arrow(centre, rows * ROW + 2, centre, top));
    out.push(
      html`<rect x="${x}" y="${top}" width="${col.width}" height="${BOX}" rx="6" fill="${BLUE}" fill-opacity="0.14" stroke="${BLUE}"/>`,
      html`<text x="${centre}" y="${middle + 5}" text-anchor="middle" font-family="${SANS}" font-size="14" font-weight="600" fill="${INK}" style="${INK_STYLE}">${cut(col.c.name, 60)}</text>`,
    );
    const outWidth = Math.max(GAP, col.c.output.length * CHAR + 18);
    const next = columns[i + 1];
    out.push(label(col.c.output, x + col.width + outWidth / 2, middle - 8, "middle"));
    if (!next || next.fromLeft) out.push(arrow(x + col.width, middle, x + col.width + outWidth, middle));
    x += col.width + outWidth;
  }
  return svg(x + 6, top + BOX + 6, title, out);
}

function label(text: string, x: number, y: number, anchor: "start" | "middle"): Html {
  return html`<text x="${x}" y="${y}" text-anchor="${anchor}" font-family="${MONO}" font-size="12" fill="${INK}" style="${INK_STYLE}">${cut(text, 60)}</text>`;
}

/** A line with a head at its second end; horizontal or vertical. */
function arrow(x1: number, y1: number, x2: number, y2: number): Html {
  const head =
    y1 === y2
      ? `${x2 - 7},${y2 - 4} ${x2},${y2} ${x2 - 7},${y2 + 4}`
      : `${x2 - 4},${y2 - 7} ${x2},${y2} ${x2 + 4},${y2 - 7}`;
  return html`<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${INK}"/><polygon points="${head}" fill="${INK}"/>`;
}
