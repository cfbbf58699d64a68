/**
 * Matrix units of GPUs as tensor intrinsics: what a subgroup does with a whole tile in one operation (the experimental
 * WGSL extension `chromium_experimental_subgroup_matrix`). Operands lie in scopes of their own: `subgroup.left`,
 * `subgroup.right` and `subgroup.result`.
 *
 * An intrinsic is a call of a tensor program, which says what it means: the interpreter and targets without the unit run
 * that program, code for a device that has the shape keeps the call.
 */
import {
  axis,
  type Block,
  type Buffer,
  block,
  buffer,
  callExtern,
  cast,
  constant,
  type DType,
  type Expr,
  load,
  loop,
  ops,
  type PrimFunc,
  primFunc,
  type Stmt,
  store,
  type Var,
  variable,
} from "../ir/index.ts";
import { type Intrin, TensorIntrin } from "./tensor-intrin.ts";

/** A shape that the adapter has: left M × K times right K × N is added to a result M × N. */
export interface MatrixShape {
  readonly componentType: "f16" | "f32";
  readonly resultComponentType: "f16" | "f32";
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** What the matrix units of an adapter do, as plain data: it may be written by hand for one that is not here. */
export interface MatrixUnits {
  /** Threads of its largest subgroups. */
  readonly subgroupSize: number;
  readonly shapes: readonly MatrixShape[];
}

/** `f16 to f32, 16 x 16 x 16`: components and results, and M x N x K. */
export const matrixShapeText = (s: MatrixShape): string =>
  `${s.componentType} to ${s.resultComponentType}, ${s.M} x ${s.N} x ${s.K}`;

/** Names of the intrinsics for a shape. */
export interface MatrixIntrinsics {
  readonly fill: string;
  readonly loadLeft: string;
  readonly loadRight: string;
  /** Of an operand that lies the other way round in memory: K x M and N x K. */
  readonly loadLeftTransposed: string;
  readonly loadRightTransposed: string;
  readonly multiply: string;
  readonly store: string;
}

export const isMatrixScope = (scope: string): boolean => scope.startsWith("subgroup.");

/** A call of one of the operations, by the name of the program. */
export interface MatrixOperation {
  readonly kind: (typeof KINDS)[number];
  readonly shape: MatrixShape;
  /** Where loads and stores find their tile: memory of the device, or of the workgroup. */
  readonly memory: MatrixMemory;
}

export type MatrixMemory = "global" | "shared";

const KINDS = ["fill", "left", "leftTransposed", "right", "rightTransposed", "multiply", "store"] as const;
const NAMES = new RegExp(
  `^subgroup_matrix_(${KINDS.join("|")})_(f16|f32)_(f16|f32)_(\\d+)x(\\d+)x(\\d+)(_shared)?$`,
);

/** `subgroup_matrix_multiply_f16_f32_16x16x16`; `_shared` behind it where a tile is in memory of the workgroup. */
function nameOf({ kind, shape, memory }: MatrixOperation): string {
  const { componentType: t, resultComponentType: r, M, N, K } = shape;
  const inMemory = kind !== "fill" && kind !== "multiply";
  return `subgroup_matrix_${kind}_${t}_${r}_${M}x${N}x${K}${inMemory && memory === "shared" ? "_shared" : ""}`;
}

/** The operation that a program's name stands for; undefined for other names. */
export function matrixOperation(name: string): MatrixOperation | undefined {
  const found = NAMES.exec(name);
  if (!found) return undefined;
  const [, kind, componentType, resultComponentType, M, N, K, shared] = found;
  const shape = { componentType, resultComponentType, M: +M, N: +N, K: +K } as MatrixShape;
  return { kind: kind as MatrixOperation["kind"], shape, memory: shared ? "shared" : "global" };
}

/** The program of that name. */
export function matrixProgram(name: string): PrimFunc | undefined {
  const found = matrixOperation(name);
  return found && programOf(found);
}

const programs = new Map<string, PrimFunc>();

function programOf(o: MatrixOperation): PrimFunc {
  const name = nameOf(o);
  let made = programs.get(name);
  if (!made) {
    made = makeProgram(o);
    programs.set(name, made);
  }
  return made;
}

function makeProgram({ kind, shape, memory }: MatrixOperation): PrimFunc {
  const { componentType: t, resultComponentType: r, M, N, K } = shape;
  const tile = (name: string, rows: number, columns: number, dtype: DType, scope: string): Buffer =>
    scope === memory
      ? buffer(name, [rows, columns], dtype, scope, [variable(`stride_${name}`), 1])
      : buffer(name, [rows, columns], dtype, scope);
  const copy = (from: Buffer, to: Buffer, rows: number, columns: number): PrimFunc =>
    primFunc(
      [from, to],
      over("copy", [rows, columns], "SS", ([i, j]) => store(to, [i, j], load(from, [i, j]))),
    );
  const turned = (from: Buffer, to: Buffer, rows: number, columns: number): PrimFunc =>
    primFunc(
      [from, to],
      over("copy", [columns, rows], "SS", ([i, j]) => store(to, [j, i], load(from, [i, j]))),
    );
  switch (kind) {
    case "fill": {
      const C = tile("C", M, N, r, "subgroup.result");
      return primFunc(
        [C],
        over("fill", [M, N], "SS", ([i, j]) => store(C, [i, j], constant(0, r))),
      );
    }
    case "left":
      return copy(tile("A", M, K, t, memory), tile("left", M, K, t, "subgroup.left"), M, K);
    case "right":
      return copy(tile("B", K, N, t, memory), tile("right", K, N, t, "subgroup.right"), K, N);
    case "leftTransposed":
      return turned(tile("A", K, M, t, memory), tile("left", M, K, t, "subgroup.left"), M, K);
    case "rightTransposed":
      return turned(tile("B", N, K, t, memory), tile("right", K, N, t, "subgroup.right"), K, N);
    case "store":
      return copy(tile("result", M, N, r, "subgroup.result"), tile("C", M, N, r, memory), M, N);
    case "multiply": {
      const A = tile("A", M, K, t, "subgroup.left");
      const B = tile("B", K, N, t, "subgroup.right");
      const C = tile("C", M, N, r, "subgroup.result");
      const wide = (e: Expr): Expr => (t === r ? e : cast(e, r));
      const body = over("update", [M, N, K], "SSR", ([i, j, k]) =>
        store(C, [i, j], ops.add(load(C, [i, j]), ops.mul(wide(load(A, [i, k])), wide(load(B, [k, j]))))),
      );
      return primFunc([A, B, C], body);
    }
  }
}

/** Loops over a block of one store. */
function over(name: string, extents: readonly number[], types: string, body: (axes: Var[]) => Stmt): Stmt {
  const loops = extents.map((_, d) => variable("ijk"[d]));
  const axes = extents.map((n, d) => axis(`v${"ijk"[d]}`, types[d] as "S" | "R", n, loops[d]));
  const inner: Block = block({ name, axes, body: body(axes.map((a) => a.v)) });
  return extents.reduceRight<Stmt>((s, n, d) => loop(loops[d], n, s), inner);
}

/** Registers the intrinsics of a shape, unless they are, and gives their names. Loads and stores are of `memory`. */
export function matrixIntrinsics(shape: MatrixShape, memory: MatrixMemory = "global"): MatrixIntrinsics {
  const named = (kind: MatrixOperation["kind"]): string => register({ kind, shape, memory }).name;
  return {
    fill: named("fill"),
    loadLeft: named("left"),
    loadRight: named("right"),
    loadLeftTransposed: named("leftTransposed"),
    loadRightTransposed: named("rightTransposed"),
    multiply: named("multiply"),
    store: named("store"),
  };
}

/** The intrinsic that a name stands for, as a record of a search has it; undefined for other names. */
export function registerMatrixIntrinsic(name: string): Intrin | undefined {
  const operation = matrixOperation(name);
  return operation && register(operation);
}

function register(operation: MatrixOperation): Intrin {
  const name = nameOf(operation);
  const known = TensorIntrin.get(name);
  if (known) return known;
  const description = programOf(operation);
  const { params } = makeProgram(operation);
  const parts = params.flatMap((p, i) => {
    if (p.kind !== "buffer") return [];
    const last = i === params.length - 1;
    const access = !last ? "r" : operation.kind === "multiply" ? "rw" : "w";
    const ranges = p.shape.map((extent) => ({ min: constant(0), extent }));
    return [{ kind: "accessPtr", region: { buffer: p, ranges }, access } as const];
  });
  const implementation = primFunc(params, callExtern(name, parts));
  TensorIntrin.register(name, description, implementation);
  return { name, description, implementation };
}
