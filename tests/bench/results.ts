/** What a run of the benchmarks leaves: plain data, which knows nothing of the peers. */
import type { Measured } from "./compare.ts";

export interface BenchRun {
  readonly machine: Record<string, unknown> & { readonly node: string };
  readonly sections: readonly Section[];
}

export interface Section {
  readonly name: string;
  /** The row that ratios are taken against. */
  readonly baseline: string;
  readonly results: readonly MatchResult[];
}

export interface MatchResult {
  readonly name: string;
  readonly rows: readonly Measured[];
  readonly cannot: readonly { readonly name: string; readonly reason: string }[];
}
