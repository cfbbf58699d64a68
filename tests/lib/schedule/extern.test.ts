import assert from "node:assert/strict";
import { ExternFunc, expandExterns, interpret } from "../../../lib/codegen/index.ts";
import { type IRModule, type PrimFunc, structuralEqual, verify } from "../../../lib/ir/index.ts";
import { build, Tensor } from "../../../lib/runtime/index.ts";
import { Schedule, TensorIntrin } from "../../../lib/schedule/index.ts";
import { parseModule, script, T } from "../../../lib/script/index.ts";
import { mmRelu } from "./programs.ts";
import { argumentsOf, refuses, sameResults, scheduled } from "./support.ts";

/** C += A · B over tiles of any sizes and strides. */
const kernel = () =>
  T.primFunc(
    {
      A: T.buffer(["m", "k"], "f32", { strides: ["sa", 1] }),
      B: T.buffer(["k", "n"], "f32", { strides: ["sb", 1] }),
      C: T.buffer(["m", "n"], "f32", { strides: ["sc", 1] }),
    },
    ({ A, B, C, m, n, k }) => {
      for (const [i, l, j] of T.grid(m, k, n)) C[i][j] += A[i][l] * B[l][j];
    },
  );

const scaled = () =>
  T.primFunc({ X: T.buffer(["n"]), f: T.scalar("f32") }, ({ X, f, n }) => {
    for (const i of T.serial(n)) X[i] *= f;
  });

/** Tiles of B = 2 · A, each by a call. */
const calling = (): IRModule =>
  T.module({
    main: T.primFunc({ A: T.buffer([12]), B: T.buffer([12]) }, ({ A, B }) => {
      for (const i of T.serial(3)) {
        T.block("tile", () => {
          const [vi] = T.axis.remap("S", [i]);
          for (const j of T.serial(4)) B[vi * 4 + j] = A[vi * 4 + j];
          T.callExtern("scaled", T.accessPtr(B[T.slice(vi * 4, 4)], "rw"), T.const(2, "f32"));
        });
      }
    }),
    scaled: scaled(),
  });

async function values(mod: IRModule | PrimFunc, target: "wasm" | "interpreter"): Promise<number[]> {
  const lib = await build(mod, { target });
  const f = mod.kind === "module" ? (mod.funcs.main as PrimFunc) : mod;
  const tensors = argumentsOf(f).map((a) => Tensor.from(a.data as Float32Array, a.shape as number[]));
  await lib.main(...tensors);
  return [...tensors[tensors.length - 1].data] as number[];
}

describe("callExtern", () => {
  it("a function of the module gets a part of a buffer, on every target", async () => {
    const mod = calling();
    const [a] = argumentsOf(mod.funcs.main as PrimFunc);
    const expected = [...(a.data as Float32Array)].map((x) => 2 * x);
    assert.deepEqual(await values(mod, "interpreter"), expected);
    assert.deepEqual(await values(mod, "wasm"), expected);
  });

  it("prints and parses; its regions are what the block reads and writes", () => {
    const mod = calling();
    assert.deepEqual(verify(mod.funcs.main as PrimFunc), []);
    assert.ok(structuralEqual(parseModule(script(mod)), mod));
    assert.match(
      script(mod),
      /T\.callExtern\("scaled", T\.accessPtr\(B\[T\.slice\(vi \* 4, 4\)\], "rw"\), T\.const\(2, "f32"\)\)/,
    );
    const sch = new Schedule(mod);
    const loops = sch.getLoops(sch.getBlock("tile", "main"));
    sch.split(loops[0], [null, 2]);
    assert.match(sch.script(), /T\.where\(i_0 \* 2 \+ i_1 < 3\)/);
  });

  it("an intrinsic whose implementation calls a registered kernel", async () => {
    ExternFunc.register("tile_mm", kernel());
    const shapes = { A: T.buffer([4, 5]), B: T.buffer([5, 8]), C: T.buffer([4, 8]) };
    TensorIntrin.register(
      "mm4x8_call",
      T.primFunc(shapes, ({ A, B, C }) => {
        for (const [i, j, k] of T.grid(4, 8, 5)) {
          T.block("mm", () => {
            const [vi, vj, vk] = T.axis.remap("SSR", [i, j, k]);
            C[vi][vj] += A[vi][vk] * B[vk][vj];
          });
        }
      }),
      T.primFunc(shapes, ({ A, B, C }) => {
        T.callExtern("tile_mm", T.accessPtr(A, "r"), T.accessPtr(B, "r"), T.accessPtr(C, "rw"));
      }),
    );
    const out = scheduled(mmRelu(), (sch) => {
      const y = sch.getBlock("Y");
      const [i, j, k] = sch.getLoops(y);
      const [i0, i1] = sch.split(i, [null, 4]);
      const [j0, j1] = sch.split(j, [null, 8]);
      const [k0, k1] = sch.split(k, [null, 5]);
      sch.reorder(i0, j0, k0, i1, j1, k1);
      sch.decomposeReduction(y, k0);
      sch.tensorize(i1, "mm4x8_call");
      sch.cacheRead(sch.getBlock("Y_update_o"), 1, "local");
    });
    assert.match(
      script(out),
      /T\.callExtern\("tile_mm", T\.accessPtr\(A\[T\.slice\(vi_o \* 4, 4\)\]\[T\.slice\(vk_o \* 5, 5\)\], "r"\)/,
    );
    sameResults(mmRelu(), expandExterns(out));
    const expected = argumentsOf(mmRelu());
    interpret(mmRelu(), expected);
    assert.deepEqual(await values(out, "wasm"), [...expected[2].data]);
  });

  it("primitives that cannot follow a part refuse", () => {
    const sch = new Schedule(calling());
    sch.workOn("main");
    const b = sch.getBlock("tile");
    refuses(sch, () => sch.transformLayout(b, "B", (i: number) => [11 - i]), {
      rule: /opaque access/,
      detail: /tile passes B to scaled/,
    });
  });

  it("cacheInplace: a call in the nest works on the copy as well", () => {
    ExternFunc.register("scaled_up", scaled());
    const f = T.primFunc({ A: T.buffer([4]) }, ({ A }) => {
      for (const i of T.serial(1)) {
        T.block("call", () => {
          const [vi] = T.axis.remap("S", [i]);
          T.callExtern("scaled_up", T.accessPtr(A[T.slice(vi, 4)], "rw"), T.const(2, "f32"));
        });
        for (const j of T.serial(4)) {
          T.block("add", () => {
            const [vj] = T.axis.remap("S", [j]);
            A[vj] += 3;
          });
        }
      }
    });
    const out = scheduled(f, (sch) => sch.cacheInplace(sch.getBlock("add"), "A", "local"), false);
    sameResults(expandExterns(f), expandExterns(out));
    assert.match(script(out), /T\.accessPtr\(A_local\[T\.slice\(vi, 4\)\], "rw"\)/);
  });

  it("unsafeSetDtype refuses a buffer that is passed to another program", () => {
    const f = T.primFunc({ A: T.buffer([4]), C: T.buffer([4]) }, ({ A, C }) => {
      const B = T.alloc([4]);
      for (const i of T.serial(4)) {
        T.block("B", () => {
          const [vi] = T.axis.remap("S", [i]);
          B[vi] = A[vi];
        });
      }
      T.block("C", () => {
        T.callExtern("scaled_up", T.accessPtr(B, "rw"), T.const(2, "f32"));
        for (const i of T.serial(4)) C[i] = B[i];
      });
    });
    const sch = new Schedule(f);
    const b = sch.getBlock("B");
    refuses(sch, () => sch.unsafeSetDtype(b, 0, "f64"), {
      rule: /opaque access/,
      detail: /C passes B to scaled_up/,
    });
  });

  it("says what does not fit", () => {
    const call = (text: string) =>
      parseModule(`T.module({ main: T.primFunc({ A: T.buffer([4]) }, ({ A }) => { ${text} }) })`);
    const run = (text: string) => () =>
      interpret(call(text).funcs.main as PrimFunc, argumentsOf(call(text).funcs.main as PrimFunc));
    ExternFunc.register("scaled_up", scaled());
    ExternFunc.register(
      "of_three",
      T.primFunc({ X: T.buffer([3]) }, ({ X }) => {
        X[0] = 1;
      }),
    );
    ExternFunc.register(
      "again",
      T.primFunc({ X: T.buffer([4]) }, ({ X }) => T.callExtern("again", T.accessPtr(X, "w"))),
    );
    assert.throws(
      run('T.callExtern("nobody", T.accessPtr(A, "r"))'),
      /"nobody" is neither a function of the module nor registered/,
    );
    assert.throws(run('T.callExtern("scaled_up", T.accessPtr(A, "rw"))'), /takes X, f, got 1 argument/);
    assert.throws(run('T.callExtern("scaled_up", T.accessPtr(A, "rw"), 1)'), /f is no i32 value/);
    assert.throws(
      run('T.callExtern("scaled_up", T.accessPtr(A, "rw"), T.accessPtr(A, "r"))'),
      /f is a value, not a buffer/,
    );
    assert.throws(run('T.callExtern("of_three", T.accessPtr(A, "w"))'), /has 4 element\(s\), X needs 3/);
    assert.throws(run('T.callExtern("again", T.accessPtr(A, "w"))'), /again calls again: calls cannot recur/);
    assert.throws(() => call('T.callExtern("x", T.accessPtr(A, "q"))'), /"q" is no access/);
    assert.throws(() => call("T.callExtern(A)"), /program's name/);
  });
});
