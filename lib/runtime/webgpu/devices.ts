/** What programs can run on here: the CPU with what its engine has, and the adapters that WebGPU tells of. */
import { MATRIX_FEATURE } from "../../codegen/wgsl/index.ts";
import { matrixShapeText } from "../../schedule/subgroup-matrix.ts";
import { type Features, features } from "../features.ts";
import { type AdapterReport, listAdapters } from "./adapter.ts";

/** Limits that decide about schedules, in the order in which they are listed. */
const LISTED_LIMITS = [
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupStorageSize",
  "maxComputeWorkgroupsPerDimension",
  "maxStorageBuffersPerShaderStage",
  "maxStorageBufferBindingSize",
  "maxBufferSize",
] as const;

/** Features that generated code can use. */
const LISTED_FEATURES = ["shader-f16", "subgroups", "timestamp-query", MATRIX_FEATURE];

/** An adapter, for readers. */
export interface DeviceRow {
  readonly name: string;
  readonly software: boolean;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
  /** Shapes of its matrix units. */
  readonly matrices: readonly string[];
}

export class DeviceList {
  readonly cpu: Features;
  readonly adapters: readonly AdapterReport[];

  constructor(cpu: Features, adapters: readonly AdapterReport[]) {
    this.cpu = cpu;
    this.adapters = adapters;
  }

  /** A row for each adapter: what it is, and what decides about schedules. */
  rows(): DeviceRow[] {
    return this.adapters.map((a) => ({
      name:
        [a.description || a.device, a.architecture, a.vendor].filter((x) => x !== "").join(", ") || "unknown",
      software: a.fallback,
      features: LISTED_FEATURES.filter((f) => a.features.includes(f)),
      limits: Object.fromEntries(LISTED_LIMITS.map((l) => [l, a.limits[l]])),
      matrices: (a.matrix?.shapes ?? []).map(matrixShapeText),
    }));
  }

  toJSON(): Record<string, unknown> {
    return { cpu: this.cpu, adapters: this.adapters };
  }

  toString(): string {
    const { simd, relaxedSimd } = this.cpu;
    const cpu = `wasm: SIMD ${simd ? "yes" : "no"}, relaxed SIMD ${relaxedSimd ? "yes" : "no"}`;
    const rows = this.rows().map(({ name, software, features: has, limits, matrices }) => {
      const list = Object.entries(limits).map(([k, v]) => `    ${k} ${v}`);
      list.push(...matrices.map((m) => `    matrices ${m}`));
      const made = software ? " (in software)" : "";
      return [`webgpu: ${name}${made}`, `    features ${has.join(", ") || "none"}`, ...list].join("\n");
    });
    return [cpu, ...(rows.length > 0 ? rows : ["webgpu: no adapter"])].join("\n");
  }
}

/** The devices there are: targets "wasm" and "webgpu" with what decides about programs for them. */
export const devices = async (): Promise<DeviceList> => new DeviceList(features(), await listAdapters());
