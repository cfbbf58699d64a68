/**
 * Reductions whose loops are bound to threads. Each thread adds up its own iterations in a variable; then the threads put
 * their parts together, and the first of them stores the result:
 *
 * - on a device with `subgroups` by `subgroups.ts`, where all threads of the workgroup take part: nothing around the
 *   reduction is bound to threads, and the reducer is one that WGSL has an operation for;
 * - elsewhere through the memory of the workgroup in two rounds: about √T threads take about √T parts each, then one
 *   thread takes theirs. That is two waits; a tree by halves would have log2 T of them.
 *
 * The order in which the parts come together is that of neither the program nor the interpreter: a schedule that binds the
 * loop of a reduction to threads asks for that, as one with `rfactor` does.
 */
import {
  type Block,
  type Buffer,
  block,
  buffer,
  constInt,
  type Expr,
  type For,
  ifThen,
  load,
  loop,
  mapStmt,
  ops,
  type Stmt,
  seq,
  store,
  structuralEqual,
  substExpr,
  usesVar,
  variable,
} from "../../ir/index.ts";
import { atAxes, type Place, type Reducer, reducerOf } from "../../schedule/reducer.ts";
import { conjuncts } from "../lower/guarded.ts";
import { isGrid, isThread } from "./lower.ts";
import { combine, isCombined } from "./subgroups.ts";
import { isVirtual } from "./virtual-threads.ts";

/** The scope of a variable that every thread has one of, whichever loops touch it. */
export const THREAD_SCOPE = "local.thread";

export interface CrossThread {
  readonly body: Stmt;
  /** Every loop that was made, or made anew, with the loops bound to threads of the reduction that it comes from. */
  readonly origin: ReadonlyMap<number, readonly number[]>;
}

/** The reductions over threads that it knows, as loops and waits; the others stay as they are. */
export function crossThread(root: Stmt, subgroups: boolean): CrossThread {
  const origin = new Map<number, readonly number[]>();
  const go = (s: Stmt, around: readonly For[]): Stmt => {
    if (s.kind === "for") {
      const found = reductionAt(s, around);
      if (found) {
        const made = lowered(found, around, subgroups);
        const threads = found.threads.map((l) => l.v.id);
        for (const id of [...made.loops, ...threads]) origin.set(id, threads);
        return made.s;
      }
      return { ...s, body: go(s.body, [...around, s]) };
    }
    return mapStmt(s, { stmt: (x) => go(x, around) });
  };
  return { body: go(root, []), origin };
}

interface Reduction {
  readonly of: Block;
  readonly reducer: Reducer;
  /** All of them move nothing but the reduction; outermost first. */
  readonly loops: readonly For[];
  readonly threads: readonly For[];
  /** What has to hold for an iteration to count, and for there to be a result at all. */
  readonly each: readonly Expr[];
  readonly whole: readonly Expr[];
}

/** A reduction over threads whose outermost loop is `s`. */
function reductionAt(s: For, around: readonly For[]): Reduction | undefined {
  const loops: For[] = [];
  let inner: Stmt = s;
  for (; inner.kind === "for"; inner = inner.body) loops.push(inner);
  if (inner.kind !== "block") return undefined;
  const of = inner;
  const moves = (l: For, type: "S" | "R"): boolean =>
    of.axes.some((a) => (a.type === "S") === (type === "S") && usesVar(a.binding, new Set([l.v.id])));
  const threads = loops.filter(isThread);
  const plain = (l: For): boolean =>
    !isGrid(l) &&
    !isVirtual(l) &&
    !moves(l, "S") &&
    (!isThread(l) || (isZero(l.min) && constInt(l.extent) !== undefined));
  if (threads.length === 0 || !loops.every(plain) || around.some((l) => moves(l, "R") || isVirtual(l)))
    return undefined;
  const axes = [...around.filter(isThread), ...threads].map((l) => l.thread);
  if (new Set(axes).size < axes.length) return undefined;
  const reducer = reducerOf(of);
  if (!reducer) return undefined;
  const own = new Set(loops.map((l) => l.v.id));
  const tests = of.predicate ? conjuncts(substExpr(of.predicate, bindings(of))) : [];
  const outer = new Set(around.map((l) => l.v.id));
  // A condition on both would leave results without any iteration.
  if (tests.some((t) => usesVar(t, own) && usesVar(t, outer))) return undefined;
  const each = tests.filter((t) => usesVar(t, own));
  return { of, reducer, loops, threads, each, whole: tests.filter((t) => !each.includes(t)) };
}

const isZero = (e: Expr): boolean => constInt(e) === 0;
const bindings = (b: Block): Map<number, Expr> => new Map(b.axes.map((a) => [a.v.id, a.binding]));

/** Loops of the threads that take part, the threads' loops outside. */
function lowered(
  r: Reduction,
  around: readonly For[],
  subgroups: boolean,
): { s: Stmt; loops: readonly number[] } {
  const { of, reducer, loops, threads } = r;
  const accumulators = reducer.accumulators.map((a) => atAxes(a, bindings(of)));
  const made: number[] = [];
  const allocs: Buffer[] = [];
  const zero = [ops.toExpr(0)];
  const make = (suffix: string, shape: readonly number[], scope: string): Buffer[] =>
    accumulators.map((a) => {
      const b = buffer(`${a.buffer.name}_${suffix}`, shape, a.buffer.dtype, scope);
      allocs.push(b);
      return b;
    });
  const at = (bs: readonly Buffer[], index: Expr): Place[] =>
    bs.map((b) => ({ buffer: b, indices: [index], input: load(b, [index]) }));
  /** `into` takes in what stands in `from`. */
  const take = (into: readonly Buffer[], from: readonly Expr[]): Stmt =>
    reducer.update(into.map((b, i) => ({ buffer: b, indices: zero, input: from[i] })));
  const values = (bs: readonly Buffer[], index: Expr): Expr[] => at(bs, index).map((p) => p.input);
  const first = threads[0];
  const some = (name: string, extent: number, body: (v: Expr) => Stmt): Stmt => {
    const v = variable(name);
    made.push(v.id);
    return loop(v, extent, body(v), { thread: first.thread as string });
  };

  const own = make("own", [1], THREAD_SCOPE);
  const start = seq(own.map((b, i) => store(b, zero, accumulators[i].identity)));
  const update = guarded(
    r.each,
    take(
      own,
      accumulators.map((a) => a.input),
    ),
  );
  const serial = loops.filter((l) => !isThread(l)).reduceRight<Stmt>((s, l) => ({ ...l, body: s }), update);
  const inThreads = (s: Stmt): Stmt => threads.reduceRight<Stmt>((x, l) => ({ ...l, body: x }), s);
  /** The result from what the first thread has found. */
  const result = (bs: readonly Buffer[]): Stmt => {
    const writes = accumulators.map((a, i) => store(a.buffer, a.indices, load(bs[i], zero)));
    const isStart = accumulators.every((a) => structuralEqual(a.start, a.identity));
    if (isStart) return guarded(r.whole, seq(writes));
    const [begin] = make("result", [1], THREAD_SCOPE);
    const given = store(begin, zero, accumulators[0].start);
    const [{ buffer: into, indices }] = accumulators;
    return guarded(
      r.whole,
      seq([given, take([begin], [load(bs[0], zero)]), store(into, indices, load(begin, zero))]),
    );
  };
  const count = threads.reduce((n, l) => n * Number(constInt(l.extent)), 1);
  const together = subgroups && count > 1 && isCombined(reducer.kind, own[0].dtype) && !around.some(isThread);
  if (together) {
    const again = around.some((l) => !isGrid(l));
    const parts = [
      inThreads(seq([start, serial])),
      combine(own[0], reducer.kind, threads, again),
      some("first", 1, () => result(own)),
    ];
    return { s: block({ name: of.name, body: seq(parts), allocs }), loops: made };
  }

  const linear = threads.reduce<Expr>((e, l) => ops.add(ops.mul(e, l.extent), l.v), ops.toExpr(0));
  const parts = make("parts", [count], "shared");
  const few = Math.min(Number(constInt(first.extent)), 2 ** Math.ceil(Math.log2(count) / 2));
  const found = make("few", [few], "shared");
  const mine = make("mine", [1], THREAD_SCOPE);
  const all = make("all", [1], THREAD_SCOPE);
  const put = (into: readonly Buffer[], index: Expr, from: readonly Buffer[]): Stmt =>
    seq(into.map((b, i) => store(b, [index], load(from[i], zero))));
  /** What stands in `from` at `begin`, and every `step` after it up to `end`. */
  const takeEvery = (
    into: Buffer[],
    from: readonly Buffer[],
    begin: Expr,
    step: number,
    end: number,
  ): Stmt => {
    const j = variable("part");
    const index = ops.add(begin, ops.mul(ops.add(j, 1), step));
    const more = take(into, values(from, index));
    const isEven = end % step === 0;
    return seq([
      ...into.map((b, i) => store(b, zero, load(from[i], [begin]))),
      loop(j, Math.ceil(end / step) - 1, isEven ? more : guarded([ops.lt(index, end)], more)),
    ]);
  };
  const stmts = [
    inThreads(seq([start, serial, put(parts, linear, own)])),
    some("few", few, (v) => seq([takeEvery(mine, parts, v, few, count), put(found, v, mine)])),
    some("first", 1, () => seq([takeEvery(all, found, ops.toExpr(0), 1, few), result(all)])),
  ];
  return { s: block({ name: of.name, body: seq(stmts), allocs }), loops: made };
}

function guarded(tests: readonly Expr[], s: Stmt): Stmt {
  const cond = ops.allOf(tests);
  return cond ? ifThen(cond, s) : s;
}
