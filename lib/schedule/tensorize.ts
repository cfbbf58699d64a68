/** tensorize: a block that computes what an intrinsic describes is replaced by the implementation. */
import { provablyEqual, prove, simplify } from "../arith/index.ts";
import {
  type Block,
  type Buffer,
  bufferParams,
  constant,
  type Expr,
  freshenFunc,
  ops,
  type PrimFunc,
  type Ranges,
  type Region,
  rewriteStmt,
  type Stmt,
  substExpr,
  substStmt,
} from "../ir/index.ts";
import { script } from "../script/index.ts";
import { blockizeFor } from "./blockize.ts";
import { refuse } from "./error.ts";
import { findBlock, findNode, rangesOf, replaceIn } from "./lookup.ts";
import { type Intrin, insideOf, TensorIntrin } from "./tensor-intrin.ts";
import { matchIntrin, NoMatch, type Tile } from "./tensorize-match.ts";

const NAME = "tensorize";

/**
 * Replaces the inside of a block by the implementation of a registered intrinsic. A loop is made a block first. The
 * block keeps its axes, its init and its identity. Refuses an intrinsic that is not registered, a block that does not
 * match the description (and says where), and tiles whose strides or start the implementation does not take.
 */
export function tensorize(f: PrimFunc, id: number, name: string): PrimFunc {
  const { node } = findNode(f, id);
  const intrin = TensorIntrin.get(name);
  if (!intrin) {
    const known = TensorIntrin.names().join(", ") || "none";
    const detail = `"${name}" is unknown; registered: ${known}`;
    const suggestion = `TensorIntrin.register(${JSON.stringify(name)}, description, implementation) before`;
    return refuse(NAME, "the intrinsic is not registered", detail, [node], suggestion);
  }
  const { func, block } = node.kind === "for" ? blockizeFor(NAME, f, id) : { func: f, block: id };
  const at = findBlock(func, block);
  const ranges = rangesOf(func, at.path);
  const tiles = tilesOf(at.node, node, intrin, ranges);
  return replaceIn(func, at, implemented(at.node, node, intrin, tiles, ranges));
}

/** The part of the program each buffer of the description stands for, in the order of the parameters. */
function tilesOf(b: Block, node: Stmt, { name, description }: Intrin, ranges: Ranges): Tile[] {
  let found: Map<number, Tile>;
  try {
    found = matchIntrin(b.body, insideOf(description).body, ranges);
  } catch (e) {
    if (!(e instanceof NoMatch)) throw e;
    const where = e.path.length > 0 ? `in ${e.path.join(", ")}: ` : "";
    return refuse(NAME, `the block does not match the description of "${name}"`, `${where}${e.message}`, [
      node,
    ]);
  }
  return bufferParams(description).map((p) => {
    const tile = found.get(p.id);
    if (tile) return tile;
    const detail = `the description of "${name}" does not use its buffer ${p.name}`;
    return refuse(NAME, `the block does not match the description of "${name}"`, detail, [node]);
  });
}

/** The block with the implementation inside. */
function implemented(b: Block, node: Stmt, intrin: Intrin, tiles: readonly Tile[], ranges: Ranges): Block {
  const copy = freshenFunc(intrin.implementation);
  const params = new Map(bufferParams(copy).map((p, i) => [p.id, { param: p, tile: tiles[i] }] as const));
  const sizes = new Map<number, Expr>();
  for (const { param, tile } of params.values()) checkLayout(intrin, node, param, tile, sizes, ranges);
  const moved = (p: Buffer, indices: readonly Expr[]): Expr[] => {
    const { offsets } = (params.get(p.id) as { tile: Tile }).tile;
    const lead = offsets.length - indices.length;
    return offsets.map((o, i) => (i < lead ? o : ops.add(o, indices[i - lead])));
  };
  const inside = insideOf(copy);
  const region = (r: Region): Region => {
    const p = params.get(r.buffer.id);
    if (!p) return r;
    const lead = p.tile.offsets.length - r.ranges.length;
    const starts = moved(
      r.buffer,
      r.ranges.map((x) => x.min),
    );
    const one = constant(1);
    return {
      buffer: p.tile.buffer,
      ranges: starts.map((min, i) => ({ min, extent: i < lead ? one : r.ranges[i - lead].extent })),
    };
  };
  const redirect = (s: Stmt): Stmt =>
    rewriteStmt(s, {
      expr: (e) => {
        const p = e.kind === "load" ? params.get(e.buffer.id) : undefined;
        return e.kind === "load" && p
          ? { ...e, buffer: p.tile.buffer, indices: moved(e.buffer, e.indices) }
          : e;
      },
      stmt: (x) => {
        const p = x.kind === "store" ? params.get(x.buffer.id) : undefined;
        if (x.kind === "store" && p)
          return { ...x, buffer: p.tile.buffer, indices: moved(x.buffer, x.indices) };
        if (x.kind !== "block" || !(x.reads || x.writes)) return x;
        const [reads, writes] = [x.reads?.map(region), x.writes?.map(region)];
        return { ...x, ...(reads ? { reads } : {}), ...(writes ? { writes } : {}) };
      },
    });
  const whole = redirect(substStmt(inside, sizes)) as Block;
  const { reads: _, writes: __, ...rest } = b;
  return {
    ...rest,
    body: whole.body,
    allocs: [...b.allocs, ...whole.allocs],
    ...(whole.reads ? { reads: whole.reads } : {}),
    ...(whole.writes ? { writes: whole.writes } : {}),
    annotations: { ...b.annotations, ...whole.annotations },
  };
}

/** Strides and start of a tile against what the implementation's parameter takes; strides that are names are bound. */
function checkLayout(
  { name }: Intrin,
  node: Stmt,
  param: Buffer,
  { buffer, offsets }: Tile,
  sizes: Map<number, Expr>,
  ranges: Ranges,
): void {
  const strides = stridesOf(buffer);
  const lead = strides.length - param.shape.length;
  param.strides?.forEach((want, i) => {
    const is = strides[lead + i];
    const known = want.kind === "var" ? sizes.get(want.id) : substExpr(want, sizes);
    if (want.kind === "var" && !known) {
      sizes.set(want.id, is);
      return;
    }
    if (known && provablyEqual(known, is, ranges)) return;
    const detail = `dimension ${lead + i} of ${buffer.name} has stride ${script(is)}, ${param.name} of "${name}" needs ${script(known ?? want)}`;
    refuse(NAME, "the strides do not fit the implementation", detail, [node]);
  });
  if (param.offsetFactor === undefined) return;
  const start = offsets.reduce<Expr>((e, o, i) => ops.add(e, ops.mul(o, strides[i])), constant(0));
  if (prove(ops.eq(ops.floormod(start, param.offsetFactor), 0), ranges)) return;
  const detail = `the tile of ${buffer.name} starts at element ${script(simplify(start, ranges))}, ${param.name} of "${name}" needs multiples of ${param.offsetFactor}`;
  refuse(NAME, "the start of a tile does not fit the implementation", detail, [node]);
}

/** In elements; of a buffer without strides those of the compact row-major layout. */
function stridesOf(b: Buffer): readonly Expr[] {
  if (b.strides) return b.strides;
  const out: Expr[] = [];
  let next: Expr = constant(1);
  for (const s of [...b.shape].reverse()) {
    out.unshift(next);
    next = ops.mul(next, s);
  }
  return out;
}
