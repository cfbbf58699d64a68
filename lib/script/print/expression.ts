/**
 * Expressions as text. A literal is printed bare where the parser gives it the right dtype again, and as
 * `T.const(1, "i64")` elsewhere: `want` is the dtype that the parser hands down to literals at a place.
 */
import {
  type Binary,
  type BinaryOp,
  type Buffer,
  type Const,
  type DType,
  type Expr,
  INTRINSICS,
  type IntrinsicName,
  isFloat,
  type Region,
} from "../../ir/index.ts";
import type { Names } from "./names.ts";

const OPERATORS: Partial<Record<BinaryOp, readonly [text: string, precedence: number]>> = {
  mul: ["*", 13],
  div: ["/", 13],
  truncmod: ["%", 13],
  add: ["+", 12],
  sub: ["-", 12],
  lt: ["<", 10],
  le: ["<=", 10],
  gt: [">", 10],
  ge: [">=", 10],
  eq: ["===", 9],
  ne: ["!==", 9],
  and: ["&&", 5],
  or: ["||", 4],
};
const PRIMARY = 18;
const UNARY = 15;
const TERNARY = 3;

/** The operator that a compound assignment may use for this operation: `+` for `+=`. */
export function compoundOperator(op: BinaryOp): string | undefined {
  const o = OPERATORS[op];
  return o && o[1] >= 12 ? o[0] : undefined;
}

/** `want`: the dtype a bare literal gets at this place; undefined where it would get its default. */
export function exprText(e: Expr, names: Names, want?: DType): string {
  return print(e, want, 0, names);
}

/** Several operands that share one dtype in the parser (loop bounds, an axis' extent and binding). */
export function sharedTexts(es: readonly Expr[], names: Names, want?: DType): string[] {
  return shared(es, want, (e, w) => print(e, w, 0, names));
}

export function accessText(b: Buffer, indices: readonly Expr[], names: Names): string {
  const name = names.of(b);
  if (indices.length === 0) return `${name}.value`;
  return name + indices.map((i) => `[${print(i, "i32", 0, names)}]`).join("");
}

export function regionText(r: Region, names: Names): string {
  if (r.ranges.length === 0) return `${names.of(r.buffer)}.value`;
  const ranges = r.ranges.map(({ min, extent }) => {
    const point = extent.kind === "const" && extent.value === 1 && extent.dtype === min.dtype;
    return point
      ? print(min, "i32", 0, names)
      : `T.slice(${sharedTexts([min, extent], names, "i32").join(", ")})`;
  });
  return names.of(r.buffer) + ranges.map((r) => `[${r}]`).join("");
}

/** Whether the parser finds no dtype in the printed form but takes it from the surroundings. */
function isWeak(e: Expr): boolean {
  switch (e.kind) {
    case "const":
      return e.dtype !== "bool" && !isBig(e);
    case "binary":
      return e.dtype !== "bool" && isWeak(e.a) && isWeak(e.b);
    case "unary":
      return e.op === "neg" && isWeak(e.a);
    case "select":
      return isWeak(e.a) && isWeak(e.b);
    case "call":
      return e.dtype === e.args[0].dtype && e.args.every(isWeak);
    case "var":
    case "cast":
    case "load":
      return false;
  }
}

/** Digits beyond what a double holds: always printed with their dtype. */
const isBig = (c: Const): boolean => typeof c.value === "string" && !isFloat(c.dtype);

function shared(
  es: readonly Expr[],
  want: DType | undefined,
  text: (e: Expr, want: DType | undefined) => string,
): string[] {
  const t = es[0].dtype;
  if (want === t || es.some((e) => !isWeak(e))) return es.map((e) => text(e, t));
  return es.map((e, k) => text(e, k === 0 ? undefined : t));
}

function print(e: Expr, want: DType | undefined, outer: number, names: Names): string {
  const [text, precedence] = parts(e, want, names);
  return precedence < outer ? `(${text})` : text;
}

function parts(e: Expr, want: DType | undefined, names: Names): [string, number] {
  switch (e.kind) {
    case "var":
      return [names.of(e), PRIMARY];
    case "const":
      return constParts(e, want);
    case "load":
      return [accessText(e.buffer, e.indices, names), PRIMARY];
    case "cast":
      return [`T.cast(${print(e.value, undefined, 0, names)}, "${e.dtype}")`, PRIMARY];
    case "call": {
      const own: string | undefined = (INTRINSICS[e.op as IntrinsicName] as { result?: DType }).result;
      return callParts(e.op, e.args, own ? undefined : want, names);
    }
    case "binary":
      return binaryParts(e, want, names);
    case "unary": {
      if (e.op === "not") return [`!${print(e.a, "bool", UNARY, names)}`, UNARY];
      // A minus before a number would be read as part of the number.
      if (e.a.kind === "const") return callParts("neg", [e.a], want, names);
      const operand = print(e.a, want, UNARY, names);
      return [operand.startsWith("-") ? `-(${operand})` : `-${operand}`, UNARY];
    }
    case "select": {
      const cond = print(e.cond, "bool", TERNARY + 1, names);
      const [a, b] = shared([e.a, e.b], want, (x, w) => print(x, w, TERNARY, names));
      return [`${cond} ? ${a} : ${b}`, TERNARY];
    }
  }
}

function callParts(
  name: string,
  args: readonly Expr[],
  want: DType | undefined,
  names: Names,
): [string, number] {
  return [`T.${name}(${shared(args, want, (x, w) => print(x, w, 0, names)).join(", ")})`, PRIMARY];
}

function binaryParts(e: Binary, want: DType | undefined, names: Names): [string, number] {
  const handed = e.dtype === e.a.dtype ? want : undefined;
  const o = OPERATORS[e.op];
  if (!o) return callParts(e.op, [e.a, e.b], handed, names);
  const [op, p] = o;
  let right = false;
  const [a, b] = shared([e.a, e.b], handed, (x, w) => {
    // && inside || needs no parentheses, but readers do.
    const mixed = e.op === "or" && x.kind === "binary" && x.op === "and";
    const text = print(x, w, mixed ? UNARY : right ? p + 1 : p, names);
    right = true;
    return text;
  });
  return [`${a} ${op} ${b}`, p];
}

function constParts(e: Const, want: DType | undefined): [string, number] {
  if (e.dtype === "bool") return [e.value === 1 ? "true" : "false", PRIMARY];
  const number = isBig(e) ? `${e.value}n` : String(e.value);
  if (isBig(e) || e.dtype !== (want ?? "i32")) return [`T.const(${number}, "${e.dtype}")`, PRIMARY];
  return [number, number.startsWith("-") ? UNARY : PRIMARY];
}
