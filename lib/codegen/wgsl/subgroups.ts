/**
 * The threads of a workgroup put a number each together by subgroup operations (WGSL specification, "Subgroup
 * Built-in Functions").
 *
 * What the specification promises, and all that is used: every thread is in one subgroup; an operation takes in the active
 * threads of the subgroup; `subgroup_id` numbers the subgroups of a workgroup from 0 to `num_subgroups` - 1. It does not say
 * which threads are in a subgroup, that subgroups are full, nor that they all have the same size (`subgroupMinSize` to
 * `subgroupMaxSize`). So nothing is concluded from the number of a thread in its workgroup, or from `subgroup_size`: how many threads
 * of a subgroup there are is counted (`tw_lanes`), and each finds its place among them (`tw_rank`). Where everything is the
 * same for all threads of the workgroup ("Uniformity"), all are active.
 *
 * Each subgroup puts its numbers together and one of its threads writes the result to the subgroup's place in the memory of
 * the workgroup. After one wait every subgroup takes all results, so that every thread has the whole. Where the language has
 * no `subgroup_id`, every thread writes its own number, and every subgroup takes all of them.
 */
import {
  type Buffer,
  callExtern,
  constant,
  constInt,
  type DType,
  type Extern,
  type For,
  load,
  ops,
  type Stmt,
  visitStmt,
} from "../../ir/index.ts";
import type { ReducerKind } from "../../schedule/reducer.ts";

const OPERATIONS: Partial<Record<ReducerKind, { readonly wgsl: string; readonly symbol?: string }>> = {
  sum: { wgsl: "subgroupAdd", symbol: "+" },
  prod: { wgsl: "subgroupMul", symbol: "*" },
  max: { wgsl: "subgroupMax" },
  min: { wgsl: "subgroupMin" },
};

const PREFIX = "tw_combine_";
const DIMS = ["threadIdx.x", "threadIdx.y", "threadIdx.z"];

/** Whether there are operations for the reducer; f16 goes through f32. */
export const isCombined = (kind: ReducerKind, t: DType): boolean =>
  OPERATIONS[kind] !== undefined && (t === "f32" || t === "f16" || t === "i32");

/**
 * A statement that makes the variable of all threads what those of the threads in `loops` come to. All threads of the
 * workgroup carry it out, and wait in it. `again`: it stands in a loop.
 */
export function combine(own: Buffer, kind: ReducerKind, loops: readonly For[], again: boolean): Extern {
  const extents = DIMS.map((d) => loops.find((l) => l.thread === d)?.extent ?? constant(1));
  return callExtern(PREFIX + kind, [load(own, [constant(0)]), ...extents, constant(again ? 1 : 0)]);
}

export const isCombine = (s: Stmt): boolean => s.kind === "extern" && s.func.startsWith(PREFIX);

export interface Combine {
  readonly own: Buffer;
  readonly kind: ReducerKind;
  /** Threads along each axis that bring something in. */
  readonly threads: readonly number[];
  readonly again: boolean;
}

export function combineOf(s: Extern): Combine {
  const [own, x, y, z, again] = s.args;
  if (own.kind !== "load") throw new TypeError(`${s.func} takes a variable`);
  const number = (e: Extern["args"][number]): number => (e.kind === "accessPtr" ? 1 : (constInt(e) ?? 1));
  return {
    own: own.buffer,
    kind: s.func.slice(PREFIX.length) as ReducerKind,
    threads: [x, y, z].map(number),
    again: number(again) === 1,
  };
}

/** Those in a statement, each once. */
export function combinesIn(s: Stmt): readonly Combine[] {
  const out = new Map<number, Combine>();
  visitStmt(s, {
    stmt: (x) => {
      if (x.kind !== "extern" || !isCombine(x)) return;
      const c = combineOf(x);
      out.set(c.own.id, c);
    },
  });
  return [...out.values()];
}

export interface CombineTexts {
  /** The variable, the array of the workgroup, and what changes no result. */
  readonly own: string;
  readonly parts: string;
  readonly identity: string;
  /** Threads of the workgroup along each axis. */
  readonly workgroup: readonly number[];
  /** Whether subgroups have numbers. */
  readonly ids: boolean;
  help(name: string): string;
}

/** The lines of the statement. */
export function combineLines(c: Combine, t: CombineTexts): string[] {
  const { own, parts, identity } = t;
  const outside = c.threads.flatMap((n, d) => (n < t.workgroup[d] ? [`tw_local.${"xyz"[d]} >= ${n}u`] : []));
  const { symbol, wgsl } = OPERATIONS[c.kind] as { wgsl: string; symbol?: string };
  const float = c.own.dtype !== "i32";
  const half = c.own.dtype === "f16";
  const named = float && !symbol ? t.help(`tw_subgroup_${c.kind}`) : wgsl;
  const all = (x: string): string => (half ? `f16(${named}(f32(${x})))` : `${named}(${x})`);
  const two = (a: string, b: string): string => {
    if (symbol) return `${a} ${symbol} ${b}`;
    if (!float) return `${c.kind}(${a}, ${b})`;
    const f = t.help(`tw_${c.kind}`);
    return half ? `f16(${f}(f32(${a}), f32(${b})))` : `${f}(${a}, ${b})`;
  };
  const end = t.ids ? "tw_subgroups" : `${t.workgroup.reduce((a, b) => a * b, 1)}u`;
  return [
    ...(outside.length > 0 ? [`if (${outside.join(" || ")}) { ${own} = ${identity}; }`] : []),
    ...(t.ids
      ? [`${own} = ${all(own)};`, `if (subgroupElect()) { ${parts}[tw_subgroup] = ${own}; }`]
      : [`${parts}[tw_thread] = ${own};`]),
    "workgroupBarrier();",
    "storageBarrier();",
    `${own} = ${identity};`,
    `for (var tw_j = tw_rank; tw_j < ${end}; tw_j += tw_lanes) { ${own} = ${two(own, `${parts}[tw_j]`)}; }`,
    `${own} = ${all(own)};`,
    // The next time the array is written nobody may still read it.
    ...(c.again ? ["workgroupBarrier();"] : []),
  ];
}

/** What changes no result. */
export const identityOf = (c: Combine) =>
  ({
    sum: () => constant(0, c.own.dtype),
    prod: () => constant(1, c.own.dtype),
    max: () => ops.minValue(c.own.dtype),
    min: () => ops.maxValue(c.own.dtype),
  })[c.kind as "sum" | "prod" | "max" | "min"]();
