/** Walking and rewriting graph-level programs; the counterpart of walk.ts. */
import type { Expr } from "./expr.ts";
import {
  type BindingBlock,
  type GraphBinding,
  type GraphBody,
  type GraphExpr,
  type GraphFunc,
  type GraphType,
  type GraphVar,
  graphFunc,
} from "./graph.ts";
import { mapSame, unreachable } from "./walk.ts";

export interface GraphMaps {
  /** Applied to the direct operands of a value. */
  readonly expr: (e: GraphExpr) => GraphExpr;
  /** Applied to the branches of an if. */
  readonly body?: (b: GraphBody) => GraphBody;
  /** Applied to sizes, in types too. */
  readonly size?: (e: Expr) => Expr;
}

/** The type with its sizes rewritten; the same object when none changes. */
export function mapType<Ty extends GraphType>(t: Ty, size: (e: Expr) => Expr): Ty;
export function mapType(t: GraphType, size: (e: Expr) => Expr): GraphType {
  switch (t.kind) {
    case "tensor": {
      const shape = mapSame(t.shape, size);
      return shape === t.shape ? t : { ...t, shape };
    }
    case "tuple": {
      const fields = mapSame(t.fields, (f) => mapType(f, size));
      return fields === t.fields ? t : { ...t, fields };
    }
    case "shape":
      return t;
    default:
      return unreachable(t);
  }
}

/** Rebuilds a value from its rewritten children; the value itself when no child changed. Does not recurse. */
export function mapGraphExpr(e: GraphExpr, m: GraphMaps): GraphExpr {
  const size = m.size ?? same;
  const body = m.body ?? same;
  const type = mapType(e.type, size);
  const kept = type === e.type;
  switch (e.kind) {
    case "graphVar":
    case "constant":
      return kept ? e : ({ ...e, type } as GraphExpr);
    case "shapeLiteral": {
      const values = mapSame(e.values, size);
      return values === e.values ? e : { ...e, values };
    }
    case "tupleExpr": {
      const fields = mapSame(e.fields, m.expr);
      if (fields === e.fields && kept) return e;
      return { ...e, fields, type: { kind: "tuple", fields: fields.map((f) => f.type) } };
    }
    case "tupleGet": {
      const tuple = m.expr(e.tuple);
      return tuple === e.tuple && kept ? e : { ...e, tuple, type };
    }
    case "opCall":
    case "callFunc": {
      const args = mapSame(e.args, m.expr);
      return args === e.args && kept ? e : ({ ...e, args, type } as GraphExpr);
    }
    case "callTir": {
      const args = mapSame(e.args, m.expr);
      const tirVars = mapSame(e.tirVars, size);
      const into = e.into && mapSame(e.into, m.expr);
      if (args === e.args && tirVars === e.tirVars && into === e.into && kept) return e;
      return { ...e, args, tirVars, ...(into ? { into } : {}), type };
    }
    case "callPacked": {
      const args = mapSame(e.args, m.expr);
      const into = e.into && mapSame(e.into, m.expr);
      if (args === e.args && into === e.into && kept) return e;
      return { ...e, args, ...(into ? { into } : {}), type };
    }
    case "graphIf": {
      const cond = m.expr(e.cond);
      const then = body(e.then);
      const other = body(e.else);
      if (cond === e.cond && then === e.then && other === e.else && kept) return e;
      return { ...e, cond, then, else: other, type };
    }
    case "graphLoop": {
      const trip = e.trip && m.expr(e.trip);
      const cond = e.cond && m.expr(e.cond);
      const carried = mapSame(e.carried, m.expr);
      const captured = mapSame(e.captured, m.expr);
      if (trip === e.trip && cond === e.cond && carried === e.carried && captured === e.captured && kept)
        return e;
      return {
        ...e,
        ...(trip ? { trip } : {}),
        ...(cond ? { cond } : {}),
        carried,
        captured,
        type: type as never,
      };
    }
    default:
      return unreachable(e);
  }
}

/** The direct operands of a value, in order; not those inside the branches of an if. */
export function graphOperands(e: GraphExpr): readonly GraphExpr[] {
  switch (e.kind) {
    case "graphVar":
    case "constant":
    case "shapeLiteral":
      return [];
    case "tupleExpr":
      return e.fields;
    case "tupleGet":
      return [e.tuple];
    case "opCall":
    case "callFunc":
      return e.args;
    case "callTir":
    case "callPacked":
      return e.into ? [...e.args, ...e.into] : e.args;
    case "graphIf":
      return [e.cond];
    case "graphLoop":
      return [...(e.trip ? [e.trip] : []), ...(e.cond ? [e.cond] : []), ...e.carried, ...e.captured];
    default:
      return unreachable(e);
  }
}

/** Calls `f` on a value and all below it, parents first, into the branches of ifs too. */
export function visitGraphExpr(e: GraphExpr, f: (e: GraphExpr) => void): void {
  f(e);
  for (const x of graphOperands(e)) visitGraphExpr(x, f);
  if (e.kind === "graphIf") {
    visitGraphBody(e.then, f);
    visitGraphBody(e.else, f);
  }
}

/** Calls `f` on every value of a body, in program order. */
export function visitGraphBody(b: GraphBody, f: (e: GraphExpr) => void): void {
  for (const x of bindingsOf(b)) visitGraphExpr(x.value, f);
  visitGraphExpr(b.result, f);
}

/** The bindings of all blocks of a body, in order. */
export const bindingsOf = (b: GraphBody): GraphBinding[] => b.blocks.flatMap((x) => [...x.bindings]);

/** The binding with another value; itself when the value is the same. */
export const withValue = (b: GraphBinding, value: GraphExpr): GraphBinding =>
  value === b.value ? b : { ...b, value };

/** The variables a binding defines. */
export const definedBy = (b: GraphBinding): readonly GraphVar[] => (b.kind === "tensorToShape" ? [] : [b.v]);

/** Rewrites every value of a body by `f` (not below it) and the result; unchanged parts keep their identity. */
export function mapBody(b: GraphBody, f: (e: GraphExpr) => GraphExpr): GraphBody {
  const blocks = mapSame(b.blocks, (block): BindingBlock => {
    const bindings = mapSame(block.bindings, (x) => withValue(x, f(x.value)));
    return bindings === block.bindings ? block : { ...block, bindings };
  });
  const result = f(b.result);
  return blocks === b.blocks && result === b.result ? b : { blocks, result };
}

/** The function with another body; the same object when nothing changes. */
export function withGraphBody(f: GraphFunc, body: GraphBody): GraphFunc {
  return body === f.body ? f : graphFunc(f.params, body, f.attrs);
}

const same = <X>(x: X): X => x;
