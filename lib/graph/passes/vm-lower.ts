/** vmLower: functions whose memory is planned become instructions of the virtual machine. */

import type { IRModule } from "../../ir/index.ts";
import { refuseGraph } from "../error.ts";
import type { VmFunction, VmProgram } from "../vm-code.ts";
import { FunctionLowering } from "./vm-function.ts";
import { SharedConstants, WHERE } from "./vm-values.ts";

/**
 * The code of a function and of all that it calls. Every size must be a number by now or have a bound, every operator be a
 * tensor program, and every output be allocated. Throws a GraphError that names the value where that is not so, and for recursion.
 */
export function vmLower(mod: IRModule, entry: readonly string[]): VmProgram {
  const shared = new SharedConstants();
  const functions: Record<string, VmFunction> = {};
  const running = new Set<string>();
  const lower = (name: string): void => {
    if (Object.hasOwn(functions, name)) return;
    const f = mod.funcs[name];
    if (f?.kind !== "graphFunc") return refuseGraph(WHERE, `no graph-level function ${name}`);
    if (running.has(name)) refuseGraph(WHERE, `${name} calls itself`);
    running.add(name);
    functions[name] = new FunctionLowering(name, f, mod, shared, lower).run();
    running.delete(name);
  };
  for (const name of entry) lower(name);
  return { functions, constants: shared.list };
}
