/** Imported micro-kernels: WAT and bytes behind `T.callExtern` and `tensorize`. */
import assert from "node:assert/strict";
import { ExternFunc, expandExterns, interpret } from "../../../lib/codegen/index.ts";
import { encodeModule } from "../../../lib/codegen/wasm/encode.ts";
import { compileWasm } from "../../../lib/codegen/wasm/index.ts";
import { readWat } from "../../../lib/codegen/wasm/read-wat.ts";
import { irModule, type PrimFunc } from "../../../lib/ir/index.ts";
import { build, countFlops, Tensor } from "../../../lib/runtime/index.ts";
import { type Schedule, TensorIntrin } from "../../../lib/schedule/index.ts";
import { T } from "../../../lib/script/index.ts";
import { mmRelu } from "./programs.ts";
import { argumentsOf, sameResults, scheduled } from "./support.ts";

/** C[4, 8] += A[4, k] · B[k, 8]: eight vectors of sums, a row of B and an element of A at a time. */
function kernel4x8(): string {
  const rows = [0, 1, 2, 3];
  const halves = [0, 1];
  const each = (f: (i: number, h: number) => string): string =>
    rows.flatMap((i) => halves.map((h) => f(i, h))).join("\n      ");
  return `(module
    (import "env" "memory" (memory 0))
    ;; a, b, c: addresses of the tiles; then the sizes in the order of their first appearance.
    (func $mm (export "mm4x8") (param $a i32) (param $b i32) (param $c i32)
        (param $k i32) (param $sa i32) (param $sb i32) (param $sc i32)
      ${each((i, h) => `(local $c${i}${h} v128)`)}
      (local $b0 v128) (local $b1 v128) (local $x v128)
      (local.set $sa (i32.shl (local.get $sa) (i32.const 2)))
      (local.set $sb (i32.shl (local.get $sb) (i32.const 2)))
      (local.set $sc (i32.shl (local.get $sc) (i32.const 2)))
      ${each((i, h) => `(local.set $c${i}${h} (v128.load offset=${16 * h} ${row("c", "sc", i)}))`)}
      (block $done
        (br_if $done (i32.eqz (local.get $k)))
        (loop $next
          (local.set $b0 (v128.load (local.get $b)))
          (local.set $b1 (v128.load offset=16 align=4 (local.get $b)))
          ${rows
            .map((i) => {
              const sum = (h: number) =>
                `(local.set $c${i}${h} (f32x4.add (local.get $c${i}${h}) (f32x4.mul (local.get $x) (local.get $b${h}))))`;
              return `(local.set $x (v128.load32_splat ${row("a", "sa", i)})) ${sum(0)} ${sum(1)}`;
            })
            .join("\n          ")}
          local.get $a i32.const 4 i32.add local.set $a
          (local.set $b (i32.add (local.get $b) (local.get $sb)))
          (br_if $next (local.tee $k (i32.sub (local.get $k) (i32.const 1))))
        )
      )
      ${each((i, h) => `(v128.store offset=${16 * h} ${row("c", "sc", i)} (local.get $c${i}${h}))`)}
    )
  )`;
}

/** The address of row i. */
const row = (base: string, stride: string, i: number): string =>
  `(i32.add (local.get $${base}) (i32.mul (local.get $${stride}) (i32.const ${i})))`;

const program = () =>
  T.primFunc(
    {
      A: T.buffer([4, "k"], "f32", { strides: ["sa", 1] }),
      B: T.buffer(["k", 8], "f32", { strides: ["sb", 1] }),
      C: T.buffer([4, 8], "f32", { strides: ["sc", 1] }),
    },
    ({ A, B, C, k }) => {
      for (const [i, j, l] of T.grid(4, 8, k)) C[i][j] += A[i][l] * B[l][j];
    },
  );

/** The description of a tile, and an implementation that calls the kernel. */
function intrinsic(name: string, depth = 5): void {
  const shapes = { A: T.buffer([4, depth]), B: T.buffer([depth, 8]), C: T.buffer([4, 8]) } as const;
  TensorIntrin.register(
    name,
    T.primFunc(
      shapes,
      ({ A, B, C, depth }) => {
        for (const [i, j, k] of T.grid(4, 8, depth)) {
          T.block("mm", () => {
            const [vi, vj, vk] = T.axis.remap("SSR", [i, j, k]);
            C[vi][vj] += A[vi][vk] * B[vk][vj];
          });
        }
      },
      { consts: { depth } },
    ),
    T.primFunc(shapes, ({ A, B, C }) => {
      T.callExtern("kernel_mm4x8", T.accessPtr(A, "r"), T.accessPtr(B, "r"), T.accessPtr(C, "rw"));
    }),
    { override: true },
  );
}

/** Y in tiles of 4 x 8 x 5, each by the intrinsic. */
const tiled = (name: string, more: (sch: Schedule) => void = () => {}): PrimFunc =>
  scheduled(mmRelu(), (sch) => {
    const y = sch.getBlock("Y");
    const [i, j, k] = sch.getLoops(y);
    const [i0, i1] = sch.split(i, [null, 4]);
    const [j0, j1] = sch.split(j, [null, 8]);
    const [k0, k1] = sch.split(k, [null, 5]);
    sch.reorder(i0, j0, k0, i1, j1, k1);
    sch.decomposeReduction(y, k0);
    sch.tensorize(i1, name);
    more(sch);
  });

async function onWasm(f: PrimFunc): Promise<number[]> {
  const lib = await build(f, { target: "wasm", relaxedSimd: false });
  const tensors = argumentsOf(f).map((a) => Tensor.from(a.data as Float32Array, a.shape as number[]));
  await lib.main(...tensors);
  const out = [...tensors[tensors.length - 1].data] as number[];
  for (const t of tensors) t.dispose();
  return out;
}

function expected(f: PrimFunc): number[] {
  const args = argumentsOf(f);
  interpret(f, args);
  return [...args[args.length - 1].data] as number[];
}

const scale = () =>
  T.primFunc({ X: T.buffer(["n"], "f32", { strides: ["s"] }), f: T.scalar("f32") }, ({ X, f, n }) => {
    for (const i of T.serial(n)) X[i] *= f;
  });
const SCALE = `(module (import "env" "memory" (memory 0))
  (func (export "go") (param $x i32) (param $f f32) (param $n i32) (param $s i32)
    (if (local.get $n) (then
      loop $l
        (f32.store (local.get $x) (f32.mul (f32.load (local.get $x)) (local.get $f)))
        (local.set $x (i32.add (local.get $x) (i32.shl (local.get $s) (i32.const 2))))
        (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
      end))))`;

describe("imported kernels", () => {
  before(() => {
    ExternFunc.register("kernel_mm4x8", program(), { wat: kernel4x8() });
    intrinsic("kernel_tile");
  });

  it("a tile of a product by a WAT kernel, equal to the interpreter; the code calls it", async () => {
    const f = tiled("kernel_tile");
    sameResults(mmRelu(), f);
    assert.deepEqual(await onWasm(f), expected(mmRelu()));
    const code = compileWasm(irModule({ main: f }));
    assert.deepEqual(
      code.kernels.map((k) => [k.name, k.export]),
      [["kernel_mm4x8", "mm4x8"]],
    );
    assert.match(
      code.wat(),
      /\(import "kernel" "kernel_mm4x8" \(func \$kernel\.kernel_mm4x8 \(param( i32){7}\)\)\)/,
    );
    assert.match(code.wat(), /\(call \$kernel\.kernel_mm4x8/);
  });

  it("packed operands and sums of their own: strides are those of the buffers as they lie in memory", async () => {
    const packed = tiled("kernel_tile", (sch) => {
      const update = sch.getBlock("Y_update_o");
      const [, j0] = sch.getLoops(update);
      sch.computeAt(sch.cacheRead(update, 1, "local"), j0);
      const [, , k0] = sch.getLoops(update);
      sch.computeAt(sch.cacheRead(update, 0, "local"), k0);
      sch.reverseComputeAt(sch.getBlock("C"), sch.getLoops(update)[1]);
    });
    assert.deepEqual(await onWasm(packed), expected(mmRelu()));
  });

  it("storageAlign changes the strides that the kernel gets", async () => {
    const aligned = tiled("kernel_tile", (sch) => {
      const copy = sch.cacheRead(sch.getBlock("Y_update_o"), 1, "local");
      sch.storageAlign(copy, 0, 0, 16, 5);
    });
    assert.deepEqual(await onWasm(aligned), expected(mmRelu()));
  });

  it("as bytes", async () => {
    const bytes = encodeModule(readWat(kernel4x8()));
    ExternFunc.register("kernel_mm4x8", program(), { wasm: bytes, export: "mm4x8" });
    assert.deepEqual(await onWasm(tiled("kernel_tile")), expected(mmRelu()));
    ExternFunc.register("kernel_mm4x8", program(), { wat: kernel4x8() });
  });

  it("scalars, rows and columns; a function of the module goes before a registered one", async () => {
    ExternFunc.register("kernel_scale", scale(), { wat: SCALE });
    const rows = T.primFunc({ A: T.buffer([6, 8]), B: T.buffer([6, 8]) }, ({ A, B }) => {
      T.block("all", () => {
        for (const [i, j] of T.grid(6, 8)) B[i][j] = A[i][j];
        for (const r of T.serial(3)) {
          T.callExtern("kernel_scale", T.accessPtr(B[r * 2][T.slice(1, 5)], "rw"), A[0][r]);
        }
      });
    });
    assert.deepEqual(await onWasm(rows), expected(rows));
    assert.match(compileWasm(irModule({ main: rows })).wat(), /call \$kernel\.kernel_scale/);
    const shadowed = irModule({ main: rows, kernel_scale: scale() });
    assert.doesNotMatch(compileWasm(shadowed).wat(), /call \$kernel/);
  });

  it("symbolic sizes, and a loop around the call that was to be vectorised", async () => {
    ExternFunc.register("kernel_scale", scale(), { wat: SCALE });
    const f = T.primFunc({ A: T.buffer(["m", "n"]), B: T.buffer(["m", "n"]) }, ({ A, B, m, n }) => {
      for (const i of T.vectorized(m)) {
        T.block("row", () => {
          const vi = T.axis.spatial(m, i);
          for (const j of T.serial(n)) B[vi][j] = A[vi][j];
          T.callExtern("kernel_scale", T.accessPtr(B[vi][T.slice(0, n)], "rw"), T.const(2, "f32"));
        });
      }
    });
    const lib = await build(f, { target: "wasm" });
    const a = Tensor.from(
      Float32Array.from({ length: 15 }, (_, i) => i - 4),
      [5, 3],
    );
    const b = Tensor.zeros([5, 3], "f32");
    await lib.main(a, b);
    assert.deepEqual(
      [...b.data],
      Array.from({ length: 15 }, (_, i) => 2 * (i - 4)),
    );
  });

  it("refuses code that is no kernel", () => {
    const register =
      (source: object, name = "bad_kernel") =>
      () =>
        ExternFunc.register(name, scale(), source);
    assert.throws(register({}), /kernel "bad_kernel": give its code as \{ wat \} or as \{ wasm \}/);
    assert.throws(register({ wat: SCALE, wasm: new Uint8Array() }), /as \{ wat \} or as \{ wasm \}/);
    assert.throws(register({ wat: SCALE }, "no name"), /letters, digits/);
    assert.throws(register({ wasm: new Uint8Array([1, 2, 3]) }), /its code is not valid/);
    assert.throws(register({ wat: SCALE, export: "stop" }), /exports no function "stop"; there are go/);
    assert.throws(register({ wat: "(module)" }), /exports no function "bad_kernel"; there are none/);
    assert.throws(
      register({ wat: SCALE.replace("f32.mul", "f32.mull") }),
      /WAT, line 5: f32.mull is no instruction/,
    );
    assert.throws(register({ wat: SCALE.replace("f32.mul", "i32.mul") }), /its code is not valid/);
    const odd = new Uint8Array([
      0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 2, 7, 1, 1, 120, 1, 121, 0, 0,
    ]);
    assert.throws(register({ wasm: odd }), /it imports x\.y; there are env\.memory and/);
    const inner = T.primFunc({ X: T.buffer(["n * 2"]) }, ({ X }) => {
      X[0] = 1;
    });
    assert.throws(
      () => ExternFunc.register("bad_kernel", inner, { wat: SCALE }),
      /size n is no dimension or stride/,
    );
    assert.equal(ExternFunc.get("bad_kernel"), undefined);
  });

  it("refuses parts and signatures that do not fit", async () => {
    const flat = T.primFunc({ X: T.buffer([2, 4]) }, ({ X }) => {
      X[0][0] = 1;
    });
    const one = `(module (import "env" "memory" (memory 0)) (func (export "f") (param i32)))`;
    ExternFunc.register("kernel_flat", flat, { wat: one });
    const calls = (part: string, width: number) =>
      irModule({
        main: T.primFunc({ A: T.buffer([4, 4]), B: T.buffer([4, 8]) }, ({ A, B }) => {
          T.callExtern("kernel_flat", T.accessPtr(A[T.slice(0, 2)][T.slice(0, 4)], "rw"));
          B[0][0] = A[0][0];
        }),
        ...(part === "wide"
          ? {
              other: T.primFunc(
                { B: T.buffer([4, 8]) },
                ({ B, width }) => {
                  T.callExtern("kernel_flat", T.accessPtr(B[T.slice(0, 2)][T.slice(width, 4)], "rw"));
                },
                { consts: { width } },
              ),
            }
          : {}),
      });
    assert.doesNotThrow(() => compileWasm(calls("tight", 0)));
    assert.throws(
      () => compileWasm(calls("wide", 4)),
      /kernel "kernel_flat": dimension 0 of X has stride 4, the part of B 8; a stride that is a name/,
    );

    const starts = T.primFunc({ X: T.buffer([4], "f32", { offsetFactor: 4 }) }, ({ X }) => {
      X[0] = 1;
    });
    ExternFunc.register("kernel_start", starts, { wat: one });
    const at = (n: number) =>
      irModule({
        main: T.primFunc(
          { A: T.buffer([12]) },
          ({ A, n }) => T.callExtern("kernel_start", T.accessPtr(A[T.slice(n, 4)], "rw")),
          { consts: { n } },
        ),
      });
    assert.doesNotThrow(() => compileWasm(at(8)));
    assert.throws(
      () => compileWasm(at(6)),
      /X starts at multiples of 4 elements \(16 bytes\), which cannot be shown/,
    );

    const two = one.replace("(param i32)", "(param i32 i64)");
    ExternFunc.register("kernel_start", starts, { wat: two });
    await assert.rejects(
      () => build(at(8), { target: "wasm" }),
      /does not have the signature it was registered with/,
    );

    const sized = T.primFunc({ X: T.buffer(["n"]), Y: T.buffer(["n"]) }, ({ X, Y }) => {
      X[0] = Y[0];
    });
    ExternFunc.register("kernel_sized", sized, { wat: one.replace("(param i32)", "(param i32 i32 i32)") });
    const lengths = T.primFunc({ A: T.buffer([12]) }, ({ A }) => {
      T.callExtern("kernel_sized", T.accessPtr(A[T.slice(0, 4)], "w"), T.accessPtr(A[T.slice(4, 5)], "r"));
    });
    assert.throws(() => compileWasm(irModule({ main: lengths })), /n would be 4 and, in Y, 5/);
  });

  it("counts for the work of its program", () => {
    assert.equal(countFlops(tiled("kernel_tile")), countFlops(mmRelu()));
  });

  it("on targets that cannot link it, the program stands for it", () => {
    const f = tiled("kernel_tile");
    sameResults(mmRelu(), expandExterns(f));
  });
});
