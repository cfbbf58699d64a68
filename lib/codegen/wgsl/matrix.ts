/**
 * Matrix units: calls of lib/schedule/subgroup-matrix.ts that the device has an operation for. Matrices are variables of a
 * subgroup; all its threads carry out an operation together, so nothing around one may be bound to threads along x, and the
 * workgroup has as many threads along x as the largest subgroup (Dawn asks for a multiple of that). What is bound to
 * threadIdx.y or .z belongs to a subgroup of its own.
 */
import { simplify } from "../../arith/index.ts";
import {
  type Buffer,
  constInt,
  type Expr,
  type Extern,
  ops,
  type Range,
  type Ranges,
  type Stmt,
  stridesOf,
  visitStmt,
} from "../../ir/index.ts";
import {
  isMatrixScope,
  type MatrixShape,
  type MatrixUnits,
  matrixOperation,
} from "../../schedule/subgroup-matrix.ts";
import { WgslError } from "./error.ts";

export const MATRIX_FEATURE = "chromium-experimental-subgroup-matrix";

/** Whether the device has the operation. */
export function hasOperation(name: string, units: MatrixUnits | undefined): boolean {
  const o = matrixOperation(name);
  if (!o || !units) return false;
  return units.shapes.some((s) =>
    (Object.keys(o.shape) as (keyof MatrixShape)[]).every((k) => s[k] === o.shape[k]),
  );
}

/** The call that a statement is, if it is one. */
export const matrixCall = (s: Stmt): Extern | undefined =>
  s.kind === "extern" && matrixOperation(s.func) ? s : undefined;

export interface Part {
  readonly buffer: Buffer;
  readonly ranges: readonly Range[];
  readonly access: "r" | "w" | "rw";
}

/** What a call is given. */
export const partsOf = (s: Extern): readonly Part[] =>
  s.args.flatMap((a) => (a.kind === "accessPtr" ? [{ ...a.region, access: a.access }] : []));

/** The parts that lie in memory. */
export const memoryOf = (s: Extern): readonly Part[] =>
  partsOf(s).filter((p) => !isMatrixScope(p.buffer.scope));

/** The parts in memory of a statement that is a call; none of another. */
export function memoryIn(s: Stmt): readonly Part[] {
  const call = matrixCall(s);
  return call ? memoryOf(call) : [];
}

export function matrixCallsIn(s: Stmt): readonly Extern[] {
  const out: Extern[] = [];
  visitStmt(s, {
    stmt: (x) => {
      const call = matrixCall(x);
      if (call) out.push(call);
    },
  });
  return out;
}

/** A buffer of matrices: its WGSL type, and how many there are. */
export interface Matrices {
  readonly type: string;
  readonly rows: number;
  readonly columns: number;
  readonly count: number;
}

/** The matrices that calls use, by their buffers. Throws for one that is used in two shapes. */
export function matricesOf(calls: readonly Extern[]): ReadonlyMap<Buffer, Matrices> {
  const out = new Map<number, readonly [Buffer, Matrices]>();
  for (const s of calls) {
    for (const { buffer, ranges } of partsOf(s).filter((p) => isMatrixScope(p.buffer.scope))) {
      const [rows, columns] = ranges.slice(-2).map((r) => constInt(r.extent) ?? 0);
      const all = buffer.shape.reduce((n, e) => n * (constInt(e) ?? Number.NaN), 1);
      const count = all / (rows * columns);
      const type = `subgroup_matrix_${buffer.scope.slice("subgroup.".length)}<${buffer.dtype}, ${columns}, ${rows}>`;
      const known = out.get(buffer.id)?.[1];
      if (!Number.isInteger(count) || (known && known.type !== type))
        throw new WgslError(`${buffer.name} is no whole number of matrices of one shape`);
      out.set(buffer.id, [buffer, { type, rows, columns, count }]);
    }
  }
  return new Map(out.values());
}

export interface MatrixTexts {
  readonly matrices: ReadonlyMap<Buffer, Matrices>;
  readonly ranges: Ranges;
  name(b: Buffer): string;
  index(e: Expr): string;
}

/** The line of a call. */
export function matrixLine(s: Extern, t: MatrixTexts): string {
  const o = matrixOperation(s.func);
  const parts = partsOf(s);
  const matrix = (p: Part): string => {
    const m = [...t.matrices].find(([b]) => b.id === p.buffer.id)?.[1] as Matrices;
    // Tiles in row-major order.
    const sizes = p.ranges.map((_, d) =>
      d === p.ranges.length - 1 ? m.columns : d === p.ranges.length - 2 ? m.rows : 1,
    );
    const number = p.ranges.reduce<Expr>(
      (n, r, d) =>
        ops.add(ops.mul(n, (constInt(p.buffer.shape[d]) ?? 1) / sizes[d]), ops.floordiv(r.min, sizes[d])),
      ops.toExpr(0),
    );
    return m.count === 1 ? t.name(p.buffer) : `${t.name(p.buffer)}[${t.index(simplify(number, t.ranges))}]`;
  };
  const memory = (p: Part): readonly [string, string, string] => {
    const strides = stridesOf(p.buffer);
    const at = p.ranges.reduce<Expr>((n, r, d) => ops.add(n, ops.mul(r.min, strides[d])), ops.toExpr(0));
    const [row, step] = strides.slice(-2);
    if (constInt(step) !== 1)
      throw new WgslError(`${p.buffer.name}: rows of a matrix have to lie in one piece`);
    return [`&${t.name(p.buffer)}`, `u32(${t.index(simplify(at, t.ranges))})`, `u32(${t.index(row)})`];
  };
  const typeOf = (p: Part): string =>
    ([...t.matrices].find(([b]) => b.id === p.buffer.id)?.[1] as Matrices).type;
  switch (o?.kind) {
    case "fill":
      return `${matrix(parts[0])} = ${typeOf(parts[0])}(0);`;
    case "left":
    case "right":
    case "leftTransposed":
    case "rightTransposed": {
      const [from, at, stride] = memory(parts[0]);
      const order = o.kind.endsWith("Transposed") ? "col_major" : "row_major";
      return `${matrix(parts[1])} = subgroupMatrixLoad<${typeOf(parts[1])}, ${order}>(${from}, ${at}, ${stride});`;
    }
    case "multiply": {
      const [a, b, c] = parts.map(matrix);
      return `${c} = subgroupMatrixMultiplyAccumulate(${a}, ${b}, ${c});`;
    }
    case "store": {
      const [to, at, stride] = memory(parts[1]);
      return `subgroupMatrixStore<row_major>(${to}, ${at}, ${matrix(parts[0])}, ${stride});`;
    }
    default:
      throw new WgslError(`the call of ${s.func} was not expanded`);
  }
}
