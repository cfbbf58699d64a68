/** tensorize: a block that computes what an intrinsic describes is replaced by the implementation. */
import { provablyEqual, prove, simplify } from "../arith/index.ts";
import {
  type Block,
  type Buffer,
  bufferParams,
  constant,
  type Expr,
  instantiate,
  ops,
  type PrimFunc,
  type Ranges,
  type Stmt,
  stridesOf,
  substExpr,
  type Tile,
} from "../ir/index.ts";
import { script } from "../script/index.ts";
import { blockizeFor } from "./blockize.ts";
import { refuse } from "./error.ts";
import { findBlock, findNode, rangesOf, replaceIn } from "./lookup.ts";
import { registerMatrixIntrinsic } from "./subgroup-matrix.ts";
import { type Intrin, insideOf, TensorIntrin } from "./tensor-intrin.ts";
import { matchIntrin, NoMatch } from "./tensorize-match.ts";

const NAME = "tensorize";

/**
 * Replaces the inside of a block by the implementation of a registered intrinsic. A loop is made a block first. The
 * block keeps its axes, its init and its identity. Refuses an intrinsic that is not registered, a block that does not
 * match the description (and says where), and tiles whose strides or start the implementation does not take.
 */
export function tensorize(f: PrimFunc, id: number, name: string): PrimFunc {
  const { node } = findNode(f, id);
  const intrin = TensorIntrin.get(name) ?? registerMatrixIntrinsic(name);
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
    found = matchIntrin(b.body, insideOf(description.body).body, ranges);
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
  const sizes = new Map<number, Expr>();
  bufferParams(intrin.implementation).forEach((p, i) => {
    checkLayout(intrin, node, p, tiles[i], sizes, ranges);
  });
  const inside = insideOf(instantiate(intrin.implementation, tiles));
  const { reads: _, writes: __, ...rest } = b;
  return {
    ...rest,
    body: inside.body,
    allocs: [...b.allocs, ...inside.allocs],
    ...(inside.reads ? { reads: inside.reads } : {}),
    ...(inside.writes ? { writes: inside.writes } : {}),
    annotations: { ...b.annotations, ...inside.annotations },
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
