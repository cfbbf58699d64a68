/** bindSymbolicVars: symbolic sizes become numbers, in every type and in the functions that are called. */
import {
  type BaseFunc,
  bindingsOf,
  bufferParams,
  type CallTir,
  constant,
  constInt,
  type Expr,
  type GraphBody,
  type GraphExpr,
  type GraphFunc,
  type GraphType,
  graphFunc,
  type IRModule,
  irModule,
  numbersOf,
  outputTypes,
  typeText,
  type Var,
  varsOf,
} from "../../ir/index.ts";
import { BlockBuilder } from "../block-builder.ts";
import { refuseGraph } from "../error.ts";
import { inferAgain } from "../registry.ts";
import { constShape } from "../shape.ts";
import { entriesOf } from "./dead-code.ts";
import { isDeferred, type Pass } from "./pass.ts";
import { type Place, rewriteFunc } from "./rewrite.ts";
import { specializePrim } from "./specialize-prim.ts";
import { boundSize, type SizeMap, unifyTypes } from "./unify.ts";
import { visitSizes } from "./uses.ts";

const WHERE = "bindSymbolicVars";

/**
 * The sizes of these names (of the function, or of all entries) become numbers. Types of all values are inferred anew,
 * and functions that are called with known sizes are specialised to them. Throws for a name that no size has.
 */
export function bindSymbolicVars(sizes: Readonly<Record<string, number>>, func?: string): Pass {
  return { name: WHERE, run: (mod) => bound(mod, sizes, func) };
}

function bound(mod: IRModule, sizes: Readonly<Record<string, number>>, func?: string): IRModule {
  const names = func === undefined ? entriesOf(mod) : [func];
  const special = new Specializer(mod);
  const used = new Set<string>();
  const done: Record<string, BaseFunc> = {};
  for (const name of names) {
    const f = mod.funcs[name];
    if (f?.kind !== "graphFunc") return refuseGraph(WHERE, `no graph-level function ${name}`);
    const map: SizeMap = new Map();
    for (const v of declaredSizes(f)) {
      if (!Object.hasOwn(sizes, v.name)) continue;
      const n = sizes[v.name];
      if (!Number.isInteger(n) || n < 0) refuseGraph(WHERE, `${v.name} is ${n}: a size is a whole number`);
      used.add(v.name);
      map.set(v.id, constant(n, v.dtype));
    }
    if (map.size > 0) done[name] = special.func(f, map);
  }
  const unknown = Object.keys(sizes).filter((n) => !used.has(n));
  if (unknown.length > 0) {
    const there = names.flatMap((n) => declaredSizes(mod.funcs[n] as GraphFunc).map((v) => v.name));
    refuseGraph(WHERE, `no size is called ${unknown.join(", ")}; there are ${there.join(", ") || "none"}`);
  }
  if (Object.keys(done).length === 0) return mod;
  return irModule({ ...special.module().funcs, ...done }, mod.attrs);
}

/** `bindSymbolicVars` for one function, with sizes by the id of their variable. */
export function bindSizes(func: string, sizes: ReadonlyMap<number, number>): Pass {
  return {
    name: WHERE,
    run: (mod) => {
      const f = mod.funcs[func];
      if (f?.kind !== "graphFunc") return refuseGraph(WHERE, `no graph-level function ${func}`);
      if (sizes.size === 0) return mod;
      const map: SizeMap = new Map();
      for (const v of declaredSizes(f)) {
        const n = sizes.get(v.id);
        if (n !== undefined) map.set(v.id, constant(n, v.dtype));
      }
      const special = new Specializer(mod);
      const done = special.func(f, map);
      return irModule({ ...special.module().funcs, [func]: done }, mod.attrs);
    },
  };
}

/** The symbolic sizes of a function, in the order of their declaration. */
function declaredSizes(f: GraphFunc): readonly Var[] {
  const out = new Map<number, Var>();
  const type = (t: GraphType): void =>
    visitSizes(t, (e) => {
      varsOf(e, out);
    });
  const body = (b: GraphBody): void => {
    for (const x of bindingsOf(b)) {
      if (x.kind === "tensorToShape") for (const v of x.sizes) out.set(v.id, v);
      if (x.kind === "matchCast") type(x.v.type);
      if (x.value.kind === "graphIf") {
        body(x.value.then);
        body(x.value.else);
      }
    }
  };
  for (const p of f.params) type(p.type);
  body(f.body);
  return [...out.values()];
}

/** Specialises functions, each once for the same sizes. */
export class Specializer {
  private readonly bb: BlockBuilder;
  private readonly given: IRModule;
  private readonly known = new Map<string, { name: string; type: GraphType }>();
  private readonly running = new Set<string>();

  constructor(mod: IRModule) {
    this.bb = new BlockBuilder(mod);
    this.given = mod;
  }

  module(): IRModule {
    return this.bb.get();
  }

  /** The function with these sizes put in. `sizes` grows by those that the body makes known. */
  func(f: GraphFunc, sizes: SizeMap): GraphFunc {
    const done = rewriteFunc(f, {
      size: (e) => boundSize(e, sizes),
      value: (e, at) => this.value(e, at, sizes),
      binding: (b) => (b.kind === "tensorToShape" && b.sizes.every((v) => sizes.has(v.id)) ? undefined : b),
    });
    return done === f ? graphFunc(f.params, f.body, f.attrs) : done;
  }

  private value(e: GraphExpr, at: Place, sizes: SizeMap): GraphExpr {
    const value = this.typed(e);
    const b = at.binding;
    if (b.kind === "matchCast") unifyTypes(b.v.name, b.v.type, value.type, sizes);
    if (b.kind === "tensorToShape" && value.kind === "constant") {
      const values = numbersOf(value.data);
      b.sizes.forEach((v, i) => {
        sizes.set(v.id, constant(values[i], v.dtype));
      });
    }
    return value;
  }

  private typed(e: GraphExpr): GraphExpr {
    switch (e.kind) {
      case "opCall":
        return inferAgain(e);
      case "tupleGet": {
        const type = e.tuple.type.kind === "tuple" ? e.tuple.type.fields[e.index] : e.type;
        return type === e.type ? e : { ...e, type };
      }
      case "callTir":
        return this.callTir(e);
      case "callFunc": {
        const callee = this.callee(
          e.func,
          e.args.map((a) => a.type),
        );
        return callee ? { ...e, func: callee.name, type: callee.type } : e;
      }
      case "graphLoop": {
        // Sizes that change from iteration to iteration are not those of the first one.
        if (!isKnown(e.type)) return e;
        const counters: GraphType[] = [SCALAR("i64"), SCALAR("bool")];
        const args = [...e.carried, ...e.captured].map((a) => a.type);
        const callee = this.callee(e.func, [...counters, ...args]);
        return callee ? { ...e, func: callee.name } : e;
      }
      case "graphIf": {
        const [{ type }, other] = [e.then.result, e.else.result.type];
        const same = isKnown(type) && typeText(type) === typeText(other);
        return same && !isKnown(e.type) ? { ...e, type } : e;
      }
      default:
        return e;
    }
  }

  private callTir(e: CallTir): GraphExpr {
    const f = this.given.funcs[e.func];
    if (f?.kind !== "primFunc") return e;
    const buffers = bufferParams(f);
    const scalars = f.params.filter((p): p is Var => p.kind === "var");
    const types = [...e.args.map((a) => a.type), ...outputTypes(e.type)];
    const symbolic = scalars.length > 0 || buffers.some((b) => b.shape.some((s) => s.kind !== "const"));
    if (!symbolic || !types.every(isKnown) || !e.tirVars.every((s) => s.kind === "const")) return e;
    const sizes: SizeMap = new Map();
    buffers.forEach((b, i) => {
      unifyTypes(e.func, { kind: "tensor", dtype: b.dtype, shape: b.shape }, types[i], sizes);
    });
    scalars.forEach((v, i) => {
      sizes.set(v.id, e.tirVars[i]);
    });
    const name = this.once(e.func, [...sizes.values()], e.type, () => specializePrim(f, sizes)).name;
    return { ...e, func: name, tirVars: [] };
  }

  /** The specialised function for arguments of these types; undefined when nothing about it is symbolic. */
  private callee(name: string, args: readonly GraphType[]): { name: string; type: GraphType } | undefined {
    const f = this.given.funcs[name];
    if (f?.kind !== "graphFunc" || isDeferred(f)) return undefined;
    const sizes: SizeMap = new Map();
    f.params.forEach((p, i) => {
      if (args[i]) unifyTypes(name, p.type, args[i], sizes);
    });
    for (const [id, s] of sizes) if (s.kind !== "const") sizes.delete(id);
    if (sizes.size === 0) return undefined;
    return this.once(name, [...sizes.values()], undefined, () => this.func(f, sizes));
  }

  private once(
    name: string,
    sizes: readonly Expr[],
    type: GraphType | undefined,
    make: () => BaseFunc,
  ): { name: string; type: GraphType } {
    const text = sizes.map((s) => constInt(s) ?? "x").join("_");
    const key = `${name} ${text}`;
    const there = this.known.get(key);
    if (there) return type ? { ...there, type } : there;
    if (this.running.has(key)) refuseGraph(WHERE, `${name} calls itself`);
    this.running.add(key);
    const made = make();
    this.running.delete(key);
    const entry = {
      name: this.bb.addFunc(made, `${name}_${text}`),
      type: type ?? (made as GraphFunc).body.result.type,
    };
    this.known.set(key, entry);
    return entry;
  }
}

const SCALAR = (dtype: "i64" | "bool"): GraphType => ({ kind: "tensor", dtype, shape: [] });

function isKnown(t: GraphType): boolean {
  if (t.kind === "tensor") return constShape(t.shape) !== undefined;
  return t.kind === "shape" || t.fields.every(isKnown);
}
