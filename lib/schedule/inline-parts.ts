/** What computeInline and reverseComputeInline share: the checks of the block that goes, and its removal. */
import { axisRanges, withDomains } from "../arith/index.ts";
import {
  type Block,
  type Buffer,
  blocksIn,
  type PrimFunc,
  type Ranges,
  replaceStmt,
  rewriteStmt,
  type Stmt,
  type Store,
  visitStmt,
  withBody,
} from "../ir/index.ts";
import { refuse } from "./error.ts";
import { withoutLeaf } from "./leaf-removal.ts";

/** The block that goes may not sum up: its value has to be one expression. */
export function refuseInit(primitive: string, b: Block): void {
  if (!b.init) return;
  const detail = `${b.name} starts with an init and forms its result step by step`;
  refuse(primitive, "the block has an init", detail, [b], (n) => `sch.decomposeReduction(${n(b)}, loop)`);
}

/** The one store a block consists of. */
export function onlyStore(primitive: string, b: Block): Store {
  if (b.body.kind === "store" && b.allocs.length === 0) return b.body;
  const detail = `the body of ${b.name} is ${b.body.kind === "seq" ? "several statements" : `a ${b.body.kind}`}, not one store`;
  return refuse(primitive, "the body cannot be inlined", detail, [b]);
}

/**
 * Accesses that only stated regions tell of cannot be rewritten. Where the body tells as well, stated regions are
 * dropped by `dropStatedRegions`, so that they are derived again.
 */
export function refuseOpaqueAccess(primitive: string, scope: Block, buffer: Buffer): void {
  refuseCalls(primitive, scope, buffer);
  for (const b of blocksIn(scope.body)) {
    const stated = [...(b.reads ?? []), ...(b.writes ?? [])].some((r) => r.buffer.id === buffer.id);
    if (!stated || touches(b, buffer)) continue;
    const detail = `${b.name} states that it accesses ${buffer.name}, but its body does not show how`;
    refuse(primitive, "the buffer has an opaque access", detail, [b]);
  }
}

/** A part that is passed to another program has to stay a part of this buffer. */
export function refuseCalls(primitive: string, scope: Block, buffer: Buffer): void {
  for (const b of blocksIn(scope.body)) {
    const call = callOf(b, buffer);
    if (call === undefined) continue;
    const detail = `${b.name} passes ${buffer.name} to ${call}`;
    refuse(primitive, "the buffer has an opaque access", detail, [b]);
  }
}

/** The program that a block passes the buffer to. */
function callOf(b: Block, buffer: Buffer): string | undefined {
  let found: string | undefined;
  visitStmt(b, {
    stmt: (s) => {
      const passes =
        s.kind === "extern" && s.args.some((a) => a.kind === "accessPtr" && a.region.buffer.id === buffer.id);
      if (passes) found = s.func;
    },
  });
  return found;
}

function touches(b: Block, buffer: Buffer): boolean {
  let found = false;
  visitStmt(b, {
    stmt: (s) => {
      if (s.kind === "store" && s.buffer.id === buffer.id) found = true;
    },
    expr: (e) => {
      if (e.kind === "load" && e.buffer.id === buffer.id) found = true;
    },
  });
  return found;
}

/** The statement with the stated regions of `buffers` gone, wherever one of them is mentioned. */
export function dropStatedRegions(s: Stmt, buffer: Buffer): Stmt {
  return rewriteStmt(s, {
    stmt: (x) => {
      if (x.kind !== "block") return x;
      const stated = [...(x.reads ?? []), ...(x.writes ?? [])].some((r) => r.buffer.id === buffer.id);
      if (!stated) return x;
      const { reads: _, writes: __, ...rest } = x;
      return rest;
    },
  });
}

/** The scope's body without the leaf. Refuses when nothing would remain. */
export function takeOut(primitive: string, scope: Block, leaf: Block): Stmt {
  const rest = withoutLeaf(scope.body, leaf);
  if (rest) return rest;
  const detail = `${scope.name} would be left without any statement`;
  return refuse(primitive, "the block is the only leaf", detail, [leaf]);
}

/** The function with another body of a scope block, which no longer allocates `gone`. */
export function withScopeBody(f: PrimFunc, scope: Block, body: Stmt, gone: Buffer): PrimFunc {
  const next: Block = { ...scope, body, allocs: scope.allocs.filter((b) => b.id !== gone.id) };
  return withBody(f, replaceStmt(f.body, scope, next) as Block);
}

/** The values of every axis and loop below a statement. */
export function rangesBelow(s: Stmt, ranges: Ranges): Ranges {
  let out = ranges;
  visitStmt(s, {
    stmt: (x) => {
      if (x.kind === "for") out = withDomains([x], out);
      if (x.kind === "block") out = new Map([...out, ...axisRanges(x.axes)]);
    },
  });
  return out;
}
