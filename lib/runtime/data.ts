/** Data sets: the IDX format, and the images and weights that come with the course. */
import { BYTES, type DType, isDType } from "../ir/index.ts";
import { Tensor } from "./tensor.ts";

/** Element types of IDX files by their code; big-endian. (0x0b, 16-bit integers, has no dtype here.) */
const IDX_TYPES: { readonly [code: number]: DType } = {
  8: "u8",
  9: "i8",
  12: "i32",
  13: "f32",
  14: "f64",
};

/**
 * A tensor from the bytes of an IDX file, the format of MNIST: two zero bytes, the element type, the number of
 * dimensions, the sizes as big-endian 32-bit numbers, the elements. Gzipped bytes are unpacked first.
 */
export async function loadIdx(bytes: Uint8Array, name = "the file"): Promise<Tensor> {
  const raw = bytes[0] === 0x1f && bytes[1] === 0x8b ? await gunzip(bytes, name) : bytes;
  const bad = (why: string): never => {
    throw new Error(`${name} is no IDX file: ${why}`);
  };
  if (raw.length < 4) bad(`it has ${raw.length} byte(s)`);
  if (raw[0] !== 0 || raw[1] !== 0) bad(`it starts with bytes ${raw[0]}, ${raw[1]} instead of 0, 0`);
  const dtype = IDX_TYPES[raw[2]] ?? bad(`unknown element type 0x${raw[2].toString(16).padStart(2, "0")}`);
  const rank = raw[3];
  const start = 4 + 4 * rank;
  if (raw.length < start) bad(`it ends inside its ${rank} size(s)`);
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const shape = Array.from({ length: rank }, (_, d) => view.getUint32(4 + 4 * d));
  const count = shape.reduce((n, s) => n * s, 1);
  const expected = start + count * BYTES[dtype];
  if (raw.length !== expected) {
    bad(`${dtype}[${shape.join(", ")}] takes ${expected} bytes, it has ${raw.length}`);
  }
  const read: { readonly [t in DType]?: (at: number) => number } = {
    u8: (at) => view.getUint8(at),
    i8: (at) => view.getInt8(at),
    i32: (at) => view.getInt32(at),
    f32: (at) => view.getFloat32(at),
    f64: (at) => view.getFloat64(at),
  };
  const t = Tensor.empty(shape, dtype);
  const data = t.data;
  if (dtype === "u8") (data as Uint8Array).set(raw.subarray(start));
  else for (let i = 0; i < count; i++) data[i] = read[dtype]!(start + i * BYTES[dtype]) as never;
  return t;
}

async function gunzip(bytes: Uint8Array, name: string): Promise<Uint8Array> {
  // A stream of our own rather than a Blob's: its element type must be bytes over a plain ArrayBuffer.
  const source = new ReadableStream<BufferSource>({
    start(controller) {
      controller.enqueue(Uint8Array.from(bytes));
      controller.close();
    },
  });
  try {
    const unpacked = source.pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(unpacked).arrayBuffer());
  } catch (e) {
    throw new Error(`${name} cannot be unpacked: ${e instanceof Error ? e.message : e}`, { cause: e });
  }
}

/** What the JSON beside a weights file says. */
interface WeightsIndex {
  readonly bytes: number;
  readonly tensors: readonly { name: string; shape: number[]; dtype: DType; offset: number; bytes: number }[];
}

/** Tensors by name from one little-endian file and the JSON that describes it. */
export function loadWeights(index: string, bytes: Uint8Array, name = "the weights"): Record<string, Tensor> {
  const bad = (why: string): never => {
    throw new Error(`${name}: ${why}`);
  };
  let parsed: WeightsIndex;
  try {
    parsed = JSON.parse(index) as WeightsIndex;
  } catch (e) {
    return bad(`the index is no JSON: ${(e as Error).message}`);
  }
  if (!Array.isArray(parsed?.tensors)) bad("the index lists no tensors");
  const out: Record<string, Tensor> = {};
  for (const t of parsed.tensors) {
    if (!isDType(t.dtype)) bad(`tensor ${t.name} has the unknown dtype ${t.dtype}`);
    const length = t.shape.reduce((n, s) => n * s, 1) * BYTES[t.dtype];
    if (length !== t.bytes || t.offset + length > bytes.length) {
      bad(
        `tensor ${t.name} ${t.dtype}[${t.shape.join(", ")}] takes ${length} bytes from ${t.offset}; ` +
          `the index says ${t.bytes}, the file has ${bytes.length}`,
      );
    }
    const tensor = Tensor.empty(t.shape, t.dtype);
    const { data } = tensor;
    // The engines this runs on are little-endian, as WebAssembly memory is everywhere.
    const to = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    to.set(bytes.subarray(t.offset, t.offset + length));
    out[t.name] = tensor;
  }
  return out;
}

/** Reads a file that comes with the package: from disk in Node, with `fetch` in a page. */
async function readData(name: string): Promise<Uint8Array> {
  const tried: string[] = [];
  // From lib/runtime and from dist/lib/runtime.
  for (const up of ["../../", "../../../"]) {
    const url = new URL(`${up}notebooks/data/${name}`, import.meta.url);
    tried.push(url.protocol === "file:" ? url.pathname : url.href);
    const bytes = url.protocol === "file:" ? await readFileUrl(url) : await readHttp(url);
    if (bytes) return bytes;
  }
  throw new Error(`the data file ${name} was not found; looked at ${tried.join(" and ")}`);
}

async function readFileUrl(url: URL): Promise<Uint8Array | undefined> {
  const { readIfPresent } = await import("./files.node.ts");
  return readIfPresent(url);
}

async function readHttp(url: URL): Promise<Uint8Array | undefined> {
  const response = await fetch(url);
  return response.ok ? new Uint8Array(await response.arrayBuffer()) : undefined;
}

/** What the labels 0 … 9 of Fashion-MNIST mean. */
export const FASHION_CLASSES: readonly string[] = [
  "T-shirt/top",
  "Trouser",
  "Pullover",
  "Dress",
  "Coat",
  "Sandal",
  "Shirt",
  "Sneaker",
  "Bag",
  "Ankle boot",
];

export interface ImageSet {
  /** u8 [n, 28, 28], 0 is the background. */
  readonly images: Tensor;
  /** u8 [n], an index into `classes`. */
  readonly labels: Tensor;
  readonly classes: readonly string[];
}

/** The 10,000 test images of Fashion-MNIST. */
export async function loadFashionMnist(): Promise<ImageSet> {
  const [images, labels] = await Promise.all(
    ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"].map(async (file) =>
      loadIdx(await readData(file), file),
    ),
  );
  if (images.shape.length !== 3 || labels.shape.length !== 1 || images.shape[0] !== labels.shape[0]) {
    throw new Error(`Fashion-MNIST: images ${images} and labels ${labels} do not belong together`);
  }
  return { images, labels, classes: FASHION_CLASSES };
}

/** Data sets by name. */
const DATASETS = { "fashion-mnist": loadFashionMnist } as const;

export async function dataset(name: keyof typeof DATASETS): Promise<ImageSet> {
  if (!Object.hasOwn(DATASETS, name)) {
    throw new Error(`no data set ${JSON.stringify(name)}; there are ${Object.keys(DATASETS).join(", ")}`);
  }
  return DATASETS[name]();
}

export interface MlpWeights {
  /** f32 [200, 784] and [200]: hidden = relu(pixels · w0ᵀ + b0), pixels scaled to [0, 1]. */
  readonly w0: Tensor;
  readonly b0: Tensor;
  /** f32 [10, 200] and [10]: scores = hidden · w1ᵀ + b1. */
  readonly w1: Tensor;
  readonly b1: Tensor;
}

/** The trained two-layer network 784-200-10 of the course. */
export async function loadMlpWeights(): Promise<MlpWeights> {
  return loadNetwork("mlp-784-200-10", {
    w0: [200, 784],
    b0: [200],
    w1: [10, 200],
    b1: [10],
  });
}

export interface CnnWeights {
  /** f32 [32, 1, 3, 3] and [32]: filters as [out, in, row, column], pixels scaled to [0, 1]. */
  readonly w0: Tensor;
  readonly b0: Tensor;
  /** f32 [100, 5408] and [100]: hidden = relu(pooled · w1ᵀ + b1). */
  readonly w1: Tensor;
  readonly b1: Tensor;
  /** f32 [10, 100] and [10]: scores = hidden · w2ᵀ + b2. */
  readonly w2: Tensor;
  readonly b2: Tensor;
}

/** The trained convolutional network of the course: conv 1→32 k3, ReLU, max pool 2, 5408→100, ReLU, 100→10. */
export async function loadCnnWeights(): Promise<CnnWeights> {
  return loadNetwork("cnn-32-100-10", {
    w0: [32, 1, 3, 3],
    b0: [32],
    w1: [100, 5408],
    b1: [100],
    w2: [10, 100],
    b2: [10],
  });
}

/** The parameters of a network that comes with the package. Throws when the files hold others. */
async function loadNetwork<N extends string>(
  name: string,
  shapes: Readonly<Record<N, readonly number[]>>,
): Promise<Record<N, Tensor>> {
  const [index, bytes] = await Promise.all([readData(`${name}.json`), readData(`${name}.bin`)]);
  const found = loadWeights(new TextDecoder().decode(index), bytes, name);
  for (const [n, shape] of Object.entries<readonly number[]>(shapes)) {
    const has = found[n]?.shape.join("x");
    if (has !== shape.join("x"))
      throw new Error(`${name}: ${n} should have the shape ${shape.join("x")}, it has ${has}`);
  }
  return found as Record<N, Tensor>;
}
