/** The tensor programs of several entry points together. */
import { type PrimFunc, structuralEqual } from "../ir/index.ts";

/** Programs under names that differ; equal ones once. */
export class Programs {
  readonly funcs: Record<string, PrimFunc> = {};

  /** The name that the program has here. */
  put(name: string, f: PrimFunc): string {
    for (let n = 0; ; n++) {
      const free = n === 0 ? name : `${name}_${n}`;
      if (!Object.hasOwn(this.funcs, free)) this.funcs[free] = f;
      else if (!structuralEqual(this.funcs[free], f)) continue;
      return free;
    }
  }
}
