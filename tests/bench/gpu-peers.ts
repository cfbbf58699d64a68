/**
 * The peers on the GPU: onnxruntime-web's WebGPU on the very device that we use, jax-js's WebGPU on the same adapter. Both
 * look for `navigator.gpu`, which in Node is Dawn's. Inputs are on the device before the time is taken, outputs stay there.
 */
import { type GpuDevice, loadOnnx, type Tensor } from "../../lib/index.ts";
import { f16FromBits } from "../../lib/ir/index.ts";
import { dawn } from "../../lib/runtime/webgpu/dawn.node.ts";
import { STORAGE } from "../../lib/runtime/webgpu/pool.ts";
import type { GpuTensor } from "../../lib/runtime/webgpu/tensor.ts";
import type { GpuCase } from "./gpu-cases.ts";
import { BASELINE, OURS } from "./names.ts";

export type GpuOutputs = Readonly<Record<string, ArrayLike<number>>>;

export interface GpuOpened {
  /** Enqueues one run, and drops its outputs. */
  readonly run: () => Promise<void>;
  /** Waits until the device has done all that was enqueued. */
  readonly settle: () => Promise<unknown>;
  /** One run, and its outputs. */
  readonly outputs: () => Promise<GpuOutputs>;
  /** Milliseconds of the kernels of one run by the device's own clock, where it is told, and the operations counted. */
  readonly kernels?: () => Promise<{ readonly ms?: number; readonly flops?: number }>;
  readonly close: () => void | Promise<void>;
}

export interface GpuPlayer {
  readonly name: string;
  readonly open: (c: GpuCase, device: GpuDevice) => Promise<GpuOpened>;
}

/**
 * Makes Dawn what the peers take for the browser's: `navigator.gpu`, WebGPU's global names, a user agent. onnxruntime-web
 * uploads from memory that threads share, which Dawn's binding refuses, so that is copied first (weights and the numbers
 * that kernels take, a few bytes a kernel).
 */
export async function actAsBrowser(device: GpuDevice): Promise<void> {
  const name: string = "webgpu";
  const { globals } = (await import(name)) as { globals: Record<string, unknown> };
  const define = (on: object, key: string, value: unknown): void => {
    Object.defineProperty(on, key, { value, configurable: true, writable: true });
  };
  for (const [key, value] of Object.entries(globals))
    if (!(key in globalThis)) define(globalThis, key, value);
  if (!globalThis.navigator) define(globalThis, "navigator", {});
  const { navigator } = globalThis;
  if (!navigator.gpu) define(navigator, "gpu", await dawn());
  if (!navigator.userAgent) define(navigator, "userAgent", `Node.js/${process.versions.node}`);
  const queue = Object.getPrototypeOf(device.device.queue) as GPUQueue;
  const write = queue.writeBuffer as (...args: unknown[]) => undefined;
  queue.writeBuffer = function (buffer: GPUBuffer, offset: number, data: AllowSharedBufferSource, ...part) {
    const shared = data instanceof Uint8Array && data.buffer instanceof SharedArrayBuffer;
    // The slice of a view of shared memory is not shared.
    return write.call(this, buffer, offset, shared ? data.slice() : data, ...part);
  };
}

const numbers = (t: Tensor): ArrayLike<number> =>
  t.dtype === "f16"
    ? Float32Array.from(t.data as Uint16Array, f16FromBits)
    : Float32Array.from(t.data as Float32Array);

const ours: GpuPlayer = {
  name: OURS,
  open: async ({ model, feeds, flops }, device) => {
    const session = loadOnnx(model, { target: "webgpu" });
    const inputs: Record<string, GpuTensor> = {};
    for (const [k, t] of Object.entries(feeds)) inputs[k] = await t.to("webgpu");
    const call = async () =>
      Object.entries(await session.run(inputs, { outputs: "gpu" })) as [string, GpuTensor][];
    return {
      run: async () => {
        for (const [, y] of await call()) y.dispose();
      },
      settle: () => device.device.queue.onSubmittedWorkDone(),
      outputs: async () => {
        const out: Record<string, ArrayLike<number>> = {};
        for (const [k, y] of await call()) {
          out[k] = numbers(await y.to("cpu"));
          y.dispose();
        }
        return out;
      },
      kernels: async () => {
        const profile = await session.profile(inputs, { runs: 5 });
        const steps = profile.byFunc();
        const counted = steps.reduce((sum, s) => sum + (s.flops ?? 0), 0);
        const byDevice = profile.clock === "timestamp-query";
        return {
          flops: flops ?? (counted > 0 ? counted : undefined),
          ...(byDevice ? { ms: steps.reduce((sum, s) => sum + s.ms, 0) } : {}),
        };
      },
      close: () => {
        session.dispose();
        for (const t of Object.values(inputs)) t.dispose();
      },
    };
  },
};

const ORT_TYPES = { f32: "float32", f16: "float16" } as const;

const ortWeb: GpuPlayer = {
  name: BASELINE,
  open: async ({ model, feeds }, { device }) => {
    const ort = await import("onnxruntime-web/webgpu");
    ort.env.wasm.numThreads = 1;
    ort.env.logLevel = "error";
    // Its type declarations know the device only as what the environment holds.
    const provider = {
      name: "webgpu",
      device,
    } as import("onnxruntime-web").InferenceSession.WebGpuExecutionProviderOption;
    const session = await ort.InferenceSession.create(model, {
      executionProviders: [provider],
      preferredOutputLocation: "gpu-buffer",
    });
    const buffers: GPUBuffer[] = [];
    const given: Record<string, import("onnxruntime-web").Tensor> = {};
    for (const [k, t] of Object.entries(feeds)) {
      const { data, dtype, shape } = t;
      if (dtype === "i64") {
        given[k] = new ort.Tensor("int64", (data as BigInt64Array).slice(), [...shape]);
        continue;
      }
      const usage = STORAGE;
      const buffer = device.createBuffer({ size: Math.max(16, data.byteLength), usage });
      device.queue.writeBuffer(buffer, 0, data as Float32Array<ArrayBuffer>);
      buffers.push(buffer);
      const dataType = ORT_TYPES[dtype as "f32" | "f16"];
      given[k] = ort.Tensor.fromGpuBuffer(buffer as never, { dataType, dims: [...shape] });
    }
    return {
      run: async () => {
        for (const y of Object.values(await session.run(given))) y.dispose();
      },
      settle: () => device.queue.onSubmittedWorkDone(),
      outputs: async () => {
        const out: Record<string, ArrayLike<number>> = {};
        for (const [k, y] of Object.entries(await session.run(given))) {
          const data: unknown = await y.getData();
          out[k] =
            data instanceof Uint16Array ? Float32Array.from(data, f16FromBits) : (data as Float32Array);
          y.dispose();
        }
        return out;
      },
      close: async () => {
        await session.release();
        for (const b of buffers) b.destroy();
      },
    };
  },
};

const jaxWeb: GpuPlayer = {
  name: "jax-js",
  open: async ({ model, feeds }) => {
    if (!("withResolvers" in Promise)) throw new Error("needs Promise.withResolvers (Node 22 and later)");
    const [jax, { ONNXModel }] = await Promise.all([import("@jax-js/jax"), import("@jax-js/onnx")]);
    if (!(await jax.init("webgpu")).includes("webgpu")) throw new Error("finds no WebGPU");
    jax.defaultDevice("webgpu");
    const loaded = new ONNXModel(model as Uint8Array<ArrayBuffer>);
    const jitted = jax.jit((inputs: Parameters<typeof loaded.run>[0]) => loaded.run(inputs));
    const given = Object.entries(feeds).map(([k, t]) => {
      if (t.dtype === "i64") throw new Error("no 64-bit integers");
      const x = jax.numpy.array(numbers(t) as Float32Array<ArrayBuffer>).reshape([...t.shape]);
      return [k, t.dtype === "f16" ? x.astype(jax.numpy.float16) : x] as const;
    });
    // Functions take their arguments away, but for those that are counted once more.
    const call = () => Object.entries(jitted(Object.fromEntries(given.map(([k, x]) => [k, x.ref]))));
    return {
      run: async () => {
        for (const [, y] of call()) {
          await y.blockUntilReady();
          y.dispose();
        }
      },
      settle: async () => jax.getWebGPUDevice()?.queue.onSubmittedWorkDone(),
      outputs: async () => {
        const out: Record<string, ArrayLike<number>> = {};
        for (const [k, y] of call()) out[k] = Float32Array.from((await y.data()) as ArrayLike<number>);
        return out;
      },
      close: () => {
        for (const [, x] of given) x.dispose();
        loaded.dispose();
      },
    };
  },
};

/** Ours first: what others give is compared with it. */
export const GPU_PLAYERS: readonly GpuPlayer[] = [ours, ortWeb, jaxWeb];
