/**
 * One call of a function on a device: upload, all kernels in one submit, one read-back. Tensors that are on the device
 * already are used where they are, and nothing of them is copied.
 */
import { type Argument, type Bound, type BufferArg, evalSize } from "../../codegen/index.ts";
import { elementBytes, type WgslFunction } from "../../codegen/wgsl/index.ts";
import type { Buffer, Expr } from "../../ir/index.ts";
import type { GpuDevice } from "./device.ts";
import { fromDevice, toDevice } from "./elements.ts";
import { GpuError } from "./error.ts";
import { type LaunchStep, launchSteps } from "./launch.ts";
import { STORAGE, USAGE } from "./pool.ts";
import { checkBytes, GpuTensor } from "./tensor.ts";
import { Timestamps } from "./timestamps.ts";

export type GpuArgument = Argument | GpuTensor;

export interface GpuCall {
  /** Copies the arguments to the device, runs the kernels, and copies back what they write. */
  run(): Promise<void>;
  /** Milliseconds that the kernels of so many calls take, by the device's own clock. Needs "timestamp-query". */
  timed(calls: number): Promise<number>;
}

/** Checks what the arguments ask of the device, and returns what makes the call. */
export function gpuCall(
  device: GpuDevice,
  f: WgslFunction,
  args: readonly GpuArgument[],
  bound: Bound,
): GpuCall {
  const buffers = [...f.params.filter((p): p is Buffer => p.kind === "buffer"), ...f.temporaries];
  const bytes = new Map(buffers.map((b) => [b.id, bytesOf(b, f.name, bound)]));
  for (const b of buffers) checkBytes(device, `${f.name}: ${b.name}`, bytes.get(b.id) as number);
  const steps = launchSteps(device, f, bound);
  const places = f.params.flatMap((p, i) => {
    const t = args[i];
    if (p.kind !== "buffer") return [];
    return [{ p, bytes: bytes.get(p.id) as number, t: t as BufferArg | GpuTensor }];
  });
  const here = places.filter((x): x is typeof x & { t: BufferArg } => !(x.t instanceof GpuTensor));
  const written = new Set(
    f.kernels.flatMap((k) => k.bindings.filter((b) => b.access === "read_write").map((b) => b.buffer.id)),
  );

  /** Buffers for everything, those of device tensors among them; those made are added to `held`. */
  const place = (
    held: GPUBuffer[],
    words: readonly ArrayBufferView<ArrayBuffer>[],
  ): Map<number, GPUBuffer> => {
    const out = new Map<number, GPUBuffer>();
    for (const { p, t } of places) if (t instanceof GpuTensor) out.set(p.id, t.buffer);
    for (const b of buffers) {
      if (out.has(b.id)) continue;
      const made = device.acquire(Math.max(16, bytes.get(b.id) as number), STORAGE);
      held.push(made);
      out.set(b.id, made);
    }
    here.forEach(({ p }, i) => {
      device.upload(out.get(p.id) as GPUBuffer, words[i]);
    });
    return out;
  };
  const prepare = async () => {
    const pipelines = await Promise.all(steps.map((s) => device.pipeline(s.kernel)));
    return { pipelines, words: here.map(({ p, t }) => toDevice(t.data, p.dtype, `${f.name}: ${p.name}`)) };
  };
  const dispatch = (
    pass: GPUComputePassEncoder,
    pipelines: readonly GPUComputePipeline[],
    at: ReadonlyMap<number, GPUBuffer>,
    held: GPUBuffer[],
  ): void => {
    steps.forEach((s, i) => {
      if (!s.groups.includes(0)) encode(device, pass, pipelines[i], s, at, bytes, held);
    });
  };
  const giveBack = (held: readonly GPUBuffer[]): void => {
    for (const b of held) device.release(b);
  };

  const run = (): Promise<void> => {
    const held: GPUBuffer[] = [];
    const enqueue = async () => {
      try {
        const { pipelines, words } = await prepare();
        return await device.guarded(f.name, () => {
          const at = place(held, words);
          const encoder = device.device.createCommandEncoder();
          const pass = encoder.beginComputePass();
          dispatch(pass, pipelines, at, held);
          pass.end();
          const outputs = here.filter((x) => written.has(x.p.id) && x.bytes > 0);
          const staged = outputs.map((x) => {
            const staging = device.acquire(x.bytes, USAGE.mapRead | USAGE.copyDst);
            held.push(staging);
            encoder.copyBufferToBuffer(
              at.get(x.p.id) as GPUBuffer,
              0,
              staging,
              0,
              Math.ceil(x.bytes / 4) * 4,
            );
            return { ...x, staging };
          });
          device.submit(encoder);
          return staged;
        });
      } catch (e) {
        giveBack(held.splice(0));
        throw e;
      }
    };
    return device.turns.take(enqueue, async (staged) => {
      try {
        const back = await Promise.all(staged.map((o) => device.readBack(o.staging, o.bytes)));
        back.forEach((data, i) => {
          fromDevice(data, staged[i].t.data, staged[i].p.dtype);
        });
      } catch (e) {
        if (device.lost === undefined || e instanceof GpuError) throw e;
        throw new GpuError(`${f.name}: the device was lost (${device.lost})`, { cause: e });
      } finally {
        giveBack(held);
      }
    });
  };

  const timed = (calls: number): Promise<number> => {
    const held: GPUBuffer[] = [];
    const enqueue = async () => {
      const { pipelines, words } = await prepare();
      return device.guarded(f.name, () => {
        const at = place(held, words);
        const times = new Timestamps(device.device, 1);
        const encoder = device.device.createCommandEncoder();
        const pass = encoder.beginComputePass(times.next());
        for (let i = 0; i < calls; i++) dispatch(pass, pipelines, at, held);
        pass.end();
        const resolved = times.resolve(encoder);
        device.submit(encoder);
        return resolved;
      });
    };
    return device.turns
      .take(enqueue, async (resolved) => {
        const [{ start, end }] = await resolved.read();
        return end - start;
      })
      .finally(() => giveBack(held));
  };
  return { run, timed };
}

function encode(
  device: GpuDevice,
  pass: GPUComputePassEncoder,
  pipeline: GPUComputePipeline,
  s: LaunchStep,
  at: ReadonlyMap<number, GPUBuffer>,
  bytes: ReadonlyMap<number, number>,
  held: GPUBuffer[],
): void {
  const entries = s.kernel.bindings.map((b, binding): GPUBindGroupEntry => {
    const buffer = at.get(b.buffer.id) as GPUBuffer;
    // Of a pooled buffer only the part that is this one: loads outside of it are clamped into it.
    return { binding, resource: { buffer, size: boundBytes(bytes.get(b.buffer.id) as number) } };
  });
  if (s.uniforms) {
    const buffer = device.acquire(s.uniforms.byteLength, USAGE.uniform | USAGE.copyDst | USAGE.copySrc);
    held.push(buffer);
    device.device.queue.writeBuffer(buffer, 0, s.uniforms);
    entries.push({ binding: entries.length, resource: { buffer, size: s.uniforms.byteLength } });
  }
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(...s.groups);
  device.traffic.dispatches++;
}

/** Bytes of a binding: whole words, and never none. */
export const boundBytes = (bytes: number): number => Math.max(4, Math.ceil(bytes / 4) * 4);

/** Bytes of a buffer in device memory, with the sizes of a call. */
export function bytesOf(b: Buffer, name: string, bound: Bound): number {
  const value = (e: Expr): number => {
    const n = evalSize(e, bound.sizes);
    if (n === undefined) throw new GpuError(`${name}: a size of ${b.name} has no value`);
    return n;
  };
  const shape = b.shape.map(value);
  const strides = b.strides?.map(value);
  const elements = shape.includes(0)
    ? 0
    : strides
      ? 1 + shape.reduce((at, n, d) => at + (n - 1) * strides[d], 0)
      : shape.reduce((n, x) => n * x, 1);
  return elements * elementBytes(b.dtype);
}
