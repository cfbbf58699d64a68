/**
 * annotateOpPattern: how the elements of a program's result depend on those of its inputs, found by looking at its
 * blocks. The kinds are those of TVM (Chen et al., OSDI 2018, section 3), from the freest to the most rigid.
 */
import {
  type Block,
  type BlockAxis,
  bufferParams,
  constInt,
  type Expr,
  type Load,
  type PrimFunc,
  ProgramFacts,
  type Stmt,
  type Store,
  visitExpr,
  withAttrs,
} from "../../ir/index.ts";
import { sameShape } from "../shape.ts";
import { type Pass, primPass } from "./pass.ts";

export const OP_PATTERNS = [
  /** Each element from the elements at the same place. */
  "elemWise",
  /** The same, with operands that lack axes, or have size 1 there. */
  "broadcast",
  /** Each element from elements elsewhere, without summing up: transpose, slice, concatenate. */
  "injective",
  /** A reduction that reads every element once. */
  "commReduce",
  /** Expensive (elements are read again and again), but elementwise steps on its result can join: matmul, conv, softmax. */
  "outEWiseFusable",
  /** Nothing is known. */
  "opaque",
] as const;
export type OpPattern = (typeof OP_PATTERNS)[number];

/** Larger is more rigid. */
export const patternRank = (p: OpPattern): number => OP_PATTERNS.indexOf(p);
export const atMost = (p: OpPattern, limit: OpPattern): boolean => patternRank(p) <= patternRank(limit);
export const worse = (a: OpPattern, b: OpPattern): OpPattern => (patternRank(a) >= patternRank(b) ? a : b);

/** Every tensor program gets the attribute `opPattern`, unless its author gave it one. */
export const annotateOpPattern: Pass = primPass("annotateOpPattern", (f) =>
  f.attrs.opPattern === undefined ? annotated.of(f, () => withAttrs(f, { opPattern: opPatternOf(f) })) : f,
);

const annotated = new ProgramFacts<PrimFunc>();
const costs = new ProgramFacts<ProgramCost>();

/** The pattern that a program was given, or has. */
export function patternOf(f: PrimFunc): OpPattern {
  const given = f.attrs.opPattern as OpPattern;
  return OP_PATTERNS.includes(given) ? given : opPatternOf(f);
}

interface Stage {
  readonly block: Block;
  readonly store: Store;
  readonly reduces: boolean;
  readonly pattern: OpPattern;
}

/** The pattern of a program, from its blocks. */
export function opPatternOf(f: PrimFunc): OpPattern {
  const stages = stagesOf(f);
  if (!stages || stages.length === 0) return "opaque";
  if (bufferParams(f).some((b) => b.strides)) return "opaque";
  const params = new Set(bufferParams(f).map((b) => b.id));
  const written = stages.filter((s) => params.has(s.store.buffer.id));
  const last = stages[stages.length - 1];
  if (written.length !== 1 || written[0] !== last) return "opaque";
  if (new Set(stages.map((s) => s.store.buffer.id)).size !== stages.length) return "opaque";
  const worst = stages.reduce<OpPattern>((p, s) => worse(p, s.pattern), "elemWise");
  if (worst === "opaque") return worst;
  const first = stages.findIndex((s) => s.reduces);
  if (first < 0) return worst;
  const after = stages.slice(first + 1);
  const of = stages[first];
  if (after.length === 0) return of.pattern;
  // An elementwise end of the reduction (a mean) leaves it what it is; reading the input again (softmax) does not.
  const plain = after.every(
    (s) =>
      !s.reduces && atMost(s.pattern, "broadcast") && sameShape(s.store.buffer.shape, of.store.buffer.shape),
  );
  if (plain) return of.pattern;
  return last.reduces || !atMost(last.pattern, "broadcast") ? "opaque" : "outEWiseFusable";
}

/** The blocks in order, or undefined when there is more to the program than loops and blocks with a store each. */
export function stagesOf(f: PrimFunc): Stage[] | undefined {
  const out: Stage[] = [];
  const go = (s: Stmt): boolean => {
    if (s.kind === "for") return s.loopKind === "serial" && go(s.body);
    if (s.kind === "seq") return s.stmts.every(go);
    if (s.kind !== "block" || s.body.kind !== "store" || s.reads || s.writes || s.predicate) return false;
    const reduces = s.init !== undefined || s.axes.some((a) => a.type === "R");
    const pattern = reduces ? reductionPattern(s, s.body) : mapPattern(s, s.body);
    out.push({ block: s, store: s.body, reduces, pattern });
    return true;
  };
  return go(f.body.body) ? out : undefined;
}

const isAxis = (e: Expr, a: BlockAxis): boolean => e.kind === "var" && e.id === a.v.id;

/** The axes a store writes to, in order; undefined where its indices are anything else (0 where the size is 1). */
function axesOfStore(b: Block, s: Store): (BlockAxis | undefined)[] | undefined {
  const axes = s.indices.map((e) => b.axes.find((a) => isAxis(e, a)));
  const fine = s.indices.every(
    (e, d) => axes[d]?.type === "S" || (constInt(e) === 0 && constInt(s.buffer.shape[d]) === 1),
  );
  const distinct = new Set(axes.filter(Boolean)).size === axes.filter(Boolean).length;
  return fine && distinct ? axes : undefined;
}

function loadsOf(e: Expr): Load[] {
  const out: Load[] = [];
  visitExpr(e, (x) => {
    if (x.kind === "load") out.push(x);
  });
  return out;
}

function mapPattern(b: Block, s: Store): OpPattern {
  const axes = axesOfStore(b, s);
  if (!axes || b.axes.some((a) => a.type !== "S")) return "opaque";
  let pattern: OpPattern = "elemWise";
  const loads = loadsOf(s.value);
  // What is filled from nothing reads nothing at its own place.
  if (loads.length === 0) pattern = "broadcast";
  for (const l of loads) {
    if (l.buffer.id === s.buffer.id) return "opaque";
    pattern = worse(pattern, loadPattern(l, s, axes));
  }
  return pattern;
}

function loadPattern(l: Load, s: Store, axes: readonly (BlockAxis | undefined)[]): OpPattern {
  const one = (d: number): boolean => constInt(l.buffer.shape[d]) === 1 && constInt(l.indices[d]) === 0;
  const positions = l.indices.map((e, d) => (one(d) ? -1 : axes.findIndex((a) => a && isAxis(e, a))));
  const known = l.indices.every((_, d) => one(d) || positions[d] >= 0);
  if (!known) return "injective";
  const used = positions.filter((p) => p >= 0);
  if (!used.every((p, i) => i === 0 || p > used[i - 1])) return "injective";
  return sameShape(l.buffer.shape, s.buffer.shape) ? "elemWise" : "broadcast";
}

function reductionPattern(b: Block, s: Store): OpPattern {
  if (!axesOfStore(b, s) || b.axes.some((a) => a.type === "O")) return "opaque";
  const inputs = loadsOf(s.value).filter((l) => l.buffer.id !== s.buffer.id);
  const axes = b.axes.filter((a) => constInt(a.extent) !== 1);
  const once = inputs.every((l) => axes.every((a) => l.indices.some((e) => isAxis(e, a))));
  return once && inputs.length > 0 ? "commReduce" : "outEWiseFusable";
}

/** How a program uses what it reads: for deciding whether its producer may be computed where it is read. */
export interface ProgramCost {
  /** It calls functions (exp, tanh, …) or divides: not to be done twice for one element. */
  readonly expensive: boolean;
  /** For each buffer parameter by position: at how many different places one element of the result reads it. */
  readonly reads: readonly number[];
}

/** Functions that processors have an instruction for. */
const CHEAP = new Set("floor ceil trunc round abs isnan bitAnd bitOr bitXor shiftLeft shiftRight".split(" "));

export const programCost = (f: PrimFunc): ProgramCost => costs.of(f, () => costOf(f));

function costOf(f: PrimFunc): ProgramCost {
  let expensive = false;
  const places = new Map<number, Set<string>>();
  for (const s of stagesOf(f) ?? []) {
    visitExpr(s.store.value, (e) => {
      if ((e.kind === "call" && !CHEAP.has(e.op)) || (e.kind === "binary" && e.op === "div"))
        expensive = true;
      if (e.kind !== "load") return;
      const found = places.get(e.buffer.id) ?? new Set();
      places.set(e.buffer.id, found.add(JSON.stringify(e.indices)));
    });
  }
  return { expensive, reads: bufferParams(f).map((b) => places.get(b.id)?.size ?? 0) };
}
