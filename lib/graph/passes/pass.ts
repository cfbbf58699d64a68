/** What a pass is, and how passes are put together. */
import { type BaseFunc, type GraphFunc, type IRModule, irModule, type PrimFunc } from "../../ir/index.ts";

/** A named function from module to module. What it does not change keeps its identity. */
export interface Pass {
  readonly name: string;
  readonly run: (mod: IRModule) => IRModule;
}

/** A pass of one's own: `modulePass("myPass", (mod) => …)`. */
export const modulePass = (name: string, run: (mod: IRModule) => IRModule): Pass => ({ name, run });

/**
 * Functions with this attribute wait until sizes that depend on data are known (`splitAtSizes`): passes leave them as they
 * are, and so does everything that looks at one function after the other.
 */
export const DEFERRED = "deferred";

export const isDeferred = (f: BaseFunc): boolean => f.attrs[DEFERRED] === true;

/** A pass that looks at one graph-level function after the other. */
export function graphPass(name: string, run: (f: GraphFunc, mod: IRModule, name: string) => GraphFunc): Pass {
  return { name, run: (mod) => mapFuncs(mod, (f, n) => (f.kind === "graphFunc" ? run(f, mod, n) : f)) };
}

/** A pass that looks at one tensor program after the other. */
export function primPass(name: string, run: (f: PrimFunc, mod: IRModule, name: string) => PrimFunc): Pass {
  return { name, run: (mod) => mapFuncs(mod, (f, n) => (f.kind === "primFunc" ? run(f, mod, n) : f)) };
}

/** Sees each pass before and after it ran; `run` is what has to be called in between. */
export type PassHook = (pass: Pass, mod: IRModule, run: () => IRModule) => IRModule;

/** One pass after another, as one pass. `hook` sees each of them. */
export function sequential(passes: readonly Pass[], name = "sequential", hook?: PassHook): Pass {
  const run = (mod: IRModule): IRModule =>
    passes.reduce((m, p) => (hook ? hook(p, m, () => p.run(m)) : p.run(m)), mod);
  return { name, run };
}

/** The module with its functions rewritten; the module itself when none changed. */
export function mapFuncs(mod: IRModule, f: (func: BaseFunc, name: string) => BaseFunc): IRModule {
  let changed = false;
  const funcs: Record<string, BaseFunc> = {};
  for (const [name, func] of Object.entries(mod.funcs)) {
    funcs[name] = isDeferred(func) ? func : f(func, name);
    changed ||= funcs[name] !== func;
  }
  return changed ? irModule(funcs, mod.attrs) : mod;
}
