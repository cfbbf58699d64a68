/** The sizes of a bundle's parts as text. */
import type { Bundle } from "./types.ts";

const KB = (n: number): string => (n < 1000 ? `${n} B` : `${(n / 1000).toFixed(1)} kB`);

/** A table of the parts, raw and after gzip, and what they come to without the weights. */
export function sizeReport(b: Bundle): string {
  const rows = b.files.map((f) => [f.name, KB(f.bytes.length), KB(f.gzip)]);
  const sum = (files: Bundle["files"]): string[] => [
    KB(files.reduce((n, f) => n + f.bytes.length, 0)),
    KB(files.reduce((n, f) => n + f.gzip, 0)),
  ];
  // What a page or a program loads: declarations and the manifest are for people and tools.
  const kinds = ["js", "wasm", "wgsl"].filter((k) => b.files.some((f) => f.name.endsWith(`.${k}`)));
  const loaded = b.files.filter((f) => kinds.some((k) => f.name.endsWith(`.${k}`)));
  const table = [
    ["file", "raw", "gzip"],
    ...rows,
    [`code (${listed(kinds)})`, ...sum(loaded)],
    ["all", ...sum(b.files)],
  ];
  const widths = [0, 1, 2].map((c) => Math.max(...table.map((r) => r[c].length)));
  const lines = table.map((r) =>
    r.map((x, c) => (c === 0 ? x.padEnd(widths[c]) : x.padStart(widths[c]))).join("  "),
  );
  const { memoryBytes, gpu } = b.manifest;
  const memory = gpu ? `${KB(gpu.memoryBytes)} on the GPU, ${KB(memoryBytes)} beside it` : KB(memoryBytes);
  const asks = gpu ? [...gpu.features, ...Object.entries(gpu.limits).map(([k, n]) => `${k} of ${n}`)] : [];
  return [
    ...lines,
    `memory when it runs: ${memory}`,
    ...(asks.length > 0 ? [`it needs a GPU with ${listed(asks)}`] : []),
    ...(gpu?.onTheCpu ?? []).map((n) => `on the CPU: ${n}`),
  ].join("\n");
}

const listed = (names: readonly string[]): string =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
