/** Convolutions, transposed ones and poolings, against sums written out. */
import assert from "node:assert/strict";
import { callOp, GraphError, R } from "../../../../lib/graph/index.ts";
import { type NDArray, numbersOf } from "../../../../lib/ir/index.ts";
import { fill, indices, Numbers, position, total } from "../../../support/nd.ts";
import { close, nd, runOp } from "../../../support/run-op.ts";

interface Case {
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly strides?: readonly number[];
  readonly padding?: readonly number[];
  readonly dilation?: readonly number[];
  readonly outputPadding?: readonly number[];
  readonly groups?: number;
}

const all = (list: readonly number[] | undefined, n: number, fallback: number): number[] =>
  Array.from({ length: n }, (_, d) => (list?.length === 1 ? list[0] : (list?.[d] ?? fallback)));

function geometry(c: Case): { s: number[]; b: number[]; e: number[]; d: number[]; n: number } {
  const n = c.x.length - 2;
  const p = c.padding ?? [0];
  return {
    n,
    s: all(c.strides, n, 1),
    d: all(c.dilation, n, 1),
    b: all(p.slice(0, p.length === 1 ? 1 : n), n, 0),
    e: all(p.length === 2 * n ? p.slice(n) : p, n, 0),
  };
}

function conv(c: Case, x: NDArray, w: NDArray): { shape: number[]; data: number[] } {
  const { n, s, b, e, d } = geometry(c);
  const [X, W] = [numbersOf(x), numbersOf(w)];
  const kernel = c.w.slice(2);
  const groups = c.groups ?? 1;
  const size = kernel.map((k, a) => Math.floor((c.x[a + 2] + b[a] + e[a] - d[a] * (k - 1) - 1) / s[a]) + 1);
  const shape = [c.x[0], c.w[0], ...size];
  const data = fill(shape, (o) =>
    total([c.w[1], ...kernel], ([rc, ...k]) => {
      const channel = Math.floor(o[1] / (c.w[0] / groups)) * c.w[1] + rc;
      const at = position([o[0], channel, ...k.map((v, a) => o[a + 2] * s[a] + v * d[a] - b[a])], c.x);
      return at === undefined ? 0 : X[at] * W[position([o[1], rc, ...k], c.w) as number];
    }),
  );
  assert.equal(size.length, n);
  return { shape, data };
}

/** By its definition: every input element adds its product with the weight to the places it reaches. */
function convTranspose(c: Case, x: NDArray, w: NDArray): { shape: number[]; data: number[] } {
  const { n, s, b, e, d } = geometry(c);
  const [X, W] = [numbersOf(x), numbersOf(w)];
  const extra = all(c.outputPadding, n, 0);
  const groups = c.groups ?? 1;
  const size = s.map((st, a) => (c.x[a + 2] - 1) * st + d[a] * (c.w[a + 2] - 1) + 1 + extra[a] - b[a] - e[a]);
  const shape = [c.x[0], c.w[1] * groups, ...size];
  const data = fill(shape, () => 0);
  const inner = c.x[1] / groups;
  for (const i of indices(c.x)) {
    for (const [o, ...k] of indices(c.w.slice(1))) {
      const channel = Math.floor(i[1] / inner) * c.w[1] + o;
      const at = position([i[0], channel, ...k.map((v, a) => i[a + 2] * s[a] + v * d[a] - b[a])], shape);
      if (at !== undefined)
        data[at] += X[position(i, c.x) as number] * W[position([i[1], o, ...k], c.w) as number];
    }
  }
  return { shape, data };
}

const attrsOf = ({ x: _, w: __, ...rest }: Case): Record<string, number | readonly number[]> => rest;

const CONVS: Record<string, Case> = {
  "1-d, dilated": { x: [2, 3, 9], w: [4, 3, 3], dilation: [2], padding: [1] },
  "2-d": { x: [2, 3, 6, 5], w: [4, 3, 3, 2] },
  "2-d, strides and asymmetric padding": {
    x: [1, 2, 7, 5],
    w: [3, 2, 3, 3],
    strides: [2, 1],
    padding: [1, 0, 2, 1],
  },
  "2-d, groups": { x: [1, 4, 5, 5], w: [6, 2, 3, 3], groups: 2, padding: [1] },
  "2-d, depthwise": { x: [1, 3, 5, 5], w: [3, 1, 3, 3], groups: 3 },
  "2-d, depthwise with two results a channel": { x: [1, 3, 4, 4], w: [6, 1, 2, 2], groups: 3 },
  "2-d, of one element": { x: [2, 3, 4, 4], w: [2, 3, 1, 1], strides: [2] },
  "depthwise of one element": { x: [1, 3, 4, 4], w: [3, 1, 1, 1], groups: 3 },
  "3-d": { x: [1, 2, 4, 5, 3], w: [2, 2, 2, 3, 1], strides: [1, 2, 1], padding: [0, 1, 0, 1, 1, 1] },
};

const TRANSPOSED: Record<string, Case> = {
  "1-d": { x: [1, 2, 4], w: [2, 3, 3] },
  "stride as large as the window": { x: [1, 2, 3, 3], w: [2, 3, 2, 2], strides: [2] },
  "stride, padding and output padding": {
    x: [2, 2, 3, 4],
    w: [2, 2, 3, 3],
    strides: [3, 2],
    padding: [1, 0, 1, 2],
    outputPadding: [1, 1],
  },
  "dilated window and stride": { x: [1, 1, 4, 3], w: [1, 2, 2, 3], strides: [2], dilation: [2, 3] },
  "stride larger than the window": { x: [1, 1, 3], w: [1, 1, 2], strides: [4], outputPadding: [2] },
  groups: { x: [1, 4, 3, 3], w: [4, 3, 2, 2], groups: 2, strides: [2], padding: [1] },
  "3-d": { x: [1, 1, 2, 3, 2], w: [1, 2, 2, 2, 3], strides: [2, 1, 2] },
};

describe("convolutions", () => {
  for (const [name, c] of Object.entries(CONVS)) {
    it(name, async () => {
      const r = new Numbers(7);
      const [x, w] = [r.floats(c.x), r.floats(c.w)];
      const [y] = await runOp(`nn.conv${c.x.length - 2}d`, [x, w], attrsOf(c));
      const want = conv(c, x, w);
      assert.deepEqual(y.shape, want.shape);
      close(y.data, want.data);
    });
  }

  it("of bytes, summed as i32", async () => {
    const c = { x: [1, 2, 5, 5], w: [3, 2, 3, 3], padding: [1] };
    const r = new Numbers(3);
    const [x, w] = [r.ints(c.x, "u8", 0, 255), r.ints(c.w, "u8", 0, 255)];
    const [y] = await runOp("nn.conv2d", [x, w], { padding: [1], outDtype: "i32" });
    assert.equal(y.dtype, "i32");
    assert.deepEqual(y.data, conv(c, x, w).data);
  });

  it("channels last", async () => {
    const c = { x: [2, 3, 5, 4], w: [4, 3, 3, 3], padding: [1], strides: [2, 1] };
    const r = new Numbers(5);
    const [x, w] = [r.floats(c.x), r.floats(c.w)];
    const moved = (a: NDArray, to: readonly number[]): NDArray => {
      const values = numbersOf(a);
      const shape = to.map((d) => a.shape[d]);
      const from = (i: readonly number[]): number[] => a.shape.map((_, d) => i[to.indexOf(d)]);
      return nd(
        shape,
        fill(shape, (i) => values[position(from(i), a.shape) as number]),
      );
    };
    const [y] = await runOp("nn.conv2d", [moved(x, [0, 2, 3, 1]), moved(w, [2, 3, 1, 0])], {
      padding: [1],
      strides: [2, 1],
      dataLayout: "NHWC",
      kernelLayout: "HWIO",
    });
    const want = conv(c, x, w);
    const expected = moved(nd(want.shape, want.data), [0, 2, 3, 1]);
    assert.deepEqual(y.shape, expected.shape);
    close(y.data, numbersOf(expected));
  });

  it("what does not fit is named", () => {
    const x = R.var("x", R.tensor([1, 3, 5, 5]));
    const of = (w: readonly number[], attrs = {}): (() => unknown) => {
      return () => callOp("nn.conv2d", [x, R.var("w", R.tensor(w))], attrs);
    };
    const says = (text: RegExp) => (e: unknown) => e instanceof GraphError && text.test(e.message);
    assert.throws(
      of([4, 2, 3, 3]),
      says(/nn\.conv2d: the data has 3 channels in 1 group\(s\), the weight is for 2/),
    );
    assert.throws(of([4, 1, 3, 3], { groups: 2 }), says(/3 input channels do not divide into 2 groups/));
    assert.throws(
      of([4, 3, 7, 7]),
      says(/window reaches over 7 element\(s\) of spatial axis 0, which has 5/),
    );
    assert.throws(of([4, 3, 3, 3], { strides: [1, 1, 1] }), says(/strides \[1, 1, 1\] must have 1 or 2/));
    assert.throws(of([4, 3, 3, 3], { strides: [0] }), says(/at least 1/));
    assert.throws(of([4, 3, 3, 3], { dataLayout: "NHCX" }), says(/dataLayout "NHCX" must be an order/));
    assert.throws(of([4, 3, 3]), says(/weight must have 4 axes, it has 3/));
  });

  it("symbolic sizes go through", () => {
    const n = R.var("x", R.tensor([{ kind: "var", id: 9e6, name: "n", dtype: "i32" }, 3, 8, 8]));
    const y = callOp("nn.conv2d", [n, R.var("w", R.tensor([4, 3, 3, 3]))], { padding: [1] });
    assert.equal(y.type.kind === "tensor" && y.type.shape[0].kind, "var");
  });
});

describe("transposed convolutions", () => {
  for (const [name, c] of Object.entries(TRANSPOSED)) {
    it(name, async () => {
      const r = new Numbers(11);
      const [x, w] = [r.floats(c.x), r.floats(c.w)];
      const [y] = await runOp(`nn.conv${c.x.length - 2}dTranspose`, [x, w], attrsOf(c));
      const want = convTranspose(c, x, w);
      assert.deepEqual(y.shape, want.shape);
      close(y.data, want.data);
    });
  }
});
