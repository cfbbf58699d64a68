/** The outcome of the cases by operator. */
import { listConverters, NEWEST_OPSET } from "../../lib/frontend/onnx/index.ts";
import { type Case, type Outcome, SETS, type SetName } from "./onnx-cases.ts";

export interface Row {
  readonly op: string;
  readonly passed: number;
  readonly cases: number;
  /** Operator sets of the cases that passed. */
  readonly opsets: readonly number[];
  /** Reasons for failures, each once. */
  readonly reasons: readonly string[];
}
export interface Result {
  readonly c: Case;
  readonly outcome: Outcome;
}

const passed = (r: Result): boolean => r.outcome.status === "passed";

/** One row for each operator; a case counts for the operators of its model. */
export function byOperator(results: readonly Result[]): Row[] {
  const groups = new Map<string, Result[]>();
  for (const r of results) for (const op of r.outcome.ops) groups.set(op, [...(groups.get(op) ?? []), r]);
  return [...groups]
    .map(([op, list]) => ({
      op,
      passed: list.filter(passed).length,
      cases: list.length,
      opsets: [...new Set(list.flatMap((r) => (passed(r) ? (r.outcome.opset ?? []) : [])))].sort(
        (a, b) => a - b,
      ),
      reasons: [...new Set(list.flatMap((r) => (passed(r) ? [] : reasonsOf(r.outcome, op))))],
    }))
    .sort((a, b) => (a.op < b.op ? -1 : 1));
}

/** The reason without the place and the class of the error; none where another operator of the model is to blame. */
function reasonsOf(o: Outcome, op: string): readonly string[] {
  if (o.blamed && !o.blamed.includes(op.split(":").at(-1) ?? op)) return [];
  const text = (o.reason ?? "").split("\n").at(-1) ?? "";
  return [text.replace(/^\s*\w*Error: /, "").replace(/^\s*node \d+ \([^)]*\)(, attribute (\w+))?: /, "")];
}

/** As lines of text. */
export function tableText(rows: readonly Row[]): string {
  const width = Math.max(8, ...rows.map((r) => r.op.length));
  return rows.map((r) => `${r.op.padEnd(width)} ${String(r.passed).padStart(4)} / ${r.cases}`).join("\n");
}

export interface Totals {
  readonly set: SetName;
  readonly passed: number;
  readonly cases: number;
  /** Of plain inference on tensors of f32, i32, i64, bool, u8 and i8. */
  readonly countedPassed: number;
  readonly counted: number;
}

export function totalsOf(results: readonly Result[]): Totals[] {
  return SETS.map((set) => {
    const all = results.filter((r) => r.c.set === set);
    const counted = all.filter((r) => r.outcome.counted);
    return {
      set,
      passed: all.filter(passed).length,
      cases: all.length,
      countedPassed: counted.filter(passed).length,
      counted: counted.length,
    };
  });
}

/** `docs/FEATURES.md`: what of ONNX is supported, as far as the test data shows. */
export function featuresText(results: readonly Result[]): string {
  const rows = byOperator(results);
  const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
  const totals = totalsOf(results).map(
    (t) => `| ${t.set} | ${t.passed} of ${t.cases} | ${t.countedPassed} of ${t.counted} |`,
  );
  const operators = rows
    .filter((r) => r.passed > 0)
    .map(
      (r) =>
        `| ${r.op} | ${r.opsets.join(", ")} | ${r.passed} of ${r.cases} | ${cell(r.reasons.join("; "))} |`,
    );
  const failing = rows
    .filter((r) => r.passed === 0)
    .map((r) => `| ${r.op} | ${r.cases} | ${cell(r.reasons.join("; "))} |`);
  const tested = new Set(rows.map((r) => r.op));
  const untested = listConverters()
    .filter((op) => !tested.has(op))
    .sort();
  return `# What of ONNX is supported

This page is written by \`npm run features\` from the outcome of the standard's own test cases (Debian's
\`libonnx-testdata\`), each compared at rtol 1e-3 and atol 1e-5 with exact dtypes. A model is imported as a whole or
refused as a whole: what is not supported is listed with node and reason before anything runs.

| set of cases | passed | of plain inference on f32, i32, i64, bool, u8, i8 |
|---|---|---|
${totals.join("\n")}

Operator sets 6 to ${NEWEST_OPSET}; the cases reach to 17. Of the sets after 22, Attention (masks, caches, shared heads, windows),
RMSNormalization, RotaryEmbedding, Swish, TensorScatter and CumProd are checked against the standard's text by tests of
our own; CausalConvWithState, LinearAttention and BitCast are not supported. Dtypes: f32, f64, f16, i8, u8, i32, i64,
bool. Sequences and optionals exist while a model is imported; loops over them are written out. Weights may lie in files
beside the model. Functions of the model become the nodes they stand for.

## Operators

A case counts for every operator of its model. The third column has the reasons for cases that do not pass.

| operator | sets of the cases | passed | not supported |
|---|---|---|---|
${operators.join("\n")}

Without cases in the test data: ${untested.length > 0 ? untested.join(", ") : "none"}.

## Not supported

| operator | cases | why |
|---|---|---|
${failing.join("\n")}
`;
}
