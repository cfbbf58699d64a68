/** Parameters: from specs to buffers, scalars and symbolic sizes. */
import { type Expression, parseExpressionAt } from "acorn";
import { buffer, constant, type Expr, isDType, type Param, type Var, variable } from "../../ir/index.ts";
import { ScriptError } from "../error.ts";
import type { Dim, ParamSpecs } from "../spec.ts";
import { expression } from "./expression.ts";
import { Scope } from "./scope.ts";

export interface Params {
  /** By name, in order. */
  readonly params: ReadonlyMap<string, Param>;
  /** Symbolic sizes by name, in the order of their first appearance. */
  readonly sizes: ReadonlyMap<string, Var>;
}

/** Throws plain TypeErrors, which the caller gives a place. */
export function makeParams(specs: ParamSpecs): Params {
  const params = new Map<string, Param>();
  const sizes = new Map<string, Var>();

  const scope = new Scope(undefined, {
    onUnknown: (name) => ({ kind: "size", v: declareSize(name) }),
  });
  const declareSize = (name: string, dtype: string = sizes.get(name)?.dtype ?? "i32"): Var => {
    if (!isDType(dtype) || (dtype !== "i32" && dtype !== "i64"))
      throw new TypeError(`size ${name}: ${dtype} is no dtype of sizes, only i32 and i64 are`);
    const p = params.get(name);
    if (p?.kind === "var") return p;
    if (p || Object.hasOwn(specs, name)) {
      throw new TypeError(
        `${name} is both a parameter and a symbolic size` +
          (specs[name].kind === "scalar"
            ? ": declare the scalar before the buffers whose shape it gives"
            : ""),
      );
    }
    const known = sizes.get(name);
    if (known && known.dtype !== dtype)
      throw new TypeError(`size ${name} is both ${known.dtype} and ${dtype}`);
    const v = known ?? variable(name, dtype);
    sizes.set(name, v);
    scope.declare(name, { kind: "size", v });
    return v;
  };

  const dim = (d: Dim, of: string): Expr => {
    if (typeof d === "number") return constant(d);
    const typed = /^\s*([\p{ID_Start}$_][\p{ID_Continue}$]*)\s*(?::\s*(\w+)\s*)?$/u.exec(d);
    if (typed) return declareSize(typed[1], typed[2]);
    return dimExpression(d, of, scope);
  };

  for (const [name, spec] of Object.entries(specs)) {
    if (spec.kind === "scalar") {
      const v = variable(name, spec.dtype);
      params.set(name, v);
      scope.declare(name, { kind: "scalar", v });
    } else if (spec.kind === "buffer") {
      const shape = spec.shape.map((d) => dim(d, name));
      const strides = spec.strides?.map((d) => dim(d, name));
      const made = buffer(name, shape, spec.dtype, spec.scope, strides);
      const { offsetFactor } = spec;
      params.set(name, offsetFactor === undefined ? made : { ...made, offsetFactor });
    } else {
      throw new TypeError(`parameter ${name}: declare it with T.buffer(shape, dtype) or T.scalar(dtype)`);
    }
  }
  return { params, sizes };
}

function dimExpression(text: string, of: string, scope: Scope): Expr {
  try {
    const e: Expression = parseExpressionAt(text, 0, { ecmaVersion: "latest", locations: true });
    if (text.slice(e.end).trim() !== "") throw new TypeError(`unexpected ${text.slice(e.end).trim()}`);
    const x = expression(e, { source: text, scope }, "i32");
    if (x.dtype !== "i32" && x.dtype !== "i64")
      throw new TypeError(`a size is an integer, this is ${x.dtype}`);
    return x;
  } catch (e) {
    const reason = e instanceof ScriptError ? e.reason : e instanceof Error ? e.message : String(e);
    throw new TypeError(`shape of ${of}, "${text}": ${reason}`, { cause: e });
  }
}
