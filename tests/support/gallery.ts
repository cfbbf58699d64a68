/**
 * Writes build/gallery.html and build/gallery-dark.html: one of every display, for looking at.
 * `npx tsx tests/support/gallery.ts`, then open the pages in a browser.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { blocksIn, getPrimFunc, loopsIn } from "../../lib/ir/index.ts";
import { ScheduleError } from "../../lib/schedule/index.ts";
import {
  animate,
  barPlot,
  DISPLAY,
  type Displayable,
  diff,
  displayable,
  estimateTable,
  explore,
  graph,
  imageGrid,
  linePlot,
  scheduleBundle,
  scheduleErrorBundle,
  show,
  sideBySide,
  source,
  speedPlot,
  tensorBundle,
  timingTable,
} from "../../lib/show/index.ts";
import { longSchedule } from "../lib/show/long-schedule.ts";
import { schedule, states, swapped, timings } from "../lib/show/samples.ts";
import { product, tiled } from "../lib/show/small-programs.ts";

const floats = (n: number, f: (i: number) => number) => Float32Array.from({ length: n }, (_, i) => f(i));
const weights = {
  dtype: "f32",
  shape: [96, 64],
  data: floats(96 * 64, (i) => Math.sin(i / 70) * Math.cos((i % 64) / 9)),
} as const;
const vector = { dtype: "i32", shape: [7], data: Int32Array.of(3, 1, 4, 1, 5, 9, 2) } as const;
const holes = {
  dtype: "f32",
  shape: [2, 3, 6, 5],
  data: floats(180, (i) => (i % 7 === 3 ? Number.NaN : i / 10)),
} as const;

/** Rings of differing radius: something to recognise. */
const pictures = {
  dtype: "u8",
  shape: [12, 28, 28],
  data: Uint8Array.from({ length: 12 * 784 }, (_, p) => {
    const [n, y, x] = [Math.floor(p / 784), Math.floor((p % 784) / 28) - 14, (p % 28) - 14];
    return 255 * Math.exp(-((Math.hypot(x, y) - 2 - n) ** 2) / 4);
  }),
} as const;

const f = getPrimFunc(states[4], "mm_relu");
const error = new ScheduleError(
  {
    primitive: "reorder",
    rule: "the loops do not form a chain",
    detail: "between k and i_1 stands the block Y; reorder takes loops that are nested in one another.",
    nodes: [loopsIn(f.body)[2], loopsIn(f.body)[4], blocksIn(f.body)[1]],
    suggestion: "sch.reorder(j_0, k, j_1)",
  },
  { func: f },
);

const wat = `(module
  (import "env" "memory" (memory 1))
  ;; one row of the product
  (func $mm (export "mm") (param $a i32) (param $b i32)
    (local $i i32)
    (loop $l
      (v128.store offset=16
        (local.get $a)
        (f32x4.add (v128.load (local.get $a)) (v128.load (local.get $b))))
      (br_if $l (i32.lt_s (local.get $i) (i32.const 128)))
    )
  )
)`;
const tuning = Array.from({ length: 40 }, (_, i) => ({
  trial: i + 1,
  ms: 3 + 40 * Math.exp(-i / 8),
  method: i % 2 ? "random" : "evolutionary",
}));

const sections: [string, Displayable][] = [
  ["Program", show(states[3])],
  ["Loop tree", show(states[4], { view: "tree" })],
  ["Schedule", displayable(() => scheduleBundle(schedule))],
  ["Block graph", graph(states[3])],
  ["Block graph, long", graph(longSchedule(10).mod)],
  ["Animation", animate(product(16, "ijk"), { maxSteps: 80 })],
  ["Animation, other order, banks", animate(product(16, "ikj"), { maxSteps: 80, banks: 32 })],
  [
    "Side by side",
    sideBySide(schedule, tiled(8), { names: ["rows", "tiles of 8"], timings: [timings[2], timings[3]] }),
  ],
  ["Explore", explore([4, 8, 16, 32, "x"], (n) => tiled(n as number), { name: "factor", chosen: 8 })],
  ["Estimate", estimateTable(states[3])],
  ["Diff, tree", diff(states[0], states[3], { layout: "tree" })],
  ["Diff, side by side", diff(states[0], states[2])],
  ["Diff, moved", diff(states[0], swapped)],
  ["Diff, moved, inline", diff(states[0], swapped, { layout: "inline" })],
  ["Diff, inline", diff(states[0], states[2], { layout: "inline" })],
  ["Schedule error", displayable(() => scheduleErrorBundle(error))],
  ["Tensor", displayable(() => tensorBundle(weights))],
  ["Vector", displayable(() => tensorBundle(vector))],
  ["Rank 4 with NaN", displayable(() => tensorBundle(holes))],
  [
    "Images",
    imageGrid(pictures, {
      labels: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1],
      predictions: [0, 1, 2, 6, 4, 5, 6, 7, 8, 9, 0, 1],
      names: [
        "T-shirt/top",
        "trouser",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
      ],
      columns: 6,
    }),
  ],
  ["Timings", timingTable(timings)],
  ["Speed", speedPlot(timings, { title: "linear + relu, 10,000 images" })],
  ["Bars", barPlot(timings, { x: "name", y: "gflops", title: "work", unit: "GFLOP/s", baseline: 1 })],
  [
    "Lines",
    linePlot(tuning, { x: "trial", y: "ms", series: "method", log: "y", unit: "ms", title: "tuning" }),
  ],
  ["WAT", source(wat, "wat")],
];

const ORDER = ["text/html", "image/svg+xml", "text/plain"];
const parts: string[] = [];
/** `--only=graph` shows the sections whose names contain that. */
const only =
  process.argv
    .find((a) => a.startsWith("--only="))
    ?.slice(7)
    .toLowerCase() ?? "";
for (const [name, d] of sections.filter(([n]) => n.toLowerCase().includes(only))) {
  const bundle = await d[DISPLAY]();
  const mime = ORDER.find((m) => m in bundle)!;
  const text = bundle["text/plain"].replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  parts.push(
    `<h2>${name} <small>${String(bundle[mime]).length} characters</small></h2>${bundle[mime]}<details><summary>text/plain</summary><pre>${text}</pre></details>`,
  );
}
mkdirSync("build", { recursive: true });
/** `--open` shows every step of the history opened. */
const opened = process.argv.includes("--open");
const steps = parts.join("\n");
const body = opened ? steps.replaceAll('<details class="tw-step">', '<details class="tw-step" open>') : steps;
for (const dark of [false, true]) {
  // What a notebook's page has around an output: its theme's mark and variables, and styles of its own for tables.
  const [ground, ink] = dark ? ["#111", "#fff"] : ["#fff", "#212121"];
  const style = `:root{--jp-layout-color0:${ground};--jp-content-font-color1:${ink}}body{font-family:sans-serif;max-width:900px;margin:20px auto;background:${ground};color:${ink}}table{table-layout:fixed;margin:auto}td,th{text-align:right}tbody tr:nth-child(odd){background:#8883}`;
  const page = `<!doctype html><meta charset="utf-8"><title>Displays</title><style>${style}</style><body data-jp-theme-light="${!dark}">${body}`;
  writeFileSync(dark ? "build/gallery-dark.html" : "build/gallery.html", page);
}
