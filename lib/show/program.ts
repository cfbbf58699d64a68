/** A program as its script: coloured, its loops and blocks foldable, chosen nodes underlined. */
import type { PrimFunc, Stmt } from "../ir/index.ts";
import { boundText } from "./bounds.ts";
import { type CodeLine, codeHtml } from "./code.ts";
import { type Html, plain } from "./html.ts";
import { type Line, linesOf, nodeKey, type Program } from "./lines.ts";

export interface ProgramOptions {
  /** Loops and blocks to underline. */
  readonly underline?: readonly (Stmt | PrimFunc)[];
  /** Loops and blocks nested deeper than this are folded at first. */
  readonly depth?: number;
}

/** The script as markup, without the frame. */
export function programHtml(x: Program, o: ProgramOptions = {}): Html {
  return scriptHtml(linesOf(x), o);
}

/** The same for printed lines. */
export function scriptHtml(lines: readonly Line[], o: ProgramOptions = {}): Html {
  const wrong = o.underline ?? [];
  const ends: number[] = [];
  const code = lines.map((l, i): CodeLine => {
    while (ends.length > 0 && ends.at(-1)! < i) ends.pop();
    const depth = ends.length;
    if (l.close !== undefined) ends.push(l.close);
    const key = l.nodes
      .map(nodeKey)
      .filter((k) => k !== undefined)
      .join(" ");
    return {
      text: l.text,
      ...(l.close === undefined ? {} : { close: l.close }),
      ...(key === "" ? {} : { key }),
      folded: o.depth !== undefined && depth >= o.depth,
      errors: wrong.flatMap((n) => underlineOf(l, n)),
    };
  });
  return codeHtml(code, "typescript");
}

/** The script as text. */
export function programText(x: Program): string {
  return boundText(
    linesOf(x)
      .map((l) => plain(l.text))
      .join("\n"),
  );
}

/** Where a line names the node: a loop's variable, a block's name, else the whole line. */
function underlineOf(line: Line, n: Stmt | PrimFunc): { from: number; to: number }[] {
  const key = nodeKey(n);
  const here = line.nodes.some((m) => m === n || (key !== undefined && nodeKey(m) === key));
  if (!here) return [];
  const text = plain(line.text);
  const name = n.kind === "for" ? n.v.name : n.kind === "block" ? JSON.stringify(n.name) : undefined;
  if (name !== undefined) {
    const pattern = new RegExp(`(?<![\\w$])${name.replace(/[^\w]/g, "\\$&")}(?![\\w$])`);
    const m = pattern.exec(text);
    if (m) return [{ from: m.index, to: m.index + name.length }];
  }
  return [{ from: text.length - text.trimStart().length, to: text.length }];
}
