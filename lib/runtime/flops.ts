/** How much floating-point work a program does, counted from its text. */
import { evalSize, expandExterns, type SizeMap, symbolicSizes } from "../codegen/index.ts";
import {
  type Block,
  childStmts,
  type Expr,
  type For,
  isCompareOp,
  isFloat,
  isLogicOp,
  ownExprs,
  type PrimFunc,
  type Stmt,
  unreachable,
  varsOf,
  visitExpr,
} from "../ir/index.ts";

/** More combinations of loop values than this are not enumerated (about half a second). */
const LIMIT = 500_000;

/**
 * Floating-point operations that one call executes: each +, -, *, /, negation, min, max, select and intrinsic on
 * floats counts 1, casts and comparisons nothing. Exact for predicates and extents that depend on loops. Where the
 * data decide (a condition that loads), the side with more work is counted. Undefined when a size is unknown or
 * counting would take too long. `sizes` gives symbolic sizes by name, or by variable id.
 */
export function countFlops(
  func: PrimFunc,
  sizes: SizeMap | Readonly<Record<string, number>> = {},
): number | undefined {
  const env = new Map<number, number>();
  if (sizes instanceof Map) for (const [id, n] of sizes) env.set(id, n);
  else {
    const byName = sizes as Readonly<Record<string, number>>;
    const named = [...symbolicSizes(func), ...func.params.filter((p) => p.kind === "var")];
    for (const v of named) if (Object.hasOwn(byName, v.name)) env.set(v.id, byName[v.name]);
  }
  const whole = withoutCalls(func);
  if (!whole) return undefined;
  try {
    return new Counter(env).stmt(whole.body);
  } catch (e) {
    if (e instanceof Uncountable) return undefined;
    throw e;
  }
}

/** The function with the programs of registered calls in their places; undefined where it calls another. */
function withoutCalls(func: PrimFunc): PrimFunc | undefined {
  try {
    return expandExterns(func);
  } catch {
    return undefined;
  }
}

class Uncountable extends Error {}

class Counter {
  private readonly env: Map<number, number>;
  private readonly control = new WeakMap<Stmt, ReadonlySet<number>>();
  private budget = LIMIT;

  constructor(env: Map<number, number>) {
    this.env = env;
  }

  stmt(s: Stmt): number {
    switch (s.kind) {
      case "seq":
        return s.stmts.reduce((n, x) => n + this.stmt(x), 0);
      case "store":
        return this.exprs([...s.indices, s.value]);
      case "let": {
        this.bind(s.v.id, s.value);
        return this.expr(s.value) + this.stmt(s.body);
      }
      case "if": {
        const cond = evalSize(s.cond, this.env);
        const then = cond === 0 ? 0 : this.stmt(s.then);
        const other = cond === 1 || !s.else ? 0 : this.stmt(s.else);
        return this.expr(s.cond) + Math.max(then, other);
      }
      case "for": {
        if (!worksIn(s)) return 0;
        const nest = this.guardedNest(s);
        if (nest !== undefined) return nest;
        const extent = evalSize(s.extent, this.env);
        if (extent === undefined) throw new Uncountable();
        if (extent <= 0) return 0;
        if (!this.decides(s.body).has(s.v.id)) {
          this.env.delete(s.v.id);
          return extent * this.stmt(s.body);
        }
        const min = evalSize(s.min, this.env);
        if (min === undefined) throw new Uncountable();
        let n = 0;
        for (let i = 0; i < extent; i++) {
          if (--this.budget < 0) throw new Uncountable();
          this.env.set(s.v.id, min + i);
          n += this.stmt(s.body);
        }
        return n;
      }
      case "block":
        return this.block(s);
      case "extern":
        throw new Uncountable();
      default:
        return unreachable(s);
    }
  }

  /**
   * Loops directly around a block with a predicate, as uneven tiles give: when only the predicate depends on them, the
   * work of one instance times the number of instances. That number is a product over groups of loops that no
   * condition ties together, so rows and columns are enumerated one after the other and not with each other.
   */
  private guardedNest(s: For): number | undefined {
    const loops: For[] = [];
    let x: Stmt = s;
    for (; x.kind === "for"; x = x.body) loops.push(x);
    if (x.kind !== "block" || !x.predicate || hasWork(x.predicate)) return undefined;
    const ids = new Set(loops.map((l) => l.v.id));
    const inside = new Set<number>();
    this.collectInside(x, inside);
    const bounds = loops.flatMap((l) => [...varsOf(l.min).keys(), ...varsOf(l.extent).keys()]);
    if ([...inside, ...bounds].some((id) => ids.has(id))) return undefined;
    for (const id of ids) this.env.delete(id);

    let instances = 1;
    for (const group of groupsOf(loops, conjuncts(x.predicate))) {
      instances *= this.solutions(group.loops, group.conditions);
      if (instances === 0) return 0;
    }
    return instances * this.inside(x);
  }

  /** For how many values of the loops all conditions may hold. */
  private solutions(loops: readonly For[], conditions: readonly Expr[]): number {
    if (loops.length === 0) return conditions.some((c) => evalSize(c, this.env) === 0) ? 0 : 1;
    const [first, ...rest] = loops;
    const min = evalSize(first.min, this.env);
    const extent = evalSize(first.extent, this.env);
    if (min === undefined || extent === undefined) throw new Uncountable();
    if (conditions.length === 0) return Math.max(0, extent) * this.solutions(rest, conditions);
    let n = 0;
    for (let i = 0; i < extent; i++) {
      if (--this.budget < 0) throw new Uncountable();
      this.env.set(first.v.id, min + i);
      n += this.solutions(rest, conditions);
    }
    this.env.delete(first.v.id);
    return n;
  }

  private block(b: Block): number {
    if (b.predicate && evalSize(b.predicate, this.env) === 0) return 0;
    return (b.predicate ? this.expr(b.predicate) : 0) + this.inside(b);
  }

  /** The work of one instance of a block. */
  private inside(b: Block): number {
    for (const a of b.axes) this.bind(a.v.id, a.binding);
    let n = 0;
    if (b.init) {
      const first = b.axes.every((a) => a.type !== "R" || (evalSize(a.v, this.env) ?? 0) === 0);
      if (first) n += this.stmt(b.init);
    }
    return n + this.stmt(b.body);
  }

  private bind(id: number, value: Expr): void {
    const n = evalSize(value, this.env);
    if (n === undefined) this.env.delete(id);
    else this.env.set(id, n);
  }

  private exprs(es: readonly Expr[]): number {
    return es.reduce((n, e) => n + this.expr(e), 0);
  }

  private expr(e: Expr): number {
    switch (e.kind) {
      case "var":
      case "const":
        return 0;
      case "binary":
        return Number(works(e)) + this.expr(e.a) + this.expr(e.b);
      case "unary":
        return Number(works(e)) + this.expr(e.a);
      case "select": {
        const cond = evalSize(e.cond, this.env);
        const a = cond === 0 ? 0 : this.expr(e.a);
        const b = cond === 1 ? 0 : this.expr(e.b);
        return Number(works(e)) + this.expr(e.cond) + Math.max(a, b);
      }
      case "cast":
        return this.expr(e.value);
      case "call":
        return Number(works(e)) + this.exprs(e.args);
      case "load":
        return this.exprs(e.indices);
      default:
        return unreachable(e);
    }
  }

  /**
   * Ids of the variables that decide how much work `s` does: those in extents and conditions, followed through axis
   * bindings and lets to the loops outside. Loops over any other variable are counted once and multiplied.
   */
  private decides(s: Stmt): ReadonlySet<number> {
    let known = this.control.get(s);
    if (!known) {
      const found = new Set<number>();
      this.collect(s, found);
      known = found;
      this.control.set(s, known);
    }
    return known;
  }

  private collect(s: Stmt, found: Set<number>): void {
    if (!worksIn(s)) return;
    const uses = (e: Expr) => {
      for (const id of varsOf(e).keys()) found.add(id);
    };
    const usesCondition = (e: Expr) => {
      if (!readsData(e)) uses(e);
    };
    const conditions = (e: Expr) =>
      visitExpr(e, (x) => {
        if (x.kind === "select" && (hasWork(x.a) || hasWork(x.b))) usesCondition(x.cond);
      });
    switch (s.kind) {
      case "seq":
        for (const x of s.stmts) this.collect(x, found);
        return;
      case "store":
        for (const e of [...s.indices, s.value]) conditions(e);
        return;
      case "let":
        this.collect(s.body, found);
        conditions(s.value);
        if (found.has(s.v.id)) uses(s.value);
        return;
      case "if":
        usesCondition(s.cond);
        conditions(s.cond);
        this.collect(s.then, found);
        if (s.else) this.collect(s.else, found);
        return;
      case "for":
        for (const id of this.decides(s.body)) found.add(id);
        uses(s.extent);
        if (found.has(s.v.id)) uses(s.min);
        return;
      case "block":
        if (s.predicate) usesCondition(s.predicate);
        this.collectInside(s, found);
        return;
      case "extern":
        return;
      default:
        return unreachable(s);
    }
  }

  private collectInside(b: Block, found: Set<number>): void {
    this.collect(b.body, found);
    if (b.init && worksIn(b.init)) {
      this.collect(b.init, found);
      for (const a of b.axes) if (a.type === "R") found.add(a.v.id);
    }
    for (const a of b.axes) {
      if (found.has(a.v.id)) for (const id of varsOf(a.binding).keys()) found.add(id);
    }
  }
}

/** `a && b && c` as a list. */
function conjuncts(e: Expr): Expr[] {
  return e.kind === "binary" && e.op === "and" ? [...conjuncts(e.a), ...conjuncts(e.b)] : [e];
}

interface Group {
  readonly loops: readonly For[];
  readonly conditions: readonly Expr[];
}

/** Loops and conditions parted so that no condition of one group mentions a loop of another. */
function groupsOf(loops: readonly For[], conditions: readonly Expr[]): Group[] {
  let groups: Group[] = loops.map((l) => ({ loops: [l], conditions: [] }));
  for (const c of conditions) {
    const vars = readsData(c) ? new Map() : varsOf(c);
    const tied = groups.filter((g) => g.loops.some((l) => vars.has(l.v.id)));
    const joined = {
      loops: tied.flatMap((g) => g.loops),
      conditions: [...tied.flatMap((g) => g.conditions), c],
    };
    groups = [...groups.filter((g) => !tied.includes(g)), joined];
  }
  return groups;
}

/** Whether one node is itself an operation that counts. */
function works(e: Expr): boolean {
  switch (e.kind) {
    case "binary":
      return !isCompareOp(e.op) && !isLogicOp(e.op) && isFloat(e.dtype);
    case "unary":
    case "select":
      return isFloat(e.dtype);
    case "call":
      return isFloat(e.args[0].dtype);
    case "var":
    case "const":
    case "cast":
    case "load":
      return false;
    default:
      return unreachable(e);
  }
}

function some(e: Expr, is: (x: Expr) => boolean): boolean {
  let found = false;
  visitExpr(e, (x) => {
    found ||= is(x);
    return !found;
  });
  return found;
}

const hasWork = (e: Expr): boolean => some(e, works);
/** Such a condition has no value before the program runs. */
const readsData = (e: Expr): boolean => some(e, (x) => x.kind === "load" || x.kind === "call");

const working = new WeakMap<Stmt, boolean>();

/** Whether anything in the statement counts. */
function worksIn(s: Stmt): boolean {
  let known = working.get(s);
  if (known === undefined) {
    known = ownExprs(s).some(hasWork) || childStmts(s).some(worksIn);
    working.set(s, known);
  }
  return known;
}
