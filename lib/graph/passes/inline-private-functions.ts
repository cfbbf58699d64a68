/** inlinePrivateFunctions: the bodies of functions that only this module calls stand where they are called. */

import { freshenGraphFunc } from "../../ir/graph-freshen.ts";
import {
  type BaseFunc,
  bindingsOf,
  type CallFunc,
  type GraphBody,
  type GraphExpr,
  type GraphFunc,
  type IRModule,
  irModule,
} from "../../ir/index.ts";
import { entriesOf } from "./dead-code.ts";
import { isDeferred, type Pass } from "./pass.ts";
import { type Place, type Replacements, rewriteBody, rewriteFunc } from "./rewrite.ts";
import { boundSize, type SizeMap, unifyTypes } from "./unify.ts";
import { functionsCalled } from "./uses.ts";

/**
 * Calls of graph-level functions become their bodies, with fresh names, what the caller gives in the place of parameters,
 * and its sizes in that of theirs. Functions that are called from outside (`entry`; without it as in
 * `deadCodeElimination`) are callers only; groups (`Primitive`, `Composite`, `Codegen`), bodies of loops and functions that
 * call themselves stay calls. What nobody calls any more goes.
 */
export function inlinePrivateFunctions(entry?: readonly string[]): Pass {
  return { name: "inlinePrivateFunctions", run: (mod) => inlined(mod, new Set(entriesOf(mod, entry))) };
}

function inlined(mod: IRModule, entries: ReadonlySet<string>): IRModule {
  const done = new Map<string, BaseFunc>();
  /** Functions that are being worked on: one that comes again calls itself. */
  const open = new Set<string>();
  const gone = new Set<string>();
  const finish = (name: string): BaseFunc | undefined => {
    const known = done.get(name);
    const f = mod.funcs[name];
    if (known || !f || open.has(name)) return known;
    open.add(name);
    const made =
      f.kind === "graphFunc" && !isGroup(f)
        ? rewriteFunc(f, {
            value: (e, at) => {
              if (e.kind !== "callFunc" || entries.has(e.func)) return e;
              const callee = finish(e.func);
              if (callee?.kind !== "graphFunc" || isGroup(callee) || callsItself(mod, e.func)) return e;
              gone.add(e.func);
              return bodyAt(callee, e, at);
            },
          })
        : f;
    open.delete(name);
    done.set(name, made);
    return made;
  };
  const funcs = Object.fromEntries(Object.keys(mod.funcs).map((n) => [n, finish(n) as BaseFunc]));
  if (gone.size === 0) return mod;
  const kept = Object.entries(funcs).filter(([name]) => !gone.has(name));
  // What a loop runs, or a function that was not reached through an entry calls, is still needed.
  const called = new Set(kept.flatMap(([, f]) => (f.kind === "graphFunc" ? [...functionsCalled(f)] : [])));
  const left = Object.entries(funcs).filter(([name]) => !gone.has(name) || called.has(name));
  return irModule(Object.fromEntries(left), mod.attrs);
}

const isGroup = (f: GraphFunc): boolean =>
  isDeferred(f) || [f.attrs.Primitive, f.attrs.Composite, f.attrs.Codegen].some(Boolean);

/** Whether a function can come to itself again, by whatever way. */
function callsItself(mod: IRModule, name: string): boolean {
  const seen = new Set<string>();
  const todo = [name];
  while (todo.length > 0) {
    const f = mod.funcs[todo.pop() as string];
    for (const next of f?.kind === "graphFunc" ? functionsCalled(f) : []) {
      if (next === name) return true;
      if (!seen.has(next)) todo.push(next);
      seen.add(next);
    }
  }
  return false;
}

/** Puts the bindings of a function before the call; gives what stands for the call. */
function bodyAt(callee: GraphFunc, call: CallFunc, at: Place): GraphExpr {
  const fresh = freshenGraphFunc(callee);
  const sizes: SizeMap = new Map();
  const env: Replacements = new Map();
  fresh.params.forEach((p, i) => {
    const arg = call.args[i] as GraphExpr;
    unifyTypes("inlinePrivateFunctions", p.type, arg.type, sizes);
    env.set(p.id, arg.kind === "graphVar" || arg.kind === "constant" ? arg : at.emit(arg, p.name));
  });
  const body: GraphBody = rewriteBody(fresh.body, { size: (e) => boundSize(e, sizes) }, env);
  at.splice([...bindingsOf(body)]);
  return body.result;
}
