/** Default schedules for every kind of machine, on programs of random sizes: Dawn gives what the interpreter gives. */
import assert from "node:assert/strict";
import { bufferParams, constInt, type PrimFunc } from "../../../lib/ir/index.ts";
import { releaseGpu, Tensor } from "../../../lib/runtime/index.ts";
import { Random } from "../../../lib/schedule/random.ts";
import { GPU_MACHINES, gpuSchedule } from "../../../lib/tune/default-gpu/index.ts";
import { requireGpu } from "../../support/system.ts";
import {
  batchedProduct,
  convolution,
  depthwise,
  layerNorm,
  linear,
  pooling,
  softmax,
  transposed,
} from "../tune/programs.ts";
import { assertAgrees } from "./harness.ts";

const asked = process.env.TILEWRIGHT_SEED ?? "20261123";
const seed = asked === "random" ? Date.now() % 2 ** 31 : Number(asked);
const runs = Math.min(200, Number(process.env.TILEWRIGHT_RUNS ?? 16));

/** Programs of sizes that are drawn: round ones as often as any others. */
const KINDS: readonly ((size: (most: number) => number, flip: () => boolean) => PrimFunc)[] = [
  (size, flip) => linear(size(48), size(40), size(64), flip()),
  (size) => batchedProduct(size(3), size(24), size(20), size(32)),
  (size, flip) =>
    convolution(size(8), size(12), 3 + size(12), {
      ...(flip() ? { kernel: 3, pad: 1 } : { kernel: 1 }),
      stride: size(2),
    }),
  (size) => depthwise(size(10), 3 + size(12), { kernel: 3, pad: 1, stride: size(2) }),
  (size) => pooling(size(8), 3 + size(12), { kernel: 3, stride: size(2) }),
  (size) => transposed(size(6), size(6), size(8), 2),
  (size) => softmax(size(48), 8 + size(70)),
  (size) => layerNorm(size(48), 8 + size(70)),
];

const operands = (f: PrimFunc): Tensor[] =>
  bufferParams(f).map((p, i) =>
    Tensor.random(
      p.shape.map((e) => constInt(e) as number),
      { seed: i + 1, min: -1, max: 1 },
    ),
  );

describe(`webgpu, default schedules (seed ${seed}, ${runs} programs each)`, function () {
  this.timeout(600_000);
  before(async function () {
    await requireGpu(this);
  });
  after(releaseGpu);

  for (const machine of Object.values(GPU_MACHINES))
    it(`${machine.name}: programs of random sizes give what the interpreter gives`, async () => {
      const random = new Random(seed);
      const flip = (): boolean => random.real() < 0.5;
      const size = (most: number): number => {
        const n = 1 + random.int(most);
        return n > 4 && flip() ? 4 * Math.floor(n / 4) : n;
      };
      for (let i = 0; i < runs; i++) {
        const f = KINDS[i % KINDS.length](size, flip);
        const scheduled = gpuSchedule(f, machine);
        const code = await assertAgrees(f, scheduled, () => operands(f), { rtol: 1e-4, atol: 1e-5 });
        assert.deepEqual(code.notes, [], scheduled.script());
      }
    });
});
