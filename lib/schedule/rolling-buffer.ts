/** rollingBuffer: of a buffer that is made part by part, only the part still needed is kept, in a circle. */
import { withDomains } from "../arith/index.ts";
import {
  type Block,
  type Buffer,
  constant,
  constInt,
  type Expr,
  type For,
  ops,
  type PrimFunc,
  replaceStmt,
  rewriteStmt,
  type Stmt,
  usesVar,
  withBody,
} from "../ir/index.ts";
import { regionMeant } from "./buffer-ref.ts";
import { refuse } from "./error.ts";
import { findBlock, loopsOf, rangesOf } from "./lookup.ts";
import { commonDepth, domainsFrom } from "./region-cover.ts";
import { requirePipeline, requirePlain } from "./rolling-checks.ts";
import { type Carry, carryOf, type Side, sidesOf, unsteadyCondition } from "./rolling-window.ts";

const NAME = "rollingBuffer";

/**
 * Lets the block write its output number `writeBufferIndex` in a circle. The block has to stand under a loop with its
 * consumers, where neighbouring iterations write overlapping parts. Along the dimension that moves with the outermost
 * such loop the buffer shrinks to one part and indices are taken modulo its length. A predicate leaves out what an
 * iteration before has made, in this and in every other dimension that overlaps. The axes that move become opaque:
 * the order of their loops matters from now on.
 */
export function rollingBuffer(f: PrimFunc, block: number, writeBufferIndex: number): PrimFunc {
  const at = findBlock(f, block);
  const b = at.node;
  const write = regionMeant(NAME, b, ["write", writeBufferIndex]);
  const users = requirePipeline(at, write.buffer);
  const paths = users.map((u) => findBlock(f, u.id).path);
  const depth = Math.min(...paths.map((p) => commonDepth(at.path, p)));
  const loops = loopsOf(at).filter((l) => at.path.indexOf(l) < depth);
  const no = (detail: string, nodes: readonly Stmt[] = [b]): never =>
    refuse(NAME, "there is no rolling pattern", detail, nodes);
  if (loops.length === 0) {
    const names = users.map((u) => u.name).join(", ");
    const detail = `${b.name} and its consumers (${names}) share no loop`;
    refuse(NAME, "there is no rolling pattern", detail, [b, ...users], (n) => {
      return `sch.computeAt(${n(b)}, loop) with a loop around ${n(users[0])} before`;
    });
  }
  requirePlain(f, at, write, users, depth);

  const ranges = rangesOf(f, at.path.slice(0, depth));
  const sides = sidesOf(at, write, depth, ranges);
  const { carries, dim } = carriesOf(loops, sides, write.buffer, no);
  const outermost = loops.indexOf(carries[0].loop);
  const moving = [...loops.slice(outermost), ...at.path.slice(depth).filter((s) => s.kind === "for")];
  const known = withDomains(domainsFrom(at.path, depth), ranges);
  const unsteady = unsteadyCondition(b, new Set(moving.map((l) => l.v.id)), known);
  if (unsteady) no(`the predicate of ${b.name} leaves out different elements in different iterations`);

  const next = circular(b, sides, carries);
  const extent = sides[dim].extent as number;
  const body = replaceStmt(f.body, b, next);
  return withBody(f, withCircle(body, write.buffer, dim, extent));
}

/** The dimension that becomes a circle, and the loops that carry elements on, the one that moves it first. */
function carriesOf(
  loops: readonly For[],
  sides: readonly Side[],
  buffer: Buffer,
  no: (detail: string) => never,
): { carries: Carry[]; dim: number } {
  for (const [i, loop] of loops.entries()) {
    const first = carryOf(loop, sides);
    if (!first) continue;
    const inside = new Set(loops.slice(i + 1).map((l) => l.v.id));
    // A dimension that loops inside move too would come around before the next iteration.
    const dim = [...first.overlaps.keys()].find((d) => !usesVar(sides[d].index, inside));
    if (dim === undefined) continue;
    const carries = loops.slice(i + 1).flatMap((l) => carryOf(l, sides) ?? []);
    return { carries: [first, ...carries], dim };
  }
  const names = loops.map((l) => l.v.name).join(", ");
  return no(`no dimension of ${buffer.name} overlaps between neighbouring iterations of ${names}`);
}

/** The producer, leaving out what was there before. */
function circular(b: Block, sides: readonly Side[], carries: readonly Carry[]): Block {
  const fresh = carries.map(({ loop, overlaps }) =>
    [...overlaps]
      .map(([d, n]) => ops.le(n, sides[d].offset))
      .reduce(ops.or, ops.lt(loop.v, ops.add(loop.min, 1))),
  );
  const ids = new Set(carries.map((c) => c.loop.v.id));
  const axes = b.axes.map((a) =>
    a.type === "S" && usesVar(a.binding, ids) ? { ...a, type: "O" as const } : a,
  );
  return { ...b, axes, predicate: ops.allOf([b.predicate, ...fresh]) as Expr };
}

/** Every access of the buffer, with dimension `dim` taken modulo `extent`. */
function withCircle(root: Block, buffer: Buffer, dim: number, extent: number): Block {
  const size = constInt(buffer.shape[dim]);
  if (size !== undefined && size <= extent) return root;
  const next = {
    ...buffer,
    shape: buffer.shape.map((s, d) => (d === dim ? constant(extent, s.dtype) : s)),
  };
  const mine = (x: Buffer): boolean => x.id === buffer.id;
  const wrap = (indices: readonly Expr[]): Expr[] =>
    indices.map((e, d) => (d === dim ? ops.floormod(e, extent) : e));
  const rewritten = rewriteStmt(root, {
    buffer: (x) => (mine(x) ? next : x),
    expr: (e) => (e.kind === "load" && mine(e.buffer) ? { ...e, indices: wrap(e.indices) } : e),
    stmt: (s) => {
      if (s.kind === "store" && mine(s.buffer)) return { ...s, indices: wrap(s.indices) };
      if (s.kind !== "block") return s;
      // Stated regions speak of the old shape; those of plain blocks can be told from the body.
      const stated = [...(s.reads ?? []), ...(s.writes ?? [])].some((r) => mine(r.buffer));
      const { reads: _, writes: __, ...rest } = s;
      return stated ? rest : s;
    },
  });
  return rewritten as Block;
}
