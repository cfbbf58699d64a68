/** What a structural diff consists of: the JSON twin of the lines in `change-text.ts`. */
import type { Attr, Attrs } from "../ir/index.ts";
import { exprText } from "./expr-text.ts";
import { nodeKey } from "./lines.ts";
import { ROOT, type Structure } from "./structure.ts";

/** A loop, by the key it has in scripts (`data-node`). */
export interface LoopRef {
  readonly key: string;
  readonly name: string;
  readonly extent: string;
  /** The thread axis, or the kind when it is not serial. */
  readonly kind?: string;
}

export interface BlockRef {
  readonly key: string;
  readonly name: string;
}

/** One thing that was done to a function. Lists of loops are outermost first. */
export type Change = { readonly func: string } & (
  | { readonly kind: "functionAdded" | "functionRemoved" }
  | { readonly kind: "split" | "partitioned"; readonly loop: LoopRef; readonly into: readonly LoopRef[] }
  | { readonly kind: "fused"; readonly loops: readonly LoopRef[]; readonly into: LoopRef }
  | { readonly kind: "retiled"; readonly loops: readonly LoopRef[]; readonly into: readonly LoopRef[] }
  | {
      readonly kind: "reordered";
      readonly loops: readonly LoopRef[];
      readonly before: readonly LoopRef[];
    }
  | {
      readonly kind: "loopAdded" | "loopRemoved";
      readonly loop: LoopRef;
      readonly around: readonly BlockRef[];
    }
  | { readonly kind: "loopKind"; readonly loop: LoopRef; readonly before: string; readonly after: string }
  | { readonly kind: "loopRange"; readonly loop: LoopRef; readonly before: string; readonly after: string }
  | {
      readonly kind: "annotation";
      readonly on: LoopRef | BlockRef;
      readonly name: string;
      /** Absent: there was none, there is none now. */
      readonly before?: Attr;
      readonly after?: Attr;
    }
  | {
      readonly kind: "blockMoved";
      readonly block: BlockRef;
      /** The innermost loop it was not under before. */
      readonly under?: LoopRef;
      /** Loops made for it there. */
      readonly loops: readonly LoopRef[];
      /** The innermost loop it was under and no longer is. */
      readonly outOf?: LoopRef;
      /** For a block that only changed places with others: the one that now follows. */
      readonly ahead?: BlockRef;
    }
  | {
      readonly kind: "blockAdded";
      readonly block: BlockRef;
      readonly under?: LoopRef;
      readonly loops: readonly LoopRef[];
      /** A plain copy: the buffers it is from and to. */
      readonly copies?: { readonly from: string; readonly to: string; readonly scope: string };
      /** Blocks that stood there before and are inside it now. */
      readonly around: readonly BlockRef[];
      /** The block whose init it took over. */
      readonly initOf?: BlockRef;
    }
  | { readonly kind: "blockRemoved"; readonly block: BlockRef; readonly inlinedInto: readonly BlockRef[] }
  | { readonly kind: "blockRenamed"; readonly block: BlockRef; readonly before: string }
  | {
      readonly kind: "blockAccess";
      readonly block: BlockRef;
      readonly access: "reads" | "writes";
      readonly added: readonly string[];
      readonly removed: readonly string[];
    }
  | {
      readonly kind: "blockPart";
      readonly block: BlockRef;
      readonly part: "init" | "predicate" | "body" | "axes";
      readonly change: "added" | "removed" | "changed";
    }
  | { readonly kind: "bufferAdded" | "bufferRemoved"; readonly buffer: string; readonly declared: string }
  | {
      readonly kind: "bufferChanged";
      readonly buffer: string;
      readonly what: "scope" | "shape" | "dtype" | "strides" | "place" | "name";
      readonly before: string;
      readonly after: string;
    }
);

/** The two structures being compared, and what became of loops. */
export interface Pair {
  readonly func: string;
  readonly a: Structure;
  readonly b: Structure;
  readonly rewrites: readonly Rewrite[];
}

/** Loops of the first program that are gone, and the loops of the second that took their place in the bindings. */
export interface Rewrite {
  readonly gone: readonly number[];
  readonly came: readonly number[];
}

/** A reference to a loop of one of the structures. */
export function loopRef(s: Structure, id: number): LoopRef {
  const { node } = s.loops.get(id)!;
  const kind = node.thread ?? (node.loopKind === "serial" ? undefined : node.loopKind);
  return {
    key: nodeKey(node)!,
    name: node.v.name,
    extent: exprText(node.extent),
    ...(kind === undefined ? {} : { kind }),
  };
}

export function blockRef(s: Structure, id: number): BlockRef {
  const p = s.blocks.get(id);
  return id === ROOT || !p ? { key: "", name: "root" } : { key: nodeKey(p.node)!, name: p.node.name };
}

/** Changes of annotations, by name. */
export function annotationChanges(func: string, on: LoopRef | BlockRef, a: Attrs, b: Attrs): Change[] {
  if (a === b) return [];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((name): Change[] => {
    const [x, y] = [a, b].map((s) => (Object.hasOwn(s, name) ? s[name] : undefined));
    if (JSON.stringify(x) === JSON.stringify(y)) return [];
    const values = { ...(x === undefined ? {} : { before: x }), ...(y === undefined ? {} : { after: y }) };
    return [{ func, kind: "annotation", on, name, ...values }];
  });
}
