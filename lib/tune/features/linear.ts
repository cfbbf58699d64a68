/**
 * Index expressions as sums over loops: how far an access moves when a loop takes a step, and how many elements it goes
 * over while some loops run. Exact for sums of loop variables; quotients and remainders are taken as if they were cut from
 * such a sum, which is what splits and fusions make of one.
 */
import { constInt, type Expr } from "../../ir/index.ts";

export interface Linear {
  /** Step in elements for each loop, by the id of its variable. */
  readonly steps: ReadonlyMap<number, number>;
  /** At most so many different values, whatever runs. */
  readonly most: number;
}

const CONSTANT: Linear = { steps: new Map(), most: 1 };
const ANY = Number.POSITIVE_INFINITY;

/** `env`: what variables stand for: loops themselves, axes of blocks by their bindings. */
export function linearOf(e: Expr, env: ReadonlyMap<number, Linear>): Linear {
  switch (e.kind) {
    case "const":
      return CONSTANT;
    case "var":
      return env.get(e.id) ?? CONSTANT;
    case "cast":
      return linearOf(e.value, env);
    case "unary":
      return scaled(linearOf(e.a, env), 1);
    case "binary": {
      const [a, b] = [linearOf(e.a, env), linearOf(e.b, env)];
      const [x, y] = [constInt(e.a), constInt(e.b)];
      switch (e.op) {
        case "mul":
          if (y !== undefined) return scaled(a, y);
          if (x !== undefined) return scaled(b, x);
          return added(a, b);
        case "floordiv":
        case "truncdiv":
          return y ? { steps: scaled(a, 1 / y).steps, most: Math.ceil(a.most / Math.abs(y)) } : a;
        case "floormod":
        case "truncmod":
          return y ? { steps: a.steps, most: Math.min(a.most, Math.abs(y)) } : a;
        default:
          return added(a, b);
      }
    }
    case "select":
      return added(linearOf(e.a, env), linearOf(e.b, env));
    case "call":
      return e.args.map((x) => linearOf(x, env)).reduce(added, CONSTANT);
    case "load":
      // What is loaded decides: it may lie anywhere as long as the load moves.
      return { steps: e.indices.map((x) => linearOf(x, env)).reduce(added, CONSTANT).steps, most: ANY };
  }
}

const scaled = (x: Linear, by: number): Linear =>
  by === 1 ? x : { steps: new Map([...x.steps].map(([id, n]) => [id, n * by])), most: x.most };

function added(a: Linear, b: Linear): Linear {
  if (a.steps.size === 0) return b;
  if (b.steps.size === 0) return a;
  const steps = new Map(a.steps);
  for (const [id, n] of b.steps) steps.set(id, (steps.get(id) ?? 0) + n);
  return { steps, most: ANY };
}

/** How many values it goes over while loops of these extents run. */
export function spanOf(x: Linear, running: ReadonlyMap<number, number>): number {
  let span = 1;
  let steps = 1;
  for (const [id, step] of x.steps) {
    const n = running.get(id);
    if (n === undefined) continue;
    span += Math.abs(step) * (n - 1);
    steps *= n;
  }
  return Math.max(1, Math.min(Math.ceil(span), steps, x.most));
}
