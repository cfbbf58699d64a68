/** Attention, RotaryEmbedding and TensorScatter against the standard's text as plain loops: interpreted and compiled. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type DType, type NDArray, numbersOf } from "../../../../lib/ir/index.ts";
import { fill, position } from "../../../support/nd.ts";
import { type NodeCase, runNode, runNodeCompiled } from "../../../support/onnx-node.ts";
import { close, nd } from "../../../support/run-op.ts";

type Shape = readonly number[];

/** Numbers that look like chance, the same ones every time. */
const noise = (shape: Shape, seed: number, dtype: DType = "f32"): NDArray => {
  let n = seed * 7919 + 1;
  const next = (): number => {
    n = (n * 48271) % 2147483647;
    return Math.fround((n / 2147483647) * 2 - 1);
  };
  return nd(shape, fill(shape, next), dtype);
};

const reader = (x: NDArray) => {
  const data = numbersOf(x);
  return (...i: number[]): number => data[position(i, x.shape) as number];
};

interface Setting {
  readonly opset?: number;
  readonly batch?: number;
  readonly heads?: number;
  readonly keyHeads?: number;
  readonly queries?: number;
  readonly keys?: number;
  readonly past?: number;
  readonly size?: number;
  readonly valueSize?: number;
  /** Inputs as [batch, length, heads · size]. */
  readonly flat?: boolean;
  readonly mask?: NDArray;
  readonly valid?: readonly number[];
  readonly causal?: boolean;
  readonly left?: number;
  readonly right?: number;
  readonly scale?: number;
  readonly softcap?: number;
  readonly mode?: number;
}

async function check(s: Setting): Promise<void> {
  const { batch = 2, heads = 2, keyHeads = heads, queries = 3, keys = 4, past = 0 } = s;
  const { size = 4, valueSize = 5, flat = false, causal = false, left = -1, right = -1 } = s;
  const { scale = 1 / Math.sqrt(size), softcap = 0, mode = 0 } = s;
  const shapeOf = (n: number, length: number, width: number): Shape =>
    flat ? [batch, length, n * width] : [batch, n, length, width];
  const q = noise(shapeOf(heads, queries, size), 1);
  const k = noise(shapeOf(keyHeads, keys, size), 2);
  const v = noise(shapeOf(keyHeads, keys, valueSize), 3);
  const pastK = past > 0 ? noise([batch, keyHeads, past, size], 4) : undefined;
  const pastV = past > 0 ? noise([batch, keyHeads, past, valueSize], 5) : undefined;
  const valid = s.valid && nd([batch], s.valid, "i64");

  const at = (x: NDArray, width: number) => {
    const read = reader(x);
    return (b: number, h: number, l: number, d: number): number =>
      flat ? read(b, l, h * width + d) : read(b, h, l, d);
  };
  const total = past + keys;
  const whole = (now: NDArray, old: NDArray | undefined, width: number) => {
    const [a, c] = [at(now, width), old && reader(old)];
    return (b: number, h: number, l: number, d: number): number =>
      l < past && c ? c(b, h, l, d) : a(b, h, l - past, d);
  };
  const [readQ, readK, readV] = [at(q, size), whole(k, pastK, size), whole(v, pastV, valueSize)];
  const readMask = s.mask && reader(s.mask);
  const maskAt = (b: number, h: number, i: number, j: number): number => {
    if (!s.mask || !readMask) return 0;
    const isBool = s.mask.dtype === "bool";
    if (j >= s.mask.shape[s.mask.shape.length - 1]) return -Infinity;
    const full = [b, h, i, j].slice(4 - s.mask.shape.length);
    const x = readMask(...full.map((e, d) => Math.min(e, (s.mask as NDArray).shape[d] - 1)));
    return isBool ? (x ? 0 : -Infinity) : x;
  };
  const raw: number[] = [];
  const capped: number[] = [];
  const scores: number[] = [];
  const weights: number[] = [];
  const y = new Map<string, number>();
  for (let b = 0; b < batch; b++) {
    const offset = s.valid ? s.valid[b] - queries : past;
    for (let h = 0; h < heads; h++) {
      const g = Math.floor(h / (heads / keyHeads));
      for (let i = 0; i < queries; i++) {
        const row: number[] = [];
        for (let j = 0; j < total; j++) {
          let dot = 0;
          for (let d = 0; d < size; d++) dot += readQ(b, h, i, d) * readK(b, g, j, d);
          const e = dot * scale;
          const c = softcap > 0 ? softcap * Math.tanh(e / softcap) : e;
          let seen = !(causal && j > i + offset);
          if (left >= 0 && j < i + offset - left) seen = false;
          if (right >= 0 && j > i + offset + right) seen = false;
          if (s.valid && j >= s.valid[b]) seen = false;
          raw.push(e);
          capped.push(c);
          row.push(seen ? c + maskAt(b, h, i, j) : -Infinity);
        }
        scores.push(...row);
        const top = Math.max(...row);
        const exps = row.map((e) => (top === -Infinity ? 0 : Math.exp(e - top)));
        const sum = exps.reduce((a, e) => a + e, 0);
        const w = exps.map((e) => (sum === 0 ? 0 : e / sum));
        weights.push(...w);
        for (let d = 0; d < valueSize; d++) {
          y.set(
            `${[b, h, i, d]}`,
            w.reduce((a, e, j) => a + e * readV(b, g, j, d), 0),
          );
        }
      }
    }
  }
  const outShape = shapeOf(heads, queries, valueSize);
  const wantY = fill(outShape, (p) =>
    flat
      ? (y.get(`${[p[0], Math.floor(p[2] / valueSize), p[1], p[2] % valueSize]}`) as number)
      : (y.get(`${p}`) as number),
  );
  const present = (read: (b: number, h: number, l: number, d: number) => number, width: number) => ({
    shape: [batch, keyHeads, total, width],
    data: fill([batch, keyHeads, total, width], ([b, h, l, d]) => read(b, h, l, d)),
  });
  const want = [
    { shape: outShape, data: wantY },
    present(readK, size),
    present(readV, valueSize),
    { shape: [batch, heads, queries, total], data: [raw, capped, scores, weights][mode] },
  ];
  const spec: NodeCase = {
    op: "Attention",
    opset: s.opset ?? 24,
    outputs: 4,
    attrs: {
      is_causal: causal ? 1 : 0,
      qk_matmul_output_mode: mode,
      ...(flat ? { q_num_heads: heads, kv_num_heads: keyHeads } : {}),
      ...(s.scale === undefined ? {} : { scale: { float: scale } }),
      ...(softcap > 0 ? { softcap: { float: softcap } } : {}),
      ...(left >= 0 ? { left_window_size: left } : {}),
      ...(right >= 0 ? { right_window_size: right } : {}),
    },
  };
  const inputs = [q, k, v, s.mask, pastK, pastV, valid];
  for (const got of [runNode(spec, inputs), await runNodeCompiled(spec, inputs)]) {
    want.forEach((w, o) => {
      assert.deepEqual([got[o].shape, got[o].dtype], [w.shape, "f32"], `output ${o}`);
      close(numbersOf(got[o]), w.data, 1e-5);
    });
  }
}

const bools = (shape: Shape, f: (i: number[]) => boolean): NDArray =>
  nd(
    shape,
    fill(shape, (i) => (f(i) ? 1 : 0)),
    "bool",
  );

describe("Attention", function () {
  this.timeout(120_000);
  it("as it is, with a scale, with a softcap, on flat heads", async () => {
    await check({ opset: 23 });
    await check({ scale: 0.3, softcap: 0.5, mode: 1 });
    await check({ flat: true, heads: 3, mode: 3 });
  });
  it("causal: alone, with a cache, with more queries than keys", async () => {
    await check({ opset: 23, causal: true, queries: 4, mode: 2 });
    await check({ causal: true, past: 3, keys: 3, mode: 3 });
    await check({ causal: true, queries: 5, keys: 2 });
  });
  it("heads that share keys", async () => {
    await check({ heads: 4, keyHeads: 2, causal: true, past: 2, queries: 1, keys: 1 });
    await check({ flat: true, heads: 6, keyHeads: 1, softcap: 2, mode: 2 });
  });
  it("masks: added, of bools, of fewer axes, ending early, of rows that see nothing", async () => {
    await check({ mask: noise([3, 4], 9), mode: 2 });
    await check({ mask: noise([2, 1, 3, 4], 9), causal: true });
    await check({ mask: noise([1, 2, 3, 2], 9), mode: 3 });
    await check({ mask: bools([2, 1, 3, 4], ([b, , i, j]) => (b + i * j) % 2 === 1), mode: 3 });
    await check({ mask: bools([3, 3], ([i, j]) => i !== 1 && j !== i), causal: true, mode: 2 });
    await check({ opset: 23, mask: bools([2, 1, 3, 1], ([b]) => b === 1), mode: 3, keys: 1 });
  });
  it("keys that are padding", async () => {
    await check({ valid: [2, 4], mode: 3 });
    await check({ valid: [2, 4], causal: true, heads: 4, keyHeads: 2, mode: 3 });
    await check({ valid: [3, 0], mask: noise([3, 4], 8) });
  });
  it("windows, from 25 on", async () => {
    await check({ opset: 25, left: 1, queries: 5, keys: 5, causal: true });
    await check({ opset: 25, left: 2, right: 1, queries: 4, keys: 6, mode: 3 });
    await check({ opset: 25, left: 0, right: 0, past: 2, queries: 3, keys: 2 });
  });
  it("refuses what does not fit", () => {
    const x = (...shape: number[]): NDArray => noise(shape, 1);
    const run = (attrs: NodeCase["attrs"], ...inputs: (NDArray | undefined)[]) =>
      runNode({ op: "Attention", opset: 24, attrs: attrs ?? {} }, inputs);
    const [q, k] = [x(1, 3, 2, 4), x(1, 2, 2, 4)];
    assert.throws(() => run({}, q, k, k), /Attention.*2 key heads cannot be shared by 3 query heads/);
    assert.throws(() => run({}, k, k, k, undefined, k), /past_key and past_value go together/);
    assert.throws(
      () => run({ q_num_heads: 3 }, x(1, 2, 8), x(1, 2, 8), x(1, 2, 8)),
      /8 does not divide into 3/,
    );
    assert.throws(() => run({ qk_matmul_output_mode: 7 }, k, k, k), /7 is no mode/);
    assert.throws(() => run({ softmax_precision: 16 }, k, k, k), /bfloat16/);
    assert.throws(() => run({}, k, k, k, x(2, 5)), /3 key\(s\) more than there are/);
  });
});

/** What may be combined; sizes that depend on others follow from them in `settingOf`. */
const combination = fc.record({
  opset: fc.constantFrom(23, 24, 25),
  batch: fc.integer({ min: 1, max: 2 }),
  sharing: fc.integer({ min: 1, max: 3 }),
  keyHeads: fc.integer({ min: 1, max: 2 }),
  queries: fc.integer({ min: 1, max: 4 }),
  keys: fc.integer({ min: 1, max: 4 }),
  past: fc.nat(3),
  size: fc.constantFrom(1, 2, 4),
  valueSize: fc.constantFrom(1, 3, 4),
  flat: fc.boolean(),
  causal: fc.boolean(),
  scale: fc.constantFrom(undefined, 0.3, 2),
  softcap: fc.constantFrom(0, 0.5, 2),
  mode: fc.nat(3),
  left: fc.constantFrom(-1, 0, 1, 2),
  right: fc.constantFrom(-1, 0, 1),
  maskRank: fc.constantFrom(0, 2, 3, 4),
  boolMask: fc.boolean(),
  /** Which axes of the mask have one element for all. */
  one: fc.record({ batch: fc.boolean(), heads: fc.boolean(), queries: fc.boolean() }),
  /** By how many keys it ends early. */
  early: fc.nat(2),
  valid: fc.option(fc.array(fc.nat(4), { minLength: 2, maxLength: 2 })),
});

function settingOf(c: typeof combination extends fc.Arbitrary<infer C> ? C : never): Setting {
  const valid = c.opset >= 24 ? c.valid?.slice(0, c.batch).map((n) => n % (c.keys + 1)) : undefined;
  const past = valid ? 0 : c.past;
  const heads = c.sharing * c.keyHeads;
  const all = past + c.keys;
  const width = c.opset >= 24 ? Math.max(1, all - c.early) : all;
  const full = [c.one.batch ? 1 : c.batch, c.one.heads ? 1 : heads, c.one.queries ? 1 : c.queries, width];
  const shape = full.slice(4 - c.maskRank);
  const some = (i: number[]): boolean => (i.reduce((a, e, d) => a + e * (d + 2), 1) * 7) % 5 < 3;
  return {
    ...c,
    heads,
    past,
    mask: c.maskRank === 0 ? undefined : c.boolMask ? bools(shape, some) : noise(shape, 9),
    valid,
    left: c.opset >= 25 ? c.left : -1,
    right: c.opset >= 25 ? c.right : -1,
  };
}

describe("Attention: any combination", function () {
  this.timeout(300_000);
  it("of heads, caches, masks, windows, softcaps and modes", () => {
    const numRuns = Math.max(4, Math.min(60, Math.round(Number(process.env.TILEWRIGHT_RUNS ?? 1250) / 20)));
    return fc.assert(
      fc.asyncProperty(combination, (c) => check(settingOf(c))),
      { numRuns, seed: 20261123 },
    );
  });
});

interface Rotary {
  readonly shape: Shape;
  readonly heads?: number;
  readonly turned?: number;
  readonly interleaved?: boolean;
  readonly positions?: boolean;
}

async function checkRotary(s: Rotary): Promise<void> {
  const { shape, heads = 1, interleaved = false, positions = false } = s;
  const flat = shape.length === 3;
  const [batch, length] = [shape[0], flat ? shape[1] : shape[2]];
  const size = shape[shape.length - 1] / (flat ? heads : 1);
  const turned = s.turned ?? size;
  const half = turned / 2;
  const table = positions ? [7, half] : [batch, length, half];
  const [x, cos, sin] = [noise(shape, 1), noise(table, 2), noise(table, 3)];
  const ids = positions
    ? nd(
        [batch, length],
        fill([batch, length], ([b, l]) => (b * 3 + l * 2) % 7),
        "i64",
      )
    : undefined;
  const [read, c, n] = [x, cos, sin].map(reader);
  const id = ids && reader(ids);
  const want = fill(shape, (i) => {
    const [b, l] = [i[0], flat ? i[1] : i[2]];
    const head = flat ? Math.floor(i[2] / size) * size : 0;
    const d = i[i.length - 1] - head;
    const own = (e: number): number => read(...i.slice(0, -1), head + e);
    if (d >= turned) return own(d);
    const pair = interleaved ? Math.floor(d / 2) : d % half;
    const first = interleaved ? d % 2 === 0 : d < half;
    const [a, o] = interleaved ? [own(2 * pair), own(2 * pair + 1)] : [own(pair), own(pair + half)];
    const place = id ? [id(b, l), pair] : [b, l, pair];
    return first ? c(...place) * a - n(...place) * o : n(...place) * a + c(...place) * o;
  });
  const spec: NodeCase = {
    op: "RotaryEmbedding",
    opset: 23,
    attrs: {
      interleaved: interleaved ? 1 : 0,
      ...(flat ? { num_heads: heads } : {}),
      ...(s.turned === undefined ? {} : { rotary_embedding_dim: turned }),
    },
  };
  const inputs = ids ? [x, cos, sin, ids] : [x, cos, sin];
  for (const [got] of [runNode(spec, inputs), await runNodeCompiled(spec, inputs)]) {
    assert.deepEqual(got.shape, shape);
    close(numbersOf(got), want, 1e-5);
  }
}

describe("RotaryEmbedding", function () {
  this.timeout(120_000);
  it("halves and neighbours, whole heads and parts, with positions and without", async () => {
    await checkRotary({ shape: [2, 3, 4, 6] });
    await checkRotary({ shape: [2, 3, 4, 6], interleaved: true, positions: true });
    await checkRotary({ shape: [2, 3, 4, 8], turned: 4, positions: true });
    await checkRotary({ shape: [2, 4, 24], heads: 3, turned: 6, interleaved: true });
    await checkRotary({ shape: [2, 4, 24], heads: 3, positions: true });
  });
  it("refuses angles that are not of its heads", () => {
    const inputs = [noise([1, 1, 2, 8], 1), noise([1, 2, 3], 1), noise([1, 2, 3], 1)];
    assert.throws(
      () => runNode({ op: "RotaryEmbedding", opset: 23 }, inputs),
      /3 angles for each position, not 4/,
    );
  });
});

describe("TensorScatter", function () {
  this.timeout(120_000);
  for (const circular of [false, true]) {
    it(circular ? "circular" : "linear", async () => {
      for (const [axis, shape, more] of [
        [-2, [2, 3, 5, 2], 3],
        [1, [2, 5, 3], 2],
      ] as const) {
        const at = axis < 0 ? axis + shape.length : axis;
        const [cache, update] = [noise(shape, 1), noise((shape as Shape).with(at, more), 2)];
        for (const start of [undefined, circular ? [4, 13] : [0, 2]]) {
          const want = [...numbersOf(cache)];
          const read = reader(update);
          fill(update.shape, (i) => {
            const p = (start?.[i[0]] ?? 0) + i[at];
            want[position(i.with(at, circular ? p % shape[at] : p), shape) as number] = read(...i);
            return 0;
          });
          const spec = {
            op: "TensorScatter",
            opset: 24,
            attrs: { axis, ...(circular ? { mode: "circular" } : {}) },
          };
          const inputs = [cache, update, ...(start ? [nd([2], start, "i64")] : [])];
          for (const [got] of [runNode(spec, inputs), await runNodeCompiled(spec, inputs)]) {
            assert.deepEqual(got.shape, shape);
            close(numbersOf(got), want, 0);
          }
        }
      }
    });
  }
  it("refuses updates that do not fit", () => {
    const run = (more: Shape) =>
      runNode({ op: "TensorScatter", opset: 24 }, [noise([1, 4, 2], 1), noise(more, 1)]);
    assert.throws(() => run([1, 5, 2]), /5 positions do not fit a cache of 4/);
    assert.throws(() => run([1, 2, 3]), /the shape of the cache except for axis 1/);
  });
});
