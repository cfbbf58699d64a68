/**
 * Random well-formed graph-level functions: operators of the registry with whatever arguments they take, calls, tuples,
 * control flow, sizes; names that clash or are not legal. A program is a function of a list of numbers, so that
 * fast-check shrinks it by shrinking the list.
 */
import {
  BlockBuilder,
  callOp,
  constantData,
  GraphError,
  getOp,
  listOps,
  type OpArg,
} from "../../../lib/graph/index.ts";
import {
  type Attr,
  type Attrs,
  BYTES,
  callFunc,
  callPacked,
  callTir,
  constantOf,
  DTYPES,
  type Expr,
  type GraphExpr,
  type GraphFunc,
  type GraphType,
  type GraphVar,
  graphIf,
  graphLoop,
  graphVar,
  ndarray,
  ops,
  shapeLiteral,
  type TensorType,
  tensorType,
  tupleExpr,
  tupleGet,
  tupleType,
  type Var,
  variable,
} from "../../../lib/ir/index.ts";
import type { Choose } from "../script/random.ts";

const NAMES = [
  "lv",
  "gv",
  "x",
  "R",
  "T",
  "class",
  "a.b",
  "1st",
  "ünïcode",
  "await",
  "n",
  "constants",
  "Math",
];
const ATTRS: readonly Attr[] = [0, -1, 1.5, "f64", "", true, false, [0], [1, 2], []];
const DTYPE_OF_SCALARS = ["f32", "i64", "bool"] as const;

/** Operators are tested elsewhere: what one makes of arguments that no program gives it does not matter here. */
const whole = (t: GraphType): boolean =>
  t.kind === "tuple" ? t.fields.every(whole) : t.kind === "shape" || t.shape.every((s) => s !== undefined);

export function randomGraphFunc(choose: Choose): GraphFunc {
  return new Random(choose).func();
}

class Random {
  private readonly choose: Choose;
  private readonly bb = new BlockBuilder();
  private readonly sizes: Var[] = [];
  private values: GraphExpr[] = [];

  constructor(choose: Choose) {
    this.choose = choose;
  }

  func(): GraphFunc {
    for (let i = this.choose(3); i > 0; i--) this.sizes.push(variable(this.name()));
    const declare = this.sizes.map((s) => graphVar(this.name(), tensorType([s, this.size()])));
    const more = Array.from({ length: this.choose(4) }, () => graphVar(this.name(), this.type(2)));
    const params = [...declare, ...more];
    this.values = [...params];
    const attrs: Attrs = this.choose(3) === 1 ? { primitive: 1, "odd key": [true, { deep: null }] } : {};
    return this.bb.build(
      "f",
      params,
      () => {
        this.block(3);
        this.bb.emitFuncOutput(this.result());
      },
      attrs,
    );
  }

  private one<X>(xs: readonly X[]): X {
    return xs[this.choose(xs.length)];
  }

  private name(): string {
    return this.one(NAMES);
  }

  private size(): Expr {
    const known = ops.toExpr(this.one([4, 1, 3, 0]));
    if (this.sizes.length === 0 || this.choose(2) === 0) return known;
    const s = this.one(this.sizes);
    return this.one<Expr>([
      s,
      ops.mul(s, ops.toExpr(2)),
      ops.add(s, ops.toExpr(1)),
      ops.floordiv(s, ops.toExpr(3)),
    ]);
  }

  private tensor(): TensorType {
    const shape = Array.from({ length: this.choose(4) }, () => this.size());
    return tensorType(shape, this.choose(2) === 0 ? "f32" : this.one(DTYPES));
  }

  private type(depth: number): GraphType {
    if (depth > 0 && this.choose(4) === 1)
      return tupleType(Array.from({ length: this.choose(3) }, () => this.type(depth - 1)));
    return this.choose(12) === 1 ? { kind: "shape", rank: this.choose(3) } : this.tensor();
  }

  private constant(): GraphExpr {
    const t = this.one(DTYPES);
    const shape = Array.from({ length: this.choose(3) }, () => this.one([2, 1, 0, 7]));
    const count = shape.reduce((a, b) => a * b, 1);
    const bytes = Uint8Array.from({ length: count * BYTES[t] }, () =>
      t === "bool" ? this.choose(2) : this.one([0, 1, 63, 127, 128, 192, 255]),
    );
    return constantOf(ndarray(t, shape, bytes));
  }

  /** Something that may stand as an argument. */
  private leaf(kind?: GraphType["kind"]): GraphExpr {
    const fitting = this.values.filter((v) => !kind || v.type.kind === kind);
    if (fitting.length > 0 && this.choose(5) !== 1) return this.one(fitting);
    if (kind === "shape") return shapeLiteral(Array.from({ length: this.choose(3) }, () => this.size()));
    if (kind === "tuple")
      return tupleExpr(Array.from({ length: 1 + this.choose(2) }, () => this.leaf("tensor")));
    return this.constant();
  }

  private leaves(): GraphExpr[] {
    return Array.from({ length: this.choose(3) }, () => this.leaf("tensor"));
  }

  private scalar(t: (typeof DTYPE_OF_SCALARS)[number]): GraphExpr {
    return constantOf(constantData(this.choose(2) === 1, t));
  }

  private emit(value: GraphExpr): GraphVar {
    // Names twice, which the builder itself would not give.
    const v = this.bb.emitTo(graphVar(this.name(), value.type), value);
    this.values.push(v);
    return v;
  }

  private block(depth: number): void {
    for (let i = this.choose(4); i > 0; i--) {
      if (this.choose(2) === 0) this.dataflow();
      else for (let k = this.choose(4); k > 0; k--) this.effect(depth);
    }
  }

  private dataflow(): void {
    const outside = [...this.values];
    const seen: GraphExpr[] = [];
    this.bb.dataflow(() => {
      for (let i = 1 + this.choose(5); i > 0; i--) {
        const v = this.binding();
        if (!v || this.choose(3) !== 1) continue;
        this.bb.markOutput(v);
        seen.push(v);
      }
    });
    this.values = [...outside, ...seen];
  }

  private effect(depth: number): void {
    const kind = this.choose(6);
    if (kind === 0 || depth === 0) this.binding();
    else if (kind === 1) {
      const sides = [0, 1].map(() => {
        const outside = [...this.values];
        const known = this.sizes.length;
        const made = this.bb.branch(() => {
          this.block(depth - 1);
          return this.constantLike(this.leaf("tensor"));
        });
        this.values = outside;
        this.sizes.length = known;
        return made;
      });
      if (JSON.stringify(sides[0].result.type) === JSON.stringify(sides[1].result.type))
        this.emit(graphIf(this.scalar("bool"), sides[0], sides[1]));
    } else if (kind === 2) {
      const carried = this.leaves();
      const parts = {
        ...(this.choose(2) === 0 ? { trip: this.scalar("i64") } : {}),
        ...(this.choose(2) === 0 ? { cond: this.scalar("bool") } : {}),
        carried,
        captured: this.leaves(),
      };
      this.emit(graphLoop("body", parts, tupleType(carried.map((c) => c.type))));
    } else if (kind === 3) {
      const into = [this.leaf("tensor")];
      this.emit(callTir("program", this.leaves(), into[0].type, { into }));
    } else if (kind === 4) {
      const into = [this.leaf("tensor")];
      this.emit(callPacked("env.lib", this.leaves(), into[0].type, { into, attrs: { alpha: -0.5 } }));
    } else this.emit(callFunc("other", [this.leaf(), this.leaf()], this.type(1)));
  }

  /** So that both branches have one type: a float of one element. */
  private constantLike(e: GraphExpr): GraphExpr {
    return this.choose(2) === 0
      ? constantOf(constantData(1))
      : this.emit(callTir("sum", [e], tensorType([])));
  }

  private binding(): GraphVar | undefined {
    switch (this.choose(9)) {
      case 0:
        return this.emit(this.leaf());
      case 1:
        return this.emit(tupleExpr(Array.from({ length: this.choose(4) }, () => this.leaf())));
      case 2: {
        const t = this.leaf("tuple");
        const n = t.type.kind === "tuple" ? t.type.fields.length : 0;
        return n > 0 ? this.emit(tupleGet(t, this.choose(n))) : undefined;
      }
      case 3: {
        const vars = Array.from({ length: this.choose(3) }, () => this.size());
        const type = this.choose(2) === 0 ? this.tensor() : tupleType([this.tensor(), this.tensor()]);
        return this.emit(callTir("program", this.leaves(), type, { tirVars: vars }));
      }
      case 4:
        return this.emit(callPacked("env.lib", this.leaves(), this.tensor()));
      case 5: {
        const v = this.leaf("tensor");
        if (v.kind !== "graphVar" || v.type.kind !== "tensor") return undefined;
        const fresh = variable(this.name());
        const type = { ...v.type, shape: v.type.shape.map((s, i) => (i === 0 ? fresh : s)) };
        if (type.shape.length > 0) this.sizes.push(fresh);
        const out = this.bb.emitTo(graphVar(this.name(), type), v, "matchCast");
        this.values.push(out);
        return out;
      }
      case 6: {
        const sizes = Array.from({ length: 1 + this.choose(2) }, () => variable(this.name()));
        this.bb.emitSizes(
          sizes,
          constantOf(
            constantData(
              sizes.map(() => 2n),
              "i64",
            ),
          ),
        );
        this.sizes.push(...sizes);
        return undefined;
      }
      default:
        return this.operator();
    }
  }

  /** An operator with arguments of the right kinds; none where it refuses them. */
  private operator(): GraphVar | undefined {
    const names = listOps();
    for (let tries = 0; tries < 6; tries++) {
      const name = this.one(names);
      const def = getOp(name);
      const kinds = { tensor: "tensor", tensors: "tuple", shape: "shape" } as const;
      const given = def.args.filter((a) => !a.optional || this.choose(2) === 0);
      const args: OpArg[] = given.map((a) => this.leaf(kinds[a.kind]));
      const attrs: Record<string, Attr> = {};
      for (const [k, a] of Object.entries(def.attrs ?? {})) {
        if (a.default === undefined || this.choose(4) === 1) attrs[k] = this.one(ATTRS);
      }
      try {
        const call = callOp(name, args, attrs);
        if (whole(call.type)) return this.emit(call);
      } catch (e) {
        const refused = e instanceof GraphError || e instanceof TypeError || e instanceof RangeError;
        if (!refused) throw e;
      }
    }
    return undefined;
  }

  private result(): GraphExpr {
    const seen = this.values;
    if (seen.length === 0 || this.choose(5) === 1) return this.constant();
    if (this.choose(4) === 1) return tupleExpr(Array.from({ length: this.choose(3) }, () => this.one(seen)));
    return this.one(seen);
  }
}
