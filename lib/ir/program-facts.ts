import type { PrimFunc } from "./func.ts";

/**
 * What was found out about programs, or made of them, each once: programs never change, and when a model is compiled for
 * other sizes most of them are the same objects again. Facts go with the program.
 */
export class ProgramFacts<V> {
  private readonly known = new WeakMap<PrimFunc, Map<string, V>>();

  /** The fact about a program, or about a program and what `key` says. */
  of(f: PrimFunc, find: () => V, key = ""): V {
    const own = this.known.get(f) ?? new Map<string, V>();
    this.known.set(f, own);
    if (own.has(key)) return own.get(key) as V;
    const found = find();
    own.set(key, found);
    return found;
  }
}
