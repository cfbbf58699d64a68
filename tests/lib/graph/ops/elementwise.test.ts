/** Elementwise operators against JavaScript's own functions, on all ranks, empty tensors and broadcasts. */
import assert from "node:assert/strict";
import { GraphError, R } from "../../../../lib/graph/index.ts";
import { DTYPES, type DType, f16FromBits, f16ToBits, isFloat } from "../../../../lib/ir/index.ts";
import { fill } from "../../../support/nd.ts";
import { close, nd, runOp } from "../../../support/run-op.ts";
import { broadcast, broadcastAt, random, reader, SHAPES } from "./reference.ts";

type Unary = (x: number) => number;
type Binary = (a: number, b: number) => number;

const roundEven: Unary = (x) => {
  const r = Math.round(x);
  return Math.abs(x % 1) === 0.5 && r % 2 !== 0 ? r - 1 : r;
};
/** By the series, slowly. */
const erf: Unary = (x) => {
  let [term, sum] = [x, x];
  for (let n = 1; n < 60; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
};
const sigmoid: Unary = (x) => 1 / (1 + Math.exp(-x));
const clamp01: Unary = (x) => Math.min(Math.max(x, 0), 1);

const FLOATS: Readonly<Record<string, Unary>> = {
  exp: Math.exp,
  expm1: Math.expm1,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  erf,
  sigmoid,
  reciprocal: (x) => 1 / x,
  negative: (x) => -x,
  abs: Math.abs,
  sign: Math.sign,
  square: (x) => x * x,
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
  round: roundEven,
  "nn.relu": (x) => Math.max(x, 0),
  "nn.leakyRelu": (x) => (x < 0 ? 0.01 * x : x),
  "nn.elu": (x) => (x < 0 ? Math.expm1(x) : x),
  "nn.selu": (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x)),
  "nn.celu": (x) => Math.max(0, x) + Math.min(0, Math.expm1(x)),
  "nn.hardSigmoid": (x) => clamp01(0.2 * x + 0.5),
  "nn.hardSwish": (x) => x * clamp01(x / 6 + 0.5),
  "nn.gelu": (x) => (x / 2) * (1 + erf(x / Math.SQRT2)),
  "nn.geluTanh": (x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  "nn.silu": (x) => x * sigmoid(x),
  "nn.mish": (x) => x * Math.tanh(Math.log1p(Math.exp(x))),
  "nn.softplus": (x) => Math.log1p(Math.exp(x)),
  "nn.softsign": (x) => x / (1 + Math.abs(x)),
  "nn.thresholdedRelu": (x) => (x > 1 ? x : 0),
  "nn.shrink": (x) => (Math.abs(x) > 0.5 ? x : 0),
};
/** Defined between 0 and 1, at least. */
const POSITIVE: Readonly<Record<string, Unary>> = {
  log: Math.log,
  log1p: Math.log1p,
  log2: Math.log2,
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  asin: Math.asin,
  acos: Math.acos,
  atanh: Math.atanh,
};

const EPS: Partial<Record<DType, number>> = { f32: 2e-6, f64: 1e-12, f16: 4e-3 };

describe("elementwise operators", () => {
  for (const [name, f] of [...Object.entries(FLOATS), ...Object.entries(POSITIVE)]) {
    it(name, async () => {
      for (const shape of SHAPES) {
        for (const dtype of shape.length === 2 ? (["f32", "f64", "f16"] as const) : (["f32"] as const)) {
          const near = Object.hasOwn(POSITIVE, name);
          const x = nd(
            shape,
            fill(shape, (i) => {
              const v = reader(random(shape, dtype, near ? 0.49 : 3))(i);
              return near ? v + 0.5 : v;
            }),
            dtype,
          );
          const [y] = await runOp(name, [x], {}, EPS[dtype]);
          assert.deepEqual([y.shape, y.dtype], [shape, dtype]);
          close(
            y.data,
            fill(shape, (i) => f(reader(x)(i))),
            EPS[dtype],
          );
        }
      }
    });
  }

  it("softplus, mish and elu far out", async () => {
    const x = nd([4], [-200, -50, 50, 200]);
    close((await runOp("nn.softplus", [x]))[0].data, [0, 0, 50, 200]);
    close((await runOp("nn.mish", [x]))[0].data, [0, 0, 50, 200]);
    close((await runOp("nn.elu", [x], { alpha: 2 }))[0].data, [-2, -2, 50, 200]);
  });

  it("attributes of activations", async () => {
    const x = nd([5], [-2, -0.5, 0, 0.5, 2]);
    const get = async (op: string, attrs: Record<string, number>) => (await runOp(op, [x], attrs))[0].data;
    close(await get("nn.leakyRelu", { alpha: 0.1 }), [-0.2, -0.05, 0, 0.5, 2]);
    close(await get("nn.hardSigmoid", { alpha: 0.5, beta: 0.25 }), [0, 0, 0.25, 0.5, 1]);
    close(await get("nn.thresholdedRelu", { alpha: 0.25 }), [0, 0, 0, 0.5, 2]);
    close(await get("nn.shrink", { lambd: 1, bias: 0.5 }), [-1.5, 0, 0, 0, 1.5]);
    close(await get("nn.celu", { alpha: 2 }), [2 * Math.expm1(-1), 2 * Math.expm1(-0.25), 0, 0.5, 2]);
  });

  it("prelu broadcasts its slope", async () => {
    const [x, slope] = [random([2, 3, 2]), random([3, 1], "f32", 1, 5)];
    const [y] = await runOp("nn.prelu", [x, slope]);
    const [X, S] = [reader(x), reader(slope)];
    close(
      y.data,
      fill([2, 3, 2], (i) => (X(i) < 0 ? X(i) * S([i[1], 0]) : X(i))),
    );
    assert.throws(() => R.nn.prelu(v([3]), v([2, 3])), /nn.prelu: the slope must broadcast/);
  });
});

const v = (shape: readonly number[], dtype: DType = "f32") => R.var("v", R.tensor(shape, dtype));

const ARITH: Readonly<Record<string, Binary>> = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  maximum: Math.max,
  minimum: Math.min,
};
const DIVISION: Readonly<Record<string, Binary>> = {
  divide: (a, b) => a / b,
  floorDivide: (a, b) => Math.floor(a / b),
  mod: (a, b) => a % b,
  floorMod: (a, b) => a - Math.floor(a / b) * b,
};
const ASK: Readonly<Record<string, Binary>> = {
  equal: (a, b) => Number(a === b),
  notEqual: (a, b) => Number(a !== b),
  less: (a, b) => Number(a < b),
  lessEqual: (a, b) => Number(a <= b),
  greater: (a, b) => Number(a > b),
  greaterEqual: (a, b) => Number(a >= b),
};
const LOGIC: Readonly<Record<string, Binary>> = {
  logicalAnd: (a, b) => a & b,
  logicalOr: (a, b) => a | b,
  logicalXor: (a, b) => a ^ b,
};
const BITS: Readonly<Record<string, Binary>> = {
  bitwiseAnd: (a, b) => a & b,
  bitwiseOr: (a, b) => a | b,
  bitwiseXor: (a, b) => a ^ b,
};

const PAIRS: readonly (readonly [readonly number[], readonly number[]])[] = [
  [[], []],
  [[3], []],
  [
    [2, 3],
    [2, 3],
  ],
  [
    [2, 1, 4],
    [3, 1],
  ],
  [[0, 3], [3]],
  [[1], [2, 0]],
];
const NUMERIC = DTYPES.filter((t) => t !== "bool");

describe("elementwise operators of two operands", () => {
  const check = async (name: string, f: Binary, dtype: DType, out: DType, nonZero = false) => {
    for (const [sa, sb] of dtype === "f32" ? PAIRS : PAIRS.slice(3, 4)) {
      const a = random(sa, dtype, 5, 2);
      const raw = random(sb, dtype, 5, 3);
      const b = nonZero
        ? nd(
            sb,
            fill(sb, (i) => reader(raw)(i) || 1),
            dtype,
          )
        : raw;
      const shape = broadcast(sa, sb);
      const [y] = await runOp(name, [a, b], {}, EPS[dtype] ?? 0);
      assert.deepEqual([y.shape, y.dtype], [shape, out]);
      const want = fill(shape, (i) => f(reader(a)(broadcastAt(i, sa)), reader(b)(broadcastAt(i, sb))));
      close(y.data, want, EPS[dtype] ?? 0);
    }
  };
  for (const [name, f] of Object.entries(ARITH)) {
    it(name, async () => {
      for (const t of NUMERIC) if (t !== "u8" || name !== "subtract") await check(name, f, t, t);
    });
  }
  for (const [name, f] of Object.entries(DIVISION)) {
    it(name, async () => {
      for (const t of NUMERIC.filter((n) => n !== "f16")) {
        const whole = name === "divide" && !isFloat(t) ? (a: number, b: number) => Math.trunc(a / b) : f;
        await check(name, whole, t, t, true);
      }
    });
  }
  for (const [name, f] of Object.entries(ASK)) {
    it(name, async () => {
      for (const t of NUMERIC) await check(name, f, t, "bool");
      if (name.includes("qual") && !/less|great/.test(name)) await check(name, f, "bool", "bool");
    });
  }
  for (const [name, f] of Object.entries(LOGIC)) it(name, () => check(name, f, "bool", "bool"));
  for (const [name, f] of Object.entries(BITS)) {
    it(name, async () => {
      for (const t of ["i8", "u8", "i32", "i64"] as const) await check(name, f, t, t);
    });
  }

  it("power of floats and of integers", async () => {
    const [y] = await runOp("power", [nd([3], [2, 9, 4]), nd([3], [3, 0.5, -1])]);
    close(y.data, [8, 3, 0.25]);
    const [z] = await runOp("power", [nd([3], [2, -3, 7], "i64"), nd([3], [40, 3, 0], "i64")], {}, 0);
    assert.deepEqual([z.data, z.dtype], [[2 ** 40, -27, 1], "i64"]);
  });
  it("shifts by the width give 0", async () => {
    const a = nd([4], [1, 128, 255, 3], "u8");
    assert.deepEqual(
      (await runOp("leftShift", [a, nd([4], [1, 1, 8, 2], "u8")], {}, 0))[0].data,
      [2, 0, 0, 12],
    );
    assert.deepEqual(
      (await runOp("rightShift", [a, nd([4], [0, 7, 4, 9], "u8")], {}, 0))[0].data,
      [1, 1, 15, 0],
    );
    const one = nd([3], [1, 1, 1], "i64");
    const moved = await runOp("leftShift", [one, nd([3], [40, 64, 0], "i64")], {}, 0);
    assert.deepEqual(moved[0].data, [2 ** 40, 0, 1]);
  });
  it("not, of bools and bits", async () => {
    assert.deepEqual((await runOp("logicalNot", [nd([2], [0, 1], "bool")]))[0].data, [1, 0]);
    assert.deepEqual((await runOp("bitwiseNot", [nd([2], [0, 200], "u8")]))[0].data, [255, 55]);
    assert.deepEqual((await runOp("bitwiseNot", [nd([2], [0, -5], "i64")]))[0].data, [-1, 4]);
  });
  it("dtypes that differ are refused, with what to do", () => {
    assert.throws(
      () => R.add(v([2]), v([2], "i32")),
      (e) =>
        e instanceof GraphError &&
        /add: its operands are f32 and i32; convert one with R.astype/.test(e.message),
    );
    assert.throws(() => R.add(v([2], "bool"), v([2], "bool")), /it is for numbers, not bool/);
    assert.throws(() => R.sin(v([2], "i32")), /sin: it is for floats, not i32/);
    assert.throws(
      () => R.add(v([2, 3]), v([4])),
      /add: shapes \[2, 3\] and \[4\] do not broadcast: 3 against 4/,
    );
  });
});

describe("other elementwise operators", () => {
  it("special values", async () => {
    const x = nd([5], [NaN, Infinity, -Infinity, 0, 1]);
    assert.deepEqual((await runOp("isnan", [x]))[0].data, [1, 0, 0, 0, 0]);
    assert.deepEqual((await runOp("isinf", [x]))[0].data, [0, 1, 1, 0, 0]);
    assert.deepEqual((await runOp("isfinite", [x]))[0].data, [0, 0, 0, 1, 1]);
    assert.deepEqual((await runOp("sign", [x]))[0].data, [NaN, 1, -1, 0, 1]);
    assert.deepEqual(
      (await runOp("round", [nd([4], [0.5, 1.5, -2.5, 2.4])]))[0].data.map((e) => e + 0),
      [0, 2, -2, 2],
    );
  });
  it("clip with one bound, both and none", async () => {
    const x = nd([3], [-5, 0.5, 5]);
    assert.deepEqual((await runOp("clip", [x], { min: -1, max: 1 }))[0].data, [-1, 0.5, 1]);
    assert.deepEqual((await runOp("clip", [x], { max: 1 }))[0].data, [-5, 0.5, 1]);
    assert.deepEqual((await runOp("clip", [x]))[0].data, [-5, 0.5, 5]);
    assert.deepEqual(
      (await runOp("clip", [nd([3], [-9, 1, 9], "i8")], { min: 0, max: 3 }))[0].data,
      [0, 1, 3],
    );
  });
  it("where broadcasts all three", async () => {
    const [c, a, b] = [random([2, 1], "bool"), random([3], "i64", 9, 2), random([], "i64", 9, 3)];
    const [y] = await runOp("where", [c, a, b], {}, 0);
    assert.deepEqual(y.shape, [2, 3]);
    assert.deepEqual(
      y.data,
      fill([2, 3], (i) => (reader(c)([i[0], 0]) ? reader(a)([i[1]]) : reader(b)([]))),
    );
  });
  for (const from of DTYPES) {
    it(`astype from ${from}`, async () => {
      const values = from === "bool" ? [0, 1, 1, 0] : from[0] === "f" ? [0, 1.75, -3.5, 300] : [0, 1, 3, 100];
      const wrap: Readonly<Record<DType, Unary>> = {
        f32: Math.fround,
        f64: (x) => x,
        f16: (x) => f16FromBits(f16ToBits(x)),
        i8: (x) => Math.min(Math.max(Math.trunc(x), -128), 127),
        u8: (x) => Math.min(Math.max(Math.trunc(x), 0), 255),
        i32: Math.trunc,
        i64: Math.trunc,
        bool: (x) => Number(x !== 0),
      };
      for (const to of DTYPES) {
        const [y] = await runOp("astype", [nd([4], values, from)], { dtype: to }, 0);
        assert.equal(y.dtype, to);
        close(y.data, values.map(wrap[to]), 0);
      }
    });
  }
  it("integers wrap in astype", async () => {
    const [y] = await runOp("astype", [nd([3], [300, -1, 128], "i32")], { dtype: "i8" }, 0);
    assert.deepEqual(y.data, [44, -1, -128]);
    assert.throws(() => R.astype(v([1]), { dtype: "f8" }), /there is no dtype "f8"/);
  });
});
