/**
 * The views of the compiler as a table: what a value can be looked at as. A panel beside the notebook asks which apply to a
 * value, draws one of them, and can put the call that makes it into a cell.
 */
import { memoryPlanOf, PassRecorder } from "../graph/index.ts";
import { type GraphFunc, graphFuncs, type IRModule, primFuncs } from "../ir/index.ts";
import { Built, Profile, type Roofline, roofline, Timing } from "../runtime/index.ts";
import { Schedule } from "../schedule/index.ts";
import type { Trial } from "../tune/index.ts";
import { assembly } from "./assembly.ts";
import { graph } from "./block-graph-svg.ts";
import { comparePasses } from "./compare-passes.ts";
import { DISPLAY, type Displayable } from "./display.ts";
import { estimateTable } from "./estimate-view.ts";
import { graphView } from "./graph-view.ts";
import type { Program } from "./lines.ts";
import { memoryPlanView } from "./memory-plan.ts";
import { passesView } from "./passes-view.ts";
import type { MemoryPlanLike } from "./planned-function.ts";
import { profileView } from "./profile-view.ts";
import { programTree } from "./program-tree.ts";
import { rooflinePlot } from "./roofline-plot.ts";
import { shader } from "./shader.ts";
import { programOf, sideBySide } from "./side-by-side.ts";
import { source } from "./source.ts";
import { speedPlot } from "./speed-plot.ts";
import { predictedPlot, spacePlot, tuningCurve } from "./tuning-plots.ts";

/** A way to look at a value. */
export interface CompilerView {
  readonly name: string;
  readonly title: string;
  /** Whether the value can be looked at like this; by its kind alone, so that asking costs nothing. */
  applies(value: unknown): boolean;
  /** Throws, or rejects, for a value that this view cannot show after all, with the reason. */
  render(value: unknown): Displayable | Promise<Displayable>;
  /** The same in a cell, given what the value is called there: an expression of names that the library exports. */
  code(name: string, value: unknown): string;
}

/** A way to look at two values next to each other. */
export interface ComparisonView {
  readonly name: string;
  readonly title: string;
  applies(a: unknown, b: unknown): boolean;
  render(a: unknown, b: unknown, names: readonly [string, string]): Displayable | Promise<Displayable>;
  code(a: string, b: string): string;
}

type Is<X> = (value: unknown) => value is X;
type Scheduled = Schedule | Program;

function view<X>(
  name: string,
  title: string,
  is: Is<X>,
  render: (value: X) => Displayable | Promise<Displayable>,
  code: (name: string, value: X) => string,
): CompilerView {
  return {
    name,
    title,
    applies: is,
    render: (value) => render(value as X),
    code: (called, value) => code(called, value as X),
  };
}

const isObject = (x: unknown): x is { readonly [name: string]: unknown } =>
  typeof x === "object" && x !== null;
const isSchedule = (x: unknown): x is Schedule => x instanceof Schedule;
const hasSteps = (x: unknown): x is Schedule => isSchedule(x) && x.history.length > 0;
const isRecorder = (x: unknown): x is PassRecorder => x instanceof PassRecorder;
const isModule = (x: unknown): x is IRModule => isObject(x) && x.kind === "module" && isObject(x.funcs);
const isProgram = (x: unknown): x is Program =>
  isModule(x) || (isObject(x) && (x.kind === "primFunc" || x.kind === "graphFunc"));
const isTimings = (x: unknown): x is Timing | readonly Timing[] =>
  x instanceof Timing || (Array.isArray(x) && x.length > 0 && x.every((t) => t instanceof Timing));
const isRoofline = (x: unknown): x is Roofline =>
  isObject(x) && Array.isArray(x.peaks) && Array.isArray(x.bandwidths);
const isMemoryPlan = (x: unknown): x is MemoryPlanLike =>
  isObject(x) && Array.isArray(x.tensors) && Array.isArray(x.steps) && typeof x.arenaBytes === "number";

/** A schedule or program that has tensor programs. */
const isTensorProgram = (x: unknown): x is Scheduled => {
  if (!isSchedule(x) && !isProgram(x)) return false;
  const p = programOf(x);
  return p.kind === "primFunc" || (p.kind === "module" && Object.keys(primFuncs(p)).length > 0);
};
const isGraph = (x: unknown): x is IRModule | GraphFunc =>
  isProgram(x) && (x.kind === "graphFunc" || (x.kind === "module" && Object.keys(graphFuncs(x)).length > 0));

/** A module with a plan in one of its functions, or a pipeline that ends in one. */
const plannedOf = (x: unknown): { mod: IRModule; func: string } | undefined => {
  const mod = isRecorder(x) ? x.list().at(-1)?.after : isModule(x) ? x : undefined;
  if (!mod) return undefined;
  const func = Object.entries(graphFuncs(mod)).find(([, f]) => memoryPlanOf(f) !== undefined)?.[0];
  return func === undefined ? undefined : { mod, func };
};
const isPlanned = (x: unknown): x is PassRecorder | IRModule => plannedOf(x) !== undefined;

/** What a search tells: its trials, or what holds them. */
const trialsOf = (x: unknown): readonly Trial[] | undefined => {
  const all = Array.isArray(x) ? x : isObject(x) ? (x.history ?? x.trials) : undefined;
  const isTrial = (t: unknown): boolean => isObject(t) && "task" in t && "status" in t && "decisions" in t;
  return Array.isArray(all) && all.length > 0 && all.every(isTrial) ? (all as Trial[]) : undefined;
};
const isSearch = (x: unknown): x is object => trialsOf(x) !== undefined;
const trialsCode = (name: string, x: object): string =>
  Array.isArray(x) ? name : `${name}.${"history" in x ? "history" : "trials"}`;

const listCode = (name: string, x: unknown): string => (Array.isArray(x) ? name : `[${name}]`);
const programCode = (name: string, x: unknown): string => (isSchedule(x) ? `${name}.mod` : name);
const listOf = <X>(x: X | readonly X[]): readonly X[] => (Array.isArray(x) ? (x as X[]) : [x as X]);

/** All views, those of what was done first. */
export const compilerViews: readonly CompilerView[] = [
  view(
    "steps",
    "Steps",
    hasSteps,
    (x) => x,
    (n) => n,
  ),
  view(
    "passes",
    "Passes",
    isRecorder,
    (x) => passesView(x),
    (n) => `passesView(${n})`,
  ),
  view(
    "program",
    "Program",
    isTensorProgram,
    (x) => programTree(x),
    (n) => `programTree(${n})`,
  ),
  view(
    "graph",
    "Graph",
    isGraph,
    (x) => graphView(x),
    (n) => `graphView(${n})`,
  ),
  view(
    "blocks",
    "Blocks",
    isTensorProgram,
    (x) => graph(programOf(x)),
    (n, x) => `graph(${programCode(n, x)})`,
  ),
  view(
    "wat",
    "WAT",
    isTensorProgram,
    (x) => assembly(x),
    (n) => `assembly(${n})`,
  ),
  view(
    "wgsl",
    "WGSL",
    isTensorProgram,
    (x) => shader(x),
    (n) => `shader(${n})`,
  ),
  view(
    "generated",
    "Generated code",
    (x): x is Built => x instanceof Built && (x.target === "wasm" || x.target === "webgpu"),
    (x) => {
      const language = x.target === "wasm" ? "wat" : "wgsl";
      return source(x.source(language), language);
    },
    (n, x) =>
      x.target === "wasm" ? `source(${n}.source("wat"), "wat")` : `source(${n}.source("wgsl"), "wgsl")`,
  ),
  view(
    "estimate",
    "Estimate",
    isTensorProgram,
    (x) => estimateTable(programOf(x)),
    (n, x) => `estimateTable(${programCode(n, x)})`,
  ),
  view(
    "memory",
    "Memory plan",
    isMemoryPlan,
    (x) => memoryPlanView(x),
    (n) => `memoryPlanView(${n})`,
  ),
  view(
    "planned",
    "Memory plan",
    isPlanned,
    (x) => {
      const { mod, func } = plannedOf(x) as { mod: IRModule; func: string };
      return memoryPlanView(mod, func);
    },
    (n, x) => {
      const mod = isRecorder(x) ? `${n}.list().at(-1)!.after` : n;
      return `memoryPlanView(${mod}, ${JSON.stringify(plannedOf(x)?.func)})`;
    },
  ),
  view(
    "timeline",
    "Timeline",
    (x): x is Profile => x instanceof Profile,
    (x) => profileView(x),
    (n) => `profileView(${n})`,
  ),
  view(
    "speed",
    "Speed",
    isTimings,
    (x) => speedPlot(listOf(x)),
    (n, x) => `speedPlot(${listCode(n, x)})`,
  ),
  view(
    "roofline",
    "Roofline",
    isTimings,
    async (x) => rooflinePlot(await roofline(), listOf(x)),
    (n, x) => `rooflinePlot(await roofline(), ${listCode(n, x)})`,
  ),
  view(
    "limits",
    "Roofline",
    isRoofline,
    (x) => rooflinePlot(x),
    (n) => `rooflinePlot(${n})`,
  ),
  view(
    "tuning",
    "Tuning curve",
    isSearch,
    (x) => tuningCurve(trialsOf(x) ?? []),
    (n, x) => `tuningCurve(${trialsCode(n, x)})`,
  ),
  view(
    "predicted",
    "Predictions",
    isSearch,
    (x) => predictedPlot(trialsOf(x) ?? []),
    (n, x) => `predictedPlot(${trialsCode(n, x)})`,
  ),
  view(
    "space",
    "Space",
    isSearch,
    (x) => spacePlot(trialsOf(x) ?? []),
    (n, x) => `spacePlot(${trialsCode(n, x)})`,
  ),
];

/** All comparisons. */
export const comparisonViews: readonly ComparisonView[] = [
  {
    name: "pipelines",
    title: "Pipelines",
    applies: (a, b) => isRecorder(a) && isRecorder(b),
    render: (a, b, names) => comparePasses(a as PassRecorder, b as PassRecorder, { names }),
    code: (a, b) => `comparePasses(${a}, ${b}, { names: [${JSON.stringify(a)}, ${JSON.stringify(b)}] })`,
  },
  {
    name: "sides",
    title: "Side by side",
    applies: (a, b) => isTensorProgram(a) && isTensorProgram(b),
    render: (a, b, names) => sideBySide(a as Scheduled, b as Scheduled, { names }),
    code: (a, b) => `sideBySide(${a}, ${b}, { names: [${JSON.stringify(a)}, ${JSON.stringify(b)}] })`,
  },
  {
    name: "times",
    title: "Speed",
    applies: (a, b) => isTimings(a) && isTimings(b),
    render: (a, b) => speedPlot([...listOf(a as Timing | Timing[]), ...listOf(b as Timing | Timing[])]),
    code: (a, b) => `speedPlot([${a}, ${b}].flat())`,
  },
];

/** What a value is, in a word; undefined for what no view applies to. */
export function valueKind(value: unknown): string | undefined {
  if (isSchedule(value)) return "schedule";
  if (isRecorder(value)) return "pipeline";
  if (isModule(value)) return "module";
  if (isProgram(value)) return "function";
  if (value instanceof Built) return "executable";
  if (value instanceof Profile) return "profile";
  if (isTimings(value)) return "timing";
  if (isMemoryPlan(value)) return "memory plan";
  if (isRoofline(value)) return "roofline";
  if (isSearch(value)) return "search";
  return isObject(value) && typeof value[DISPLAY as unknown as string] === "function" ? "display" : undefined;
}
