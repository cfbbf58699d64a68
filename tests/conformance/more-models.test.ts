/**
 * Models with the structure of real ones (detectors, recognisers, voice activity, wake words, language models, quantised
 * networks, …) made by `more-models.py`, imported, compiled and run here on several sizes each, and compared with
 * PyTorch's answers. Errors are relative to the largest element; whole numbers and shapes must be equal.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { loadOnnx, type OnnxSession, Tensor } from "../../lib/runtime/index.ts";
import { requireSystem, systemPython } from "../support/system.ts";

interface Saved {
  readonly shape: readonly number[];
  readonly dtype: keyof typeof ARRAYS;
  readonly file: string;
}
interface Model {
  /** The largest error relative to the largest element. */
  readonly relative: number;
  readonly cases: readonly {
    readonly inputs: Readonly<Record<string, Saved>>;
    readonly outputs: Readonly<Record<string, Saved>>;
  }[];
}

const ARRAYS = {
  float32: Float32Array,
  int64: BigInt64Array,
  int32: Int32Array,
  uint8: Uint8Array,
} as const;

const NAMES: Readonly<Record<string, readonly string[]>> = {
  images: [
    "efficientnet",
    "mobilenetv3",
    "mobilenetv3-11",
    "convnext",
    "convnext-12",
    "shufflenet",
    "superresolution",
    "superresolution-9",
    "style",
    "style-9",
    "segmentation",
    "segmentation-11",
    "anysize",
    "anysize-10",
    "adaptive",
    "crnn",
    "crnn-14",
    "spatialtransformer",
    "camera",
    "swin",
  ],
  detection: ["yolo", "yolo-fixed-11", "anchorfree", "ssd", "blazeface", "retinaface", "centernet", "detr"],
  sound: [
    "vad",
    "wakeword",
    "mel",
    "dscnn",
    "conformer",
    "wav2vec",
    "whisper",
    "causal",
    "bigru",
    "bigru-16",
  ],
  text: [
    "gpt",
    "gpt-11",
    "t5",
    "t5-causal",
    "bert",
    "llama",
    "translate",
    "listloop",
    "einsum",
    "postprocess",
    "crf",
  ],
  "written node by node": [
    "constants",
    "initializers",
    "names",
    "optional",
    "nested",
    "scan",
    "until",
    "until-bounded",
    "until-most",
    "choosesize",
    "storedhalf",
    "halfinside",
    "keras",
  ],
  "sizes from data": [
    "speak",
    "padtomultiple",
    "frames",
    "beam",
    "selectloop",
    "break",
    "counts",
    "twostages",
  ],
  quantised: ["qdq", "qlinear", "dynamicquantized"],
};

describe("conformance: models like real ones", function () {
  this.timeout(300_000);
  let folder = "";

  before(function () {
    requireSystem(this, "python3-torch");
    requireSystem(this, "python3-onnx");
    folder = mkdtempSync(path.join(tmpdir(), "tilewright-more-models-"));
    const script = new URL("more-models.py", import.meta.url).pathname;
    const made = execFileSync(systemPython, ["-B", "-W", "ignore", script, folder], {
      stdio: ["ignore", "pipe", "pipe"],
      encoding: "utf8",
    });
    const names = made.split("\n").filter((line) => /^[\w-]+$/.test(line));
    assert.deepEqual(names.sort(), Object.values(NAMES).flat().sort());
  });

  after(() => {
    if (folder !== "") rmSync(folder, { recursive: true, force: true });
  });

  function elements(s: Saved): InstanceType<(typeof ARRAYS)[Saved["dtype"]]> {
    const { buffer, byteOffset, byteLength } = readFileSync(path.join(folder, s.file));
    return new ARRAYS[s.dtype](buffer.slice(byteOffset, byteOffset + byteLength));
  }

  async function check(session: OnnxSession, { cases, relative }: Model): Promise<void> {
    for (const [i, c] of cases.entries()) {
      const given = Object.entries(c.inputs).map(
        ([k, s]) => [k, { data: elements(s), shape: s.shape }] as const,
      );
      const got = await session.run(Object.fromEntries(given));
      assert.deepEqual(Object.keys(got), Object.keys(c.outputs));
      for (const [k, s] of Object.entries(c.outputs)) {
        const y = got[k];
        const what = `case ${i}, ${k}`;
        assert(y instanceof Tensor, `${what} is a tensor`);
        assert.deepEqual([...y.shape], [...s.shape], what);
        const want = elements(s);
        if (!(want instanceof Float32Array)) assert.deepEqual(y.data, want, what);
        else {
          const error = relativeError(y.data as Float32Array, want);
          assert(error <= relative, `${what}: relative error ${error}`);
        }
        y.dispose();
      }
    }
  }

  for (const [group, names] of Object.entries(NAMES)) {
    describe(group, () => {
      for (const name of names) {
        it(name, async () => {
          const session = loadOnnx(readFileSync(path.join(folder, `${name}.onnx`)));
          try {
            await check(
              session,
              JSON.parse(readFileSync(path.join(folder, `${name}.json`), "utf8")) as Model,
            );
          } finally {
            session.dispose();
          }
        });
      }
    });
  }
});

function relativeError(got: Float32Array, want: Float32Array): number {
  const scale = want.reduce((m, x) => Math.max(m, Math.abs(x)), 0) || 1;
  // NaN compares false everywhere: it counts as infinite.
  return want.reduce((worst, x, i) => {
    const d = Math.abs(x - got[i]) / scale;
    return d <= worst ? worst : Number.isNaN(d) ? Number.POSITIVE_INFINITY : d;
  }, 0);
}
