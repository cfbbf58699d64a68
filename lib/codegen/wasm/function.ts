/** One function: parameters, workspace, body. */
import { type Expr, ops, type PrimFunc, type Stmt, type Var } from "../../ir/index.ts";
import { planRegisters } from "../lower/registers.ts";
import { allocations, planStorage } from "../lower/storage.ts";
import { symbolicSizes } from "../size.ts";
import type { CodeOptions, Context } from "./context.ts";
import { emitFunction, type FunctionCode } from "./emit.ts";
import { Graph, type Local } from "./graph.ts";
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
  for (const [id, plan] of planRegisters(body)) {
    const b = allocations(body).find((x) => x.id === id);
    const type = plan.lanes > 1 ? "v128" : REPR[b?.dtype ?? "f32"];
    const locals = Array.from({ length: plan.count }, (_, i) => g.local(type, `${b?.name ?? "r"}.${i}`));
    c.registers.set(id, { lanes: plan.lanes, locals, used: plan.used });
  }
  const storage = planStorage(body, (b) => c.registers.has(b.id));
  for (const { buffer, offset } of storage.slots) {
    const bytes = c.scalar(offset);
    const constant = bytes.op === "i32.const" ? (bytes.imm as number) : undefined;
    const place =
      constant === undefined
        ? { base: g.make("i32.add", [workspace, bytes]), offset: 0 }
        : { base: workspace, offset: constant };
    c.places.set(buffer.id, place);
  }
  statement(c, body);
  return {
    code: emitFunction(name, params, g.pop().nodes),
    sizes,
    workspace: ops.add(storage.size, 0),
  };
}
