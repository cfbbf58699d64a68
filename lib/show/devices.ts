/** The devices that programs can run on, as a table. */

import { count } from "./bounds.ts";
import type { MimeBundle } from "./display.ts";
import { html } from "./html.ts";
import { frame } from "./style.ts";
import { type Column, htmlTable } from "./table.ts";

/** What `devices()` of lib/runtime gives. */
export interface DevicesLike {
  rows(): readonly {
    readonly name: string;
    readonly software: boolean;
    readonly features: readonly string[];
    readonly limits: Readonly<Record<string, number>>;
    readonly matrices: readonly string[];
  }[];
  toString(): string;
}

const COLUMNS: readonly Column[] = [
  { title: "adapter" },
  { title: "features" },
  { title: "matrix units" },
  { title: "threads of a workgroup", align: "right" },
  { title: "bytes of a workgroup", align: "right" },
  { title: "buffers of a kernel", align: "right" },
  { title: "bytes of a buffer", align: "right" },
];

export function devicesBundle(d: DevicesLike): MimeBundle {
  const rows = d
    .rows()
    .map((r) => [
      r.software ? `${r.name} (in software)` : r.name,
      r.features.join(", "),
      r.matrices.join("; ") || "none",
      String(r.limits.maxComputeInvocationsPerWorkgroup),
      String(r.limits.maxComputeWorkgroupStorageSize),
      String(r.limits.maxStorageBuffersPerShaderStage),
      String(r.limits.maxStorageBufferBindingSize),
    ]);
  const head = rows.length === 0 ? "no adapter for WebGPU" : count(rows.length, "adapter");
  return {
    "text/plain": String(d),
    "text/html": frame(["table"], html`<div>${head}</div>${htmlTable(COLUMNS, rows)}`),
  };
}
