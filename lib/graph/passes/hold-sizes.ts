/** holdSizes: a function whose sizes only its data decides becomes one that can be compiled as a whole. */

import { simplify } from "../../arith/index.ts";
import {
  constInt,
  type Expr,
  type GraphBinding,
  type GraphExpr,
  type GraphType,
  type GraphVar,
  graphVar,
  type IRModule,
  type OpCall,
  ops,
  outputTypes,
  type Ranges,
  shapeLiteral,
  type TensorType,
  variable,
} from "../../ir/index.ts";
import { refuseGraph } from "../error.ts";
import { callOp, inferAgain } from "../registry.ts";
import { product, sameShape, sameSize, withShape } from "../shape.ts";
import { withCountBounds } from "./count-bounds.ts";
import { sizeRule } from "./open-sizes.ts";
import { mapFuncs, type Pass } from "./pass.ts";
import { type Place, rewriteFunc } from "./rewrite.ts";
import { sizeBounds } from "./size-bounds.ts";

/**
 * Instead of splitAtSizes, where nothing can be compiled once the sizes are known. Sizes that have to agree for an operator
 * to mean anything are asserted before it (matchCast); sizes that are no simple expressions of others, such as those of a
 * slice that is held inside its operand, get names of their own. Throws a GraphError that names the value and the operator
 * where an operator cannot be compiled for open sizes.
 */
export const holdSizes: Pass = {
  name: "holdSizes",
  run: (mod: IRModule) =>
    mapFuncs(mod, (given) => {
      if (given.kind !== "graphFunc" || given.attrs.Primitive) return given;
      const f = withCountBounds(given);
      const ranges = sizeBounds(f);
      const scopes: Map<string, Expr>[] = [];
      return rewriteFunc(f, {
        enter: () => {
          scopes.push(new Map(scopes.at(-1)));
        },
        leave: () => {
          scopes.pop();
        },
        value: (e, at) => new Holder(at, scopes.at(-1) ?? new Map(), ranges).value(e),
      });
    }),
};

const isOpen = (s: Expr): boolean => constInt(s) === undefined;
const openLiteral = (args: readonly GraphExpr[]): boolean =>
  args.some((a) => a.kind === "shapeLiteral" && a.values.some(isOpen));
const anyOpen = (t: GraphType): boolean => outputTypes(t).some((x) => x.shape.some(isOpen));

/** Whether a size is a sum of products: what other passes prove things about. */
function isPlain(e: Expr): boolean {
  if (e.kind === "var" || e.kind === "const") return true;
  return e.kind === "binary" && ["add", "sub", "mul"].includes(e.op) && isPlain(e.a) && isPlain(e.b);
}

/** Works on one binding's value. */
class Holder {
  private readonly at: Place;
  /** Names that were given to sizes, by what they are. */
  private readonly names: Map<string, Expr>;
  private readonly ranges: Ranges;

  constructor(at: Place, names: Map<string, Expr>, ranges: Ranges) {
    this.at = at;
    this.names = names;
    this.ranges = ranges;
  }

  value(given: GraphExpr): GraphExpr {
    const e = this.typed(given);
    if (this.at.binding.kind !== "bind" || e.type.kind !== "tensor") return e;
    if (e.kind !== "opCall" && e.kind !== "tupleGet") return e;
    return this.named(e, e.type);
  }

  private typed(e: GraphExpr): GraphExpr {
    if (e.kind === "tupleGet") {
      const { type } = e.tuple;
      return type.kind === "tuple" ? { ...e, type: type.fields[e.index] } : e;
    }
    if (e.kind !== "opCall") return e;
    const open = anyOpen(e.type) || e.args.some((a) => anyOpen(a.type));
    if (!open) return e;
    const args = this.held(e);
    return inferAgain(args.every((a, i) => a === e.args[i]) ? e : { ...e, args });
  }

  /** The value under a type whose sizes have names. */
  private named(e: GraphExpr, t: TensorType): GraphExpr {
    const shape = t.shape.map((s) => (isPlain(s) ? s : this.nameOf(s)));
    return shape.every((s, d) => s === t.shape[d]) ? e : this.cast(this.at.emit(e), shape);
  }

  private nameOf(size: Expr): Expr {
    // What is known of a count makes most of them the count itself.
    const s = simplify(size, this.ranges);
    if (isPlain(s)) return s;
    const key = JSON.stringify(s);
    const known = this.names.get(key) ?? variable("size");
    this.names.set(key, known);
    return known;
  }

  /** The value, of which is asserted that it has this shape. */
  private cast(x: GraphExpr, shape: readonly Expr[]): GraphVar {
    const v = graphVar("held", withShape(x.type as TensorType, shape));
    const b: GraphBinding = { kind: "matchCast", v, value: x };
    this.at.splice([b]);
    return v;
  }

  private refuse(e: OpCall, reason: string): never {
    const { binding } = this.at;
    const name = binding.kind === "tensorToShape" ? "a size" : binding.v.name;
    return refuseGraph("holdSizes", `${name} (${e.op}): ${reason}`);
  }

  /** The arguments, with what the operator asks of their sizes asserted. */
  private held(e: OpCall): readonly GraphExpr[] {
    const rule = sizeRule(e.op) ?? this.refuse(e, "it is not compiled for sizes that only the data decides");
    const { args } = e;
    const type = (i: number): TensorType => args[i].type as TensorType;
    const axis = (rank: number): number => {
      const a = Number(e.attrs.axis ?? 0);
      return a < 0 ? a + rank : a;
    };
    switch (rule) {
      case "free":
        return args;
      case "broadcast": {
        const rank = Math.max(...args.map((_, i) => type(i).shape.length));
        const aligned = this.agreed(args, rank);
        return args.map((a, i) => this.having(a, aligned.slice(rank - type(i).shape.length)));
      }
      case "concat": {
        const tuple = args[0];
        if (tuple.kind !== "tupleExpr") return this.refuse(e, "its operands are no list");
        const [first] = outputTypes(tuple.type);
        const at = axis(first.shape.length);
        const fields = tuple.fields.map((x) => {
          const own = (x.type as TensorType).shape;
          return this.having(
            x,
            first.shape.map((s, d) => (d === at ? own[d] : s)),
            false,
          );
        });
        return fields.every((x, i) => x === tuple.fields[i])
          ? args
          : [{ ...tuple, fields, type: { kind: "tuple", fields: fields.map((x) => x.type) } }];
      }
      case "matmul":
        return this.matmul(e);
      case "count":
        return [this.counted(args[0], outputTypes(inferAgain(e).type)[0].shape), ...args.slice(1)];
      case "expand": {
        const [to] = outputTypes(e.type);
        const lead = to.shape.length - type(0).shape.length;
        return [this.having(args[0], to.shape.slice(lead)), ...args.slice(1)];
      }
      case "position": {
        const { shape } = type(0);
        const axes = e.attrs.axis === null ? shape.map((_, d) => d) : [axis(shape.length)];
        return [this.atLeast(args[0], axes, ops.toExpr(1)), ...args.slice(1)];
      }
      case "indexed": {
        const { shape } = type(0);
        const some = ops.min(product(type(1).shape), 1);
        return [this.atLeast(args[0], [axis(shape.length)], some), ...args.slice(1)];
      }
      case "lookup":
        return anyOpen(args[0].type) ? this.refuse(e, "what it takes from must have known sizes") : args;
      case "unit": {
        const { shape } = type(0);
        const given = e.attrs.axis === null ? [] : [e.attrs.axis as number | number[]].flat();
        const axes = given.map((a) => (a < 0 ? a + shape.length : a));
        const to = shape.map((s, d) => (axes.includes(d) ? ops.toExpr(1) : s));
        return [this.having(args[0], to, false), ...args.slice(1)];
      }
      case "along": {
        const { shape } = type(0);
        const own = e.attrs.axis === null ? shape : [shape[axis(shape.length)]];
        return own.some(isOpen) || openLiteral(args)
          ? this.refuse(e, "the size of its axis must be known beforehand")
          : args;
      }
      case "constantPad":
        return e.attrs.mode === "constant" && !openLiteral(args)
          ? args
          : this.refuse(e, "it pads sizes that only the data decides with a constant, and in no other way");
      case "batch": {
        const open = args.flatMap((a, i) =>
          outputTypes(a.type).flatMap((t) => t.shape.flatMap((s, d) => (isOpen(s) ? [[i, d]] : []))),
        );
        if (openLiteral(args) || open.some(([i, d]) => i !== 0 || d !== 0))
          this.refuse(
            e,
            "only the first axis of its first operand may have a size that is not known beforehand",
          );
        return args;
      }
    }
  }

  /** The shape that operands which are aligned at the end agree on. */
  private agreed(args: readonly GraphExpr[], rank: number): Expr[] {
    const out: Expr[] = Array.from({ length: rank }, () => ops.toExpr(1));
    for (const a of args) {
      const { shape } = a.type as TensorType;
      shape.forEach((s, i) => {
        const d = rank - shape.length + i;
        const now = constInt(out[d]);
        if (now === 1 || (now === undefined && constInt(s) !== undefined && constInt(s) !== 1)) out[d] = s;
      });
    }
    return out;
  }

  /** The value with those sizes, but for sizes that are 1 (with `ones`): asserted where that is not plain to see. */
  private having(x: GraphExpr, shape: readonly Expr[], ones = true): GraphExpr {
    const own = (x.type as TensorType).shape;
    const to = own.map((s, d) => ((ones && constInt(s) === 1) || sameSize(s, shape[d]) ? s : shape[d]));
    if (to.every((s, d) => s === own[d])) return x;
    // Two numbers that differ are the operator's to refuse.
    if (to.some((s, d) => s !== own[d] && !isOpen(s) && !isOpen(own[d]))) return x;
    return this.cast(x, to);
  }

  private counted(x: GraphExpr, shape: readonly Expr[]): GraphExpr {
    const own = x.type as TensorType;
    const [a, b] = [product(own.shape), product(shape)];
    if (sameSize(a, b)) return x;
    const line = this.at.emit(callOp("reshape", [x, shapeLiteral([a])]));
    const held = this.cast(line, [b]);
    // Under the shape it had, so that the operator is what it was; both are views.
    return sameShape(own.shape, [a]) ? held : this.at.emit(callOp("reshape", [held, shapeLiteral([b])]));
  }

  /** The value, with at least so many elements along these axes. */
  private atLeast(x: GraphExpr, axes: readonly number[], least: Expr): GraphExpr {
    const own = (x.type as TensorType).shape;
    const open = axes.filter((d) => isOpen(own[d]) || isOpen(least));
    if (open.every((d) => (constInt(own[d]) ?? 0) > 0)) return x;
    const asserted = this.cast(
      x,
      own.map((s, d) => (open.includes(d) ? ops.max(s, least) : s)),
    );
    return this.cast(asserted, own);
  }

  private matmul(e: OpCall): readonly GraphExpr[] {
    const [a, b] = e.args;
    const [p, q] = [a, b].map((x) => [...(x.type as TensorType).shape]);
    const columns = p.length - 1;
    const rows = Math.max(0, q.length - 2);
    // The number is the better name of the two.
    if (isOpen(q[rows]) && !isOpen(p[columns])) q[rows] = p[columns];
    else p[columns] = q[rows];
    const [left, right] = [p.slice(0, -2), q.slice(0, -2)];
    const rank = Math.max(left.length, right.length);
    for (let i = 1; i <= rank; i++) {
      const [s, t] = [left.at(-i), right.at(-i)];
      if (s === undefined || t === undefined || constInt(s) === 1 || constInt(t) === 1) continue;
      if (isOpen(t)) q[right.length - i] = s;
      else p[left.length - i] = t;
    }
    return [this.having(a, p, false), this.having(b, q, false), ...e.args.slice(2)];
  }
}
