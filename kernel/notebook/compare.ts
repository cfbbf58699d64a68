import { diffArrays } from "diff";
import { stripAnsi } from "./ansi.ts";
import type { Cell, Output } from "./format.ts";
import { exactLines, type Line, maskedLines, numberPattern } from "./mask.ts";

/** How a cell's outputs are compared with the stored ones. */
export type Rule =
  | { kind: "lax" }
  | { kind: "exact" }
  | { kind: "ignore" }
  /** Numbers may differ by this part of the larger one. */
  | { kind: "numeric"; tolerance: number };

/** One difference: where, and the lines around it as a diff. */
export interface Difference {
  where: string;
  diff: string[];
}

/** The rule that a cell's tags choose: `check-exact`, `check-ignore`, `check-numeric`, `check-numeric:1e-2`; else lax. */
export function ruleOf(cell: Cell, tolerance = 1e-3): Rule {
  const tags = Array.isArray(cell.metadata.tags) ? cell.metadata.tags.map(String) : [];
  for (const tag of tags) {
    if (tag === "check-exact") return { kind: "exact" };
    if (tag === "check-ignore") return { kind: "ignore" };
    const numeric = /^check-numeric(?::(.+))?$/.exec(tag);
    if (!numeric) continue;
    const given = numeric[1] === undefined ? tolerance : Number(numeric[1]);
    if (!(given >= 0)) throw new Error(`the tag "${tag}" does not give a tolerance`);
    return { kind: "numeric", tolerance: given };
  }
  return { kind: "lax" };
}

/** Compares what a cell showed with what is stored; gives every difference. */
export function compareOutputs(stored: readonly Output[], now: readonly Output[], rule: Rule): Difference[] {
  if (rule.kind === "ignore") return [];
  const [before, after] =
    rule.kind === "exact" ? [everything(stored), everything(now)] : [parts(stored), parts(now)];
  const differences: Difference[] = [];
  for (const where of new Set([...before.keys(), ...after.keys()])) {
    const [a, b] = [before.get(where), after.get(where)];
    if (a === undefined || b === undefined) {
      const text = linesOf(a ?? b ?? "", rule).map(({ raw }) => `${a === undefined ? "+" : "-"} ${raw}`);
      differences.push({ where: `${where} ${a === undefined ? "is new" : "is gone"}`, diff: elided(text) });
      continue;
    }
    const diff = lineDiff(linesOf(a, rule), linesOf(b, rule), rule);
    if (diff) differences.push({ where: `${where} differs`, diff });
  }
  return differences;
}

/**
 * What is compared by default: the text of the streams, and of each display its plain text. Of a picture only that there
 * is one.
 */
function parts(outputs: readonly Output[]): Map<string, string> {
  const found = new Map<string, string>();
  let displays = 0;
  for (const output of outputs) {
    if (output.output_type === "stream") {
      found.set(output.name, (found.get(output.name) ?? "") + stripAnsi(output.text));
    } else if (output.output_type === "error") {
      found.set("the error", stripAnsi(`${output.ename}: ${output.evalue}`));
    } else {
      if (output.output_type === "display_data") displays += 1;
      const name = output.output_type === "execute_result" ? "the result" : `display ${displays}`;
      found.set(name, isPicture(output.data) ? "(a picture)" : plain(output.data));
    }
  }
  return found;
}

function isPicture(data: { [mime: string]: unknown }): boolean {
  return Object.keys(data).some((mime) => /^image\/|^application\/vnd\.(vega|plotly)/.test(mime));
}

function plain(data: { [mime: string]: unknown }): string {
  const text =
    data["text/plain"] ?? data["text/markdown"] ?? data["text/html"] ?? JSON.stringify(data, null, 1);
  return stripAnsi(String(text));
}

/** What is compared exactly: every representation of every output. */
function everything(outputs: readonly Output[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const [index, output] of outputs.entries()) {
    const name = `output ${index + 1}`;
    if (output.output_type === "stream") found.set(`${name} (${output.name})`, output.text);
    else if (output.output_type === "error") found.set(name, `${output.ename}: ${output.evalue}`);
    else
      for (const [mime, part] of Object.entries(output.data))
        found.set(`${name} (${mime})`, typeof part === "string" ? part : JSON.stringify(part, null, 1));
  }
  return found;
}

function linesOf(text: string, rule: Rule): Line[] {
  return rule.kind === "exact" ? exactLines(text) : maskedLines(text);
}

/** Lines with a mark before each, two unchanged ones around every change; nothing when all lines agree. */
function lineDiff(before: Line[], after: Line[], rule: Rule): string[] | undefined {
  const same = (a: Line, b: Line) =>
    a.compared === b.compared || (rule.kind === "numeric" && near(a.compared, b.compared, rule.tolerance));
  const changes = diffArrays(before, after, { comparator: same });
  if (!changes.some(({ added, removed }) => added || removed)) return undefined;
  const marked = changes.flatMap(({ added, removed, value }) =>
    value.map(({ raw }) => `${added ? "+" : removed ? "-" : " "} ${raw}`),
  );
  const close = (index: number) =>
    marked.slice(Math.max(0, index - 2), index + 3).some((line) => !line.startsWith(" "));
  const shown: string[] = [];
  for (const [index, line] of marked.entries()) {
    if (close(index)) shown.push(line);
    else if (shown.at(-1) !== "  …") shown.push("  …");
  }
  return elided(shown);
}

/** Two lines whose numbers agree within the tolerance and whose other text is the same. */
function near(a: string, b: string, tolerance: number): boolean {
  if (a.replace(numberPattern, "#") !== b.replace(numberPattern, "#")) return false;
  const [left, right] = [numbers(a), numbers(b)];
  return left.every((value, index) => {
    const other = right[index]!;
    return (
      value === other || Math.abs(value - other) <= tolerance * Math.max(Math.abs(value), Math.abs(other))
    );
  });
}

function numbers(text: string): number[] {
  return (text.match(numberPattern) ?? []).map((one) => Number(one.replaceAll(",", "").replaceAll("−", "-")));
}

function elided(lines: string[]): string[] {
  return lines.length <= 40 ? lines : [...lines.slice(0, 40), `  … and ${lines.length - 40} more lines`];
}
