/** Recurrent layers, against their formulas for one sequence at a time. */
import assert from "node:assert/strict";
import { callOp, GraphError, R } from "../../../../lib/graph/index.ts";
import { type NDArray, numbersOf } from "../../../../lib/ir/index.ts";
import { Numbers } from "../../../support/nd.ts";
import { close, nd, runOp } from "../../../support/run-op.ts";

type Kind = "rnn" | "gru" | "lstm";
const GATES = { rnn: 1, gru: 3, lstm: 4 };
type F = (x: number) => number;
const sigmoid: F = (x) => 1 / (1 + Math.exp(-x));
const DEFAULTS: Record<Kind, F[]> = {
  rnn: [Math.tanh],
  gru: [sigmoid, Math.tanh],
  lstm: [sigmoid, Math.tanh, Math.tanh],
};

interface Options {
  readonly direction?: "forward" | "reverse" | "bidirectional";
  readonly lengths?: readonly number[];
  readonly peepholes?: boolean;
  readonly linearBeforeReset?: boolean;
  readonly inputForget?: boolean;
  readonly clip?: number;
  readonly activations?: readonly (readonly [string, number?, number?])[];
  /** What `activations` mean. */
  readonly functions?: readonly F[];
}

const [T, B, I, H] = [4, 3, 2, 5];

async function check(kind: Kind, q: Options): Promise<void> {
  const { lengths, peepholes, functions, ...attrs } = q;
  const D = q.direction === "bidirectional" ? 2 : 1;
  const G = GATES[kind] * H;
  const r = new Numbers(23);
  const x = r.floats([T, B, I]);
  const [w, u] = [r.floats([D, G, I]), r.floats([D, G, H])];
  const [wb, ub] = [r.floats([D, G]), r.floats([D, G])];
  const [h0, c0, p] = [r.floats([D, B, H]), r.floats([D, B, H]), r.floats([D, 3 * H])];
  const lstm = kind === "lstm";
  const args: NDArray[] = [x, w, u, wb, ub, h0];
  if (lstm) args.push(c0);
  if (lengths || peepholes) args.push(nd([B], lengths ?? [T, T, T], "i32"));
  if (peepholes) args.push(p);
  const [y, yh, yc] = await runOp(`nn.${kind}`, args, attrs as never);

  const [X, W, U, WB, UB] = [x, w, u, wb, ub].map(numbersOf);
  const [H0, C0, P] = [h0, c0, p].map(numbersOf);
  const Y = new Array<number>(T * D * B * H).fill(0);
  const YH: number[] = [];
  const YC: number[] = [];
  for (let d = 0; d < D; d++) {
    const reversed = q.direction === "reverse" || d === 1;
    const f = (functions ?? DEFAULTS[kind]).map((g): F => {
      const bound = q.clip ?? Number.POSITIVE_INFINITY;
      return (v) => g(Math.min(Math.max(v, -bound), bound));
    });
    for (let b = 0; b < B; b++) {
      let h = H0.slice((d * B + b) * H, (d * B + b + 1) * H);
      let c = C0.slice((d * B + b) * H, (d * B + b + 1) * H);
      const n = lengths?.[b] ?? T;
      for (let s = 0; s < n; s++) {
        const t = reversed ? n - 1 - s : s;
        /** The input's and the state's part of row `g`, for a state. */
        const input = (g: number): number =>
          WB[d * G + g] + sum(I, (i) => W[(d * G + g) * I + i] * X[(t * B + b) * I + i]);
        const own = (g: number, of: readonly number[]): number =>
          UB[d * G + g] + sum(H, (k) => U[(d * G + g) * H + k] * of[k]);
        const both = (g: number): number => input(g) + own(g, h);
        const range = Array.from({ length: H }, (_, j) => j);
        const peep = (k: number, j: number, of: number): number =>
          peepholes ? P[d * 3 * H + k * H + j] * of : 0;
        if (kind === "rnn") h = range.map((j) => f[0](both(j)));
        else if (kind === "gru") {
          const z = range.map((j) => f[0](both(j)));
          const reset = range.map((j) => f[0](both(H + j)));
          const gated = h.map((v, j) => v * reset[j]);
          const fresh = range.map((j) => {
            const g = 2 * H + j;
            return f[1](input(g) + (q.linearBeforeReset ? reset[j] * own(g, h) : own(g, gated)));
          });
          h = h.map((v, j) => (1 - z[j]) * fresh[j] + z[j] * v);
        } else {
          const i = range.map((j) => f[0](both(j) + peep(0, j, c[j])));
          const keep = range.map((j) =>
            q.inputForget ? 1 - i[j] : f[0](both(2 * H + j) + peep(2, j, c[j])),
          );
          const next = range.map((j) => keep[j] * c[j] + i[j] * f[1](both(3 * H + j)));
          const open = range.map((j) => f[0](both(H + j) + peep(1, j, next[j])));
          c = next;
          h = range.map((j) => open[j] * f[2](next[j]));
        }
        h.forEach((v, j) => {
          Y[((t * D + d) * B + b) * H + j] = v;
        });
      }
      YH.push(...h);
      YC.push(...c);
    }
  }
  assert.deepEqual(y.shape, [T, D, B, H]);
  close(y.data, Y, 1e-5);
  assert.deepEqual(yh.shape, [D, B, H]);
  close(yh.data, YH, 1e-5);
  if (lstm) close(yc.data, YC, 1e-5);
}

function sum(n: number, f: (k: number) => number): number {
  let s = 0;
  for (let k = 0; k < n; k++) s += f(k);
  return s;
}

describe("recurrent layers", () => {
  for (const kind of ["rnn", "gru", "lstm"] as const) {
    for (const direction of ["forward", "reverse", "bidirectional"] as const) {
      it(`${kind}, ${direction}`, async () => {
        await check(kind, { direction });
        await check(kind, { direction, lengths: [4, 1, 3] });
      });
    }
    it(`${kind}, bounded`, () => check(kind, { clip: 0.3 }));
  }

  it("gru that resets the sum", async () => {
    await check("gru", { linearBeforeReset: true, direction: "bidirectional", lengths: [2, 4, 3] });
  });

  it("lstm with peepholes, and with one gate for input and forgetting", async () => {
    await check("lstm", { peepholes: true, direction: "bidirectional" });
    await check("lstm", { peepholes: true, lengths: [2, 4, 3] });
    await check("lstm", { inputForget: true });
  });

  it("other activations", async () => {
    const cases: [string, number | undefined, number | undefined, F][] = [
      ["Relu", undefined, undefined, (x) => Math.max(0, x)],
      ["Affine", 0.5, 0.25, (x) => 0.5 * x + 0.25],
      ["LeakyRelu", undefined, undefined, (x) => (x < 0 ? 0.01 * x : x)],
      ["ThresholdedRelu", 0.2, undefined, (x) => (x >= 0.2 ? x : 0)],
      ["ScaledTanh", 1.5, 0.5, (x) => 1.5 * Math.tanh(0.5 * x)],
      ["HardSigmoid", undefined, undefined, (x) => Math.min(Math.max(0.2 * x + 0.5, 0), 1)],
      ["Elu", 0.7, undefined, (x) => (x >= 0 ? x : 0.7 * (Math.exp(x) - 1))],
      ["Softsign", undefined, undefined, (x) => x / (1 + Math.abs(x))],
      ["Softplus", undefined, undefined, (x) => Math.log1p(Math.exp(x))],
    ];
    for (const [name, alpha, beta, f] of cases) {
      const given = [name, ...(alpha === undefined ? [] : [alpha]), ...(beta === undefined ? [] : [beta])];
      await check("rnn", { activations: [given as never], functions: [f] });
    }
  });

  it("what does not fit is named", () => {
    const v = (...shape: number[]) => R.var("v", R.tensor(shape));
    const says = (args: readonly ReturnType<typeof v>[], attrs: object, text: RegExp): void => {
      assert.throws(
        () => callOp("nn.rnn", args, attrs as never),
        (e) => e instanceof GraphError && text.test(e.message),
      );
    };
    const good = [v(4, 3, 2), v(1, 5, 2), v(1, 5, 5), v(1, 5), v(1, 5), v(1, 3, 5)];
    says(good, { direction: "up" }, /direction "up" is none of/);
    says(
      good,
      { direction: "bidirectional" },
      /weight of the inputs must be f32\[2, 5, 2\], got f32\[1, 5, 2\]/,
    );
    says(good, { activations: [["Swish"]] }, /there is no activation "Swish"/);
    says(good, { activations: [["Tanh"], ["Tanh"]] }, /1 activations are needed, got 2/);
    says([v(4, 3, 7), ...good.slice(1)], {}, /weight of the inputs must be f32\[1, 5, 7\]/);
    says([...good, v(3)], {}, /lengths must be i32\[3\], got f32\[3\]/);
  });
});
