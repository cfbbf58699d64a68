/** One function: parameters, workspace, body. */
import { type Expr, ops, type PrimFunc, type Stmt, type Var } from "../../ir/index.ts";
import { hasParallel } from "../lower/parallel.ts";
import { planStorage } from "../lower/storage.ts";
import { symbolicSizes } from "../size.ts";
import type { CodeOptions, Context } from "./context.ts";
import { emitFunction, type FunctionCode } from "./emit.ts";
import { Graph, type Local } from "./graph.ts";
import { allocateRegisters, placeSlots } from "./places.ts";
import { REPR } from "./scalar.ts";
import { scalarValue } from "./scalar-expr.ts";
import { statement } from "./stmt.ts";

export interface GeneratedFunction {
  readonly code: FunctionCode;
  readonly sizes: readonly Var[];
  /** Bytes of workspace, in terms of `sizes`. */
  readonly workspace: Expr;
}

/** Code for a function whose body is already lowered to `body`. */
export function generateFunction(
  name: string,
  f: PrimFunc,
  body: Stmt,
  options: CodeOptions,
): GeneratedFunction {
  const g = new Graph(options.relaxedSimd);
  const c: Context = {
    g,
    options,
    vars: new Map(),
    known: new Map(),
    ranges: new Map(),
    places: new Map(),
    registers: new Map(),
    loops: [],
    vectorVars: new Map(),
    scalar: (e) => scalarValue(c, e),
  };
  const params: Local[] = [];
  const parameter = (v: string, type: Local["type"]) => {
    const local = g.local(type, v);
    params.push(local);
    return g.get(local);
  };
  for (const p of f.params) {
    if (p.kind === "var") c.vars.set(p.id, parameter(p.name, REPR[p.dtype]));
    else c.places.set(p.id, { base: parameter(p.name, "i32"), offset: 0 });
  }
  const sizes = symbolicSizes(f);
  for (const v of sizes) {
    const value = parameter(v.name, "i32");
    c.vars.set(v.id, v.dtype === "i64" ? g.make("i64.extend_i32_s", [value]) : value);
    c.ranges.set(v.id, { min: 0, max: Number.POSITIVE_INFINITY });
  }
  const workspace = parameter("workspace", "i32");
  allocateRegisters(c, body);
  const storage = planStorage(body, (b) => c.registers.has(b.id), options.threads);
  placeSlots(c, storage.slots, workspace);
  if (hasParallel(body)) {
    c.spread = {
      storage,
      workspace,
      environment: g.make("i32.add", [workspace, c.scalar(storage.size)]),
      bodies: options.bodies,
      name: (index) => free(`${name}.parallel${index}`, options),
      environmentBytes: 0,
    };
  }
  statement(c, body);
  return {
    code: emitFunction(name, params, g.pop().nodes),
    sizes,
    workspace: ops.add(storage.size, c.spread?.environmentBytes ?? 0),
  };
}

/** The name, or one like it, that no function of the program has. */
const free = (name: string, o: CodeOptions): string => (o.isTaken(name) ? free(`${name}_`, o) : name);
