/** Programs scheduled by hand: chapter 3's, and the large matrix product. */
import { assertAllclose, build, type Executable, Tensor } from "../../lib/index.ts";
import { type Contender, compare } from "./compare.ts";
import { scheduledMatmul } from "./matmul.ts";
import { mmRelu, scheduledMmRelu } from "./mm-relu.ts";
import { oneNodeModel, ortRun, ortSession } from "./ort.ts";
import type { MatchResult } from "./results.ts";

async function agree(lib: Executable, name: string, args: Tensor[], expected: Tensor): Promise<void> {
  const out = args[args.length - 1];
  for (let i = 0; i < out.data.length; i++) out.data[i] = Number.NaN;
  await lib[name](...args);
  assertAllclose(out, expected, { rtol: 1e-3, atol: 1e-3 });
}

/** Chapter 3's program as written and transformed. */
export async function chapter3(): Promise<MatchResult> {
  const shape = [128, 128];
  const args = [Tensor.random(shape, { seed: 1 }), Tensor.random(shape, { seed: 2 }), Tensor.zeros(shape)];
  const written = await build(mmRelu);
  await written.mm_relu(...args);
  const expected = args[2].clone();
  const variants: Contender[] = [{ name: "as written", run: written.prepare("mm_relu", args) }];
  for (const [jfactor, vector] of [
    [4, false],
    [8, false],
    [8, true],
  ] as const) {
    const lib = await build(scheduledMmRelu(jfactor, vector).mod);
    await agree(lib, "mm_relu", args, expected);
    variants.push({
      name: `transformed, jfactor ${jfactor}${vector ? ", vectorised" : ""}`,
      run: lib.prepare("mm_relu", args),
    });
  }
  const rows = await compare(variants, { flops: 2 * 128 ** 3 });
  return { name: "mm_relu 128 × 128 × 128", rows, cannot: [] };
}

/** The product of two 1024 × 1024 matrices, on tensors of ours, against onnxruntime-web. */
export async function matmul(): Promise<MatchResult> {
  const shape = [1024, 1024];
  const args = [Tensor.random(shape, { seed: 1 }), Tensor.random(shape, { seed: 2 }), Tensor.zeros(shape)];
  const session = await ortSession(oneNodeModel("MatMul", [shape, shape], shape), 1);
  // The peer gets its own copies: it moves its inputs into its own memory in every call, as its users do.
  const inputs = args
    .slice(0, 2)
    .map((t) => ({ data: Float32Array.from(t.data as Float32Array), dims: shape }));
  const expected = Tensor.from(await ortRun(session, inputs), shape);
  const contenders: Contender[] = [
    { name: "onnxruntime-web", run: async () => void (await ortRun(session, inputs)) },
  ];
  for (const tiles of [
    { mr: 4, nr: 8, mc: 256, kc: 256 },
    { mr: 2, nr: 16, mc: 256, kc: 256 },
  ]) {
    const lib = await build(scheduledMatmul(tiles).mod);
    await agree(lib, "matmul", args, expected);
    contenders.push({ name: `tile ${tiles.mr} × ${tiles.nr}`, run: lib.prepare("matmul", args) });
  }
  const rows = await compare(contenders, { flops: 2 * 1024 ** 3 });
  return { name: "matmul 1024 × 1024 × 1024", rows, cannot: [] };
}
