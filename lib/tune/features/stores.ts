/**
 * What the cost model sees of a program: one row of numbers for each store, after the per-store features of Ansor and
 * TVM's meta-schedule (L. Zheng et al., "Ansor: Generating High-Performance Tensor Programs for Deep Learning", OSDI 2020,
 * appendix B), cut down to what matters to WebAssembly: arithmetic, the loops around, registers, and for each access and
 * each cache how many bytes are moved. Counts are log2(1 + n).
 */
import {
  type Block,
  type Buffer,
  BYTES,
  constInt,
  type Expr,
  type PrimFunc,
  type Stmt,
  visitExpr,
} from "../../ir/index.ts";
import { type Linear, linearOf, spanOf } from "./linear.ts";

/** Bytes of caches that traffic is counted into, as x64 and ARM laptops have them, one way each kept free. */
const CACHES = [24 * 1024, 384 * 1024, 6 * 1024 * 1024];
const LINE = 64;
/** Accesses that get features of their own: the store, and the loads that move most. */
const ACCESSES = 4;

const PER_ACCESS = [
  "bytes",
  "unique",
  "lines",
  "same",
  "next",
  "apart",
  "reuse",
  "distance",
  ...CACHES.map((_, i) => `moved${i}`),
];

export const FEATURES: readonly string[] = [
  ...["runs", "flops", "madds", "divides", "calls", "selects", "integers", "conditions"],
  ...["loops", "vector", "unrolled", "parallel", "forks", "serial", "innermost", "odd"],
  ...["sums", "registers", "spills", "sumsInMemory", "isInit"],
  ...CACHES.map((_, i) => `moved${i}`),
  ...CACHES.map((_, i) => `intensity${i}`),
  ...["touched", "footprint"],
  ...Array.from({ length: ACCESSES }, (_, k) => PER_ACCESS.map((n) => `${n}.${k}`)).flat(),
];

interface Loop {
  readonly id: number;
  readonly extent: number;
  readonly kind: string;
}

/** The rows of a program, one for each store. */
export function featuresOf(f: PrimFunc): number[][] {
  const rows: number[][] = [];
  const loops: Loop[] = [];
  const env = new Map<number, Linear>();
  let conditions = 0;
  const visit = (s: Stmt, isInit: boolean, share: number): void => {
    switch (s.kind) {
      case "for": {
        const extent = Math.max(1, constInt(s.extent) ?? 16);
        env.set(s.v.id, { steps: new Map([[s.v.id, 1]]), most: extent });
        loops.push({ id: s.v.id, extent, kind: s.loopKind });
        visit(s.body, isInit, share);
        loops.pop();
        return;
      }
      case "block": {
        for (const a of s.axes) env.set(a.v.id, linearOf(a.binding, env));
        if (s.predicate) conditions++;
        if (s.init) visit(s.init, true, share / reductionOf(s));
        visit(s.body, isInit, share);
        if (s.predicate) conditions--;
        return;
      }
      case "seq":
        for (const x of s.stmts) visit(x, isInit, share);
        return;
      case "if":
        conditions++;
        visit(s.then, isInit, share);
        if (s.else) visit(s.else, isInit, share);
        conditions--;
        return;
      case "let":
        return visit(s.body, isInit, share);
      case "store":
        rows.push(
          rowOf({ buffer: s.buffer, indices: s.indices }, s.value, loops, env, conditions, isInit, share),
        );
        return;
      case "extern":
        return;
    }
  };
  visit(f.body, false, 1);
  return rows;
}

const reductionOf = (b: Block): number =>
  b.axes.reduce((n, a) => (a.type === "R" ? n * (constInt(a.extent) ?? 1) : n), 1);

const log = (n: number): number => Math.log2(1 + Math.max(0, n));

interface Access {
  readonly buffer: Buffer;
  readonly indices: readonly Expr[];
}

/** An access with its indices as sums over loops. */
interface Moving {
  readonly bytes: number;
  readonly dims: readonly { readonly at: Linear; readonly size: number }[];
  /** Step in elements of memory along a loop. */
  readonly along: (id: number) => number;
}

function moving({ buffer, indices }: Access, env: ReadonlyMap<number, Linear>): Moving {
  const sizes = buffer.shape.map((e) => constInt(e) ?? 1);
  const dims = indices.map((e, d) => ({ at: linearOf(e, env), size: sizes[d] }));
  const along = (id: number): number => {
    let stride = 1;
    let step = 0;
    for (let d = dims.length - 1; d >= 0; d--) {
      step += (dims[d].at.steps.get(id) ?? 0) * stride;
      stride *= dims[d].size;
    }
    return step;
  };
  return { bytes: BYTES[buffer.dtype], dims, along };
}

/** Elements and lines that an access touches while loops run. */
function touched(m: Moving, running: ReadonlyMap<number, number>): { elements: number; lines: number } {
  let elements = 1;
  let rows = 1;
  m.dims.forEach(({ at, size }, d) => {
    const span = Math.min(size, spanOf(at, running));
    elements *= span;
    if (d < m.dims.length - 1) rows *= span;
  });
  const lines = rows * Math.ceil(((elements / rows) * m.bytes) / LINE);
  return { elements, lines };
}

function rowOf(
  stored: Access,
  value: Expr,
  loops: readonly Loop[],
  env: ReadonlyMap<number, Linear>,
  conditions: number,
  isInit: boolean,
  share: number,
): number[] {
  const loads: Access[] = [];
  const count = { flops: 0, madds: 0, divides: 0, calls: 0, selects: 0, integers: 0 };
  visitExpr(value, (e) => {
    if (e.kind === "load") loads.push(e);
    if (e.kind === "call") count.calls++;
    if (e.kind === "select") count.selects++;
    if (e.kind !== "binary") return;
    if (e.dtype[0] !== "f") count.integers++;
    else {
      count.flops++;
      if (e.op === "div") count.divides++;
      if (e.op === "add" && [e.a, e.b].some((x) => x.kind === "binary" && x.op === "mul")) count.madds++;
    }
  });
  const product = (kind: (l: Loop) => boolean): number =>
    loops.filter(kind).reduce((n, l) => n * l.extent, 1);
  const runs = product(() => true) * share;
  // Threads are woken once for each round of the loops outside; with one job they are not.
  const fork = loops.findIndex((l) => l.kind === "parallel" && l.extent > 1);
  const forks = loops.slice(0, Math.max(0, fork)).reduce((n, l) => n * l.extent, fork < 0 ? 0 : 1);
  const [vector, unrolled] = [product((l) => l.kind === "vectorized"), product((l) => l.kind === "unrolled")];
  const inner = loops.findLast((l) => l.kind === "serial" || l.kind === "parallel");
  const all = [stored, ...loads.filter((l) => !same(l, stored))].map((a) => moving(a, env));
  const [own, ...others] = all;

  // Registers: sums that the innermost serial loop does not move, and what one step of it loads.
  const tile = new Map(
    loops.filter((l) => l.kind === "vectorized" || l.kind === "unrolled").map((l) => [l.id, l.extent]),
  );
  const vectorsOf = (m: Moving): number => {
    const { elements } = touched(m, tile);
    const lane = loops.find((l) => l.kind === "vectorized");
    return lane && m.along(lane.id) !== 0 ? Math.ceil((elements * m.bytes) / 16) : elements;
  };
  const stays = inner !== undefined && own.along(inner.id) === 0;
  const sums = vectorsOf(own);
  const operands = others.map(vectorsOf);
  // Broadcast elements are used one after another; vectors of the other operand wait for all of them.
  const registers = sums + (operands.length > 1 ? Math.min(...operands) + 1 : (operands[0] ?? 0));

  // The outermost loop whose body fits a cache brings its data in once for each time it runs.
  const depths = Array.from({ length: loops.length + 1 }, (_, depth) => {
    const running = new Map(loops.slice(depth).map((l) => [l.id, l.extent]));
    const each = all.map((m) => touched(m, running).lines * LINE);
    const times = loops.slice(0, depth).reduce((n, l) => n * l.extent, 1);
    return { each, bytes: each.reduce((a, b) => a + b, 0), times };
  });
  const fitting = CACHES.map((cache) => depths.find((x) => x.bytes <= cache) ?? depths[depths.length - 1]);
  /** Bytes an access moves into a cache: not again by loops around that do not move it, if the rest leaves it there. */
  const movedBy = (k: number, i: number): number => {
    const at = fitting[i];
    let depth = depths.indexOf(at);
    let { times } = at;
    while (depth > 0 && all[k].along(loops[depth - 1].id) === 0 && depths[depth].bytes <= CACHES[i]) {
      depth--;
      times /= loops[depth].extent;
    }
    return at.each[k] * times;
  };
  const moved = CACHES.map((_, i) => all.reduce((n, _m, k) => n + movedBy(k, i), 0) * share);
  const flops = runs * Math.max(1, count.flops);

  const out = [
    ...[log(runs), log(flops), log(runs * count.madds), log(runs * count.divides)],
    ...[log(runs * count.calls), log(runs * count.selects), log(runs * count.integers), conditions],
    ...[loops.length, log(vector), log(unrolled), log(product((l) => l.kind === "parallel")), log(forks)],
    ...[log(product((l) => l.kind === "serial")), log(inner?.extent ?? 1), vector % 4],
    ...[sums, registers, Math.max(0, registers - 15), stays ? 0 : 1, isInit ? 1 : 0],
    ...moved.map(log),
    ...moved.map((n) => Math.log2(flops / Math.max(1, n))),
    ...[log(depths[0].bytes), log(depths.find((x) => x.times >= 64)?.bytes ?? 0)],
  ];
  const order = others.map((_, k) => k + 1).sort((a, b) => movedBy(b, 0) - movedBy(a, 0));
  for (const k of [0, ...order].slice(0, ACCESSES)) out.push(...accessRow(all[k], k));
  while (out.length < FEATURES.length) out.push(0);
  return out;

  function accessRow(m: Moving, k: number): number[] {
    const lane = loops.find((l) => l.kind === "vectorized") ?? inner;
    const step = lane ? Math.abs(m.along(lane.id)) : 0;
    const whole = touched(m, new Map(loops.map((l) => [l.id, l.extent])));
    // The nearest loop that uses the same elements again, and what is touched in between.
    const again = loops.findLastIndex((l) => l.kind === "serial" && m.along(l.id) === 0 && l.extent > 1);
    return [
      log(runs * m.bytes),
      log(whole.elements * m.bytes),
      log(whole.lines),
      ...[step === 0 ? 1 : 0, step === 1 ? 1 : 0, log(step)],
      again < 0 ? 0 : log(loops[again].extent),
      again < 0 ? 0 : log(depths[again + 1].bytes),
      ...CACHES.map((_, i) => log(movedBy(k, i) * share)),
    ];
  }
}

const same = (a: Access, b: Access): boolean =>
  a.buffer.id === b.buffer.id && JSON.stringify(a.indices) === JSON.stringify(b.indices);
