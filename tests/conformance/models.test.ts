/**
 * Models of PyTorch: exported to ONNX by PyTorch itself (`models.py`), imported, compiled and run here, compared with
 * PyTorch's own answers. The error is relative to the largest element of the answer.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { loadOnnx, Tensor } from "../../lib/runtime/index.ts";
import { requireSystem, systemPython } from "../support/system.ts";

interface Saved {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly file: string;
}
interface Case {
  readonly inputs: Readonly<Record<string, Saved>>;
  readonly outputs: Readonly<Record<string, Saved>>;
}

/** Far above the rounding of f32, far below what a mistake makes. */
const RELATIVE = 1e-4;
const NAMES = [
  "mlp",
  "cnn",
  "resnet18",
  "mobilenetv2",
  "unet",
  "vit",
  "encoder",
  "decoder",
  "lstm",
  "gru",
] as const;

describe("conformance: models of PyTorch", function () {
  this.timeout(300_000);
  let folder = "";

  before(function () {
    requireSystem(this, "python3-torch");
    folder = mkdtempSync(path.join(tmpdir(), "tilewright-models-"));
    const script = new URL("models.py", import.meta.url).pathname;
    execFileSync(systemPython, ["-W", "ignore", script, folder], { stdio: ["ignore", "ignore", "pipe"] });
  });

  after(() => {
    if (folder !== "") rmSync(folder, { recursive: true, force: true });
  });

  function elements(s: Saved): Float32Array | BigInt64Array {
    const { buffer, byteOffset, byteLength } = readFileSync(path.join(folder, s.file));
    const bytes = buffer.slice(byteOffset, byteOffset + byteLength);
    return s.dtype === "int64" ? new BigInt64Array(bytes) : new Float32Array(bytes);
  }

  for (const name of NAMES) {
    it(name, async () => {
      const session = loadOnnx(readFileSync(path.join(folder, `${name}.onnx`)));
      const { cases } = JSON.parse(readFileSync(path.join(folder, `${name}.json`), "utf8")) as {
        cases: Case[];
      };
      for (const c of cases) {
        const inputs = Object.entries(c.inputs).map(
          ([k, s]) => [k, { data: elements(s), shape: s.shape }] as const,
        );
        const got = await session.run(Object.fromEntries(inputs));
        for (const [k, s] of Object.entries(c.outputs)) {
          const y = got[k];
          assert(y instanceof Tensor, `${k} is a tensor`);
          assert.deepEqual([...y.shape], [...s.shape]);
          const error = relativeError(y.data as Float32Array, elements(s) as Float32Array);
          assert(error <= RELATIVE, `${k}: relative error ${error}`);
        }
      }
      session.dispose();
    });
  }
});

function relativeError(got: Float32Array, want: Float32Array): number {
  const scale = want.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
  // NaN compares false everywhere: it counts as infinite.
  return want.reduce((worst, x, i) => {
    const d = Math.abs(x - got[i]) / scale;
    return d <= worst ? worst : Number.isNaN(d) ? Number.POSITIVE_INFINITY : d;
  }, 0);
}
