/** Control flow whose results have sizes that only running it tells, and the functions that wait until they are known. */
import {
  type BaseFunc,
  bindingsOf,
  type CallFunc,
  callFunc,
  type GraphBinding,
  type GraphBody,
  type GraphExpr,
  type GraphFunc,
  type GraphIf,
  type GraphLoop,
  type GraphType,
  type GraphVar,
  graphFunc,
  graphVar,
  type IRModule,
  irModule,
  mapType,
  typeText,
  variable,
} from "../../ir/index.ts";
import { DEFERRED, isDeferred } from "./pass.ts";
import { rewriteFunc } from "./rewrite.ts";
import { countUses, functionsCalled, visitSizes } from "./uses.ts";

export type Control = GraphIf | GraphLoop | CallFunc;

/**
 * The values of a module that have to be run before what comes after them can be compiled: an if whose branches give
 * different sizes, a loop whose carried values grow, a call of a function that reads sizes out of data.
 */
export class LateValues {
  private readonly mod: IRModule;
  private readonly known = new Map<GraphFunc, boolean>();

  constructor(mod: IRModule) {
    this.mod = mod;
  }

  has(e: GraphExpr): e is Control {
    switch (e.kind) {
      case "graphIf": {
        const types = [e.then.result.type, e.else.result.type, e.type];
        return (
          !types.every(hasSizes) ||
          new Set(types.map(typeText)).size > 1 ||
          [e.then, e.else].some((b) => this.body(b))
        );
      }
      case "graphLoop":
        return !hasSizes(e.type) || this.func(e.func);
      case "callFunc":
        return !hasSizes(e.type) || this.func(e.func);
      default:
        return false;
    }
  }

  private body(b: GraphBody): boolean {
    return bindingsOf(b).some((x) => x.kind === "tensorToShape" || this.has(x.value));
  }

  private func(name: string): boolean {
    const f = this.mod.funcs[name];
    if (f?.kind !== "graphFunc" || isDeferred(f)) return false;
    const known = this.known.get(f);
    if (known !== undefined) return known;
    // A function that calls itself is refused by vmLower.
    this.known.set(f, false);
    const late = this.body(f.body);
    this.known.set(f, late);
    return late;
  }
}

/** Binds a value whose sizes are known when it was run. */
export function laterValue(v: GraphVar, value: GraphExpr): GraphBinding & { readonly v: GraphVar } {
  return { kind: hasSizes(v.type) ? "bind" : "matchCast", v, value };
}

/** Binds what a function that waits will give; sizes that only it knows are new ones here. */
export function laterCall(stem: string, name: string, args: readonly GraphExpr[], type: GraphType) {
  const open = mapType(type, (s) => (s.kind === "const" ? s : variable("size")));
  const call = callFunc(name, args, open);
  return laterValue(graphVar(stem, open), call);
}

function hasSizes(t: GraphType): boolean {
  let all = true;
  visitSizes(t, (s) => {
    all &&= s.kind === "const";
  });
  return all;
}

/** Makes functions that wait for their sizes, and all that they call: passes must not work on those before. */
export class Deferral {
  private readonly mod: IRModule;
  private readonly made: Record<string, BaseFunc> = {};
  private readonly names = new Map<string, string>();

  constructor(mod: IRModule) {
    this.mod = mod;
  }

  module(): IRModule {
    return irModule({ ...this.mod.funcs, ...this.made }, this.mod.attrs);
  }

  /** The body as a function of the `visible` variables that it uses, and what to call it with. */
  func(
    stem: string,
    body: GraphBody,
    visible: readonly GraphVar[],
  ): { readonly name: string; readonly args: readonly GraphVar[] } {
    const used = countUses(body);
    const args = visible.filter((v) => used.has(v.id));
    const env = new Map<number, GraphExpr>();
    const params = args.map((v): GraphVar => {
      const p = graphVar(v.name, v.type);
      env.set(v.id, p);
      return p;
    });
    const name = this.add(stem, rewriteFunc(graphFunc(params, body), { value: (e) => this.calls(e) }, env));
    return { name, args };
  }

  /** The value with functions that wait in place of what it runs. */
  control(e: Control, visible: readonly GraphVar[]): GraphExpr {
    if (e.kind !== "graphIf") return this.calls(e);
    const branch = (b: GraphBody, stem: string): GraphBody => {
      const { name, args } = this.func(stem, b, visible);
      const value = callFunc(name, args, b.result.type);
      const v = graphVar(stem, value.type);
      return {
        blocks: [{ dataflow: false, bindings: [{ kind: "bind", v, value }], outputs: [] }],
        result: v,
      };
    };
    // biome-ignore lint/suspicious/noThenProperty: the node's own field; nobody awaits it
    return { ...e, then: branch(e.then, "then"), else: branch(e.else, "otherwise") };
  }

  private calls(e: GraphExpr): GraphExpr {
    if (e.kind !== "callFunc" && e.kind !== "graphLoop") return e;
    const func = this.copy(e.func);
    return func === e.func ? e : { ...e, func };
  }

  private copy(name: string): string {
    const f = this.mod.funcs[name];
    // Programs that a pass of the user's has put together are not worked on anyway.
    const { Primitive, Composite, Codegen } = f?.attrs ?? {};
    if (f?.kind !== "graphFunc" || isDeferred(f) || Primitive || Composite || Codegen) return name;
    const known = this.names.get(name);
    if (known !== undefined) return known;
    const own = this.free(`${name}_later`);
    this.names.set(name, own);
    this.made[own] = f;
    this.made[own] = deferred(rewriteFunc(f, { value: (e) => this.calls(e) }));
    return own;
  }

  private add(stem: string, f: GraphFunc): string {
    const name = this.free(stem);
    this.made[name] = deferred(f);
    return name;
  }

  private free(stem: string): string {
    const taken = (n: string): boolean => Object.hasOwn(this.mod.funcs, n) || Object.hasOwn(this.made, n);
    let name = stem;
    for (let n = 1; taken(name); n++) name = `${stem}${n}`;
    return name;
  }
}

const deferred = (f: GraphFunc): GraphFunc =>
  graphFunc(f.params, f.body, { ...f.attrs, private: true, [DEFERRED]: true });

/** A function that waited, and what it calls, when its turn has come. */
export function undeferred(mod: IRModule, entry: string): IRModule {
  const funcs: Record<string, BaseFunc> = { ...mod.funcs };
  const seen = new Set<string>();
  const go = (name: string): void => {
    const f = funcs[name];
    if (f?.kind !== "graphFunc" || seen.has(name)) return;
    seen.add(name);
    if (isDeferred(f)) {
      const { [DEFERRED]: _, ...attrs } = f.attrs;
      funcs[name] = graphFunc(f.params, f.body, attrs);
    }
    for (const called of functionsCalled(f)) go(called);
  };
  go(entry);
  return Object.entries(funcs).some(([n, f]) => f !== mod.funcs[n]) ? irModule(funcs, mod.attrs) : mod;
}
