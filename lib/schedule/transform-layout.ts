/** transformLayout: the elements of a buffer in another order, given by an index map. */

import {
  applyIndexMap,
  type IndexMap,
  type IndexMapInverse,
  indexMapOf,
  inverseIndexMap,
  mapShape,
  relaxIndex,
  simplify,
  type VarDomain,
} from "../arith/index.ts";
import {
  type Block,
  type Buffer,
  constInt,
  ops,
  type PrimFunc,
  primFunc,
  type Ranges,
  type Region,
  rewriteStmt,
  substExpr,
  variable,
  varsOf,
} from "../ir/index.ts";
import { ScriptError, script } from "../script/index.ts";
import { type BufferRef, regionMeant } from "./buffer-ref.ts";
import { refuse } from "./error.ts";
import { rangesBelow, refuseCalls } from "./inline-parts.ts";
import { findBlock, rangesOf } from "./lookup.ts";
import { padValueOf, writePadding } from "./transform-layout-pad.ts";

const NAME = "transformLayout";

export interface TransformLayoutOptions {
  /**
   * What the padding holds, where the new shape has more elements than the old: a number, or the text of a function of
   * the new indices. Without it no padding may arise. A function's own blocks write it; in a parameter that they only
   * read, the caller has to.
   */
  readonly padValue?: number | string;
  /** Take the map's word for it that no two elements get the same indices, where this cannot be shown. */
  readonly assumeInjective?: boolean;
}

/**
 * Lays a buffer out anew, everywhere in the function: element `i, j` moves to `map(i, j)`. Loops and blocks stay as they
 * are, only indices change; a parameter changes its shape. Refuses a region of another buffer, a buffer with strides,
 * a map of another number of indices or one that is not injective, padding that was not asked for, and a value of the
 * padding that has another dtype, is not one value, or loads from other buffers.
 */
export function transformLayout(
  f: PrimFunc,
  block: number,
  ref: BufferRef,
  mapText: string,
  options: TransformLayoutOptions = {},
): PrimFunc {
  const b = findBlock(f, block).node;
  const old = regionMeant(NAME, b, ref).buffer;
  const map = readMap(NAME, mapText, b);
  if (old.strides) {
    const detail = `${old.name} has strides, which say where its elements lie`;
    refuse(NAME, "the buffer has strides", detail, [b]);
  }
  refuseCalls(NAME, f.body, old);
  const sizes = rangesOf(f, []);
  const inverse = inverseOf(b, old, map, sizes, options);
  const next: Buffer = { ...old, shape: inverse.shape };
  requireSizes(f, b, old, next);
  if (inverse.padding && options.padValue === undefined) {
    const detail = `the new shape [${inverse.shape.map((s) => script(s)).join(", ")}] of ${old.name} has elements that no old one goes to: where ${script(inverse.padding)}`;
    refuse(
      NAME,
      "the transformation introduces padding",
      detail,
      [b],
      "{ padValue: 0 } as the last argument",
    );
  }
  const pad = inverse.padding && padValueOf(NAME, f, b, old, next, options.padValue as number | string);
  const moved = relaid(f, old, next, map);
  return pad ? writePadding(moved, f, old, next, inverse, pad) : moved;
}

/** The map that a text stands for, on as many indices as wanted. */
export function readMap(primitive: string, text: string, b: Block): IndexMap {
  try {
    return indexMapOf(text);
  } catch (e) {
    if (!(e instanceof ScriptError || e instanceof TypeError)) throw e;
    return refuse(primitive, "the index map cannot be read", e.message, [b]);
  }
}

function inverseOf(
  b: Block,
  old: Buffer,
  map: IndexMap,
  sizes: Ranges,
  options: TransformLayoutOptions,
): IndexMapInverse {
  const n = old.shape.length;
  if (map.vars.length !== n) {
    const detail = `${old.name} has ${n} dimension(s), the index map takes ${map.vars.length}`;
    return refuse(NAME, "the index map does not fit the buffer", detail, [b]);
  }
  const inverse = inverseIndexMap(map, old.shape, sizes);
  if (typeof inverse !== "string") return inverse;
  const shape = options.assumeInjective ? mapShape(map, old.shape, sizes) : inverse;
  if (typeof shape !== "string") return { map, shape };
  return refuse(NAME, "the index map is not injective", `on ${old.name}: ${inverse}`, [b]);
}

/** Sizes are told by shapes: one that no parameter tells any more would have no value. */
function requireSizes(f: PrimFunc, b: Block, old: Buffer, next: Buffer): void {
  if (!f.params.some((p) => p.id === old.id)) return;
  const told = new Set(
    f.params.flatMap((p) => {
      if (p.kind === "var") return [p.id];
      const shape = p.id === old.id ? next.shape : p.shape;
      return shape.flatMap((s) => (s.kind === "var" ? [s.id] : []));
    }),
  );
  for (const s of old.shape) {
    for (const v of varsOf(s).values()) {
      if (told.has(v.id)) continue;
      refuse(NAME, "a symbolic size would be lost", `only the shape of ${old.name} tells ${v.name}`, [b]);
    }
  }
}

/** The function with every access of the buffer moved. */
function relaid(f: PrimFunc, old: Buffer, next: Buffer, map: IndexMap): PrimFunc {
  const ranges = rangesBelow(f.body, rangesOf(f, []));
  const body = rewriteStmt(f.body, {
    buffer: (x) => (x.id === old.id ? next : x),
    // Bottom-up: buffers are replaced already, indices not yet.
    expr: (e) =>
      e.kind === "load" && e.buffer === next ? { ...e, indices: applyIndexMap(map, e.indices, ranges) } : e,
    stmt: (s) => {
      if (s.kind === "store" && s.buffer === next) {
        return { ...s, indices: applyIndexMap(map, s.indices, ranges) };
      }
      if (s.kind !== "block") return s;
      const move = (r: Region): Region => (r.buffer === next ? movedRegion(r, map, ranges) : r);
      const reads = s.reads?.map(move);
      const writes = s.writes?.map(move);
      return reads || writes ? { ...s, ...(reads ? { reads } : {}), ...(writes ? { writes } : {}) } : s;
    },
  });
  const params = f.params.map((p) => (p.id === old.id ? next : p));
  return primFunc(params, body, { attrs: f.attrs });
}

/** A stated region under the map: the smallest box found around it. */
function movedRegion(r: Region, map: IndexMap, ranges: Ranges): Region {
  const inner = r.ranges.map((x): VarDomain => {
    return { v: variable("i", x.min.dtype), min: x.min, extent: x.extent };
  });
  const point = (i: number): boolean => constInt(r.ranges[i].extent) === 1;
  const at = new Map(map.vars.map((v, i) => [v.id, point(i) ? r.ranges[i].min : inner[i].v] as const));
  return {
    buffer: r.buffer,
    ranges: map.results.map((e, k) => {
      const whole = { min: ops.toExpr(0), extent: r.buffer.shape[k] };
      const found = relaxIndex(substExpr(e, at), inner, ranges);
      return found ? { min: simplify(found.min, ranges), extent: simplify(found.extent, ranges) } : whole;
    }),
  };
}
