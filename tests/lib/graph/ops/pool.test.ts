/** Poolings, against windows written out. */
import assert from "node:assert/strict";
import { numbersOf } from "../../../../lib/ir/index.ts";
import { fill, indices, Numbers, position } from "../../../support/nd.ts";
import { close, runOp } from "../../../support/run-op.ts";

interface Case {
  readonly x: readonly number[];
  readonly poolSize: readonly number[];
  readonly strides: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly ceilMode: boolean;
}

const CASES: Record<string, Case> = {
  "1-d": { x: [2, 3, 9], poolSize: [2], strides: [1], padding: [0, 0], dilation: [1], ceilMode: false },
  "2-d, padding": {
    x: [1, 2, 6, 5],
    poolSize: [3, 2],
    strides: [2, 1],
    padding: [1, 1, 0, 1],
    dilation: [1, 1],
    ceilMode: false,
  },
  "2-d, ceil": {
    x: [1, 2, 6, 7],
    poolSize: [3, 2],
    strides: [2, 2],
    padding: [0, 0, 0, 0],
    dilation: [1, 1],
    ceilMode: true,
  },
  "2-d, ceil whose last window would start in the padding": {
    x: [1, 1, 4, 5],
    poolSize: [2, 3],
    strides: [3, 2],
    padding: [1, 1, 1, 1],
    dilation: [1, 1],
    ceilMode: true,
  },
  "2-d, dilated": {
    x: [1, 2, 7, 7],
    poolSize: [3, 2],
    strides: [1, 2],
    padding: [1, 0, 1, 1],
    dilation: [2, 3],
    ceilMode: false,
  },
  "2-d, large": {
    x: [1, 2, 9, 8],
    poolSize: [7, 4],
    strides: [1, 1],
    padding: [3, 2, 2, 1],
    dilation: [1, 2],
    ceilMode: false,
  },
  "3-d": {
    x: [1, 1, 4, 3, 5],
    poolSize: [2, 2, 2],
    strides: [2, 1, 2],
    padding: [0, 0, 1, 0, 0, 1],
    dilation: [1, 1, 1],
    ceilMode: false,
  },
};

interface Element {
  /** Position in the data; undefined in padding. */
  readonly at: number | undefined;
  /** Whether it lies within data and padding (and not beyond, as with ceilMode). */
  readonly counted: boolean;
}

/** The elements of each window. */
function windows(c: Case): { shape: number[]; of: (o: number[]) => Element[] } {
  const n = c.poolSize.length;
  const [b, e] = [c.padding.slice(0, n), c.padding.slice(n)];
  const size = c.poolSize.map((k, a) => {
    const length = c.x[a + 2] + b[a] + e[a];
    const free = (length - c.dilation[a] * (k - 1) - 1) / c.strides[a];
    if (!c.ceilMode) return Math.floor(free) + 1;
    const out = Math.ceil(free) + 1;
    return (out - 1) * c.strides[a] >= c.x[a + 2] + b[a] ? out - 1 : out;
  });
  const of = (o: number[]): Element[] =>
    Array.from(indices(c.poolSize), (k) => {
      const p = k.map((v, a) => o[a + 2] * c.strides[a] + v * c.dilation[a]);
      const at = position([o[0], o[1], ...p.map((v, a) => v - b[a])], c.x);
      return { at, counted: p.every((v, a) => v < c.x[a + 2] + b[a] + e[a]) };
    });
  return { shape: [c.x[0], c.x[1], ...size], of };
}

const attrs = ({ x: _, ...rest }: Case): Omit<Case, "x"> => rest;
const opOf = (stem: string, c: Case): string => `nn.${stem}${c.poolSize.length}d`;

describe("poolings", () => {
  for (const [name, c] of Object.entries(CASES)) {
    const { shape, of } = windows(c);
    const x = new Numbers(13).floats(c.x);
    const X = numbersOf(x);
    const values = (o: number[]): number[] => of(o).flatMap((w) => (w.at === undefined ? [] : [X[w.at]]));
    const sum = (list: readonly number[]): number => list.reduce((a, v) => a + v, 0);

    it(`greatest: ${name}`, async () => {
      const [y] = await runOp(opOf("maxPool", c), [x], { ...attrs(c) });
      assert.deepEqual(y.shape, shape);
      close(
        y.data,
        fill(shape, (o) => Math.max(...values(o))),
      );
    });

    it(`greatest with positions: ${name}`, async () => {
      const [y, at] = await runOp(opOf("maxPoolWithIndices", c), [x], { ...attrs(c) });
      close(
        y.data,
        fill(shape, (o) => Math.max(...values(o))),
      );
      assert.equal(at.dtype, "i64");
      assert.deepEqual(
        at.data.map((p) => X[p]),
        y.data,
      );
    });

    it(`mean: ${name}`, async () => {
      const [y] = await runOp(opOf("avgPool", c), [x], { ...attrs(c) });
      close(
        y.data,
        fill(shape, (o) => sum(values(o)) / values(o).length),
      );
      const [z] = await runOp(opOf("avgPool", c), [x], { ...attrs(c), countIncludePad: true });
      close(
        z.data,
        fill(shape, (o) => sum(values(o)) / of(o).filter((w) => w.counted).length),
      );
    });

    it(`norm: ${name}`, async () => {
      for (const p of [1, 2, 3]) {
        const [y] = await runOp(opOf("lpPool", c), [x], { ...attrs(c), p });
        close(
          y.data,
          fill(shape, (o) => sum(values(o).map((v) => Math.abs(v) ** p)) ** (1 / p)),
          1e-4,
        );
      }
    });
  }

  it("greatest of bytes, and of whole numbers below zero with padding", async () => {
    const x = new Numbers(3).ints([1, 1, 5, 5], "u8", 0, 255);
    const [y] = await runOp("nn.maxPool2d", [x], { poolSize: [5, 5], padding: [2] });
    assert.equal(y.dtype, "u8");
    assert.equal(y.data[12], Math.max(...numbersOf(x)));
    const low = new Numbers(3).ints([1, 1, 4], "i8", -100, -50);
    const [z] = await runOp("nn.maxPool1d", [low], { poolSize: [3], padding: [1] });
    const L = numbersOf(low);
    assert.deepEqual(
      z.data,
      L.map((_, i) => Math.max(...L.slice(Math.max(0, i - 1), i + 2))),
    );
  });

  it("positions by columns", async () => {
    const x = new Numbers(4).floats([2, 1, 4, 3]);
    const options = { poolSize: [2, 2], strides: [2, 1] };
    const [, rows] = await runOp("nn.maxPoolWithIndices2d", [x], options);
    const [, columns] = await runOp("nn.maxPoolWithIndices2d", [x], { ...options, storageOrder: 1 });
    assert.deepEqual(
      columns.data,
      rows.data.map((p) => {
        const [image, rest] = [Math.floor(p / 12), p % 12];
        return image * 12 + (rest % 3) * 4 + Math.floor(rest / 3);
      }),
    );
  });

  it("channels last", async () => {
    const [x, y] = [
      [1, 2, 3, 4, 5, 6],
      [10, 20, 30, 40, 50, 60],
    ];
    const data = x.flatMap((v, i) => [v, y[i]]);
    const [out] = await runOp("nn.maxPool2d", [{ ...new Numbers(1).floats([1, 2, 3, 2]), ...asNHWC(data) }], {
      poolSize: [2, 2],
      dataLayout: "NHWC",
    });
    assert.deepEqual(out.shape, [1, 1, 2, 2]);
    assert.deepEqual(out.data, [5, 50, 6, 60]);
    // A large window over two channels of 6 × 6.
    const far = Array.from({ length: 72 }, (_, i) => (i * 29) % 71);
    const [last] = await runOp("nn.maxPool2d", [{ ...new Numbers(1).floats([1, 6, 6, 2]), ...asNHWC(far) }], {
      poolSize: [5, 6],
      dataLayout: "NHWC",
    });
    assert.deepEqual(last.shape, [1, 2, 1, 2]);
    assert.deepEqual(
      last.data,
      [0, 1, 2, 3].map((o) => Math.max(...far.filter((_, i) => i % 2 === o % 2 && inRows(i, o < 2 ? 0 : 1)))),
    );
  });
});

const inRows = (i: number, first: number): boolean =>
  Math.floor(i / 12) >= first && Math.floor(i / 12) < first + 5;

const asNHWC = (data: readonly number[]): { bytes: Uint8Array } => ({
  bytes: new Uint8Array(Float32Array.from(data).buffer),
});
