/** Elementary functions of f32: the error in units in the last place over a dense sample of all floats. */
import assert from "node:assert/strict";
import { erf } from "../../../lib/codegen/index.ts";
import { compileWasm, hasRelaxedSimd, hostFunctions } from "../../../lib/codegen/wasm/index.ts";
import {
  buffer,
  call,
  irModule,
  type LoopKind,
  load,
  loop,
  primFunc,
  store,
  variable,
} from "../../../lib/ir/index.ts";

/** Largest error allowed, in ulp; what was measured is a little below. */
const LIMITS: Record<string, { f: (x: number) => number; ulp: number }> = {
  exp: { f: Math.exp, ulp: 1.5 },
  log: { f: Math.log, ulp: 1.5 },
  tanh: { f: Math.tanh, ulp: 5 },
  sigmoid: { f: (x) => 1 / (1 + Math.exp(-x)), ulp: 3 },
  erf: { f: erf, ulp: 6 },
  sin: { f: Math.sin, ulp: 1.5 },
  cos: { f: Math.cos, ulp: 1.5 },
};

const N = 1 << 16;
const bits = new Int32Array(1);
const asFloat = new Float32Array(bits.buffer);

function ulpAt(x: number): number {
  asFloat[0] = Math.abs(x);
  if (!Number.isFinite(asFloat[0])) return 1;
  bits[0] += 1;
  return Math.max(asFloat[0] - Math.fround(Math.abs(x)), 2 ** -149);
}

/** Every 2^16-th float: all exponents, both signs, NaN and the infinities among them. */
function samples(): Float32Array {
  const xs = new Float32Array(N);
  for (let i = 0; i < N; i++) {
    bits[0] = (i << 16) | (i * 40503);
    xs[i] = i === 0 ? 0 : asFloat[0];
  }
  return xs;
}

function run(name: string, loopKind: LoopKind, relaxedSimd: boolean, xs: Float32Array): Float32Array {
  const X = buffer("X", [N]);
  const Y = buffer("Y", [N]);
  const i = variable("i");
  const f = primFunc([X, Y], loop(i, N, store(Y, [i], call(name, [load(X, [i])])), { loopKind }));
  const { bytes } = compileWasm(irModule({ f }), { relaxedSimd });
  const memory = new WebAssembly.Memory({ initial: 16 });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
    env: { memory, ...hostFunctions },
  });
  new Float32Array(memory.buffer, 1024, N).set(xs);
  (exports.f as (x: number, y: number, w: number) => void)(1024, 1024 + 4 * N, 0);
  return new Float32Array(memory.buffer, 1024 + 4 * N, N).slice();
}

describe("wasm math", () => {
  for (const [name, { f, ulp }] of Object.entries(LIMITS)) {
    it(`${name} is within ${ulp} ulp`, () => {
      const xs = samples();
      for (const kind of ["serial", "vectorized"] as LoopKind[]) {
        for (const relaxed of hasRelaxedSimd() ? [false, true] : [false]) {
          const ys = run(name, kind, relaxed, xs);
          let worst = 0;
          let where = 0;
          for (let k = 0; k < N; k++) {
            const want = f(xs[k]);
            if (Number.isNaN(want) || !Number.isFinite(Math.fround(want))) {
              assert.ok(
                Object.is(Math.fround(want), ys[k]) || (Number.isNaN(want) && Number.isNaN(ys[k])),
                `${name}(${xs[k]}) is ${ys[k]}, expected ${want}`,
              );
              continue;
            }
            const error = Math.abs(ys[k] - want) / ulpAt(want);
            if (!(error <= worst)) {
              worst = error;
              where = xs[k];
            }
          }
          if (process.env.ULP) console.log(name, kind, relaxed, worst, "at", where);
          assert.ok(worst <= ulp, `${name}(${where}) is off by ${worst} ulp (${kind}, relaxed ${relaxed})`);
        }
      }
    });
  }

  it("sine and cosine keep their digits beside their zeros, and their sign at 0", () => {
    const xs = Float32Array.from({ length: N }, (_, i) => (i % 2 ? -1 : 1) * ((i * 10 * Math.PI) / 2));
    xs.set([0, -0, 1e-40, -1e-40, 1048575, 1048576, Number.NaN, Number.POSITIVE_INFINITY]);
    for (const [name, f] of [
      ["sin", Math.sin],
      ["cos", Math.cos],
    ] as const) {
      const ys = run(name, "vectorized", hasRelaxedSimd(), xs);
      ys.forEach((y, k) => {
        const want = f(xs[k]);
        const near = Math.abs(y - want) <= 1.5 * ulpAt(want) && (y !== 0 || Object.is(y, Math.fround(want)));
        assert.ok(
          near || (Number.isNaN(want) && Number.isNaN(y)),
          `${name}(${xs[k]}) is ${y}, expected ${want}`,
        );
      });
    }
  });
});
