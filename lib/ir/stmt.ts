/** Statements: loops, blocks, stores. Plain immutable objects in one union. */
import type { Region } from "./buffer.ts";
import { type Buffer, checkIndices, constant, type Expr, type Var, variable } from "./expr.ts";
import { freshId } from "./id.ts";

export type LoopKind = "serial" | "parallel" | "vectorized" | "unrolled" | "threadBinding";
/** Values of annotations and attributes: what JSON can carry. */
export type Attr = number | string | boolean | null | readonly Attr[] | { readonly [key: string]: Attr };
export type Attrs = { readonly [key: string]: Attr };

/** `for v in [min, min + extent)`. A loop is identified by its variable's id. */
export interface For {
  readonly kind: "for";
  readonly v: Var;
  readonly min: Expr;
  readonly extent: Expr;
  readonly loopKind: LoopKind;
  /** The thread axis (`blockIdx.x`, `threadIdx.y`, …) of a `threadBinding` loop. */
  readonly thread?: string;
  readonly annotations: Attrs;
  readonly body: Stmt;
}

/** Spatial axes may run in any order; reduce axes carry a dependency; opaque axes may not be touched. */
export type AxisType = "S" | "R" | "O";

/** A block axis: it takes the values 0 … extent-1, given by `binding` in terms of the loops around the block. */
export interface BlockAxis {
  readonly v: Var;
  readonly type: AxisType;
  readonly extent: Expr;
  readonly binding: Expr;
}

/**
 * A unit of computation, isolated from the loops around it: its body mentions outer loops only through its axes'
 * bindings and the predicate. Axes of the blocks around it, which are fixed while it runs, it may mention. An instance
 * runs when `predicate` (over the loops) holds. `init` runs before the body in those instances in which every reduce
 * axis has its first value.
 */
export interface Block {
  readonly kind: "block";
  readonly id: number;
  readonly name: string;
  readonly axes: readonly BlockAxis[];
  readonly predicate?: Expr;
  readonly init?: Stmt;
  readonly body: Stmt;
  /** Buffers that live as long as one instance of the block. */
  readonly allocs: readonly Buffer[];
  /**
   * What an instance reads and writes, in terms of the axes. Absent: what the body says (`regions` of lib/arith).
   * Given only where the body does not tell, as for calls of external code.
   */
  readonly reads?: readonly Region[];
  readonly writes?: readonly Region[];
  readonly annotations: Attrs;
}

export interface Seq {
  readonly kind: "seq";
  readonly stmts: readonly Stmt[];
}

export interface Store {
  readonly kind: "store";
  readonly buffer: Buffer;
  readonly indices: readonly Expr[];
  readonly value: Expr;
}

export interface If {
  readonly kind: "if";
  readonly cond: Expr;
  readonly then: Stmt;
  readonly else?: Stmt;
}

/** `v` names `value` within `body`. */
export interface Let {
  readonly kind: "let";
  readonly v: Var;
  readonly value: Expr;
  readonly body: Stmt;
}

/** A part of a buffer that is passed to a function, and what is done with it. */
export interface AccessPtr {
  readonly kind: "accessPtr";
  readonly region: Region;
  readonly access: "r" | "w" | "rw";
}

/**
 * A call of another tensor program: of the module, or a registered one. Buffers are passed as regions, so that what the
 * call reads and writes is known without knowing the program.
 */
export interface Extern {
  readonly kind: "extern";
  readonly func: string;
  readonly args: readonly (AccessPtr | Expr)[];
}

export type Stmt = For | Block | Seq | Store | If | Let | Extern;
export type StmtKind = Stmt["kind"];

export const NO_ATTRS: Attrs = Object.freeze({});
const ZERO = constant(0);

export interface LoopOptions {
  readonly min?: Expr;
  readonly loopKind?: LoopKind;
  readonly thread?: string;
  readonly annotations?: Attrs;
}

export function loop(v: Var, extent: Expr | number, body: Stmt, o: LoopOptions = {}): For {
  return {
    kind: "for",
    v,
    min: o.min ?? ZERO,
    extent: typeof extent === "number" ? constant(extent) : extent,
    loopKind: o.loopKind ?? "serial",
    ...(o.thread === undefined ? {} : { thread: o.thread }),
    annotations: o.annotations ?? NO_ATTRS,
    body,
  };
}

export function axis(v: Var | string, type: AxisType, extent: Expr | number, binding: Expr): BlockAxis {
  return {
    v: typeof v === "string" ? variable(v) : v,
    type,
    extent: typeof extent === "number" ? constant(extent) : extent,
    binding,
  };
}

export interface BlockParts {
  readonly name: string;
  readonly id?: number;
  readonly axes?: readonly BlockAxis[];
  readonly predicate?: Expr;
  readonly init?: Stmt;
  readonly body: Stmt;
  readonly allocs?: readonly Buffer[];
  readonly reads?: readonly Region[];
  readonly writes?: readonly Region[];
  readonly annotations?: Attrs;
}

/** A block; optional parts that are not given (or undefined) are left out of the node. */
export function block(p: BlockParts): Block {
  return {
    kind: "block",
    id: p.id ?? freshId(),
    name: p.name,
    axes: p.axes ?? [],
    ...(p.predicate ? { predicate: p.predicate } : {}),
    ...(p.init ? { init: p.init } : {}),
    body: p.body,
    allocs: p.allocs ?? [],
    ...(p.reads ? { reads: p.reads } : {}),
    ...(p.writes ? { writes: p.writes } : {}),
    annotations: p.annotations ?? NO_ATTRS,
  };
}

/** One statement after another. Nested sequences are flattened; one statement alone is returned as it is. */
export function seq(stmts: readonly Stmt[]): Stmt {
  const flat = stmts.flatMap((s) => (s.kind === "seq" ? s.stmts : [s]));
  return flat.length === 1 ? flat[0] : { kind: "seq", stmts: flat };
}

/** A store of one element. Throws when rank or dtype do not fit. */
export function store(buffer: Buffer, indices: readonly Expr[], value: Expr): Store {
  checkIndices(buffer, indices);
  if (value.dtype !== buffer.dtype) {
    throw new TypeError(
      `${buffer.name} holds ${buffer.dtype}, the stored value is ${value.dtype}: use T.cast(…, "${buffer.dtype}")`,
    );
  }
  return { kind: "store", buffer, indices, value };
}

export function ifThen(cond: Expr, then: Stmt, otherwise?: Stmt): If {
  if (cond.dtype !== "bool") throw new TypeError(`if needs a bool condition, got ${cond.dtype}`);
  return { kind: "if", cond, then, ...(otherwise ? { else: otherwise } : {}) };
}

export function callExtern(func: string, args: Extern["args"]): Extern {
  return { kind: "extern", func, args };
}

export function accessPtr(region: Region, access: AccessPtr["access"]): AccessPtr {
  return { kind: "accessPtr", region, access };
}

export function letIn(v: Var, value: Expr, body: Stmt): Let {
  if (v.dtype !== value.dtype) throw new TypeError(`${v.name} is ${v.dtype}, its value ${value.dtype}`);
  return { kind: "let", v, value, body };
}
