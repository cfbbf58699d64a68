/** A profile of one call: the steps on a timeline, and tables by step and by program. */
import { count, cut, take } from "./bounds.ts";
import { type Displayable, displayable, type MimeBundle } from "./display.ts";
import { type Html, html } from "./html.ts";
import { bytes, duration, three } from "./number.ts";
import { frame } from "./style.ts";
import { INK_STYLE, round, SANS, svg } from "./svg.ts";
import { type Column, htmlTable, textTable } from "./table.ts";

/** What `profile()` of an executable gives. Times are in milliseconds from the start of the call. */
export interface ProfileLike {
  readonly name: string;
  readonly ms: number;
  readonly steps: readonly {
    readonly name: string;
    readonly func: string;
    readonly start: number;
    readonly ms: number;
    readonly flops?: number;
    readonly bytes: number;
    readonly share: number;
  }[];
}

const WIDTH = 760;
const BAR = 34;
const CHAR = 6.2;
const ROWS = 60;
const BARS = 1500;

const COLUMNS: readonly Column[] = [
  { title: "step" },
  { title: "program" },
  { title: "time", align: "right" },
  { title: "share", align: "right" },
  { title: "GFLOP/s", align: "right" },
  { title: "GB/s", align: "right" },
  { title: "bytes", align: "right" },
];

type ProfileRow = ProfileLike["steps"][number];

const cells = (s: ProfileRow): string[] => [
  cut(s.name, 40),
  cut(s.func, 50),
  duration(s.ms),
  `${(100 * s.share).toFixed(1)} %`,
  s.flops === undefined || s.ms === 0 ? "" : three(s.flops / s.ms / 1e6),
  s.ms === 0 ? "" : three(s.bytes / s.ms / 1e6),
  bytes(s.bytes),
];

/** The profile, to be shown: the timeline, and the steps with the slowest first. */
export function profileBundle(p: ProfileLike): MimeBundle {
  const slowest = [...p.steps].sort((a, b) => b.ms - a.ms);
  const { shown, left } = take(slowest, ROWS);
  const rows = shown.map(cells);
  const more = left > 0 ? `… ${count(left, "more step")}` : "";
  const head = `${p.name}: ${duration(p.ms)} in ${count(p.steps.length, "step")}`;
  const text = [head, textTable(COLUMNS, rows), more].filter((x) => x !== "").join("\n");
  const note = more !== "" && html`<p class="tw-note">${more}</p>`;
  const body = html`<p class="tw-head">${head}</p>${timeline(p)}${htmlTable(COLUMNS, rows)}${note}`;
  return { "text/plain": text, "text/html": frame(["table"], body) };
}

export function profileView(p: ProfileLike): Displayable<MimeBundle> & { toString(): string } {
  return displayable(() => profileBundle(p));
}

/** Tone by program, so that calls of one program look alike. */
function hues(p: ProfileLike): ReadonlyMap<string, number> {
  const out = new Map<string, number>();
  for (const s of p.steps) if (!out.has(s.func)) out.set(s.func, Math.round((out.size * 137.508) % 360));
  return out;
}

function timeline(p: ProfileLike): Html {
  const tones = hues(p);
  const whole = Math.max(p.ms, ...p.steps.map((s) => s.start + s.ms), 1e-9);
  const x = (ms: number): number => (WIDTH * ms) / whole;
  const { shown } = take(p.steps, BARS);
  const bars = shown.map((s) => {
    const w = Math.max(0.5, x(s.ms) - 0.5);
    const colour = `hsl(${tones.get(s.func) ?? 0} 60% 55%)`;
    const room = Math.floor((w - 6) / CHAR);
    const label =
      room >= 3 &&
      html`<text x="${round(x(s.start) + 4)}" y="21" style="${INK_STYLE};font:10.5px ${SANS}">${cut(s.name, room)}</text>`;
    return html`<g><title>${`${s.name} (${s.func}): ${duration(s.ms)}, ${(100 * s.share).toFixed(1)} %`}</title><rect x="${round(x(s.start))}" y="2" width="${round(w)}" height="${BAR - 6}" fill="${colour}" fill-opacity="0.4" stroke="${colour}" stroke-width="0.6"/>${label}</g>`;
  });
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((f) => {
    const anchor = f === 0 ? "start" : f === 1 ? "end" : "middle";
    return html`<text x="${round(WIDTH * f)}" y="${BAR + 10}" text-anchor="${anchor}" style="${INK_STYLE};font:10.5px ${SANS}">${duration(f * whole)}</text>`;
  });
  return html`<div class="tw-scroll">${svg(WIDTH, BAR + 16, `timeline of ${p.name}`, html`${bars}${ticks}`)}</div>`;
}
