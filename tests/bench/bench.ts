/**
 * This machine against the peers, side by side in one run. Usage: npm run bench [-- --json FILE] [--only WORD]
 *
 * Every pair is checked for equal results before it is timed.
 */
import { writeFileSync } from "node:fs";
import os from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { assertAllclose, build, type Executable, features, Tensor } from "../../lib/index.ts";
import { enableRelaxedSimd } from "../../lib/runtime/features.node.ts";
import { type Contender, compare, type Measured, table } from "./compare.ts";
import { scheduledMatmul } from "./matmul.ts";
import { mmRelu, scheduledMmRelu } from "./mm-relu.ts";
import { modelCases } from "./models.ts";
import { OPERATORS, operatorContenders } from "./operators.ts";
import { oneNodeModel, ortRun, ortSession } from "./ort.ts";
import { startup } from "./startup.ts";

interface Case {
  readonly name: string;
  /** The row the ratios are taken against. */
  readonly baseline: string;
  readonly flops: number;
  readonly contenders: () => Promise<Contender[]>;
}

async function agree(lib: Executable, name: string, args: Tensor[], expected: Tensor): Promise<void> {
  const out = args[args.length - 1];
  for (let i = 0; i < out.data.length; i++) out.data[i] = Number.NaN;
  await lib[name](...args);
  assertAllclose(out, expected, { rtol: 1e-3, atol: 1e-3 });
}

const chapter3: Case = {
  name: "chapter 3: mm_relu 128 × 128 × 128, one thread",
  baseline: "as written",
  flops: 2 * 128 ** 3,
  contenders: async () => {
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
    return variants;
  },
};

const matmul: Case = {
  name: "matmul 1024 × 1024 × 1024 f32, one thread",
  baseline: "onnxruntime-web",
  flops: 2 * 1024 ** 3,
  contenders: async () => {
    const shape = [1024, 1024];
    const args = [Tensor.random(shape, { seed: 1 }), Tensor.random(shape, { seed: 2 }), Tensor.zeros(shape)];
    const session = await ortSession(oneNodeModel("MatMul", [shape, shape], shape), 1);
    // The peer gets its own copies: it moves its inputs into its own memory in every call, as its users do.
    const inputs = args
      .slice(0, 2)
      .map((t) => ({ data: Float32Array.from(t.data as Float32Array), dims: shape }));
    const expected = Tensor.from(await ortRun(session, inputs), shape);
    const ours: Contender[] = [];
    for (const tiles of [
      { mr: 4, nr: 8, mc: 256, kc: 256 },
      { mr: 2, nr: 16, mc: 256, kc: 256 },
    ]) {
      const lib = await build(scheduledMatmul(tiles).mod);
      await agree(lib, "matmul", args, expected);
      ours.push({ name: `tilewright, tile ${tiles.mr} × ${tiles.nr}`, run: lib.prepare("matmul", args) });
    }
    const peer: Contender = {
      name: "onnxruntime-web",
      run: async () => {
        await ortRun(session, inputs);
      },
    };
    return [peer, ...ours];
  },
};

const { values: options } = parseArgs({
  options: { json: { type: "string" }, only: { type: "string" } },
});
enableRelaxedSimd();
const machine = {
  node: process.version,
  v8: process.versions.v8,
  cpu: os.cpus()[0]?.model ?? "unknown",
  cores: os.cpus().length,
  features: features(),
  date: new Date().toISOString().slice(0, 10),
};
console.log(
  `Node ${machine.node}, ${machine.cpu}, ${machine.cores} cores, ${JSON.stringify(machine.features)}`,
);

const results: { name: string; baseline: string; rows: Measured[] }[] = [];
for (const c of [chapter3, matmul]) {
  if (options.only && !c.name.includes(options.only)) continue;
  const rows = await compare(await c.contenders(), { flops: c.flops });
  results.push({ name: c.name, baseline: c.baseline, rows });
  const base = rows.find((r) => r.name === c.baseline) as Measured;
  console.log(`\n${c.name}`);
  console.log(
    table([
      ["", "median ms", "p25", "p75", "GFLOP/s", `times ${c.baseline}`],
      ...rows.map((r) => [
        r.name,
        r.median.toFixed(3),
        r.p25.toFixed(3),
        r.p75.toFixed(3),
        (r.gflops ?? 0).toFixed(2),
        (base.median / r.median).toFixed(2),
      ]),
    ]),
  );
}
const STARTUP = "784-200-10: from the start of a process to the first output";
if (!options.only || STARTUP.includes(options.only)) {
  const { rows, sizes } = await startup();
  results.push({ name: STARTUP, baseline: "onnxruntime-web", rows });
  const base = rows.find((r) => r.name === "onnxruntime-web") as Measured;
  console.log(`\n${STARTUP}`);
  const cells = (r: Measured) => [r.median, r.p25, r.p75].map((x) => x.toFixed(1));
  const ratio = (r: Measured) => (r.median / base.median).toFixed(2);
  console.log(
    table([
      ["", "median ms", "p25", "p75", `of ${base.name}`],
      ...rows.map((r) => [r.name, ...cells(r), ratio(r)]),
    ]),
  );
  console.log(`\n${sizes}`);
}
const operators = OPERATORS.filter((c) => !options.only || `operators ${c.name}`.includes(options.only));
if (operators.length > 0) {
  const lines: string[][] = [
    [
      "operator, one thread, untuned",
      "onnxruntime-web ms",
      "tilewright ms",
      "GFLOP/s",
      "times onnxruntime-web",
    ],
  ];
  for (const c of operators) {
    const rows = await compare(await operatorContenders(c), { flops: c.flops });
    results.push({ name: `operator ${c.name}`, baseline: "onnxruntime-web", rows });
    const [peer, ours] = rows;
    const cells = [peer.median.toFixed(3), ours.median.toFixed(3), ours.gflops?.toFixed(1) ?? ""];
    lines.push([c.name, ...cells, (peer.median / ours.median).toFixed(2)]);
  }
  console.log(`\noperators`);
  console.log(table(lines));
}
if (!options.only || "models".includes(options.only)) {
  const ratios: number[] = [];
  const lines: string[][] = [
    ["model, one thread, untuned", "onnxruntime-web ms", "tilewright ms", "times onnxruntime-web"],
  ];
  for (const c of modelCases()) {
    const rows = await compare(await c.contenders());
    results.push({ name: `model ${c.name}`, baseline: "onnxruntime-web", rows });
    const [peer, ours] = rows;
    ratios.push(peer.median / ours.median);
    lines.push([
      c.name,
      peer.median.toFixed(3),
      ours.median.toFixed(3),
      (peer.median / ours.median).toFixed(2),
    ]);
  }
  const mean = Math.exp(ratios.reduce((sum, r) => sum + Math.log(r), 0) / Math.max(ratios.length, 1));
  if (ratios.length > 0) {
    console.log(`\nmodels`);
    console.log(table([...lines, ["geometric mean", "", "", mean.toFixed(2)]]));
  }
}
if (options.json) writeFileSync(options.json, `${JSON.stringify({ machine, results }, null, 1)}\n`);
// onnxruntime-web keeps handles open.
process.exit(0);
