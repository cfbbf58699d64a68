import assert from "node:assert/strict";
import {
  ARITH_OPS,
  type BinaryOp,
  binary,
  call,
  cast,
  constant,
  DTYPES,
  type DType,
  type Expr,
  INTRINSICS,
  type IntrinsicName,
  isFloat,
  neg,
  not,
  type Scalar,
  select,
} from "../../../lib/ir/index.ts";
import { evaluate } from "./support.ts";

const NaN_ = Number.NaN;
const Inf = Number.POSITIVE_INFINITY;
const I32 = -(2 ** 31);
const I64 = -(2n ** 63n);
const f = Math.fround;

type Row = readonly [a: Scalar, b: Scalar, result: Scalar];
type Cases = { readonly [op in BinaryOp]?: { readonly [t in DType]?: readonly Row[] } };

const smallInts = {
  floordiv: [
    [7, 2, 3],
    [-7, 2, -4],
    [7, -2, -4],
    [-7, -2, 3],
  ],
  floormod: [
    [7, 2, 1],
    [-7, 2, 1],
    [7, -2, -1],
    [-7, -2, -1],
    [-6, 2, 0],
  ],
  truncdiv: [
    [7, 2, 3],
    [-7, 2, -3],
    [7, -2, -3],
  ],
  truncmod: [
    [7, 2, 1],
    [-7, 2, -1],
    [7, -2, 1],
  ],
} as const satisfies { [op: string]: readonly Row[] };
const bigRows = (rows: readonly Row[]): Row[] => rows.map((r) => r.map(BigInt) as unknown as Row);

const CASES: Cases = {
  add: {
    f32: [
      [0.1, 0.2, f(f(0.1) + f(0.2))],
      [2 ** 24, 1, 2 ** 24],
      [Inf, -Inf, NaN_],
      [-0, -0, -0],
    ],
    f64: [[0.1, 0.2, 0.1 + 0.2]],
    f16: [
      [2048, 1, 2048],
      [2048, 3, 2052],
      [65504, 16, Inf],
      [65504, 15, 65504],
    ],
    i8: [[127, 1, -128]],
    u8: [[255, 1, 0]],
    i32: [[2 ** 31 - 1, 1, I32]],
    i64: [[2n ** 63n - 1n, 1n, I64]],
  },
  sub: {
    f32: [
      [1, f(1e-9), 1],
      [Inf, Inf, NaN_],
    ],
    f64: [[0.3, 0.1, 0.3 - 0.1]],
    f16: [[1, 2 ** -12, 1]],
    i8: [[-128, 1, 127]],
    u8: [[0, 1, 255]],
    i32: [[I32, 1, 2 ** 31 - 1]],
    i64: [[I64, 1n, 2n ** 63n - 1n]],
  },
  mul: {
    f32: [
      [0.1, 0.1, f(f(0.1) * f(0.1))],
      [0, -1, -0],
      [Inf, 0, NaN_],
    ],
    f64: [[0.1, 0.1, 0.1 * 0.1]],
    f16: [
      [256, 256, Inf],
      [2 ** -14, 2 ** -10, 2 ** -24],
      [2 ** -14, 2 ** -12, 0],
    ],
    i8: [
      [64, 2, -128],
      [-128, -1, -128],
    ],
    u8: [[16, 17, 16]],
    i32: [
      [65537, 65537, 131073],
      [0x7fffffff, 0x7fffffff, 1],
    ],
    i64: [[2n ** 62n, 2n, I64]],
  },
  div: {
    f32: [
      [1, 3, f(1 / 3)],
      [1, 0, Inf],
      [-1, 0, -Inf],
      [0, 0, NaN_],
    ],
    f64: [[1, 3, 1 / 3]],
    f16: [[1, 3, 0.333251953125]],
  },
  floordiv: {
    i8: [...smallInts.floordiv, [-128, -1, -128]],
    u8: [
      [7, 2, 3],
      [255, 16, 15],
    ],
    i32: [...smallInts.floordiv, [I32, -1, I32], [I32, 3, -715827883]],
    i64: [...bigRows(smallInts.floordiv), [I64, -1n, I64]],
  },
  floormod: {
    i8: smallInts.floormod,
    u8: [[7, 2, 1]],
    i32: smallInts.floormod,
    i64: bigRows(smallInts.floormod),
  },
  truncdiv: {
    i8: [...smallInts.truncdiv, [-128, -1, -128]],
    u8: [[7, 2, 3]],
    i32: [...smallInts.truncdiv, [I32, -1, I32]],
    i64: [...bigRows(smallInts.truncdiv), [I64, -1n, I64]],
  },
  truncmod: {
    i8: smallInts.truncmod,
    u8: [[255, 16, 15]],
    i32: [...smallInts.truncmod, [I32, -1, 0]],
    i64: bigRows(smallInts.truncmod),
  },
  min: {
    f32: [
      [1, 2, 1],
      [NaN_, 1, NaN_],
      [1, NaN_, NaN_],
      [0, -0, -0],
    ],
    f64: [
      [NaN_, 1, NaN_],
      [-Inf, 1, -Inf],
    ],
    f16: [[1, NaN_, NaN_]],
    i8: [[-128, 127, -128]],
    u8: [[0, 255, 0]],
    i32: [[I32, 5, I32]],
    i64: [[I64, 5n, I64]],
  },
  max: {
    f32: [
      [1, 2, 2],
      [NaN_, 1, NaN_],
      [1, NaN_, NaN_],
      [-0, 0, 0],
    ],
    f64: [
      [1, NaN_, NaN_],
      [Inf, 1, Inf],
    ],
    f16: [[NaN_, 1, NaN_]],
    i8: [[-128, 127, 127]],
    u8: [[0, 255, 255]],
    i32: [[I32, 5, 5]],
    i64: [[I64, 5n, 5n]],
  },
};

for (const op of ["eq", "ne", "lt", "le", "gt", "ge"] as const) {
  const js = {
    eq: (a: Scalar, b: Scalar) => a === b,
    ne: (a: Scalar, b: Scalar) => a !== b,
    lt: (a: Scalar, b: Scalar) => a < b,
    le: (a: Scalar, b: Scalar) => a <= b,
    gt: (a: Scalar, b: Scalar) => a > b,
    ge: (a: Scalar, b: Scalar) => a >= b,
  }[op];
  const rows = (pairs: readonly (readonly [Scalar, Scalar])[]): Row[] =>
    pairs.map(([a, b]) => [a, b, Number(js(a, b))]);
  const floats = rows([
    [1, 2],
    [2, 2],
    [2, 1],
    [NaN_, 1],
    [1, NaN_],
    [NaN_, NaN_],
    [0, -0],
    [Inf, Inf],
  ]);
  const ints = rows([
    [1, 2],
    [2, 2],
    [2, 1],
  ]);
  Object.assign(CASES, {
    [op]: {
      f32: floats,
      f64: floats,
      f16: floats,
      i8: [...ints, ...rows([[-1, 1]])],
      u8: [...ints, ...rows([[255, 1]])],
      i32: [...ints, ...rows([[I32, 1]])],
      i64: rows([
        [1n, 2n],
        [2n, 2n],
        [I64, 1n],
      ]),
      bool: rows([
        [0, 1],
        [1, 1],
        [1, 0],
      ]),
    },
  });
}
Object.assign(CASES, {
  and: {
    bool: [
      [0, 0, 0],
      [0, 1, 0],
      [1, 0, 0],
      [1, 1, 1],
    ],
  },
  or: {
    bool: [
      [0, 0, 0],
      [0, 1, 1],
      [1, 0, 1],
      [1, 1, 1],
    ],
  },
});

describe("interpreter: binary operators", () => {
  for (const [op, byType] of Object.entries(CASES) as [BinaryOp, Cases[BinaryOp]][]) {
    for (const [t, rows] of Object.entries(byType ?? {}) as [DType, Row[]][]) {
      it(`${op} of ${t}`, () => {
        const got = evaluate(
          t,
          rows.map(([a, b]) => [a, b]),
          ([a, b]) => binary(op, a, b),
        );
        assert.deepEqual(
          got,
          rows.map((r) => r[2]),
        );
      });
    }
  }

  it("the table above names every operator and dtype there is", () => {
    for (const op of ARITH_OPS) {
      for (const t of DTYPES) {
        let legal = true;
        try {
          binary(op, constant(1, t), constant(1, t));
        } catch {
          legal = false;
        }
        assert.equal(CASES[op]?.[t] !== undefined, legal, `${op} of ${t}`);
      }
    }
  });

  for (const t of ["i8", "u8", "i32", "i64"] as const) {
    for (const op of ["floordiv", "floormod", "truncdiv", "truncmod"] as const) {
      it(`${op} of ${t} by zero is an error`, () => {
        const zero = t === "i64" ? 0n : 0;
        const one = t === "i64" ? 1n : 1;
        assert.throws(
          () => evaluate(t, [[one, zero]], ([a, b]) => binary(op, a, b)),
          new RegExp(`integer division by zero \\(${op}\\).*block O \\(vi = 0\\); loops i = 0`),
        );
      });
    }
  }
});

describe("interpreter: unary operators, select, logic", () => {
  it("neg", () => {
    assert.deepEqual(
      evaluate("f32", [[1], [0], [NaN_]], ([a]) => neg(a)),
      [-1, -0, NaN_],
    );
    assert.deepEqual(
      evaluate("f64", [[1.5]], ([a]) => neg(a)),
      [-1.5],
    );
    assert.deepEqual(
      evaluate("f16", [[1.5]], ([a]) => neg(a)),
      [-1.5],
    );
    assert.deepEqual(
      evaluate("i8", [[-128], [5]], ([a]) => neg(a)),
      [-128, -5],
    );
    assert.deepEqual(
      evaluate("i32", [[I32], [5], [0]], ([a]) => neg(a)),
      [I32, -5, 0],
    );
    assert.deepEqual(
      evaluate("i64", [[I64], [5n]], ([a]) => neg(a)),
      [I64, -5n],
    );
  });

  it("not", () =>
    assert.deepEqual(
      evaluate("bool", [[0], [1]], ([a]) => not(a)),
      [1, 0],
    ));

  const zero = constant(0);
  const tenOver = (a: Expr) => binary("floordiv", constant(10), a);

  it("select evaluates the chosen side only", () => {
    const got = evaluate("i32", [[0], [5]], ([a]) => select(binary("eq", a, zero), constant(-1), tenOver(a)));
    assert.deepEqual(got, [-1, 2]);
  });

  it("and, or evaluate the second operand only where it decides", () => {
    const safe = (a: Expr) => binary("and", binary("ne", a, zero), binary("gt", tenOver(a), constant(1)));
    assert.deepEqual(
      evaluate("i32", [[0], [5], [20]], ([a]) => safe(a)),
      [0, 1, 0],
    );
    const either = (a: Expr) => binary("or", binary("eq", a, zero), binary("gt", tenOver(a), constant(1)));
    assert.deepEqual(
      evaluate("i32", [[0], [5], [20]], ([a]) => either(a)),
      [1, 1, 0],
    );
  });
});

describe("interpreter: literals are values of their dtype", () => {
  const literal = (t: DType, c: number | bigint) =>
    evaluate("bool", [[1]], ([a]) => select(a, constant(c, t), constant(c, t)))[0];
  it("rounded and wrapped", () => {
    assert.equal(literal("f32", 0.1), f(0.1));
    assert.equal(literal("f64", 0.1), 0.1);
    assert.equal(literal("f16", 0.1), 0.0999755859375);
    assert.equal(literal("u8", 256 + 7), 7);
    assert.equal(literal("i8", 200), -56);
    assert.equal(literal("i64", 2n ** 63n - 1n), 2n ** 63n - 1n);
    assert.equal(literal("i64", 3), 3n);
    assert.equal(literal("bool", 1), 1);
    assert.equal(literal("f32", -0), -0);
    assert.equal(literal("f32", -Inf), -Inf);
    assert.equal(literal("f32", NaN_), NaN_);
  });
});

describe("interpreter: casts", () => {
  const check = (from: DType, to: DType, rows: readonly (readonly [Scalar, Scalar])[]) =>
    it(`${from} to ${to}`, () => {
      const got = evaluate(
        from,
        rows.map(([a]) => [a]),
        ([a]) => cast(a, to),
      );
      assert.deepEqual(
        got,
        rows.map((r) => r[1]),
      );
    });
  for (const t of ["f32", "f64"] as const) {
    check(t, "i32", [
      [1.9, 1],
      [-1.9, -1],
      [3e9, 2 ** 31 - 1],
      [-3e9, I32],
      [NaN_, 0],
      [Inf, 2 ** 31 - 1],
      [-0.5, 0],
    ]);
    check(t, "i8", [
      [1.9, 1],
      [300, 127],
      [-300, -128],
      [NaN_, 0],
    ]);
    check(t, "u8", [
      [1.9, 1],
      [300, 255],
      [-5, 0],
      [NaN_, 0],
      [-Inf, 0],
    ]);
    check(t, "i64", [
      [-1.9, -1n],
      [1e19, 2n ** 63n - 1n],
      [-1e19, I64],
      [NaN_, 0n],
      [2 ** 40, 2n ** 40n],
    ]);
    check(t, "bool", [
      [0, 0],
      [-0, 0],
      [0.5, 1],
      [NaN_, 1],
    ]);
    check(t, "f16", [
      [1 + 2 ** -11, 1],
      [1 + 3 * 2 ** -11, 1 + 2 ** -9],
      [65520, Inf],
      [65519, 65504],
      [2 ** -25, 0],
      [NaN_, NaN_],
    ]);
  }
  check("f64", "f32", [
    [0.1, f(0.1)],
    [1e300, Inf],
    [1 + 2 ** -24, 1],
  ]);
  check("f32", "f64", [[f(0.1), f(0.1)]]);
  check("f16", "f32", [
    [65504, 65504],
    [2 ** -24, 2 ** -24],
  ]);
  check("f16", "i8", [
    [200, 127],
    [-1.5, -1],
  ]);
  check("i32", "i8", [
    [200, -56],
    [-129, 127],
  ]);
  check("i32", "u8", [
    [-1, 255],
    [256, 0],
  ]);
  check("i32", "i64", [[-5, -5n]]);
  check("i32", "f32", [
    [2 ** 24 + 1, 2 ** 24],
    [-3, -3],
  ]);
  check("i32", "f16", [
    [70000, Inf],
    [2049, 2048],
  ]);
  check("i32", "f64", [[2 ** 31 - 1, 2 ** 31 - 1]]);
  check("i32", "bool", [
    [0, 0],
    [-7, 1],
  ]);
  check("u8", "i8", [[255, -1]]);
  check("i8", "u8", [[-1, 255]]);
  check("bool", "f32", [
    [1, 1],
    [0, 0],
  ]);
  check("bool", "i64", [[1, 1n]]);
  check("i64", "i32", [
    [2n ** 32n + 5n, 5],
    [2n ** 31n, I32],
  ]);
  check("i64", "i8", [[200n, -56]]);
  check("i64", "u8", [[-1n, 255]]);
  check("i64", "bool", [
    [0n, 0],
    [2n ** 40n, 1],
  ]);
  check("i64", "f64", [[2n ** 53n + 1n, 2 ** 53]]);
  // 2^60 + 2^36 + 1 lies just above the middle of two f32; by way of a double it would fall on the even one below.
  check("i64", "f32", [
    [2n ** 60n + 2n ** 36n + 1n, 2 ** 60 + 2 ** 37],
    [-(2n ** 60n) - 2n ** 36n - 1n, -(2 ** 60) - 2 ** 37],
    [I64, -(2 ** 63)],
  ]);
  check("i64", "f16", [
    [2049n, 2048],
    [2n ** 62n, Inf],
  ]);
});

describe("interpreter: intrinsics", () => {
  const close = (got: Scalar[], want: number[], rtol: number) =>
    got.forEach((g, i) => {
      const ok = Object.is(g, want[i]) || Math.abs((g as number) - want[i]) <= rtol * Math.abs(want[i]);
      assert.ok(ok, `${g} against ${want[i]}`);
    });
  // Values of erf from tables with 16 digits (Abramowitz & Stegun 7.1; the tail as 1 - erfc).
  const ERF: [number, number][] = [
    [0, 0],
    [0.1, 0.1124629160182849],
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [-1, -0.8427007929497149],
    [2, 0.9953222650189527],
    [2.5, 0.9995930479825551],
    [3, 0.9999779095030014],
    [4, 0.9999999845827421],
    [7, 1],
    [-Inf, -1],
    [NaN_, NaN_],
  ];
  const FLOAT1: { readonly [name: string]: readonly (readonly [number, number])[] } = {
    exp: [
      [0, 1],
      [1, Math.E],
      [-Inf, 0],
      [1000, Inf],
    ],
    log: [
      [1, 0],
      [0, -Inf],
      [-1, NaN_],
    ],
    sqrt: [
      [2, Math.SQRT2],
      [-1, NaN_],
      [-0, -0],
    ],
    rsqrt: [
      [4, 0.5],
      [0, Inf],
    ],
    sin: [
      [0, 0],
      [1, Math.sin(1)],
    ],
    cos: [
      [0, 1],
      [1, Math.cos(1)],
    ],
    tan: [[1, Math.tan(1)]],
    asin: [
      [1, Math.PI / 2],
      [2, NaN_],
    ],
    acos: [
      [1, 0],
      [-1, Math.PI],
    ],
    atan: [
      [1, Math.PI / 4],
      [-Inf, -Math.PI / 2],
    ],
    sinh: [[1, (Math.E - 1 / Math.E) / 2]],
    cosh: [[1, (Math.E + 1 / Math.E) / 2]],
    asinh: [[0.75, Math.LN2]],
    acosh: [
      [1.25, Math.LN2],
      [0.5, NaN_],
    ],
    atanh: [
      [0.5, Math.log(3) / 2],
      [1, Inf],
    ],
    log1p: [
      [1, Math.LN2],
      [-1, -Inf],
    ],
    expm1: [
      [1, Math.E - 1],
      [-Inf, -1],
    ],
    tanh: [
      [1, Math.tanh(1)],
      [Inf, 1],
    ],
    sigmoid: [
      [0, 0.5],
      [-Inf, 0],
      [Inf, 1],
    ],
    erf: ERF,
    floor: [
      [1.5, 1],
      [-1.5, -2],
      [-0, -0],
    ],
    ceil: [
      [1.5, 2],
      [-1.5, -1],
    ],
    trunc: [
      [1.5, 1],
      [-1.5, -1],
    ],
    round: [
      [0.5, 0],
      [1.5, 2],
      [2.5, 2],
      [-0.5, -0],
      [-1.5, -2],
      [-2.5, -2],
      [2.4, 2],
      [-0.2, -0],
      [-0, -0],
      [Inf, Inf],
      [NaN_, NaN_],
    ],
    abs: [
      [-1.5, 1.5],
      [-0, 0],
      [NaN_, NaN_],
    ],
  };
  const EPS = { f32: 1.3e-7, f64: 5e-16, f16: 1.1e-3 };
  for (const [name, rows] of Object.entries(FLOAT1)) {
    for (const t of ["f32", "f64", "f16"] as const) {
      it(`${name} of ${t}`, () => {
        const got = evaluate(
          t,
          rows.map(([x]) => [x]),
          ([a]) => call(name, [a]),
        );
        close(
          got,
          rows.map((r) => r[1]),
          EPS[t],
        );
      });
    }
  }
  it("pow", () => {
    assert.deepEqual(
      evaluate(
        "f64",
        [
          [2, 10],
          [2, -1],
          [-8, 1 / 3],
        ],
        ([a, b]) => call("pow", [a, b]),
      ),
      [1024, 0.5, NaN_],
    );
    assert.deepEqual(
      evaluate("f32", [[10, -1]], ([a, b]) => call("pow", [a, b])),
      [f(0.1)],
    );
  });
  it("fmod has the sign of the dividend", () => {
    for (const t of ["f32", "f64", "f16"] as const) {
      assert.deepEqual(
        evaluate(
          t,
          [
            [5.5, 2],
            [-5.5, 2],
            [5.5, -2],
            [1, 0],
            [1, Inf],
          ],
          ([a, b]) => call("fmod", [a, b]),
        ),
        [1.5, -1.5, 1.5, NaN_, 1],
      );
    }
  });
  it("isnan", () => {
    for (const t of DTYPES.filter(isFloat)) {
      assert.deepEqual(
        evaluate(t, [[NaN_], [1], [Inf]], ([a]) => call("isnan", [a])),
        [1, 0, 0],
      );
    }
  });
  it("abs of integers wraps", () => {
    assert.deepEqual(
      evaluate("i8", [[-128], [-5]], ([a]) => call("abs", [a])),
      [-128, 5],
    );
    assert.deepEqual(
      evaluate("u8", [[200]], ([a]) => call("abs", [a])),
      [200],
    );
    assert.deepEqual(
      evaluate("i32", [[I32], [-5]], ([a]) => call("abs", [a])),
      [I32, 5],
    );
    assert.deepEqual(
      evaluate("i64", [[I64], [-5n]], ([a]) => call("abs", [a])),
      [I64, 5n],
    );
  });
  const BITS: { readonly [name: string]: { readonly [t in DType]?: readonly Row[] } } = {
    bitAnd: { i8: [[-1, 15, 15]], u8: [[0xf0, 0x3c, 0x30]], i32: [[-1, I32, I32]], i64: [[-1n, 5n, 5n]] },
    bitOr: { i8: [[-128, 1, -127]], u8: [[0xf0, 0x0f, 255]], i32: [[1, I32, I32 + 1]], i64: [[1n, 4n, 5n]] },
    bitXor: { i8: [[-1, 1, -2]], u8: [[255, 1, 254]], i32: [[-1, 1, -2]], i64: [[-1n, 1n, -2n]] },
    shiftLeft: {
      i8: [[65, 1, -126]],
      u8: [
        [129, 1, 2],
        [1, 9, 0],
      ],
      i32: [
        [1, 31, I32],
        [1, 33, 2],
      ],
      i64: [
        [1n, 63n, I64],
        [1n, 65n, 2n],
      ],
    },
    shiftRight: { i8: [[-128, 1, -64]], u8: [[128, 1, 64]], i32: [[I32, 31, -1]], i64: [[I64, 63n, -1n]] },
  };
  for (const [name, byType] of Object.entries(BITS)) {
    for (const [t, rows] of Object.entries(byType) as [DType, Row[]][]) {
      it(`${name} of ${t}`, () => {
        const got = evaluate(
          t,
          rows.map(([a, b]) => [a, b]),
          ([a, b]) => call(name, [a, b]),
        );
        assert.deepEqual(
          got,
          rows.map((r) => r[2]),
        );
      });
    }
  }
  it("every intrinsic occurs above", () => {
    const seen = new Set([...Object.keys(FLOAT1), ...Object.keys(BITS), "pow", "fmod", "isnan"]);
    assert.deepEqual(
      (Object.keys(INTRINSICS) as IntrinsicName[]).filter((n) => !seen.has(n)),
      [],
    );
  });
});
