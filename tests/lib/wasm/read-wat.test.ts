/** The text format, read: what we print, what people write, and what cannot be read. */
import assert from "node:assert/strict";
import { encodeModule } from "../../../lib/codegen/wasm/encode.ts";
import { compileWasm } from "../../../lib/codegen/wasm/index.ts";
import { readWat } from "../../../lib/codegen/wasm/read-wat.ts";
import { irModule, type PrimFunc } from "../../../lib/ir/index.ts";
import { T } from "../../../lib/script/index.ts";
import { tiledMatmul } from "./matmul.ts";

/** Exports of a module without memory traffic. */
async function run(body: string): Promise<Record<string, (...xs: unknown[]) => unknown>> {
  const bytes = encodeModule(readWat(`(module ${body})`));
  const env = { memory: new WebAssembly.Memory({ initial: 1 }), exp: Math.exp };
  const { instance } = await WebAssembly.instantiate(bytes, { env });
  return instance.exports as Record<string, (...xs: unknown[]) => unknown>;
}

const programs: Record<string, PrimFunc> = {
  matmul: tiledMatmul({ m: 8, n: 16, k: 16, mr: 2, nr: 8, packB: true, local: true, unrollK: 1 }),
  host: T.primFunc({ A: T.buffer(["n"], "f64"), B: T.buffer(["n"], "f64") }, ({ A, B, n }) => {
    for (const i of T.serial(n)) {
      if (A[i] > 0.5) B[i] = T.exp(A[i]);
      else B[i] = T.sigmoid(A[i]) - 1e-3;
    }
  }),
  integers: T.primFunc(
    { A: T.buffer([9], "i64"), B: T.buffer([9], "i32"), C: T.buffer([9], "i8") },
    ({ A, B, C }) => {
      for (const i of T.vectorized(9)) {
        B[i] = T.cast(A[i], "i32") * -7 + T.select(A[i] > 3, 1, -2147483648);
        A[i] = T.floordiv(A[i], 3) + T.const(9007199254740993n, "i64");
        C[i] = T.max(C[i], -5);
      }
    },
  ),
};

/** A loop with vector literals, which stand in globals. */
const literals = T.primFunc({ A: T.buffer([64]), B: T.buffer([64]) }, ({ A, B }) => {
  for (const i of T.serial(8)) {
    for (const j of T.vectorized(8)) B[i * 8 + j] = T.exp(A[i * 8 + j]) * 0.37;
  }
});

describe("reading WAT", () => {
  for (const [name, f] of Object.entries({ ...programs, literals })) {
    it(`gives back the bytes of what was printed: ${name}`, () => {
      const code = compileWasm(irModule({ [name]: f }), { relaxedSimd: false });
      assert.deepEqual([...encodeModule(readWat(code.wat()))], [...code.bytes]);
    });
  }

  it("folded and in a row, labels by name and number, comments, calls", async () => {
    const m = await run(`
      ;; a comment
      (import "env" "exp" (func $e (param f64) (result f64)))
      (memory (import "env" "memory") 1) (; another
      one ;)
      (func $double (param f64) (result f64) (f64.mul (local.get 0) (f64.const 2)))
      (func (export "twiceExp") (export "again") (param $x f64) (result f64)
        (call $double (call $e (local.get $x))))
      (func (export "byNumber") (param f64) (result f64) local.get 0 call 1)
      (func $sum (param $n i32) (result i32) (local $s i32)
        block $out
          loop $l
            local.get $n i32.eqz br_if $out
            (local.set $s (i32.add (local.get $s) (local.get $n)))
            (local.set $n (i32.sub (local.get $n) (i32.const 1)))
            br 0
          end $l
        end
        local.get $s)
      (func (export "sign") (param $x i32) (result i32)
        (if (result i32) (i32.lt_s (local.get $x) (i32.const 0))
          (then (i32.const -1))
          (else (select (i32.const 1) (i32.const 0) (local.get $x)))))
      (func (export "flatIf") (param i32) (result i32)
        local.get 0 if (result i32) i32.const 10 else i32.const 20 end)
      (func (export "early") (param $x i32) (result i32)
        (block $b (br_if $b (local.get $x)) (return (i32.const 7)))
        nop (drop (i32.const 1)) (i32.const 8))
      (export "sum" (func $sum))`);
    assert.equal(m.twiceExp(1), 2 * Math.E);
    assert.equal(m.again(0), 2);
    assert.equal(m.byNumber(21), 42);
    assert.equal(m.sum(10), 55);
    assert.deepEqual([m.sign(-3), m.sign(0), m.sign(9)], [-1, 0, 1]);
    assert.deepEqual([m.flatIf(1), m.flatIf(0)], [10, 20]);
    assert.deepEqual([m.early(0), m.early(1)], [7, 8]);
  });

  it("numbers of every sort, vectors, lanes and shuffles", async () => {
    const m = await run(`
      (func (export "hex") (result i32) (i32.const 0xFFFF_FFFF))
      (func (export "long") (result i64) (i64.const -9_223_372_036_854_775_808))
      (func (export "neg") (result f64) (f64.const -1_0.5e-1))
      (func (export "inf") (result f32) (f32.const -inf))
      (func (export "nan") (result f32) (f32.const nan))
      (func (export "lane") (result i32) (i8x16.extract_lane_u 15 (v128.const i16x8 1 2 3 4 5 6 7 -2)))
      (func (export "float") (result f32) (f32x4.extract_lane 2 (v128.const f32x4 1 2 3.5 4)))
      (func (export "wide") (result f64) (f64x2.extract_lane 1 (v128.const f64x2 0.25 -0.75)))
      (func (export "mixed") (result i32)
        (i32x4.extract_lane 0 (i8x16.shuffle 16 17 18 19 0 1 2 3 0 1 2 3 0 1 2 3
          (v128.const i32x4 1 2 3 4) (v128.const i64x2 77 0))))`);
    assert.equal(m.hex(), -1);
    assert.equal(m.long(), -(2n ** 63n));
    assert.equal(m.neg(), -1.05);
    assert.equal(m.inf(), Number.NEGATIVE_INFINITY);
    assert.ok(Number.isNaN(m.nan()));
    assert.equal(m.lane(), 255);
    assert.equal(m.float(), 3.5);
    assert.equal(m.wide(), -0.75);
    assert.equal(m.mixed(), 77);
  });

  it("says what it cannot read, and where", () => {
    const fails = (text: string, message: RegExp): void => {
      assert.throws(() => readWat(text), message, text);
    };
    const inFunc = (code: string): string => `(module\n(func (param $x i32)\n${code}))`;
    fails("", /the text is one \(module/);
    fails("(module) (module)", /one \(module/);
    fails("(module\n(func", /WAT, line 2: \( without \)/);
    fails("(module))", /\) without \(/);
    fails('(module "open', /line 1: a string, a comment or a word that does not end/);
    fails("(module (; open", /does not end/);
    fails("module", /module stands outside of brackets/);
    fails(`(module ${"(".repeat(600)}`, /nested deeper/);
    fails("(module\n x)", /line 2: x is no part of a module/);
    fails("(module\n(table 1 funcref))", /line 2: \(table …\) is not read here; give the kernel as bytes/);
    fails("(module (memory 1))", /a kernel works on the memory of the program/);
    fails('(module (import "x" "y" (func)))', /can import from env only/);
    fails('(module (import "env" "m" (memory 1)))', /imported as "env" "memory"/);
    fails('(module (import "env" "g" (global i32)))', /imports a memory and functions/);
    fails('(module (memory (import "env" "memory") 0) (import "env" "memory" (memory 0)))', /imported once/);
    fails('(module (export "f" (func $f)))', /a function of the module is exported/);
    fails("(module (global i32 (i32.const 1)))", /holds a vector/);
    fails("(module (global $k (mut v128)))", /holds a vector/);
    fails("(module (func (drop (global.get $k))))", /there is no global \$k/);
    fails("(module (func (result i32 i32)))", /one result at most/);
    fails("(module (func (type $t)))", /\(type …\) is not read here/);
    fails("(module (func (param $x)))", /a name is followed by one type/);
    fails("(module (func (param $x i31)))", /a type is needed: i32/);
    fails("(module (func (param $x i32) (local $x i32)))", /two locals are called \$x/);
    fails(inFunc("(local.get $y)"), /line 3: there is no local \$y/);
    fails(inFunc("(local.get 1)"), /there is no local 1/);
    fails(inFunc("\n(i32.plus)"), /line 4: i32.plus is no instruction/);
    fails(inFunc("(call $f)"), /there is no function \$f/);
    fails(inFunc("(br $l)"), /there is no label \$l/);
    fails(inFunc("(br 3)"), /there is no label 3/);
    fails(inFunc("block"), /a block without end/);
    fails(inFunc("end"), /end without a block/);
    fails(inFunc("(loop end)"), /end without a block/);
    fails(inFunc("(if (local.get $x))"), /an if has a then/);
    fails(inFunc("(if (local.get $x) (then) (then))"), /one then, and one else after it/);
    fails(inFunc("(if $l x (then))"), /x is no part of an if/);
    fails(inFunc("(i32.const 1 2)"), /2 is no operand of i32.const/);
    fails(inFunc("(i32.const)"), /a number is needed/);
    fails(inFunc("(i32.const 4294967296)"), /does not fit 32 bits/);
    fails(inFunc("(i32.const one)"), /one is no whole number/);
    fails(inFunc("(f32.const 0x1p3)"), /no number that is read here/);
    fails(inFunc("(v128.const i3x4 1)"), /i3x4 is no shape/);
    fails(inFunc("(v128.const i32x4 1 2 3)"), /a number is needed/);
    fails(inFunc("(i32x4.extract_lane 99 (local.get $x))"), /99 is no lane/);
    fails(inFunc("()"), /an instruction is needed/);
  });
});
