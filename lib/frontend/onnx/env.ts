/** Names and what they stand for; a graph in a graph sees the names around it. */
import { type Expr, type GraphVar, graphVar, type TensorType, type Var, variable } from "../../ir/index.ts";
import type { Value } from "./value.ts";
import { dataIn, type TensorValue } from "./value.ts";

export class Env {
  private readonly values = new Map<string, Value>();
  private readonly outer: Env | undefined;
  /** How values from outside are seen inside; absent where they are seen as they are. */
  private readonly through: ((v: Value) => Value) | undefined;

  constructor(outer?: Env, through?: (v: Value) => Value) {
    this.outer = outer;
    this.through = through;
  }

  set(name: string, v: Value): void {
    if (name !== "") this.values.set(name, v);
  }

  get(name: string): Value | undefined {
    const own = this.values.get(name);
    if (own) return own;
    const v = this.outer?.get(name);
    if (!v || !this.through) return v;
    const seen = this.through(v);
    this.values.set(name, seen);
    return seen;
  }
}

/** The values that a function made for a loop's body takes from around it, as further parameters. */
export class Captures {
  readonly params: GraphVar[] = [];
  /** What the loop passes for them. */
  readonly outside: TensorValue[] = [];
  private readonly seen = new Map<TensorValue, TensorValue>();

  /** The value as it is seen in the body: known data as it is, everything else as a parameter. */
  readonly inside = (v: Value): Value => {
    if (v.kind === "sequence") return { kind: "sequence", items: v.items.map(this.inside) };
    if (v.kind === "optional") return { kind: "optional", value: v.value && this.inside(v.value) };
    if (v.kind === "missing" || dataIn(v)) return v;
    const known = this.seen.get(v);
    if (known) return known;
    const type = parameterType(v.type);
    const param = graphVar(`captured${this.params.length}`, type);
    const made: TensorValue = {
      kind: "tensor",
      type,
      leaf: () => param,
      ...(v.needs ? { needs: v.needs } : {}),
    };
    this.params.push(param);
    this.outside.push(v);
    this.seen.set(v, made);
    return made;
  };
}

/** A type for a parameter: sizes that are no number and no variable become variables of their own. */
export function parameterType(t: TensorType): TensorType {
  const fresh = new Map<Expr, Var>();
  const size = (s: Expr): Expr => {
    if (s.kind === "const" || s.kind === "var") return s;
    const v = fresh.get(s) ?? variable(`size${fresh.size}`);
    fresh.set(s, v);
    return v;
  };
  return { ...t, shape: t.shape.map(size) };
}
