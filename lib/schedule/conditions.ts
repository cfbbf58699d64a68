/**
 * The conditions under which primitives are legal, by their names in the field. Each comes as a predicate and as a
 * function that says why it does not hold (undefined when it does), for the message of a refusal.
 *
 * - CB, complete block: all axes are spatial, the block is dominant, and no buffer is both read and written. Its
 *   instances may run in any order, and more than once.
 * - RB, reduction block: it has an init, its bindings are quasi-affine, all axes are spatial or reduce, it is
 *   dominant, and no reduce axis indexes what it writes. Instances may be reordered when sums may.
 * - Dominant: the only block of its scope that writes its outputs.
 * - Scan block: it makes each element from ones before it, along axes whose order matters (opaque ones), and is one line
 *   of these for each value of its spatial axes: what it reads of its own result is on the same line. Lines may run in
 *   any order, and side by side. It is dominant and its bindings are quasi-affine.
 * - CD, compact dataflow of a loop: every block directly below is complete, a reduction or a scan, seen from that loop
 *   ("locally": writers outside the loop do not count).
 */
import { regionsOf } from "../arith/index.ts";
import {
  type Block,
  type BlockAxis,
  childStmts,
  constInt,
  type For,
  type Load,
  type PrimFunc,
  type Stmt,
  usesVar,
  visitExpr,
} from "../ir/index.ts";
import { areAffine, repeatingLoops } from "./affine-bindings.ts";
import { childBlocks, findBlock, type Located, loopsOf, rangesOf, scopeBlock } from "./lookup.ts";

/** Names of buffers that one instance of a block writes, by id. */
const written = (b: Block): Map<number, string> =>
  new Map(regionsOf(b).writes.map((r) => [r.buffer.id, r.buffer.name]));

/** Another block directly below `scope` that writes what `b` writes, and the buffer's name. */
export function otherWriter(b: Block, scope: Stmt): { block: Block; buffer: string } | undefined {
  const mine = written(b);
  for (const other of childBlocks(scope)) {
    if (other.id === b.id) continue;
    for (const [id, buffer] of written(other)) if (mine.has(id)) return { block: other, buffer };
  }
  return undefined;
}

/** True when `b` is the only block directly below `scope` (a block or loop) that writes its outputs. */
export const isDominant = (b: Block, scope: Stmt): boolean => otherWriter(b, scope) === undefined;

function whyNotDominant(b: Block, scope: Stmt): string | undefined {
  const other = otherWriter(b, scope);
  return other && `${other.block.name} writes ${other.buffer} as well as ${b.name}`;
}

/** Bindings are quasi-affine in the loops between the block and its scope. */
export function hasAffineBindings(f: PrimFunc, at: Located<Block>): boolean {
  const bindings = at.node.axes.map((a) => a.binding);
  return areAffine(bindings, loopsOf(at), rangesOf(f, at.path.slice(0, -1)), at.node.predicate);
}

/** The text of a binding's fault, for refusals. */
export function whyNotAffine(f: PrimFunc, at: Located<Block>): string | undefined {
  if (hasAffineBindings(f, at)) return undefined;
  return `the bindings of ${at.node.name} are not quasi-affine: two loops (or two parts of one) overlap in an axis, or an axis is bound to something else than sums, quotients and remainders of loops`;
}

/**
 * The loops inside the scope whose iterations repeat instances of the block. For a complete block that is wasted
 * work; a reduction with an init starts over each time, so these loops may not change places with reduce loops, run
 * at the same time, or come between init and update.
 */
export function repeatedBy(f: PrimFunc, at: Located<Block>): For[] {
  const loops = loopsOf(at);
  const bindings = at.node.axes.map((a) => a.binding);
  const found = repeatingLoops(bindings, loops, rangesOf(f, at.path.slice(0, -1)), at.node.predicate);
  // Of bindings that are not understood, only what they do not mention at all.
  return found ?? loops.filter((l) => constInt(l.extent) !== 1 && !drives(l, at.node));
}

/** Whether the loop occurs in the binding of an axis (of a type). */
export function drives(l: For, b: Block, type?: BlockAxis["type"]): boolean {
  const ids = new Set([l.v.id]);
  return b.axes.some((a) => (type === undefined || a.type === type) && usesVar(a.binding, ids));
}

/** Why the block is not complete within `scope` (default: the block around it). */
export function whyNotComplete(at: Located<Block>, scope: Stmt = scopeBlock(at)): string | undefined {
  const b = at.node;
  const axis = b.axes.find((a) => a.type !== "S");
  if (axis) {
    return `axis ${axis.v.name} of ${b.name} is ${axis.type === "R" ? "a reduce axis" : "opaque"}, not spatial`;
  }
  const two = whyNotDominant(b, scope);
  if (two) return two;
  const { reads, writes } = regionsOf(b);
  const both = reads.find((r) => writes.some((w) => w.buffer.id === r.buffer.id));
  return both && `${b.name} both reads and writes ${both.buffer.name}`;
}

/**
 * Why the block does not make each result in one step. CB alone does not say so: a reduction factored out (`rfactor`) has
 * spatial axes only and still forms its result from an init and an update.
 */
export const whyNotOneStep = (at: Located<Block>, scope?: Stmt): string | undefined =>
  whyNotComplete(at, scope) ?? (at.node.init && `${at.node.name} has an init`);

/** CB within `scope` (default: the block around it). */
export const isCompleteBlock = (at: Located<Block>, scope?: Stmt): boolean =>
  whyNotComplete(at, scope) === undefined;

/** Why the block is not a reduction block within `scope` (default: the block around it). */
export function whyNotReduction(
  f: PrimFunc,
  at: Located<Block>,
  scope: Stmt = scopeBlock(at),
): string | undefined {
  const b = at.node;
  if (!b.init) return `${b.name} has no init`;
  const affine = whyNotAffine(f, at);
  if (affine) return affine;
  const opaque = b.axes.find((a) => a.type === "O");
  if (opaque) return `axis ${opaque.v.name} of ${b.name} is opaque`;
  const two = whyNotDominant(b, scope);
  if (two) return two;
  const indexing = reduceAxisInOutput(b);
  return indexing && `reduce axis ${indexing} of ${b.name} indexes what the block writes`;
}

/** RB within `scope` (default: the block around it). */
export const isReductionBlock = (f: PrimFunc, at: Located<Block>, scope?: Stmt): boolean =>
  whyNotReduction(f, at, scope) === undefined;

/** The name of a reduce axis on which an index of what the block writes depends. */
function reduceAxisInOutput(b: Block): string | undefined {
  for (const a of b.axes) {
    if (a.type !== "R") continue;
    const stated = b.writes?.some((w) => w.ranges.some((r) => usesVar(r.min, new Set([a.v.id]))));
    if (stated || storesAt(b.body, new Set([a.v.id]), new Set())) return a.v.name;
  }
  return undefined;
}

/**
 * Whether an index of a store below depends on the variables, also through axes, lets and loops inside. Buffers in
 * `own` live inside the block and do not count.
 */
function storesAt(s: Stmt, vars: ReadonlySet<number>, own: ReadonlySet<number>): boolean {
  if (s.kind === "store") return !own.has(s.buffer.id) && s.indices.some((i) => usesVar(i, vars));
  if (s.kind === "extern") {
    return s.args.some(
      (a) =>
        a.kind === "accessPtr" &&
        a.access !== "r" &&
        !own.has(a.region.buffer.id) &&
        a.region.ranges.some((r) => usesVar(r.min, vars)),
    );
  }
  let inside = vars;
  let local = own;
  if (s.kind === "block") {
    const bound = s.axes.filter((a) => usesVar(a.binding, vars)).map((a) => a.v.id);
    if (bound.length > 0) inside = new Set([...vars, ...bound]);
    if (s.allocs.length > 0) local = new Set([...own, ...s.allocs.map((x) => x.id)]);
  } else if (s.kind === "let" && usesVar(s.value, vars)) {
    inside = new Set([...vars, s.v.id]);
  } else if (s.kind === "for" && (usesVar(s.min, vars) || usesVar(s.extent, vars))) {
    inside = new Set([...vars, s.v.id]);
  }
  return childStmts(s).some((c) => storesAt(c, inside, local));
}

/** Why the block is not a scan block within `scope` (default: the block around it). */
export function whyNotScan(
  f: PrimFunc,
  at: Located<Block>,
  scope: Stmt = scopeBlock(at),
): string | undefined {
  const b = at.node;
  if (b.init) return `${b.name} has an init`;
  const reduce = b.axes.find((a) => a.type === "R");
  if (reduce) return `axis ${reduce.v.name} of ${b.name} is a reduce axis`;
  if (!b.axes.some((a) => a.type === "O")) return `${b.name} has no axis whose order matters`;
  const affine = whyNotAffine(f, at);
  if (affine) return affine;
  const two = whyNotDominant(b, scope);
  if (two) return two;
  const { body } = b;
  if (body.kind !== "store") return `the body of ${b.name} is not one store`;
  const own: Load[] = [];
  visitExpr(body.value, (e) => {
    if (e.kind === "load" && e.buffer.id === body.buffer.id) own.push(e);
  });
  if (own.length === 0) return `${b.name} does not read ${body.buffer.name}`;
  for (const a of b.axes) {
    if (a.type !== "S" || constInt(a.extent) === 1) continue;
    const d = body.indices.findIndex((i) => i.kind === "var" && i.id === a.v.id);
    if (d < 0) return `${a.v.name} is no index of ${body.buffer.name} in ${b.name}`;
    const sameLine = ({ indices: { [d]: i } }: Load): boolean => i.kind === "var" && i.id === a.v.id;
    if (!own.every(sameLine)) return `${b.name} reads ${body.buffer.name} elsewhere along ${a.v.name}`;
  }
  const [again] = repeatedBy(f, at);
  return again && `iterations of ${again.v.name} compute the same instances of ${b.name}`;
}

/** A block below a loop that breaks compact dataflow, and why. */
export interface NotCompact {
  readonly block: Block;
  readonly why: string;
}

/** Why the blocks below a loop do not form a compact dataflow. */
export function whyNotCompact(f: PrimFunc, loop: For): NotCompact | undefined {
  for (const b of childBlocks(loop)) {
    const at = findBlock(f, b.id);
    const complete = whyNotComplete(at, loop);
    if (complete === undefined) continue;
    const reduction = whyNotReduction(f, at, loop);
    if (reduction === undefined) continue;
    const scan = b.axes.some((a) => a.type === "O") ? whyNotScan(f, at, loop) : "";
    if (scan === undefined) continue;
    return {
      block: b,
      why: `not complete: ${complete}; no reduction: ${reduction}${scan && `; no scan: ${scan}`}`,
    };
  }
  return undefined;
}

/** CD of a loop. */
export const isCompactDataflow = (f: PrimFunc, loop: For): boolean => whyNotCompact(f, loop) === undefined;
