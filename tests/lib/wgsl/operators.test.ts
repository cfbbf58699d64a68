/** Every operator and intrinsic on Dawn, against the interpreter, on values that show their edges. */
import {
  ARITH_OPS,
  binary,
  buffer,
  COMPARE_OPS,
  call,
  cast,
  type DType,
  type Expr,
  INTRINSICS,
  isFloat,
  load,
  loop,
  not,
  ops,
  type PrimFunc,
  primFunc,
  select,
  store,
  variable,
} from "../../../lib/ir/index.ts";
import { Tensor } from "../../../lib/runtime/index.ts";
import { releaseGpu } from "../../../lib/runtime/webgpu/device.ts";
import { requireGpu } from "../../support/system.ts";
import { assertAgrees } from "./harness.ts";

const FLOATS = [-7.5, -2, -1, -0.5, -0.25, 0, 0.25, 0.3, 0.5, 0.9, 1, 1.5, 2, 2.5, 3, 7.25];
const INTS = [-128, -100, -7, -5, -3, -2, -1, 1, 2, 3, 4, 5, 7, 64, 100, 127];
/** Shifts, powers and divisors that are defined. */
const SECOND = [1, 2, 3, 1, 2, 3, 2, 1, 3, 1, 2, 3, 1, 2, 3, 2];

const valuesOf = (t: DType): number[] =>
  isFloat(t) ? FLOATS : t === "bool" ? INTS.map((x) => x & 1) : t === "u8" ? INTS.map((x) => x + 128) : INTS;

/** `out[i] = f(a[i], b[i])`. */
function elementwise(t: DType, result: DType, f: (a: Expr, b: Expr) => Expr): PrimFunc {
  const n = FLOATS.length;
  const [a, b, out] = [buffer("a", [n], t), buffer("b", [n], t), buffer("out", [n], result)];
  const i = variable("i");
  return primFunc([a, b, out], loop(i, n, store(out, [i], f(load(a, [i]), load(b, [i])))));
}

function inputs(t: DType, result: DType, from = valuesOf(t)): () => Tensor[] {
  const second = t === "bool" ? SECOND.map((x) => x & 1) : SECOND;
  return () => [
    Tensor.from(from, [from.length], t),
    Tensor.from(second, [second.length], t),
    Tensor.zeros([from.length], result),
  ];
}

const check = (t: DType, result: DType, f: (a: Expr, b: Expr) => Expr, from?: number[], tolerance = 0) => {
  const program = elementwise(t, result, f);
  return assertAgrees(program, program, inputs(t, result, from), {
    rtol: tolerance,
    atol: tolerance,
    equalNan: true,
  });
};

/** What each function is defined for. */
const DOMAIN: Record<string, (x: number) => number> = {
  log: (x) => Math.abs(x) + 0.1,
  sqrt: Math.abs,
  rsqrt: (x) => Math.abs(x) + 0.1,
  asin: (x) => x / 8,
  acos: (x) => x / 8,
  atanh: (x) => x / 8,
  acosh: (x) => Math.abs(x) + 1,
  log1p: Math.abs,
  tan: (x) => x / 8,
};

describe("wgsl, operators on Dawn", function () {
  this.timeout(120_000);
  before(async function () {
    await requireGpu(this);
  });
  after(releaseGpu);

  for (const t of ["f32", "i32", "i8", "u8"] as const) {
    it(`arithmetic of ${t}`, async () => {
      const whole = (op: string): boolean => /^(floor|trunc)/.test(op);
      for (const op of ARITH_OPS.filter((o) => (isFloat(t) ? !whole(o) : o !== "div"))) {
        await check(t, t, (a, b) => binary(op, a, b), undefined, op === "div" ? 1e-6 : 0);
      }
    });
  }

  for (const t of ["f32", "i32", "bool"] as const) {
    it(`comparisons of ${t}`, async () => {
      for (const op of COMPARE_OPS) await check(t, "bool", (a, b) => binary(op, a, b));
      await check(t, t, (a, b) => select(ops.lt(a, b), a, b));
    });
  }

  it("and, or, not", async () => {
    await check("bool", "bool", (a, b) => ops.or(ops.and(a, b), not(a)));
  });

  for (const from of ["f32", "i32", "i8", "u8", "bool"] as const) {
    it(`casts from ${from}`, async () => {
      for (const to of ["f32", "i32", "i8", "u8", "bool"] as const) await check(from, to, (a) => cast(a, to));
    });
  }

  it("casts of floats saturate, and NaN becomes 0", async () => {
    const from = [Number.NaN, 1e10, -1e10, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2147483520];
    const all = [...from, ...FLOATS.slice(from.length)];
    for (const to of ["i32", "i8", "u8"] as const) await check("f32", to, (a) => cast(a, to), all);
  });

  it("min and max keep NaN, and isnan finds it", async () => {
    const all = [Number.NaN, ...FLOATS.slice(1)];
    await check("f32", "f32", (a, b) => binary("max", a, b), all);
    await check("f32", "f32", (a, b) => binary("min", b, a), all);
    await check("f32", "bool", (a) => call("isnan", [a]), all);
  });

  for (const [name, spec] of Object.entries(INTRINSICS)) {
    it(name, async () => {
      const t: DType = spec.takes === "int" ? "i32" : "f32";
      const domain = DOMAIN[name] ?? ((x: number) => x);
      const result: DType = ("result" in spec && spec.result) || t;
      const make = (a: Expr, b: Expr): Expr => call(name, spec.arity === 2 ? [a, b] : [a]);
      // What WGSL promises for the worst of them (specification, 15.7.4), with room.
      await check(t, result, make, valuesOf(t).map(domain), spec.takes === "float" ? 1e-3 : 0);
      if (spec.takes !== "float") await check("i8", "i8", make);
    });
  }
});
