/**
 * Which iterations of parallel loops touch what another one writes, by running the program and writing down every access.
 * Nothing is derived: it is what the analyses of races are compared with.
 */
import { type Access, interpret } from "../../lib/codegen/index.ts";
import {
  childStmts,
  type For,
  loopsIn,
  type PrimFunc,
  rewriteStmt,
  type Stmt,
  visitStmt,
  withBody,
} from "../../lib/ir/index.ts";
import type { Tensor } from "../../lib/runtime/index.ts";

/** What happened at an element in one run of a loop. */
interface Seen {
  readonly iteration: number;
  /** What all have stored; undefined once somebody read, or stored another value. */
  value: Access["value"] | undefined;
  several: boolean;
  written: boolean;
}

/** Buffers that the loop alone uses and that are allocated in the program: each thread gets its own. */
function ownBuffers(f: PrimFunc, l: For): ReadonlySet<number> {
  const uses = (s: Stmt, skip?: For): Set<number> => {
    const out = new Set<number>();
    const walk = (x: Stmt): void => {
      if (x.kind === "for" && x.v.id === skip?.v.id) return;
      visitStmt(x, {
        stmt: (y) => {
          if (y.kind === "store") out.add(y.buffer.id);
          return y === x;
        },
        expr: (e) => void (e.kind === "load" && out.add(e.buffer.id)),
      });
      for (const c of childStmts(x)) walk(c);
    };
    walk(s);
    return out;
  };
  const outside = uses(f.body, l);
  for (const p of f.params) outside.add(p.id);
  return new Set([...uses(l)].filter((id) => !outside.has(id)));
}

/**
 * One line for each element that several iterations of a parallel loop use and one of them writes. Iterations that all store
 * the same value, and never read it, do no harm: a complete block may run more than once.
 */
export function racesOf(f: PrimFunc, args: readonly Tensor[]): string[] {
  const names = new Map<string, { readonly own: ReadonlySet<number>; readonly name: string }>();
  // Loops are known to accesses by their names, which need not be unique.
  let named = f;
  for (const [n, l] of loopsIn(f.body).entries()) {
    if (l.loopKind !== "parallel") continue;
    const name = `parallel ${n}`;
    names.set(name, { own: ownBuffers(f, l), name: l.v.name });
    const body = rewriteStmt(named.body, {
      stmt: (s) => (s.kind === "for" && s.v.id === l.v.id ? { ...s, v: { ...s.v, name } } : s),
    });
    named = withBody(named, body as PrimFunc["body"]);
  }
  const seen = new Map<string, Seen>();
  const found = new Set<string>();
  const note = (a: Access, isStore: boolean): void => {
    for (const [d, { name, value }] of a.loops.entries()) {
      const l = names.get(name);
      if (!l || l.own.has(a.buffer.id)) continue;
      const around = a.loops.slice(0, d).map((x) => x.value);
      const key = `${name}|${around}|${a.buffer.id}|${a.indices}`;
      const iteration = Number(value);
      const s = seen.get(key);
      if (!s) {
        seen.set(key, { iteration, several: false, written: isStore, value: isStore ? a.value : undefined });
        continue;
      }
      s.several ||= s.iteration !== iteration;
      s.written ||= isStore;
      if (!isStore || !Object.is(s.value, a.value)) s.value = undefined;
      if (s.several && s.written && s.value === undefined)
        found.add(`iterations of ${l.name} meet at ${a.buffer.name}[${a.indices}]`);
    }
  };
  interpret(named, args, { onLoad: (a) => note(a, false), onStore: (a) => note(a, true) });
  return [...found];
}
