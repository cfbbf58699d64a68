/** Where the loops, blocks and buffers of a function stand, by id: what two programs are compared by. */
import { regionsOf } from "../arith/index.ts";
import {
  type Block,
  type Buffer,
  childStmts,
  type Expr,
  type For,
  type PrimFunc,
  type Stmt,
  varsOf,
} from "../ir/index.ts";

/** The id under which every root block is known: functions keep their place when their root is made anew. */
export const ROOT = 0;

export interface LoopPlace {
  readonly id: number;
  readonly node: For;
  /** Ids of the blocks below, nested ones included. */
  readonly blocks: number[];
}

export interface BlockPlace {
  readonly id: number;
  readonly node: Block;
  /** Ids of all loops around, outermost first, loops outside the scope included. */
  readonly loops: readonly number[];
  /** Id of the block around. */
  readonly scope: number;
  readonly reads: ReadonlySet<number>;
  readonly writes: ReadonlySet<number>;
  /** Whether no block stands inside. */
  readonly leaf: boolean;
}

export interface BufferPlace {
  readonly buffer: Buffer;
  /** Id of the block that allocates it; undefined for a parameter. */
  readonly owner?: number;
}

/** Maps are in program order. */
export interface Structure {
  readonly loops: ReadonlyMap<number, LoopPlace>;
  readonly blocks: ReadonlyMap<number, BlockPlace>;
  readonly buffers: ReadonlyMap<number, BufferPlace>;
  /** The id of a node or variable in the terms of the program it is compared with. */
  readonly idOf: (id: number) => number;
}

const cache = new WeakMap<PrimFunc, Structure>();

/** The structure of a function. `rename` gives ids of another program to what corresponds to it. */
export function structureOf(f: PrimFunc, rename?: ReadonlyMap<number, number>): Structure {
  const known = rename ? undefined : cache.get(f);
  if (known) return known;
  const made = collect(f, (id) => rename?.get(id) ?? id);
  if (!rename) cache.set(f, made);
  return made;
}

function collect(f: PrimFunc, idOf: (id: number) => number): Structure {
  const loops = new Map<number, LoopPlace>();
  const blocks = new Map<number, BlockPlace>();
  const buffers = new Map<number, BufferPlace>();
  for (const p of f.params) if (p.kind === "buffer") buffers.set(idOf(p.id), { buffer: p });
  const ids = (rs: readonly { readonly buffer: Buffer }[]) => new Set(rs.map((r) => idOf(r.buffer.id)));
  const go = (s: Stmt, around: readonly number[], scope: number): void => {
    let [inner, block] = [around, scope];
    if (s.kind === "for") {
      const id = idOf(s.v.id);
      loops.set(id, { id, node: s, blocks: [] });
      inner = [...around, id];
    } else if (s.kind === "block") {
      block = s === f.body ? ROOT : idOf(s.id);
      for (const b of s.allocs) buffers.set(idOf(b.id), { buffer: b, owner: block });
      if (s !== f.body) {
        const { reads, writes } = regionsOf(s);
        const leaf = !holdsBlock(s.body);
        blocks.set(block, {
          id: block,
          node: s,
          loops: around,
          scope,
          reads: ids(reads),
          writes: ids(writes),
          leaf,
        });
        for (const l of around) loops.get(l)?.blocks.push(block);
      }
    }
    for (const c of childStmts(s)) go(c, inner, block);
  };
  go(f.body, [], ROOT);
  return { loops, blocks, buffers, idOf };
}

const holdsBlock = (s: Stmt): boolean => s.kind === "block" || childStmts(s).some(holdsBlock);

/** The loops of `s` that an expression uses. */
export function loopsUsed(e: Expr, s: Structure): number[] {
  return [...varsOf(e).keys()].map(s.idOf).filter((id) => s.loops.has(id));
}

/**
 * For programs that share no block (one was parsed anew): ids of `g` to those of `f`. Blocks and buffers correspond by
 * name and occurrence, loops by name among the loops around corresponding blocks. Undefined when ids are shared.
 */
export function correspondence(f: PrimFunc, g: PrimFunc): ReadonlyMap<number, number> | undefined {
  const [a, b] = [structureOf(f), structureOf(g)];
  if ([...b.blocks.keys()].some((id) => a.blocks.has(id))) return undefined;
  const out = new Map<number, number>();
  const taken = new Set<number>();
  const pair = (x: number, y: number): void => {
    if (out.has(y) || taken.has(x)) return;
    out.set(y, x);
    taken.add(x);
  };
  const named = new Map<string, number[]>();
  const note = (name: string, id: number) => named.set(name, [...(named.get(name) ?? []), id]);
  for (const [id, p] of a.blocks) note(`block ${p.node.name}`, id);
  for (const [id, p] of a.buffers) note(`buffer ${p.buffer.name}`, id);
  const claim = (name: string, id: number): number | undefined => {
    const x = named.get(name)?.shift();
    if (x !== undefined) pair(x, id);
    return x;
  };
  for (const [id, p] of b.buffers) claim(`buffer ${p.buffer.name}`, id);
  for (const [id, p] of b.blocks) {
    const was = claim(`block ${p.node.name}`, id);
    if (was === undefined) continue;
    const before = a.blocks.get(was)!;
    for (const l of p.loops) {
      const name = b.loops.get(l)!.node.v.name;
      const same = before.loops.find((x) => a.loops.get(x)!.node.v.name === name && !taken.has(x));
      if (same !== undefined) pair(same, l);
    }
  }
  return out;
}
