// What the training scripts share: the images they train on and are measured with, and the files they write.
import { readFileSync, writeFileSync } from "node:fs";
import { CLASSES, fetchFashionMnist, type Part, PIXELS, type Source, sourceFrom } from "./fashion-mnist.ts";
import { decodeIdx, gunzip } from "./idx.ts";

const folder = new URL("../../notebooks/data/", import.meta.url);
/** The editions of the data set share about ten images between training and test; more means mismatched sources. */
const MOST_SHARED = 50;

/** The training images without those that are test images too: the accuracy must be that of unseen images. */
function withoutShared(part: Part, test: Part): { part: Part; shared: number } {
  const image = (p: Part, i: number) =>
    Buffer.from(p.images.buffer, p.images.byteOffset + i * PIXELS, PIXELS);
  const seen = new Set(Array.from(test.labels, (_, i) => image(test, i).toString("latin1")));
  const kept = Array.from(part.labels, (_, i) => i).filter(
    (i) => !seen.has(image(part, i).toString("latin1")),
  );
  const images = new Uint8Array(kept.length * PIXELS);
  kept.forEach((from, to) => {
    images.set(image(part, from), to * PIXELS);
  });
  return {
    part: { images, labels: Uint8Array.from(kept, (i) => part.labels[i]!) },
    shared: part.labels.length - kept.length,
  };
}

/** The images to train on, and the test images of notebooks/data. Throws when they are of different editions. */
export function readParts(args: readonly string[]): { source: Source; part: Part; test: Part } {
  const read = (name: string) => decodeIdx(gunzip(readFileSync(new URL(name, folder)))).data;
  const test: Part = { images: read("t10k-images-idx3-ubyte.gz"), labels: read("t10k-labels-idx1-ubyte.gz") };
  const { source, train: all } = fetchFashionMnist(sourceFrom(args));
  const { part, shared } = withoutShared(all, test);
  if (shared > MOST_SHARED) {
    throw new Error(
      `${shared} training images are in notebooks/data too: those were made from another source`,
    );
  }
  console.log(`${part.labels.length} training images (${shared} left out: they are test images too)`);
  return { source, part, test };
}

/** A network as it is shipped. */
export interface NetworkFiles {
  readonly description: string;
  readonly tensors: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly values: Float32Array;
  }[];
  readonly accuracy: { readonly test: number; readonly images: number };
  readonly training: Readonly<Record<string, unknown>>;
}

/** Writes the parameters one after the other, f32 little-endian, and the JSON that says what lies where. */
export function writeNetwork(name: string, network: NetworkFiles): void {
  let offset = 0;
  const tensors = network.tensors.map(({ name, shape, values }) => {
    const tensor = { name, shape, dtype: "f32", offset, bytes: 4 * values.length, values };
    offset += tensor.bytes;
    return tensor;
  });
  const bytes = new DataView(new ArrayBuffer(offset)); // written value by value: little-endian on every machine
  for (const t of tensors) t.values.forEach((v, i) => void bytes.setFloat32(t.offset + 4 * i, v, true));
  writeFileSync(new URL(`${name}.bin`, folder), bytes);
  const manifest = {
    description: network.description,
    file: `${name}.bin`,
    bytes: offset,
    byteOrder: "little-endian",
    tensors: tensors.map(({ values: _, ...rest }) => rest),
    classes: CLASSES,
    accuracy: network.accuracy,
    training: network.training,
  };
  writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify(manifest, null, 2)}\n`);
  console.log(`${name}.bin: ${offset} bytes`);
}
