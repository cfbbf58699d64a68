/**
 * Postprocessors: what every candidate has to pass before it is built, as a table. (The size of the code and the time it
 * takes to compile are known only then: the measurer has limits for them.)
 */
import { BYTES, constInt, type Expr, type PrimFunc, type Stmt, verify, visitStmt } from "../ir/index.ts";
import { overLimit } from "./gpu-limits.ts";
import type { Dropped } from "./measure.ts";
import type { TuningTarget } from "./target.ts";

export interface Postproc {
  readonly name: string;
  readonly why: string;
  /** What candidates that it rejects count as. Default "illegal". */
  readonly status?: Dropped;
  /** What is wrong with the candidate, or undefined. */
  readonly check: (f: PrimFunc, target: TuningTarget) => string | undefined;
}

/** Stores that unrolled and vectorised loops may become; more do not fit the instruction cache of any machine. */
const MOST_STORES = 1500;
const MOST_LANES = 64;
/** Memory of intermediates: four times what the parameters take, and 64 MiB at least. */
const LEAST_BYTES = 2 ** 26;

export const POSTPROCS: readonly Postproc[] = [
  {
    name: "staticLoops",
    why: "vectors and straight-line code have a length",
    check: (f) => {
      let bad: string | undefined;
      visitStmt(f.body, {
        stmt: (s) => {
          if (s.kind !== "for" || s.loopKind === "serial" || s.loopKind === "parallel") return;
          if (constInt(s.extent) === undefined)
            bad = `the ${s.loopKind} loop ${s.v.name} has no constant length`;
        },
      });
      return bad;
    },
  },
  {
    name: "vectorLength",
    why: "a longer vector is many registers, and spills",
    check: (f) => {
      let bad: string | undefined;
      visitStmt(f.body, {
        stmt: (s) => {
          if (s.kind === "for" && s.loopKind === "vectorized" && (constInt(s.extent) ?? 0) > MOST_LANES)
            bad = `the vectorized loop ${s.v.name} has ${constInt(s.extent)} lanes, at most ${MOST_LANES} are allowed`;
        },
      });
      return bad;
    },
  },
  {
    name: "straightLineCode",
    why: "code that is written out has to stay small",
    check: (f) => {
      const stores = storesOf(f.body);
      return stores > MOST_STORES
        ? `it would become ${stores} stores, at most ${MOST_STORES} are allowed`
        : undefined;
    },
  },
  {
    name: "memory",
    why: "a copy larger than all operands together was not meant",
    check: (f) => {
      const params = f.params.reduce((n, p) => n + (p.kind === "buffer" ? bytesOf(p) : 0), 0);
      let own = 0;
      visitStmt(f.body, {
        stmt: (s) => {
          if (s.kind === "block") for (const b of s.allocs) own += bytesOf(b);
        },
      });
      const most = Math.max(LEAST_BYTES, 4 * params);
      return own > most ? `its intermediates take ${own} bytes, at most ${most} are allowed` : undefined;
    },
  },
  {
    name: "gpuLimits",
    why: "what the adapter cannot do need not be compiled to find out",
    status: "overLimits",
    check: (f, target) =>
      target.kind === "webgpu" ? overLimit(f, target.limits, target.matrix?.subgroupSize) : undefined,
  },
  {
    name: "wellFormed",
    why: "a candidate that is no program is an error of a rule, and must not be measured",
    check: (f) => {
      const [problem] = verify(f);
      return problem && `it is not well-formed: ${problem.message}`;
    },
  },
];

const bytesOf = (b: { readonly dtype: keyof typeof BYTES; readonly shape: readonly Expr[] }): number =>
  b.shape.reduce((n, e) => n * (constInt(e) ?? 1), BYTES[b.dtype]);

/** Stores once unrolled loops are written out; four lanes count as one. */
function storesOf(s: Stmt): number {
  switch (s.kind) {
    case "for": {
      const inner = storesOf(s.body);
      const n = constInt(s.extent) ?? 1;
      if (s.loopKind === "unrolled") return n * inner;
      return s.loopKind === "vectorized" ? Math.ceil(n / 4) * inner : inner;
    }
    case "block":
      return storesOf(s.body) + (s.init ? storesOf(s.init) : 0);
    case "seq":
      return s.stmts.reduce((n, x) => n + storesOf(x), 0);
    case "if":
      return storesOf(s.then) + (s.else ? storesOf(s.else) : 0);
    case "let":
      return storesOf(s.body);
    case "store":
    case "extern":
      return 1;
  }
}

/** What the first postprocessor that objects says, or undefined. */
export function rejected(
  f: PrimFunc,
  target: TuningTarget,
  postprocs: readonly Postproc[] = POSTPROCS,
): { readonly status: Dropped; readonly why: string } | undefined {
  for (const p of postprocs) {
    const why = p.check(f, target);
    if (why !== undefined) return { status: p.status ?? "illegal", why: `${p.name}: ${why}` };
  }
  return undefined;
}
