/**
 * The peers, behind one door: each opens an ONNX file and runs it on inputs given as JavaScript arrays, giving arrays back.
 * onnxruntime-web: WebAssembly. onnxruntime-node: native code, with vectors as wide as the processor has. jax-js: WebAssembly, one
 * thread, Node 22 and later.
 */
import * as ort from "onnxruntime-web";
import { BASELINE, NATIVE } from "./names.ts";
import { dtypeOf, type Elements, ortSession } from "./ort.ts";

export interface FeedTensor {
  readonly data: Elements;
  readonly dims: readonly number[];
}

export type Feeds = Readonly<Record<string, FeedTensor>>;
export type Outputs = Readonly<Record<string, ArrayLike<number>>>;

/** A loaded model with its inputs. */
export interface Opened {
  /** Runs once and gives the outputs as arrays. */
  readonly run: () => Promise<Outputs>;
  /** Brings the outputs into ONNX's order of axes, where `run` leaves them in another; not timed. */
  readonly arrange?: (outputs: Outputs) => Outputs;
}

export interface Peer {
  readonly name: string;
  /** Why it cannot run here at all, if so. */
  readonly absent?: () => string | undefined;
  /** Loads a model. Throws when it cannot. */
  readonly open: (model: Uint8Array, feeds: Feeds, threads: number) => Promise<Opened>;
}

const ortWeb: Peer = {
  name: BASELINE,
  open: async (model, feeds, threads) => {
    const session = await ortSession(model, threads);
    const given = ortFeeds(feeds, ort.Tensor);
    return { run: async () => ortOutputs(await session.run(given)) };
  },
};

const ortNode: Peer = {
  name: NATIVE,
  open: async (model, feeds, threads) => {
    const native = await import("onnxruntime-node");
    const session = await native.InferenceSession.create(model, {
      ...{ intraOpNumThreads: threads, interOpNumThreads: 1, logSeverityLevel: 3 },
    });
    const given = ortFeeds(feeds, native.Tensor);
    return { run: async () => ortOutputs(await session.run(given)) };
  },
};

const ORT_TYPES = { f32: "float32", u8: "uint8", i8: "int8", i32: "int32", i64: "int64" } as const;

function ortFeeds(feeds: Feeds, Tensor: typeof ort.Tensor): Record<string, ort.Tensor> {
  return Object.fromEntries(
    Object.entries(feeds).map(([k, { data, dims }]) => [k, new Tensor(ORT_TYPES[dtypeOf(data)], data, dims)]),
  );
}

function ortOutputs(outputs: ort.InferenceSession.OnnxValueMapType): Outputs {
  return Object.fromEntries(
    Object.entries(outputs).map(([k, t]) => [k, (t as ort.Tensor).data as Float32Array]),
  );
}

const jax: Peer = {
  name: "jax-js",
  absent: () => ("withResolvers" in Promise ? undefined : "needs Promise.withResolvers (Node 22 and later)"),
  open: async (model, feeds, threads) => {
    if (threads > 1) throw new Error("one thread only");
    const { jax, ONNXModel } = await withoutWorker(async () => {
      const [jax, { ONNXModel }] = await Promise.all([import("@jax-js/jax"), import("@jax-js/onnx")]);
      await jax.init();
      jax.defaultDevice("wasm");
      return { jax, ONNXModel };
    });
    const loaded = new ONNXModel(model as Uint8Array<ArrayBuffer>);
    const run = jax.jit((inputs: Parameters<typeof loaded.run>[0]) => loaded.run(inputs));
    const call = async (): Promise<Outputs> => {
      const given = Object.fromEntries(
        Object.entries(feeds).map(([k, { data, dims }]) => {
          if (data instanceof BigInt64Array) throw new Error("no 64-bit integers");
          if (!(data instanceof Float32Array)) throw new Error("f32 only, in tests/bench/peers.ts");
          return [k, jax.numpy.array(data as Float32Array<ArrayBuffer>).reshape([...dims])];
        }),
      );
      const outputs: Record<string, ArrayLike<number>> = {};
      for (const [k, y] of Object.entries(run(given))) outputs[k] = (await y.data()) as ArrayLike<number>;
      return outputs;
    };
    await withoutWorker(call);
    return { run: call };
  },
};

/**
 * onnxruntime-web leaves a global Worker behind, from which jax-js concludes that it can start its threads, which in Node it
 * cannot.
 */
async function withoutWorker<X>(work: () => Promise<X>): Promise<X> {
  const worker = Object.getOwnPropertyDescriptor(globalThis, "Worker");
  Reflect.deleteProperty(globalThis, "Worker");
  try {
    return await work();
  } finally {
    if (worker) Object.defineProperty(globalThis, "Worker", worker);
  }
}

/** The first is what ratios are taken against. */
export const PEERS: readonly Peer[] = [ortWeb, ortNode, jax];
