/**
 * Loops that threads share. The loop becomes a function of its own, `(begin, end, thread, environment)`, which runs the
 * iterations from `begin` up to `end`; where it stood, the values it needs from outside are stored in the environment
 * (8 bytes each, at the end of the workspace) and the import `parallel(function, begin, end, environment)` has them run,
 * in whatever pieces, on whatever threads, and returns when all are done. Functions are numbered in the order of
 * `WasmModule.parallel`. What the loop allocates lies in the thread's part of the workspace.
 */
import { type Expr, type For, type Interval, loop, loopRange, type Stmt, variable } from "../../ir/index.ts";
import type { Context, Place, Spread } from "./context.ts";
import { emitFunction, type FunctionCode } from "./emit.ts";
import type { ImportedFunction } from "./encode.ts";
import { Graph, type Local, type Value } from "./graph.ts";
import { allocateRegisters, placeSlots } from "./places.ts";
import { scalarValue } from "./scalar-expr.ts";

/** By which name code calls what spreads a loop over threads. */
export const PARALLEL = "parallel";
export const parallelImport: ImportedFunction = { name: PARALLEL, params: ["i32", "i32", "i32", "i32"] };

const SLOT = 8;
/** No buffer of a program has it. */
const ENVIRONMENT = -1;

export interface ParallelTools {
  statement(c: Context, s: Stmt): void;
  counted(c: Context, s: For, min: Expr, extent: Expr, step: number, body: () => void): void;
  /** Buffers that a statement stores to. */
  stored(s: Stmt): ReadonlySet<number>;
}

/** Generates the function of the loop, and the call that has it run. */
export function parallelLoop(c: Context, s: For, spread: Spread, tools: ParallelTools): void {
  const { g } = c;
  const index = spread.bodies.length;
  const captured: Value[] = [];
  const code = outlined(c, s, spread, spread.name(index), captured, tools);
  spread.bodies.push(code);
  spread.environmentBytes = Math.max(spread.environmentBytes, SLOT * captured.length);
  captured.forEach((v, i) => {
    g.store(`${v.type}.store`, [spread.environment, v], { offset: SLOT * i }, ENVIRONMENT);
  });
  const narrow = (v: Value): Value => (v.type === "i64" ? g.make("i32.wrap_i64", [v]) : v);
  const begin = narrow(c.scalar(s.min));
  const end = g.make("i32.add", [begin, narrow(c.scalar(s.extent))]);
  g.effect(PARALLEL, [g.i32(index), begin, end, spread.environment], tools.stored(s.body));
}

/** The function of a loop; values from outside that it uses are added to `captured`. */
function outlined(
  c: Context,
  s: For,
  spread: Spread,
  name: string,
  captured: Value[],
  tools: ParallelTools,
): FunctionCode {
  const g = new Graph(c.options.relaxedSimd);
  const params = ["begin", "end", "thread", "environment"].map((x): Local => g.local("i32", x));
  const [begin, end, thread, environment] = params.map((p) => g.get(p));
  /** The value in here: read once, when the function begins. */
  const capture = (v: Value): Value => {
    if (v.op.endsWith(".const")) return g.const(v.type, v.imm as number | bigint);
    let i = captured.indexOf(v);
    if (i < 0) i = captured.push(v) - 1;
    const read = g.make(`${v.type}.load`, [environment], { offset: SLOT * i }, 0, "", true);
    return g.pin(read, v.hint ?? v.local?.name);
  };
  const inner: Context = {
    g,
    options: c.options,
    vars: new Captured(c.vars, capture),
    known: new Map(c.known),
    ranges: new Map(c.ranges),
    places: new Captured(c.places, ({ base, offset }): Place => ({ base: capture(base), offset })),
    registers: new Map(),
    loops: [],
    vectorVars: new Map(),
    scalar: (e) => scalarValue(inner, e),
  };
  allocateRegisters(inner, s);
  const { storage } = spread;
  const slots = storage.perThread.get(s) ?? [];
  if (slots.length > 0) {
    const first = g.make("i32.add", [capture(spread.workspace), inner.scalar(storage.threadsAt)]);
    const part = g.make("i32.mul", [thread, inner.scalar(storage.threadBytes)]);
    placeSlots(inner, slots, g.pin(g.make("i32.add", [first, part]), "own"));
  }
  // Nobody calls it for no iterations: `begin < end`.
  const from = variable("begin", s.v.dtype);
  const count = variable("count", s.v.dtype);
  const wide = (v: Value): Value => (s.v.dtype === "i64" ? g.make("i64.extend_i32_s", [v]) : v);
  inner.vars.set(from.id, wide(begin));
  inner.vars.set(count.id, wide(g.make("i32.sub", [end, begin])));
  const range: Interval = loopRange(s.min, s.extent, c.ranges);
  inner.ranges.set(from.id, range);
  inner.ranges.set(count.id, { min: 1, max: Math.max(1, range.max - range.min + 1) });
  inner.ranges.set(s.v.id, range);
  const part = loop(s.v, count, s.body, { min: from });
  tools.counted(inner, part, from, count, 1, () => tools.statement(inner, s.body));
  return emitFunction(name, params, g.pop().nodes);
}

/** What a function knows from outside: taken over when it is first asked for. */
class Captured<X> extends Map<number, X> {
  readonly #outside: ReadonlyMap<number, X>;
  readonly #capture: (x: X) => X;

  constructor(outside: ReadonlyMap<number, X>, capture: (x: X) => X) {
    super();
    this.#outside = outside;
    this.#capture = capture;
  }

  override get(id: number): X | undefined {
    const known = super.get(id);
    const there = known === undefined ? this.#outside.get(id) : undefined;
    if (there === undefined) return known;
    const here = this.#capture(there);
    this.set(id, here);
    return here;
  }
}
