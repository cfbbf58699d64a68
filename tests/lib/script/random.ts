/**
 * Random well-formed functions, built directly as IR: every kind of node, dtype and operator, names that clash or are
 * not legal. A program is a function of a list of numbers, so that fast-check shrinks it by shrinking the list.
 */
import {
  type AxisType,
  axis,
  type Block,
  type BlockAxis,
  type Buffer,
  binary,
  block,
  buffer,
  call,
  cast,
  constant,
  DTYPES,
  type DType,
  type Expr,
  INTRINSICS,
  type IntrinsicName,
  ifThen,
  isFloat,
  isInt,
  type LoopKind,
  letIn,
  load,
  loop,
  neg,
  not,
  type Param,
  type PrimFunc,
  primFunc,
  type Region,
  type Stmt,
  select,
  seq,
  store,
  type Var,
  variable,
} from "../../../lib/ir/index.ts";

/** A whole number below n; 0 when the list is used up, so every choice's option 0 must end. */
export type Choose = (n: number) => number;

export function chooser(numbers: readonly number[]): Choose {
  let at = 0;
  return (n) => (at < numbers.length ? numbers[at++] % n : 0);
}

interface Env {
  readonly vars: readonly Var[];
  readonly globals: readonly Var[];
  readonly buffers: readonly Buffer[];
  readonly loops: readonly { v: Var; extent: Expr; fromZero: boolean }[];
}

const NAMES = ["i", "x", "Y", "x_1", "class", "T", "a.b", "1st", "ünïcode", "await", "value", "Math"];
const FLOATS = [
  0,
  1,
  -1,
  0.5,
  1e-7,
  0.1,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN,
  -0,
  3e38,
  16777217,
];
const I64S = [0n, 1n, -5n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)];
const INTS: Record<string, number[]> = {
  i8: [0, 1, -128, 127],
  u8: [0, 1, 255],
  i32: [0, 1, 2, -1, 7, 2 ** 31 - 1, -(2 ** 31)],
};
const KINDS: LoopKind[] = ["serial", "parallel", "vectorized", "unrolled", "threadBinding"];
const ATTRS = [1, -2.5, "text", true, null, [1, [2, "b"]], { "a b": 1, c: { d: [] } }];

export function randomFunc(choose: Choose): PrimFunc {
  return new Generator(choose).func();
}

class Generator {
  private readonly choose: Choose;
  constructor(choose: Choose) {
    this.choose = choose;
  }

  private pick<X>(xs: readonly X[]): X {
    return xs[this.choose(xs.length)];
  }
  private chance(n: number): boolean {
    return this.choose(n) === n - 1;
  }
  private many<X>(max: number, make: (k: number) => X): X[] {
    return Array.from({ length: this.choose(max + 1) }, (_, k) => make(k));
  }
  private name(): string {
    return this.pick(NAMES);
  }

  func(): PrimFunc {
    const params: Param[] = [];
    const sizes = [variable(this.name()), variable("n"), variable("m", "i64")];
    for (const t of this.many(2, () => this.pick(DTYPES))) params.push(variable(this.name(), t));
    const used = new Set<Var>();
    const dim = (): Expr | number => {
      const k = this.choose(6);
      if (k < 2) return this.choose(9);
      if (k === 2) return constant(4, "i64");
      if (k === 5) return binary("add", binary("mul", this.use(sizes[0], used), constant(2)), constant(1));
      return this.use(sizes[k - 2], used);
    };
    params.push(...[0, ...this.many(3, (k) => k)].map(() => this.buffer(dim)));
    const globals = [...params.filter((p): p is Var => p.kind === "var"), ...used];
    const buffers = params.filter((p): p is Buffer => p.kind === "buffer");
    const env: Env = { vars: globals, globals, buffers, loops: [] };
    const root = this.blockIn("root", [], env, 4);
    return primFunc(params, root, { attrs: this.attrs() });
  }

  private use(v: Var, used: Set<Var>): Var {
    used.add(v);
    return v;
  }

  private buffer(dim: () => Expr | number): Buffer {
    const shape = this.many(3, dim);
    const strides = this.chance(5) ? shape.map(dim) : undefined;
    return buffer(
      this.name(),
      shape,
      this.pick(DTYPES),
      this.pick(["global", "global", "shared", "local"]),
      strides,
    );
  }

  private attrs() {
    return Object.fromEntries(this.chance(4) ? this.many(2, (k) => [`key ${k}`, this.pick(ATTRS)]) : []);
  }

  private blockIn(name: string, axes: BlockAxis[], env: Env, depth: number, predicate?: Expr): Block {
    const vars = [...env.globals, ...axes.map((a) => a.v)];
    const dim = () => (this.chance(4) ? this.expr("i32", { ...env, vars }, 1) : this.choose(9));
    const allocs = this.many(this.chance(3) ? 2 : 0, () => this.buffer(dim));
    const inside: Env = { ...env, vars, buffers: [...env.buffers, ...allocs], loops: [] };
    const isReduce = new Set(axes.filter((a) => a.type === "R").map((a) => a.v));
    const init = this.chance(3) && name !== "root";
    return block({
      name,
      axes,
      predicate,
      allocs,
      init: init ? this.stmt({ ...inside, vars: vars.filter((v) => !isReduce.has(v)) }, 1) : undefined,
      reads: this.chance(6) ? this.many(2, () => this.region(inside)) : undefined,
      writes: this.chance(6) ? this.many(2, () => this.region(inside)) : undefined,
      annotations: this.attrs(),
      body: this.stmt(inside, depth - 1),
    });
  }

  private region(env: Env): Region {
    const b = this.pick(env.buffers);
    const point = constant(1);
    const ranges = b.shape.map(() => ({
      min: this.expr("i32", env, 1),
      extent: this.chance(2) ? this.expr("i32", env, 1) : point,
    }));
    return { buffer: b, ranges };
  }

  private stmt(env: Env, depth: number): Stmt {
    switch (depth <= 0 ? 0 : this.choose(7)) {
      case 1:
      case 2:
        return this.loop(env, depth);
      case 3:
        return this.block(env, depth);
      case 4:
        return seq(this.many(3, () => this.stmt(env, depth - 1)));
      case 5:
        return ifThen(
          this.expr("bool", env, 2),
          this.stmt(env, depth - 1),
          this.chance(2) ? this.stmt(env, depth - 1) : undefined,
        );
      case 6: {
        const value = this.expr(this.pick(DTYPES), env, 2);
        const v = variable(this.name(), value.dtype);
        return letIn(v, value, this.stmt({ ...env, vars: [...env.vars, v] }, depth - 1));
      }
      default: {
        const b = this.pick(env.buffers);
        const indices = this.indices(b, env, 1);
        const fresh = this.expr(b.dtype, env, 3);
        const update = b.dtype !== "bool" && this.chance(2);
        const value = update ? binary(this.pick(["add", "sub", "mul"]), load(b, indices), fresh) : fresh;
        return store(b, indices, value);
      }
    }
  }

  private loop(env: Env, depth: number): Stmt {
    const t: DType = this.chance(6) ? "i64" : "i32";
    const v = variable(this.name(), t);
    const extent = this.chance(3) ? this.expr(t, env, 1) : constant(this.choose(9), t);
    const nonNegative = extent.kind === "const" && Number(extent.value) < 0 ? constant(3, t) : extent;
    const fromZero = !this.chance(4);
    const min = fromZero ? constant(0, t) : this.expr(t, env, 1);
    const loopKind = this.chance(2) ? this.pick(KINDS) : "serial";
    const loops = [...env.loops, { v, extent: nonNegative, fromZero }];
    return loop(v, nonNegative, this.stmt({ ...env, vars: [...env.vars, v], loops }, depth - 1), {
      min,
      loopKind,
      ...(loopKind === "threadBinding" ? { thread: this.pick(["threadIdx.x", "vthread.y"]) } : {}),
      annotations: this.attrs(),
    });
  }

  private block(env: Env, depth: number): Stmt {
    let predicate: Expr | undefined;
    const axes: BlockAxis[] = [];
    for (const l of env.loops) {
      const type: AxisType = this.pick(["S", "R", "O"]);
      const v = variable(this.name(), l.v.dtype);
      if (l.fromZero && !this.chance(3)) axes.push(axis(v, type, l.extent, l.v));
      else {
        const two = constant(2, l.v.dtype);
        const below = binary("lt", l.v, constant(3, l.v.dtype));
        predicate = predicate ? binary("and", predicate, below) : below;
        axes.push(axis(v, type, constant(5, l.v.dtype), binary("floordiv", l.v, two)));
      }
    }
    if (this.chance(5)) axes.push(axis(this.name(), "S", 1, constant(0)));
    return this.blockIn(this.pick(["Y", 'odd "name"', "matmul"]), axes, env, depth, predicate);
  }

  private indices(b: Buffer, env: Env, depth: number): Expr[] {
    return b.shape.map(() => this.expr(this.chance(8) ? "i64" : "i32", env, depth));
  }

  expr(t: DType, env: Env, depth: number): Expr {
    switch (depth <= 0 ? this.choose(3) : this.choose(9)) {
      case 1: {
        const vars = env.vars.filter((v) => v.dtype === t);
        return vars.length > 0 ? this.pick(vars) : this.constant(t);
      }
      case 2: {
        const buffers = env.buffers.filter((b) => b.dtype === t);
        if (buffers.length === 0) return this.constant(t);
        const b = this.pick(buffers);
        return load(b, this.indices(b, env, depth - 2));
      }
      case 3:
      case 4:
        return this.binary(t, env, depth - 1);
      case 5:
        if (t === "bool") return not(this.expr(t, env, depth - 1));
        return t === "u8" ? this.constant(t) : neg(this.expr(t, env, depth - 1));
      case 6:
        return select(
          this.expr("bool", env, depth - 1),
          this.expr(t, env, depth - 1),
          this.expr(t, env, depth - 1),
        );
      case 7:
        return cast(this.expr(this.pick(DTYPES), env, depth - 1), t);
      case 8:
        return this.call(t, env, depth - 1);
      default:
        return this.constant(t);
    }
  }

  private constant(t: DType): Expr {
    if (t === "bool") return constant(this.choose(2), t);
    if (t === "i64") return constant(this.pick(I64S), t);
    return constant(this.pick(isFloat(t) ? FLOATS : INTS[t]), t);
  }

  private binary(t: DType, env: Env, depth: number): Expr {
    if (t === "bool") {
      if (this.chance(3))
        return binary(this.pick(["and", "or"]), this.expr(t, env, depth), this.expr(t, env, depth));
      const of = this.pick(DTYPES);
      const op = this.pick(["lt", "le", "gt", "ge", "eq", "ne"] as const);
      return binary(op, this.expr(of, env, depth), this.expr(of, env, depth));
    }
    const common = ["add", "sub", "mul", "min", "max"] as const;
    const own = isFloat(t) ? (["div"] as const) : (["floordiv", "floormod", "truncdiv", "truncmod"] as const);
    return binary(this.pick([...common, ...own]), this.expr(t, env, depth), this.expr(t, env, depth));
  }

  private call(t: DType, env: Env, depth: number): Expr {
    if (t === "bool") return call("isnan", [this.expr("f32", env, depth)]);
    const fits = (Object.keys(INTRINSICS) as IntrinsicName[]).filter((name) => {
      const takes: string = INTRINSICS[name].takes;
      return name !== "isnan" && (takes === "number" || (takes === "float" ? isFloat(t) : isInt(t)));
    });
    const name = this.pick(fits);
    return call(
      name,
      Array.from({ length: INTRINSICS[name].arity }, () => this.expr(t, env, depth)),
    );
  }
}
