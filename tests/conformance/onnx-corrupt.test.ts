/** Damaged model files end in a clear error or a result, within bounds of time and memory. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { requireSystem } from "../support/system.ts";
import { DATA } from "./onnx-cases.ts";
import { corrupt, generator, tryFile } from "./onnx-corrupt.ts";

const MODELS = [
  "node/test_constant_pad",
  "node/test_gemm_all_attributes",
  "node/test_if",
  "node/test_if_seq",
  "node/test_layer_normalization_2d_axis1_expanded",
  "node/test_loop11",
  "node/test_lstm_defaults",
  "node/test_resize_upsample_sizes_cubic",
  "node/test_scan9_sum",
  "node/test_sequence_map_add_2_sequences_expanded",
  "node/test_slice",
  "pytorch-converted/test_Conv2d_groups",
  "pytorch-converted/test_Softmax",
  "pytorch-operator/test_operator_conv",
  "pytorch-operator/test_operator_mm",
  "simple/test_expand_shape_model2",
];

/** In CI. `TILEWRIGHT_RUNS` is for the inner loop. */
const FILES = Number(process.env.TILEWRIGHT_RUNS ?? 5000);
const MAX_MS = 5000;
/** By how much the process may grow. */
const MAX_BYTES = 2 ** 29;

describe("conformance: damaged ONNX files", function () {
  this.timeout(600_000);

  it(`${FILES} of them end in a clear error or a result`, function () {
    requireSystem(this, "libonnx-testdata");
    const files = MODELS.map((name) => new Uint8Array(readFileSync(join(DATA, name, "model.onnx"))));
    const before = process.memoryUsage().rss;
    const counts = { refused: 0, imported: 0, ran: 0 };
    for (let seed = 0; seed < FILES; seed++) {
      const which = seed % MODELS.length;
      const began = process.cpuUsage();
      const end = tryFile(corrupt(files[which], generator(seed)));
      const ms = process.cpuUsage(began).user / 1000;
      const place = `${MODELS[which]}, seed ${seed}`;
      if (end.kind === "crashed") assert.fail(`${place}: ${end.error?.stack}`);
      assert(ms < MAX_MS, `${place} took ${ms.toFixed(0)} ms of processor time`);
      counts[end.kind]++;
    }
    const grown = process.memoryUsage().rss - before;
    assert(grown < MAX_BYTES, `the process has grown by ${grown} bytes`);
    // Neither is everything refused, nor is damage overlooked.
    assert(counts.refused > FILES / 2 && counts.ran > 0, JSON.stringify(counts));
  });
});
