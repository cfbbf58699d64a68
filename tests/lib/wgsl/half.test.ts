/**
 * f16 in shaders. Where the adapter has `shader-f16`, programs run and are compared with the interpreter; everywhere their
 * text goes through Dawn's compiler, on its null backend, which has every feature and runs nothing.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { compileWgsl, DEFAULT_LIMITS } from "../../../lib/codegen/wgsl/index.ts";
import { call, cast, type Expr, INTRINSICS, irModule, ops, type PrimFunc } from "../../../lib/ir/index.ts";
import { Tensor } from "../../../lib/runtime/index.ts";
import { limitsOf, reportOf } from "../../../lib/runtime/webgpu/adapter.ts";
import { GpuDevice, gpuDevice, releaseGpu } from "../../../lib/runtime/webgpu/device.ts";
import { te } from "../../../lib/te/index.ts";
import { GPU_MACHINES, gpuSchedule } from "../../../lib/tune/default-gpu/index.ts";
import { skipBecause } from "../../../scripts/skip.ts";
import { programOf, recipe } from "../../support/random-program.ts";
import { requireGpu } from "../../support/system.ts";
import { assertAgrees } from "./harness.ts";

const seed = Number(process.env.TILEWRIGHT_SEED) || 20261122;
const runs = Math.min(200, Math.ceil(Number(process.env.TILEWRIGHT_RUNS ?? 400) / 10));
const features = new Set(["shader-f16"]);

function linear(m: number, k: number, n: number): PrimFunc {
  const A = te.placeholder([m, k], "A", "f16");
  const B = te.placeholder([k, n], "B", "f16");
  const r = te.reduceAxis(k, "r");
  const C = te.compute([m, n], (i, j) => te.sum(te.mul(A.at(i, r), B.at(r, j)), [r]), "C");
  return te.createPrimFunc([A, B, te.compute([m, n], (i, j) => te.max(C.at(i, j), 0), "D")]);
}

function softmax(rows: number, n: number): PrimFunc {
  const A = te.placeholder([rows, n], "A", "f16");
  const [k1, k2] = [te.reduceAxis(n, "k1"), te.reduceAxis(n, "k2")];
  const M = te.compute([rows], (i) => te.max(A.at(i, k1), [k1]), "M");
  const E = te.compute([rows, n], (i, j) => te.exp(ops.sub(A.at(i, j), M.at(i))), "E");
  const S = te.compute([rows], (i) => te.sum(E.at(i, k2), [k2]), "S");
  return te.createPrimFunc([A, te.compute([rows, n], (i, j) => ops.div(E.at(i, j), S.at(i)), "B")]);
}

/** Every function of floats of one argument, and casts to what WGSL has, one after another. */
function functions(): PrimFunc {
  const A = te.placeholder([8], "A", "f16");
  const names = Object.entries(INTRINSICS).flatMap(([name, spec]) =>
    spec.arity === 1 && spec.takes === "float" ? [name] : [],
  );
  const sum = (x: Expr): Expr =>
    names.reduce((all: Expr, name) => ops.add(all, cast(call(name, [x]), "f16")), ops.toExpr(0, "f16"));
  return te.createPrimFunc([A, te.compute([8], (i) => sum(A.at(i)), "B")]);
}

const programs: Record<string, PrimFunc> = {
  "a product with ReLU": linear(32, 64, 32),
  softmax: softmax(6, 64),
};

describe("wgsl, f16", function () {
  this.timeout(120_000);
  let none: GpuDevice | undefined;
  // Devices do not outlive the instance they come from.
  let instance: GPU | undefined;
  before(async function () {
    await requireGpu(this);
    const { create } = (await import("webgpu")) as unknown as { create(flags: readonly string[]): GPU };
    instance = create(["backend=null"]);
    const adapter = await instance.requestAdapter();
    if (!adapter?.features.has("shader-f16")) return skipBecause(this, "needs Dawn's null backend");
    const wanted = { requiredFeatures: [...features] as GPUFeatureName[] };
    none = new GpuDevice(await adapter.requestDevice(wanted), reportOf(adapter));
  });
  after(async () => {
    none?.destroy();
    instance = undefined;
    await releaseGpu();
  });

  /** Dawn compiles all kernels of a program. */
  async function compiles(f: PrimFunc): Promise<string> {
    const { functions: made } = compileWgsl(irModule({ main: f }), { features, limits: DEFAULT_LIMITS });
    for (const k of made.main.kernels) await none?.pipeline(k);
    return made.main.kernels.map((k) => k.code).join("\n");
  }

  it("the compiler that is asked refuses what is wrong", async () => {
    const code = "enable f16;\n@compute @workgroup_size(1) fn main() { let x = 1h + 2f; }\n";
    assert.ok(none);
    await assert.rejects(
      none.pipeline({ code, name: "mixed" }),
      /mixed: WGSL line 2, .*no matching overload/,
    );
    assert.ok(limitsOf(none.device.limits).maxBufferSize > 0);
  });

  for (const [name, f] of Object.entries(programs)) {
    it(`${name}, as written and with the default schedule, is compiled`, async () => {
      await compiles(f);
      const code = await compiles(gpuSchedule(f, GPU_MACHINES.hardware));
      assert.match(code, /^enable f16;$/m);
      assert.match(code, /var<workgroup> \w+: array<(vec4<)?f16>?,/);
    });

    it(`${name} gives what the interpreter gives, to a hundredth`, async function () {
      if (!(await gpuDevice()).features.has("shader-f16"))
        skipBecause(this, "needs an adapter with shader-f16 (SwiftShader has none)");
      const inputs = (): Tensor[] =>
        f.params.map((p, i) => {
          if (p.kind !== "buffer") throw new Error("buffers alone");
          const shape = p.shape.map((e) => (e.kind === "const" ? Number(e.value) : 0));
          return Tensor.random(shape, { seed: i + 1, dtype: "f16" });
        });
      await assertAgrees(f, gpuSchedule(f, GPU_MACHINES.hardware), inputs, { rtol: 1e-2, atol: 1e-2 });
    });
  }

  it("every function of floats is compiled", async () => {
    const code = await compiles(functions());
    assert.ok(code.split("f32(").length > 20, code);
  });

  it(`${runs} random programs of f16 are compiled (seed ${seed})`, async () => {
    let half = 0;
    await fc.assert(
      fc.asyncProperty(recipe, async (r) => {
        const code = await compiles(programOf({ ...r, dtype: "f16" }));
        if (code.includes("enable f16;")) half++;
      }),
      { numRuns: runs, seed },
    );
    assert.ok(half > runs / 2, `${half} of ${runs} use f16`);
  });
});
