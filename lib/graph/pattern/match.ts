/** Matching patterns. */
import {
  type Attrs,
  constInt,
  type GraphExpr,
  type GraphVar,
  graphOperands,
  structuralEqual,
} from "../../ir/index.ts";
import type { Bindings } from "./bindings.ts";
import type { Pattern, PatternNode, Properties } from "./pattern.ts";

export interface Match {
  /** What a pattern matched, as it stands in the program: a leaf, or the value that matching began at. */
  get(p: Pattern): GraphExpr;
  /** The same where the pattern may be one that was not needed (in `or`, in `optional`). */
  find(p: Pattern): GraphExpr | undefined;
  /** The value behind what a pattern matched: of a variable, what is bound to it. */
  value(p: Pattern): GraphExpr;
  /** Variables whose values are part of the match (those below wildcards are not), innermost first. */
  readonly inner: readonly GraphVar[];
}

/**
 * Matches a value, looking through variables by `bindings`. Returns undefined where it does not match. Alternatives are
 * tried in order and taken back where the rest fails; commutative operators match in the written order alone (use `or`).
 */
export function matchExpr(pattern: Pattern, e: GraphExpr, bindings: Bindings): Match | undefined {
  const m = new Matcher(bindings);
  return m.match(pattern, e, () => true) ? m.result() : undefined;
}

/** Matching in the style of continuations: `then` is the rest of the work, and what it refuses is tried otherwise. */
class Matcher {
  private readonly bindings: Bindings;
  private readonly captures = new Map<Pattern, GraphExpr>();
  private readonly inner = new Map<number, GraphVar>();

  constructor(bindings: Bindings) {
    this.bindings = bindings;
  }

  result(): Match {
    const captures = new Map(this.captures);
    const { bindings } = this;
    const get = (p: Pattern): GraphExpr => {
      const e = captures.get(p);
      if (!e) throw new TypeError("this pattern is not part of what matched: ask with find");
      return e;
    };
    const value = (p: Pattern): GraphExpr => {
      const e = get(p);
      return (e.kind === "graphVar" ? bindings.valueOf(e) : undefined) ?? e;
    };
    return { get, find: (p) => captures.get(p), value, inner: [...this.inner.values()].reverse() };
  }

  match(p: Pattern, e: GraphExpr, then: () => boolean): boolean {
    const known = this.captures.get(p);
    if (known) return sameValue(known, e) && then();
    this.captures.set(p, e);
    if (this.form(p, e, then)) return true;
    this.captures.delete(p);
    return false;
  }

  private form(p: Pattern, e: GraphExpr, then: () => boolean): boolean {
    const n = p.node;
    switch (n.kind) {
      case "wildcard":
        return then();
      case "const":
        return e.kind === "constant" && then();
      case "param":
        return e.kind === "graphVar" && this.bindings.valueOf(e) === undefined && then();
      case "or":
        return n.sides.some((side) => this.match(side, e, then));
      case "has":
        return this.match(n.of, e, () => this.fits(n.what, e) && then());
      case "usedBy":
        return this.match(n.by, e, () => this.operand(n.of, e, n.only, then));
      default:
        return this.within(e, (value) => this.made(n, value, then));
    }
  }

  /** Patterns of how a value is made. */
  private made(n: PatternNode, e: GraphExpr, then: () => boolean): boolean {
    switch (n.kind) {
      case "op":
        return e.kind === "opCall" && e.op === n.name && this.all(n.args, e.args, then);
      case "callTir":
      case "callPacked": {
        const called = e.kind === n.kind && (n.func === undefined || e.func === n.func);
        return called && this.all(n.args, e.args, then);
      }
      case "tuple":
        return e.kind === "tupleExpr" && this.all(n.fields, e.fields, then);
      case "tupleGet": {
        const field = e.kind === "tupleGet" && (n.index === undefined || e.index === n.index);
        return field && this.match(n.tuple, e.tuple, then);
      }
      default:
        return false;
    }
  }

  /** The value behind a variable, which is part of the match while `run` goes on. */
  private within(e: GraphExpr, run: (value: GraphExpr) => boolean): boolean {
    const value = e.kind === "graphVar" ? this.bindings.valueOf(e) : e;
    if (!value) return false;
    // An alias, `v = w`: what counts is w.
    if (value.kind === "graphVar" && value !== e) return this.within(value, run);
    if (e.kind !== "graphVar" || this.inner.has(e.id)) return run(value);
    this.inner.set(e.id, e);
    if (run(value)) return true;
    this.inner.delete(e.id);
    return false;
  }

  private all(
    ps: readonly Pattern[] | undefined,
    es: readonly GraphExpr[],
    then: () => boolean,
    i = 0,
  ): boolean {
    if (!ps) return then();
    if (ps.length !== es.length) return false;
    return i === ps.length ? then() : this.match(ps[i], es[i], () => this.all(ps, es, then, i + 1));
  }

  private operand(of: Pattern, user: GraphExpr, only: boolean, then: () => boolean): boolean {
    const value = user.kind === "graphVar" ? this.bindings.valueOf(user) : user;
    const operands = (value ? graphOperands(value) : []).flatMap((x) =>
      x.kind === "tupleExpr" ? x.fields : [x],
    );
    return operands.some((x) => (!only || this.usedOnce(x)) && this.match(of, x, then));
  }

  private usedOnce(e: GraphExpr): boolean {
    return e.kind === "graphVar" && this.bindings.usersOf(e)?.length === 1;
  }

  private fits(what: Properties, e: GraphExpr): boolean {
    const value = (e.kind === "graphVar" ? this.bindings.valueOf(e) : undefined) ?? e;
    const { type } = e;
    const { dtype, rank, shape } = what;
    if (dtype !== undefined && !(type.kind === "tensor" && type.dtype === dtype)) return false;
    if (rank !== undefined && !(type.kind === "tensor" && type.shape.length === rank)) return false;
    if (shape) {
      if (type.kind !== "tensor" || type.shape.length !== shape.length) return false;
      if (!shape.every((s, i) => s === -1 || constInt(type.shape[i]) === s)) return false;
    }
    if (what.attrs && !("attrs" in value && hasAttrs(value.attrs, what.attrs))) return false;
    return what.where?.(value) ?? true;
  }
}

const hasAttrs = (all: Attrs, some: Attrs): boolean =>
  Object.entries(some).every(([k, v]) => JSON.stringify(all[k]) === JSON.stringify(v));

/** Whether two operands are one value: the same variable, the same constant, the same sizes. */
function sameValue(a: GraphExpr, b: GraphExpr): boolean {
  if (a === b) return true;
  if (a.kind === "graphVar") return b.kind === "graphVar" && a.id === b.id;
  if (a.kind === "constant") return b.kind === "constant" && a.data === b.data;
  if (a.kind !== "shapeLiteral" || b.kind !== "shapeLiteral") return false;
  return a.values.length === b.values.length && a.values.every((v, i) => structuralEqual(v, b.values[i]));
}
