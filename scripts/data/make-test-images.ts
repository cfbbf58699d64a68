// Writes the 10,000 Fashion-MNIST test images that the notebooks read, in the compact IDX form:
//   notebooks/data/t10k-images-idx3-ubyte.gz   [10000, 28, 28] bytes
//   notebooks/data/t10k-labels-idx1-ubyte.gz   [10000] bytes
// Run with:  node --import tsx scripts/data/make-test-images.ts [--source npm|debian]
// The same source gives the same bytes again. Train the network anew after changing the source (train-mlp.ts).
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { CLASSES, fetchFashionMnist, SIDE, sourceFrom } from "./fashion-mnist.ts";
import { encodeIdx, gzip } from "./idx.ts";

const folder = new URL("../../notebooks/data/", import.meta.url);

/** Writes one gzipped IDX file and says how large it is. */
function write(name: string, shape: readonly number[], data: Uint8Array): void {
  const idx = encodeIdx(shape, data);
  const packed = gzip(idx);
  writeFileSync(new URL(name, folder), packed);
  const digest = createHash("sha256").update(idx).digest("hex");
  console.log(`${name}: [${shape.join(", ")}], ${packed.length} bytes; unpacked sha256 ${digest}`);
}

const { source, test } = fetchFashionMnist(sourceFrom(process.argv.slice(2)));
mkdirSync(folder, { recursive: true });
const n = test.labels.length;
write("t10k-images-idx3-ubyte.gz", [n, SIDE, SIDE], test.images);
write("t10k-labels-idx1-ubyte.gz", [n], test.labels);
const first = [...test.labels.subarray(0, 10)];
console.log(
  `source ${source}; the first labels are ${first.join(" ")} (${first.map((l) => CLASSES[l]).join(", ")})`,
);
