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
import { rng } from "./harness.ts";

/** Largest error allowed, in ulp; what was measured is a little below. */
const LIMITS: Record<string, { f: (x: number) => number; ulp: number }> = {
  exp: { f: Math.exp, ulp: 1.5 },
  log: { f: Math.log, ulp: 1.5 },
  tanh: { f: Math.tanh, ulp: 5 },
  sigmoid: { f: (x) => 1 / (1 + Math.exp(-x)), ulp: 3 },
  erf: { f: erf, ulp: 6 },
  sin: { f: Math.sin, ulp: 1.5 },
  cos: { f: Math.cos, ulp: 1.5 },
  tan: { f: Math.tan, ulp: 0.6 },
  asin: { f: Math.asin, ulp: 0.6 },
  acos: { f: Math.acos, ulp: 0.6 },
  atan: { f: Math.atan, ulp: 0.6 },
  sinh: { f: Math.sinh, ulp: 0.6 },
  cosh: { f: Math.cosh, ulp: 0.6 },
  asinh: { f: Math.asinh, ulp: 0.6 },
  acosh: { f: Math.acosh, ulp: 0.6 },
  atanh: { f: Math.atanh, ulp: 0.6 },
  log1p: { f: Math.log1p, ulp: 0.6 },
  expm1: { f: Math.expm1, ulp: 0.6 },
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

/** The function of one array, or of two, element by element. */
function run(
  name: string,
  loopKind: LoopKind,
  relaxedSimd: boolean,
  ...arrays: readonly Float32Array[]
): Float32Array {
  const inputs = arrays.map((_, k) => buffer(`X${k}`, [N]));
  const Y = buffer("Y", [N]);
  const i = variable("i");
  const value = call(
    name,
    inputs.map((x) => load(x, [i])),
  );
  const f = primFunc([...inputs, Y], loop(i, N, store(Y, [i], value), { loopKind }));
  const { bytes } = compileWasm(irModule({ f }), { relaxedSimd });
  const memory = new WebAssembly.Memory({ initial: 24 });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
    env: { memory, ...hostFunctions },
  });
  const at = [...arrays, Y].map((_, k) => 1024 + 4 * N * k);
  for (const [k, xs] of arrays.entries()) new Float32Array(memory.buffer, at[k], N).set(xs);
  (exports.f as (...addresses: number[]) => void)(...at, 0);
  return new Float32Array(memory.buffer, at[arrays.length], N).slice();
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
            if (want === 0 && !Object.is(ys[k], want))
              assert.fail(`${name}(${xs[k]}) is ${ys[k]}, not ${want}`);
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

  it("powers are within 0.6 ulp: of special numbers to special numbers, whole exponents, anything to anything", () => {
    const special = [
      0,
      -0,
      ...[
        1,
        2,
        3,
        0.5,
        1 / 3,
        10,
        255,
        2 ** 24 - 1,
        2 ** 24,
        2 ** -126,
        2 ** -149,
        1e-40,
        3.4028234663852886e38,
        1e30,
        1.0000001,
      ],
      ...[0.99999994, Number.POSITIVE_INFINITY],
    ].flatMap((x) => [x, -x]);
    special.push(Number.NaN);
    const next = rng(20261122);
    const any = samples();
    const at = (n: number): number => Math.floor(next() * n);
    const [xs, ys] = [new Float32Array(N), new Float32Array(N)];
    for (let k = 0; k < N; k++) {
      const pair = k < special.length ** 2;
      // Special numbers stand in fours of themselves, too, or the host would answer for those that it need not.
      const [a, b] = pair ? [k % special.length, Math.floor(k / special.length)] : [at(special.length), 0];
      const kind = pair ? 0 : 1 + (Math.floor(k / 4) % 4);
      xs[k] =
        kind === 0 ? special[a] : kind === 1 ? any[at(N)] : (next() * 2 - (kind === 2 ? 1 : 0)) * 10 ** at(4);
      ys[k] = kind === 0 ? special[b] : kind === 1 ? any[at(N)] : kind === 2 ? at(41) - 20 : next() * 20 - 10;
    }
    for (const relaxed of hasRelaxedSimd() ? [false, true] : [false]) {
      const zs = run("pow", "vectorized", relaxed, xs, ys);
      let worst = 0;
      for (let k = 0; k < N; k++) {
        const want = xs[k] ** ys[k];
        const rounded = Math.fround(want);
        const text = `${xs[k]} to the power of ${ys[k]} is ${zs[k]}, expected ${want}`;
        if (rounded === 0 || !Number.isFinite(rounded)) assert.ok(Object.is(zs[k], rounded), text);
        else {
          const error = Math.abs(zs[k] - want) / ulpAt(want);
          assert.ok(error <= 0.6, `${text}: ${error} ulp`);
          worst = Math.max(worst, error);
        }
      }
      if (process.env.ULP) console.log("pow", relaxed, worst);
    }
  });

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
