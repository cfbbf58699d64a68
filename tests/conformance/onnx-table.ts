/** The outcome of the cases by operator. */
import type { Case, Outcome } from "./onnx-cases.ts";

export interface Row {
  readonly op: string;
  readonly passed: number;
  readonly cases: number;
  /** The first reason for a failure. */
  readonly reason?: string;
}
export type Result = { readonly c: Case; readonly outcome: Outcome };

/** One row for each operator; a case counts for the operators of its model. */
export function byOperator(results: readonly Result[]): Row[] {
  const rows = new Map<string, { passed: number; cases: number; reason?: string }>();
  for (const { outcome } of results) {
    for (const op of outcome.ops) {
      const row = rows.get(op) ?? { passed: 0, cases: 0 };
      row.cases++;
      if (outcome.status === "passed") row.passed++;
      else row.reason ??= outcome.reason;
      rows.set(op, row);
    }
  }
  return [...rows].map(([op, row]) => ({ op, ...row })).sort((a, b) => (a.op < b.op ? -1 : 1));
}

/** As lines of text. */
export function tableText(rows: readonly Row[]): string {
  const width = Math.max(8, ...rows.map((r) => r.op.length));
  return rows.map((r) => `${r.op.padEnd(width)} ${String(r.passed).padStart(4)} / ${r.cases}`).join("\n");
}
