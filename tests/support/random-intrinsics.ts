/**
 * Intrinsics for random schedules: short rows of the statements that random programs consist of, implemented in every
 * way there is: by loops, through names for parts, by calls of programs, and by kernels in WAT.
 */
import { regionsOf } from "../../lib/arith/index.ts";
import { ExternFunc } from "../../lib/codegen/index.ts";
import { constInt, type DType } from "../../lib/ir/index.ts";
import {
  type BlockRV,
  type LoopRV,
  type Schedule,
  ScheduleError,
  TensorIntrin,
} from "../../lib/schedule/index.ts";
import { parsePrimFunc } from "../../lib/script/index.ts";

interface Kind {
  /** The statement at element `i` (an expression) of A and B. */
  readonly statement: (i: string) => string;
  readonly axis: "S" | "R";
  /** The shape of B. */
  readonly to: (n: number | string) => string;
  /** What a kernel does with the element on its stack; absent where none is written. */
  readonly wat?: string;
}

const KINDS: Readonly<Record<string, Kind>> = {
  copy: { statement: (i) => `B[${i}] = A[${i}]`, axis: "S", to: (n) => `[${n}]`, wat: "" },
  relu: {
    statement: (i) => `B[${i}] = T.max(A[${i}], 0)`,
    axis: "S",
    to: (n) => `[${n}]`,
    wat: "f32.const 0 f32.max",
  },
  increment: {
    statement: (i) => `B[${i}] = A[${i}] + 1`,
    axis: "S",
    to: (n) => `[${n}]`,
    wat: "f32.const 1 f32.add",
  },
  difference: {
    statement: (i) => `B[${i}] = 3 - A[${i}]`,
    axis: "S",
    to: (n) => `[${n}]`,
    wat: "f32.neg f32.const 3 f32.add",
  },
  magnitude: {
    statement: (i) => `B[${i}] = T.abs(A[${i}])`,
    axis: "S",
    to: (n) => `[${n}]`,
    wat: "f32.abs",
  },
  least: { statement: (i) => `B[${i}] = T.min(A[${i}], 5)`, axis: "S", to: (n) => `[${n}]` },
  choice: { statement: (i) => `B[${i}] = A[${i}] > 0 ? A[${i}] : 2`, axis: "S", to: (n) => `[${n}]` },
  sum: {
    statement: (i) => `B[0] += A[${i}]`,
    axis: "R",
    to: () => "[1]",
    wat: "local.get $b f32.load f32.add",
  },
};

const WAYS = ["loop", "named", "call", "kernel"] as const;

/** The parameters: shapes of numbers, or of sizes for a program that takes any. */
const params = (
  k: Kind,
  n: number | string,
  dtype: DType,
  scopes: readonly string[],
  strides: boolean,
): string => {
  const [a, b] = scopes;
  const more = (scope: string, s: string) => `{ scope: "${scope}"${strides ? `, strides: ["${s}"]` : ""} }`;
  const size = typeof n === "string" ? `"${n}"` : n;
  return `{ A: T.buffer([${size}], "${dtype}", ${more(a, "sa")}), B: T.buffer(${k.to(size)}, "${dtype}", ${more(b, "sb")}) }`;
};

/** A kernel over f32: what it does is `wat`, between a load and a store. */
const kernel = (k: Kind): string => `(module (import "env" "memory" (memory 0))
  (func (export "run") (param $a i32) (param $b i32) (param $n i32) (param $sa i32) (param $sb i32)
    block $out
      loop $next
        local.get $n i32.eqz br_if $out
        local.get $b (f32.load (local.get $a)) ${k.wat} f32.store
        (local.set $a (i32.add (local.get $a) (i32.shl (local.get $sa) (i32.const 2))))
        ${k.axis === "S" ? "(local.set $b (i32.add (local.get $b) (i32.shl (local.get $sb) (i32.const 2))))" : ""}
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        br $next
      end
    end))`;

function program(k: Kind, dtype: DType, scopes: readonly string[]): string {
  const body = `for (const i of T.serial(n)) ${k.statement("i")};`;
  return `T.primFunc(${params(k, "n", dtype, scopes, true)}, ({ A, B, n }) => { ${body} })`;
}

function implementation(k: Kind, callee: string, n: number, way: (typeof WAYS)[number]): string {
  const access = k.axis === "R" ? "rw" : "w";
  switch (way) {
    case "loop":
      return `for (const i of T.${k.axis === "S" ? "vectorized" : "serial"}(${n})) ${k.statement(`${n - 1} - i`)};`;
    case "named":
      return `T.block("row", () => {
        const X = T.matchBuffer(A, [${n}], { strides: ["s"] });
        const Y = T.matchBuffer(B);
        for (const i of T.unroll(${n})) ${k.statement("i").replaceAll("A[", "X[").replaceAll("B[", "Y[")};
      });`;
    default:
      return `T.callExtern("${callee}", T.accessPtr(A, "r"), T.accessPtr(B, "${access}"));`;
  }
}

/** Registers an intrinsic of that sort, once. Returns its name. */
function registered(
  kind: string,
  n: number,
  dtype: DType,
  scopes: readonly string[],
  asked: (typeof WAYS)[number],
): string {
  const k = KINDS[kind];
  const way = asked === "kernel" && (dtype !== "f32" || k.wat === undefined) ? "call" : asked;
  const name = ["random", kind, n, dtype, ...scopes, way].join("_").replace(/[^\w]/g, "");
  if (TensorIntrin.get(name)) return name;
  const head = params(k, n, dtype, scopes, false);
  const description = `T.primFunc(${head}, ({ A, B }) => {
    for (const i of T.serial(${n})) {
      T.block("row", () => {
        const [vi] = T.axis.remap("${k.axis}", [i]);
        ${k.statement("vi")};
      });
    }
  })`;
  if (way === "call" || way === "kernel") {
    const source = way === "kernel" ? { wat: kernel(k) } : undefined;
    ExternFunc.register(name, parsePrimFunc(program(k, dtype, scopes)), source);
  }
  const text = `T.primFunc(${head}, ({ A, B }) => { ${implementation(k, name, n, way)} })`;
  TensorIntrin.register(name, parsePrimFunc(description), parsePrimFunc(text));
  return name;
}

/** Tensorizes a loop by the first sort of intrinsic that matches it; throws the last refusal where none does. */
export function tensorizeRow(sch: Schedule, block: BlockRV, loop: LoopRV, c: number): boolean {
  const n = constInt(sch.get(loop).extent);
  const { reads, writes } = regionsOf(sch.get(block));
  if (n === undefined || writes.length !== 1) return false;
  const to = writes[0].buffer;
  const from = reads.map((r) => r.buffer).find((b) => b.id !== to.id && b.dtype === to.dtype);
  if (!from) return false;
  let last: unknown;
  for (const kind of Object.keys(KINDS)) {
    try {
      sch.tensorize(loop, registered(kind, n, to.dtype, [from.scope, to.scope], WAYS[c % WAYS.length]));
      return true;
    } catch (e) {
      if (!(e instanceof ScheduleError)) throw e;
      last = new ScheduleError({
        ...e.thrown,
        rule: e.refusal.rule.replace(/"random_[^"]*"/, "a row"),
      });
    }
  }
  throw last;
}
