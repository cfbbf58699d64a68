/** Which GPUs there are, and what they can do. */
import type { MatrixUnits, WgslLimits } from "../../codegen/wgsl/index.ts";

/** What is known of an adapter, as plain data. */
export interface AdapterReport {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** A driver in software, such as SwiftShader. */
  readonly fallback: boolean;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
  /** What its matrix units do, of what generated code can use; absent where it tells of none. */
  readonly matrix?: MatrixUnits;
}

/** Where WebGPU comes from: the browser's or the runtime's own, otherwise Dawn. */
export async function gpu(): Promise<GPU> {
  const own = globalThis.navigator?.gpu;
  if (own) return own;
  const inNode = typeof process !== "undefined" && process.versions?.node !== undefined;
  if (!inNode) throw new Error("this browser has no WebGPU (or the page is not served securely)");
  const { dawn } = await import("./dawn.node.ts");
  return dawn();
}

/** The adapter that is used. Throws when there is none, with what may be missing. */
export async function requestAdapter(): Promise<GPUAdapter> {
  const adapter = await (await gpu()).requestAdapter({ powerPreference: "high-performance" });
  if (adapter) return adapter;
  throw new Error(
    "WebGPU finds no adapter: is there a driver (on Linux: Vulkan's loader and an ICD, which VK_DRIVER_FILES may name)?",
  );
}

/** All adapters that WebGPU tells of, each once; none where there is no WebGPU. */
export async function listAdapters(): Promise<AdapterReport[]> {
  let source: GPU;
  try {
    source = await gpu();
  } catch {
    return [];
  }
  const wishes: GPURequestAdapterOptions[] = [
    { powerPreference: "high-performance" },
    { powerPreference: "low-power" },
    { forceFallbackAdapter: true },
  ];
  const found = new Map<string, AdapterReport>();
  for (const wish of wishes) {
    const adapter = await source.requestAdapter(wish);
    if (!adapter) continue;
    const report = reportOf(adapter);
    found.set(JSON.stringify(report), report);
  }
  return [...found.values()];
}

export function reportOf(adapter: GPUAdapter): AdapterReport {
  const { vendor, architecture, device, description } = adapter.info;
  const matrix = matrixUnitsOf(adapter.info);
  return {
    vendor,
    architecture,
    device,
    description,
    fallback: adapter.info.isFallbackAdapter || /swiftshader|llvmpipe/i.test(`${architecture} ${device}`),
    features: [...adapter.features].sort(),
    limits: limitsOf(adapter.limits),
    ...(matrix && { matrix }),
  };
}

const isMatrixType = (t: string): boolean => t === "f16" || t === "f32";

/**
 * The shapes of an adapter's matrix units (Dawn's `subgroupMatrixConfigs`, an experiment), as far as they are of f16 and
 * f32; undefined where it tells of none.
 */
export function matrixUnitsOf(info: GPUAdapterInfo): MatrixUnits | undefined {
  const told = (info as { readonly subgroupMatrixConfigs?: Iterable<MatrixUnits["shapes"][number]> })
    .subgroupMatrixConfigs;
  const shapes = [...(told ?? [])]
    .filter((s) => isMatrixType(s.componentType) && isMatrixType(s.resultComponentType))
    .map(({ componentType, resultComponentType, M, N, K }) => ({
      ...{ componentType, resultComponentType, M, N, K },
    }));
  const subgroupSize = info.subgroupMaxSize;
  return shapes.length > 0 && subgroupSize ? { subgroupSize, shapes } : undefined;
}

/** Limits as plain numbers: they are getters on a prototype. */
export function limitsOf(limits: GPUSupportedLimits): Record<string, number> & WgslLimits {
  const out: Record<string, number> = {};
  for (const key in limits) {
    const value: unknown = limits[key as keyof GPUSupportedLimits];
    if (typeof value === "number") out[key] = value;
  }
  return out as Record<string, number> & WgslLimits;
}
