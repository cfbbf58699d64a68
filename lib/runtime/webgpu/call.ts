/** One call of a function on a device: upload, all kernels in one submit, one read-back. */
import { type Argument, type Bound, type BufferArg, evalSize } from "../../codegen/index.ts";
import { elementBytes, type WgslFunction, type WgslKernel } from "../../codegen/wgsl/index.ts";
import type { Buffer, Expr } from "../../ir/index.ts";
import { type GpuDevice, GpuError, USAGE } from "./device.ts";
import { fromDevice, toDevice } from "./elements.ts";

const STORAGE = USAGE.storage | USAGE.copySrc | USAGE.copyDst;

export interface GpuCall {
  /** Copies the arguments to the device, runs the kernels, and copies back what they write. */
  run(): Promise<void>;
}

/** Checks what the arguments ask of the device, and returns what makes the call. */
export function gpuCall(
  device: GpuDevice,
  f: WgslFunction,
  args: readonly Argument[],
  bound: Bound,
): GpuCall {
  const value = (e: Expr): number => {
    const n = evalSize(e, bound.sizes);
    if (n === undefined) throw new GpuError(`${f.name}: a size has no value`);
    return n;
  };
  const buffers = [...f.params.filter((p): p is Buffer => p.kind === "buffer"), ...f.temporaries];
  const bytes = new Map(buffers.map((b) => [b.id, bytesOf(b, value)]));
  for (const b of buffers) checkSize(device, f.name, b, bytes.get(b.id) as number);
  const steps = f.kernels.map((kernel) => ({
    kernel,
    groups: workgroups(device, f.name, kernel, value),
    uniforms: uniformData(kernel, bound),
  }));
  const tensors = f.params.flatMap((p, i) => (p.kind === "buffer" ? [{ p, t: args[i] as BufferArg }] : []));

  const written = new Set(
    f.kernels.flatMap((k) => k.bindings.filter((b) => b.access === "read_write").map((b) => b.buffer.id)),
  );

  const run = async (): Promise<void> => {
    const pipelines = await Promise.all(steps.map((s) => device.pipeline(s.kernel)));
    const words = tensors.map(({ p, t }) => toDevice(t.data, p.dtype, `${f.name}: ${p.name}`));
    const held: GPUBuffer[] = [];
    const hold = (b: GPUBuffer): GPUBuffer => {
      held.push(b);
      return b;
    };
    const outputs: { staging: GPUBuffer; p: Buffer; t: BufferArg; bytes: number }[] = [];
    try {
      await device.guarded(f.name, () => {
        const onDevice = new Map<number, GPUBuffer>();
        for (const b of buffers) {
          onDevice.set(b.id, hold(device.acquire(Math.max(4, bytes.get(b.id) as number), STORAGE)));
        }
        tensors.forEach(({ p }, i) => {
          device.upload(onDevice.get(p.id) as GPUBuffer, words[i]);
        });
        const encoder = device.device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        steps.forEach((s, i) => {
          if (s.groups.includes(0)) return;
          const entries = s.kernel.bindings.map((b, binding): GPUBindGroupEntry => {
            const buffer = onDevice.get(b.buffer.id) as GPUBuffer;
            // Of a pooled buffer only the part that is this one: loads outside of it are clamped into it.
            const size = Math.max(4, Math.ceil((bytes.get(b.buffer.id) as number) / 4) * 4);
            return { binding, resource: { buffer, size } };
          });
          if (s.uniforms) {
            const buffer = hold(
              device.acquire(s.uniforms.byteLength, USAGE.uniform | USAGE.copyDst | USAGE.copySrc),
            );
            device.device.queue.writeBuffer(buffer, 0, s.uniforms);
            entries.push({ binding: entries.length, resource: { buffer, size: s.uniforms.byteLength } });
          }
          const layout = pipelines[i].getBindGroupLayout(0);
          pass.setPipeline(pipelines[i]);
          pass.setBindGroup(0, device.device.createBindGroup({ layout, entries }));
          pass.dispatchWorkgroups(...s.groups);
          device.traffic.dispatches++;
        });
        pass.end();
        for (const { p, t } of tensors) {
          const n = bytes.get(p.id) as number;
          if (!written.has(p.id) || n === 0) continue;
          const staging = hold(device.acquire(n, USAGE.mapRead | USAGE.copyDst));
          const size = Math.ceil(n / 4) * 4;
          encoder.copyBufferToBuffer(onDevice.get(p.id) as GPUBuffer, 0, staging, 0, size);
          outputs.push({ staging, p, t, bytes: n });
        }
        device.device.queue.submit([encoder.finish()]);
        device.traffic.submits++;
      });
      const back = await Promise.all(outputs.map((o) => device.readBack(o.staging, o.bytes)));
      back.forEach((data, i) => {
        fromDevice(data, outputs[i].t.data, outputs[i].p.dtype);
      });
    } catch (e) {
      if (device.lost !== undefined && !(e instanceof GpuError)) {
        throw new GpuError(`${f.name}: the device was lost (${device.lost})`, { cause: e });
      }
      throw e;
    } finally {
      for (const b of held) device.release(b);
    }
  };
  return { run };
}

function bytesOf(b: Buffer, value: (e: Expr) => number): number {
  const shape = b.shape.map(value);
  const strides = b.strides?.map(value);
  const elements = shape.includes(0)
    ? 0
    : strides
      ? 1 + shape.reduce((at, n, d) => at + (n - 1) * strides[d], 0)
      : shape.reduce((n, x) => n * x, 1);
  return elements * elementBytes(b.dtype);
}

function checkSize(device: GpuDevice, name: string, b: Buffer, bytes: number): void {
  for (const limit of ["maxStorageBufferBindingSize", "maxBufferSize"] as const) {
    if (bytes > device.limits[limit]) {
      throw new GpuError(
        `${name}: ${b.name} takes ${bytes} bytes; the adapter's ${limit} is ${device.limits[limit]}`,
      );
    }
  }
}

function workgroups(
  device: GpuDevice,
  name: string,
  kernel: WgslKernel,
  value: (e: Expr) => number,
): [number, number, number] {
  const most = device.limits.maxComputeWorkgroupsPerDimension;
  const out: [number, number, number] = [1, 1, 1];
  for (const g of kernel.grid) out["xyz".indexOf(g.axis.slice(-1))] = Math.max(0, value(g.extent));
  if (kernel.folded && out[0] > most) {
    out[1] = Math.ceil(out[0] / most);
    out[0] = most;
  }
  const over = out.findIndex((n) => n > most);
  if (over >= 0) {
    throw new GpuError(
      `${name}: ${out[over]} workgroups on blockIdx.${"xyz"[over]}; the adapter's ` +
        `maxComputeWorkgroupsPerDimension is ${most}`,
    );
  }
  return out;
}

/** The uniform buffer of a kernel: one word for each scalar. */
function uniformData(kernel: WgslKernel, bound: Bound): ArrayBuffer | undefined {
  if (kernel.uniforms.length === 0) return undefined;
  const data = new DataView(new ArrayBuffer(Math.ceil((kernel.uniforms.length * 4) / 16) * 16));
  kernel.uniforms.forEach((v, i) => {
    const x = bound.scalars.get(v.id) ?? bound.sizes.get(v.id) ?? 0;
    if (v.dtype === "f32" || v.dtype === "f16") data.setFloat32(4 * i, Number(x), true);
    else if (Number(x) !== (Number(x) | 0))
      throw new GpuError(`${v.name} is ${x}: WGSL has 32-bit integers only`);
    else data.setInt32(4 * i, Number(x), true);
  });
  return data.buffer as ArrayBuffer;
}
