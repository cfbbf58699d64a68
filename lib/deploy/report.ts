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
  const loaded = b.files.filter((f) => f.name.endsWith(".js") || f.name.endsWith(".wasm"));
  const table = [
    ["file", "raw", "gzip"],
    ...rows,
    ["code (js and wasm)", ...sum(loaded)],
    ["all", ...sum(b.files)],
  ];
  const widths = [0, 1, 2].map((c) => Math.max(...table.map((r) => r[c].length)));
  const lines = table.map((r) =>
    r.map((x, c) => (c === 0 ? x.padEnd(widths[c]) : x.padStart(widths[c]))).join("  "),
  );
  return `${lines.join("\n")}\nmemory when it runs: ${KB(b.manifest.memoryBytes)}`;
}
