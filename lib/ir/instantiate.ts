/** A function's body put in the place of a call: parameters stand for parts of the caller's buffers, and for values. */
import type { Region } from "./buffer.ts";
import { type Buffer, constant, type Expr } from "./expr.ts";
import { freshenFunc } from "./freshen.ts";
import type { PrimFunc } from "./func.ts";
import { add, mul } from "./ops.ts";
import type { Block, Stmt } from "./stmt.ts";
import { rewriteStmt, substStmt } from "./walk.ts";

/** A part of a buffer: where it starts, in every dimension. A parameter's dimensions are the last ones. */
export interface Tile {
  readonly buffer: Buffer;
  readonly offsets: readonly Expr[];
  /** Where they are known: sizes of the parameter that are names stand for the last of them. */
  readonly extents?: readonly Expr[];
}

/** In elements; of a buffer without strides those of the compact row-major layout. */
export function stridesOf(b: Buffer): readonly Expr[] {
  if (b.strides) return b.strides;
  const out: Expr[] = [];
  let next: Expr = constant(1);
  for (const s of [...b.shape].reverse()) {
    out.unshift(next);
    next = mul(next, s);
  }
  return out;
}

/**
 * The root block of a copy of the function with new identities, in terms of the arguments: a tile for each buffer, an
 * expression for each scalar. `sizes` gets what names in strides and shapes stand for.
 */
export function instantiate(f: PrimFunc, args: readonly (Tile | Expr)[]): Block {
  const copy = freshenFunc(f);
  const tiles = new Map<number, Tile>();
  const values = new Map<number, Expr>();
  copy.params.forEach((p, i) => {
    const a = args[i];
    if (p.kind === "var") values.set(p.id, a as Expr);
    else {
      const tile = a as Tile;
      tiles.set(p.id, tile);
      const lead = tile.buffer.shape.length - p.shape.length;
      const strides = stridesOf(tile.buffer);
      const bind = (e: Expr, value: Expr | undefined): void => {
        if (e.kind === "var" && value && !values.has(e.id)) values.set(e.id, value);
      };
      p.shape.forEach((s, d) => {
        bind(s, tile.extents?.[lead + d]);
      });
      p.strides?.forEach((s, d) => {
        bind(s, strides[lead + d]);
      });
    }
  });
  return redirected(substStmt(copy.body, values), tiles);
}

/** Accesses of the keys of `tiles` as accesses of the tiles. */
function redirected(root: Block, tiles: ReadonlyMap<number, Tile>): Block {
  const moved = ({ offsets }: Tile, indices: readonly Expr[]): Expr[] => {
    const lead = offsets.length - indices.length;
    return offsets.map((o, i) => (i < lead ? o : add(o, indices[i - lead])));
  };
  const region = (r: Region): Region => {
    const tile = tiles.get(r.buffer.id);
    if (!tile) return r;
    const lead = tile.offsets.length - r.ranges.length;
    const starts = moved(
      tile,
      r.ranges.map((x) => x.min),
    );
    const one = constant(1);
    return {
      buffer: tile.buffer,
      ranges: starts.map((min, i) => ({ min, extent: i < lead ? one : r.ranges[i - lead].extent })),
    };
  };
  return rewriteStmt(root, {
    expr: (e) => {
      const tile = e.kind === "load" ? tiles.get(e.buffer.id) : undefined;
      return e.kind === "load" && tile ? { ...e, buffer: tile.buffer, indices: moved(tile, e.indices) } : e;
    },
    stmt: (s): Stmt => {
      if (s.kind === "store") {
        const tile = tiles.get(s.buffer.id);
        return tile ? { ...s, buffer: tile.buffer, indices: moved(tile, s.indices) } : s;
      }
      if (s.kind === "extern") {
        return {
          ...s,
          args: s.args.map((a) => (a.kind === "accessPtr" ? { ...a, region: region(a.region) } : a)),
        };
      }
      if (s.kind !== "block" || !(s.reads || s.writes)) return s;
      const [reads, writes] = [s.reads?.map(region), s.writes?.map(region)];
      return { ...s, ...(reads ? { reads } : {}), ...(writes ? { writes } : {}) };
    },
  }) as Block;
}
