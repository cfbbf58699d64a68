/** Calls whose sizes are known only when the program runs: the tail of a function that is specialised then. */

import {
  bindingsOf,
  type CallFunc,
  constInt,
  type GraphBinding,
  type GraphBody,
  type GraphExpr,
  type GraphFunc,
  type GraphLoop,
  type IRModule,
  outputTypes,
} from "../../ir/index.ts";
import type { VmLate } from "../vm-code.ts";
import { isDeferred } from "./pass.ts";
import type { FunctionValues } from "./vm-values.ts";

/** A function's last call, whose sizes its arguments tell. Bindings from `at` on are part of it. */
export interface Tail {
  readonly at: number;
  readonly call: CallFunc;
  readonly late?: { readonly value: GraphExpr; readonly name: string };
}

/** The call of a deferred function that the function ends with, and before it what tells its sizes. */
export function deferredTail(
  f: GraphFunc,
  mod: IRModule,
  bindings: readonly GraphBinding[],
): Tail | undefined {
  const { result } = f.body;
  // What comes after the call gives memory back; the end of the function does.
  const at = bindings.findLastIndex((b) => isDeferredCall(mod, b.value));
  const b = bindings[at];
  if (!b || b.kind === "tensorToShape" || b.value.kind !== "callFunc") return undefined;
  if (result.kind !== "graphVar" || result.id !== b.v.id) return undefined;
  const before = boundAt(bindings, b.value.args.at(-1));
  const late = bindings[before];
  if (!late || late.kind === "tensorToShape" || !isLate(mod, late.value)) return { at, call: b.value };
  return { at: before, call: b.value, late: { value: late.value, name: late.v.name } };
}

function isDeferredCall(mod: IRModule, e: GraphExpr): e is CallFunc | GraphLoop {
  const callee = e.kind === "callFunc" || e.kind === "graphLoop" ? mod.funcs[e.func] : undefined;
  return callee !== undefined && isDeferred(callee);
}

function isLate(mod: IRModule, e: GraphExpr): boolean {
  if (e.kind !== "graphIf") return isDeferredCall(mod, e);
  return bindingsOf(e.then).some((b) => isDeferredCall(mod, b.value));
}

/** What tells the sizes of the call behind it. */
export function lateCall(mod: IRModule, values: FunctionValues, e: GraphExpr, node: string): VmLate {
  switch (e.kind) {
    case "callFunc":
      return { kind: "call", func: e.func, args: e.args.flatMap((a) => values.read(a)) };
    case "graphIf": {
      const branch = (b: GraphBody): VmLate => {
        const call = bindingsOf(b).find((x) => isDeferredCall(mod, x.value));
        return call
          ? lateCall(mod, values, call.value, node)
          : values.refuse(`a branch of ${node} is no call`);
      };
      const [cond] = values.read(e.cond);
      // biome-ignore lint/suspicious/noThenProperty: the data has two branches
      return { kind: "if", cond, then: branch(e.then), else: branch(e.else) };
    }
    case "graphLoop": {
      const scanned = outputTypes(e.type).slice(e.carried.flatMap((x) => outputTypes(x.type)).length);
      const rows = scanned.map(({ dtype, shape }) => ({
        dtype,
        shape: shape.slice(1).map((s) => constInt(s) ?? -1),
      }));
      return { kind: "loop", func: e.func, ...values.loopSlots(e), scanned: rows, node };
    }
    default:
      return values.refuse(`${node} is a ${e.kind}, which is not run for its sizes`);
  }
}

/** Where the value that a variable stands for is bound, behind casts and other names; -1 where it is none of these. */
function boundAt(bindings: readonly GraphBinding[], e: GraphExpr | undefined): number {
  const at =
    e?.kind === "graphVar" ? bindings.findIndex((b) => b.kind !== "tensorToShape" && b.v.id === e.id) : -1;
  const value = bindings[at]?.value;
  return value?.kind === "graphVar" ? boundAt(bindings, value) : at;
}
