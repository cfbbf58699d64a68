/** foldConstant: what depends on constants alone is computed now. */
import {
  BYTES,
  type CallTir,
  constantOf,
  constInt,
  type GraphBinding,
  type GraphExpr,
  graphVar,
  type IRModule,
  irModule,
  type NDArray,
  type OpCall,
  outputTypes,
  tupleExpr,
} from "../../ir/index.ts";
import { evaluateOnce, viewOnce } from "../folded.ts";
import { constShape } from "../shape.ts";
import { Legalizer } from "./legalize-ops.ts";
import { isDeferred, type Pass } from "./pass.ts";
import { type Place, rewriteFunc } from "./rewrite.ts";

export interface FoldOptions {
  /** A constant of up to so many bytes is always worth it. */
  readonly smallBytes?: number;
  /** A larger one may be so many times as large as the constants it is made of. */
  readonly growth?: number;
}

/**
 * Operators and tensor programs on constants become constants, unless the result is much larger than what it is made of
 * (a broadcast, say, which would only fill memory and bundle). Where nothing can run programs (`setEvaluator`), only what
 * needs no running is folded.
 */
export function foldConstant(options: FoldOptions = {}): Pass {
  return { name: "foldConstant", run: (mod) => new Folder(mod, options).run() };
}

/** Pairs of a weight of 8 bits are twice as large, and made for the products of every call if not now. */
const PAIRS_GROWTH = 2;

class Folder {
  private readonly mod: IRModule;
  private readonly small: number;
  private readonly growth: number;

  constructor(mod: IRModule, options: FoldOptions) {
    this.mod = mod;
    this.small = options.smallBytes ?? 4096;
    this.growth = options.growth ?? 1;
  }

  run(): IRModule {
    let changed = false;
    const funcs = { ...this.mod.funcs };
    for (const [name, f] of Object.entries(funcs)) {
      // A fused group stays a program of its own: what is constant was folded before.
      if (f.kind !== "graphFunc" || isDeferred(f) || f.attrs.Primitive) continue;
      const fields = new Map<number, readonly GraphExpr[]>();
      funcs[name] = rewriteFunc(f, {
        dropNames: true,
        value: (e, at) => {
          const value = this.fold(e, fields);
          if (value.kind === "tupleExpr" && at.binding.kind === "bind")
            fields.set(at.binding.v.id, value.fields);
          return value;
        },
      });
      changed ||= funcs[name] !== f;
    }
    return changed ? irModule(funcs, this.mod.attrs) : this.mod;
  }

  private fold(e: GraphExpr, fields: ReadonlyMap<number, readonly GraphExpr[]>): GraphExpr {
    if (e.kind === "tupleGet" && e.tuple.kind === "graphVar") {
      const field = fields.get(e.tuple.id)?.[e.index];
      return field?.kind === "constant" ? field : e;
    }
    if (e.kind !== "opCall" && !(e.kind === "callTir" && !e.into)) return e;
    const data = constantsOf(e.args);
    if (!data || !this.isWorthIt(e, data)) return e;
    const values = e.kind === "opCall" ? this.operator(e) : runCall(e, this.mod, data);
    if (!values) return e;
    const made = values.map(constantOf);
    return e.type.kind === "tuple" ? tupleExpr(made) : made[0];
  }

  private isWorthIt(e: OpCall | CallTir, data: readonly NDArray[]): boolean {
    let bytes = 0;
    for (const t of outputTypes(e.type)) {
      const shape = constShape(t.shape);
      if (!shape) return false;
      bytes += shape.reduce((a, b) => a * b, BYTES[t.dtype]);
    }
    const given = data.reduce((a, d) => a + d.bytes.byteLength, 0);
    const growth =
      e.kind === "opCall" && e.op === "pairs" ? Math.max(this.growth, PAIRS_GROWTH) : this.growth;
    return bytes <= Math.max(this.small, growth * given);
  }

  /** An operator by way of its programs. */
  private operator(e: OpCall): readonly NDArray[] | undefined {
    if (e.op === "memory.view") return viewed(e);
    const legal = new Legalizer(irModule({}));
    const values = new Map<number, readonly NDArray[]>();
    const read = (x: GraphExpr): readonly NDArray[] | undefined => {
      if (x.kind === "constant") return [x.data];
      if (x.kind === "graphVar") return values.get(x.id);
      if (x.kind === "tupleGet") {
        const field = read(x.tuple)?.[x.index];
        return field && [field];
      }
      if (x.kind === "tupleExpr") return allOf(x.fields.map(read));
      if (x.kind === "opCall" && x.op === "memory.view") {
        const source = read(x.args[0]);
        return source && viewed({ ...x, args: [constantOf(source[0]), x.args[1]] });
      }
      if (x.kind !== "callTir") return undefined;
      const inputs = allOf(x.args.map(read));
      return inputs && runCall(x, legal.module(), inputs);
    };
    const emitted: GraphBinding[] = [];
    const at: Place = {
      binding: { kind: "bind", v: graphVar(e.op, e.type), value: e },
      emit: (value, name) => {
        const v = graphVar(name ?? "lv", value.type);
        emitted.push({ kind: "bind", v, value });
        return v;
      },
      splice: (bindings) => {
        emitted.push(...bindings);
      },
    };
    const result = legal.call(e, at);
    for (const b of emitted) {
      const made = b.kind === "bind" ? read(b.value) : undefined;
      if (!made || b.kind !== "bind") return undefined;
      values.set(b.v.id, made);
    }
    return read(result);
  }
}

/** The data of arguments that are all constant; sizes must be known. */
function constantsOf(args: readonly GraphExpr[]): NDArray[] | undefined {
  const out: NDArray[] = [];
  for (const a of args) {
    if (a.kind === "constant") out.push(a.data);
    else if (a.kind === "shapeLiteral") {
      if (!constShape(a.values)) return undefined;
    } else if (a.kind === "tupleExpr") {
      const inner = constantsOf(a.fields);
      if (!inner) return undefined;
      out.push(...inner);
    } else return undefined;
  }
  return out;
}

function allOf(xs: readonly (readonly NDArray[] | undefined)[]): NDArray[] | undefined {
  return xs.every((x) => x !== undefined) ? (xs as NDArray[][]).flat() : undefined;
}

function viewed(e: OpCall): readonly NDArray[] | undefined {
  const [x, shape] = [e.args[0], e.type.kind === "tensor" ? constShape(e.type.shape) : undefined];
  return x.kind === "constant" && shape ? [viewOnce(x.data, shape)] : undefined;
}

function runCall(e: CallTir, mod: IRModule, inputs: readonly NDArray[]): readonly NDArray[] | undefined {
  const func = mod.funcs[e.func];
  const scalars = e.tirVars.map(constInt);
  const outputs = outputTypes(e.type);
  const known = outputs.every((t) => constShape(t.shape)) && scalars.every((s) => s !== undefined);
  if (func?.kind !== "primFunc" || !known) return undefined;
  return evaluateOnce({ name: e.func, func, inputs, outputs, scalars: scalars as number[] });
}
