/** Bundles for WebGPU: kernels as WGSL, a plan of the device's memory, weights, and WebAssembly for what has no form there. */
import { DEFAULT_LIMITS } from "../../codegen/wgsl/index.ts";
import type { BundleEntry, BundleOptions, GpuManifest, Made } from "../types.ts";
import { pagesFor } from "../wasm/make.ts";
import { DeviceBuffers, EntryBuffers } from "./buffers.ts";
import { type Constants, constantsOf } from "./constants.ts";
import { CpuMemory, cpuCode } from "./cpu.ts";
import { declarations } from "./declarations.ts";
import { entryText } from "./entry.ts";
import { entryPoint, stepsOf } from "./entry-points.ts";
import { Shaders } from "./shaders.ts";
import { moduleText } from "./template.ts";

const FIRST = 64;
const PAGE = 65536;

export function makeWebgpu(given: readonly BundleEntry[], options: BundleOptions): Made {
  const { name = "", f16 = false, relaxedSimd = false } = options;
  const entries = given.map((e) => entryPoint(e, options));
  const code = cpuCode(entries, relaxedSimd);
  const constants = constantsOf(entries, f16);
  const onCpu = cpuAddresses(constants);
  const [buffers, shaders] = [new DeviceBuffers(), new Shaders()];
  let end = onCpu.end;
  const texts = entries.map((e, i) => {
    const role = (index: number): string => `constant ${constants.onDevice(i, index).from}`;
    const address = (index: number): number => onCpu.addresses.get(constants.onCpu(i, index).from) as number;
    const memory = new CpuMemory(e, code, onCpu.end, address);
    end = Math.max(end, memory.end);
    return entryText(e, new EntryBuffers(buffers, e, role), memory, shaders);
  });
  const hasCpu = code.bytes !== undefined || entries.some((e) => e.linked.values.some((v) => v.here));
  const pages = hasCpu ? pagesFor(end) : 0;
  const functions = [...new Set(texts.flatMap((t) => [...t.functions]))];
  const hasWeights = constants.weights.bytes.length > 0;
  const gpu: GpuManifest = {
    features: shaders.features(),
    limits: limitsFor(shaders, buffers),
    memoryBytes: buffers.bytes.reduce((n, b) => n + b, 0),
    onTheCpu: [
      ...new Set(
        entries.flatMap((e) =>
          stepsOf(e.linked, "cpu").map((s) => `${s.info.func}, which computes ${s.info.node}: ${s.why}`),
        ),
      ),
    ],
  };
  const text = new TextEncoder();
  const module = moduleText({
    ...{ model: name, entries: texts.map((t) => t.text), launches: shaders.launches, sizes: buffers.bytes },
    weights: constants.device.map((c) => [buffers.of(`constant ${c.from}`, c.bytes), c.from, c.bytes]),
    contents: [...buffers.contents],
    stored: hasWeights ? constants.weights : undefined,
    needs: { features: gpu.features, limits: gpu.limits },
    // Where the CPU waits for the GPU in the middle, nobody else may use the memory meanwhile.
    lanes: texts.some((t) => t.waits) ? 1 : 2,
    functions,
    loops: texts.some((t) => t.loops),
    cpu: hasCpu
      ? {
          ...{ pages, code: code.bytes !== undefined, hosts: code.hosts, linked: code.linked },
          constants: constants.cpu.map((c) => [onCpu.addresses.get(c.from) as number, c.from, c.bytes]),
        }
      : undefined,
  });
  return {
    entries: texts,
    memoryBytes: pages * PAGE,
    functions,
    weights: constants.weights.stored,
    gpu,
    parts: [
      ["model.js", text.encode(module)],
      ["model.d.ts", text.encode(declarations({ entries: texts, functions }))],
      ["kernels.wgsl", text.encode(shaders.text())],
      ...(code.bytes ? [["kernels.wasm", code.bytes] as const] : []),
      ...code.linked.map((k) => [k.file, k.bytes] as const),
      ...(hasWeights ? [["weights.bin", constants.weights.bytes] as const] : []),
    ],
  };
}

/** The addresses of constants on the CPU, by where they begin in the expanded file. */
function cpuAddresses(constants: Constants): { addresses: ReadonlyMap<number, number>; end: number } {
  const addresses = new Map<number, number>();
  let end = FIRST;
  for (const c of constants.cpu) {
    addresses.set(c.from, end);
    end += Math.ceil(c.bytes / FIRST) * FIRST;
  }
  return { addresses, end };
}

/** Limits above what every device has. */
function limitsFor(shaders: Shaders, buffers: DeviceBuffers): Record<string, number> {
  let binding = 0;
  for (const row of shaders.launches)
    for (let i = 6; i < row.length; i += 3) binding = Math.max(binding, row[i]);
  const wanted = { maxStorageBufferBindingSize: binding, maxBufferSize: Math.max(0, ...buffers.bytes) };
  const above = Object.entries(wanted).filter(
    ([limit, n]) => n > DEFAULT_LIMITS[limit as keyof typeof DEFAULT_LIMITS],
  );
  return Object.fromEntries(above);
}
