/** The interpreter as a target: slow, exact, and it checks every access. */
import { type Argument, compileInterpreter } from "../codegen/index.ts";
import { getPrimFunc, type IRModule, primFuncs } from "../ir/index.ts";
import type { Backend } from "./backend.ts";

export function interpreterBackend(mod: IRModule): Backend {
  const compiled = new Map<string, ReturnType<typeof compileInterpreter>>();
  return {
    target: "interpreter",
    threads: () => ({ count: 1, reason: "the interpreter runs all loops serially" }),
    prepare(name, args) {
      let run = compiled.get(name);
      if (!run) {
        run = compileInterpreter(getPrimFunc(mod, name), { name, functions: primFuncs(mod) });
        compiled.set(name, run);
      }
      const ready = run;
      return () => ready(args as readonly Argument[]);
    },
    source() {
      throw new Error(`the interpreter generates no code; build with { target: "wasm" }`);
    },
  };
}
