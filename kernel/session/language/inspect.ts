import ts from "typescript";
import type { Inspection } from "../types.ts";
import { readable } from "./readable.ts";

/** Type, documentation and (at detail level 1) the definition's place of what stands at an offset of the cell. */
export function inspect(
  service: ts.LanguageService,
  file: string,
  code: string,
  offset: number,
  detail: number,
): Inspection {
  const named = nameAt(code, offset);
  if (named === undefined) return { found: false };
  const at = inEarlierCell(service, file, code, named) ?? named;
  const info = service.getQuickInfoAtPosition(file, at, 2000);
  if (!info) return { found: false };
  const type = plainType(ts.displayPartsToString(info.displayParts));
  const text = ts.displayPartsToString(info.documentation);
  const tags = (info.tags ?? []).map((tag) => `@${tag.name} ${ts.displayPartsToString(tag.text)}`.trimEnd());
  const sections = [text, tags.join("\n")].filter((section) => section !== "");
  if (detail > 0) {
    const definition = definitionText(service, file, at);
    if (definition) sections.push(definition);
  }
  const markdown = [`\`\`\`typescript\n${type}\n\`\`\``, ...sections].join("\n\n");
  return { found: true, data: { "text/plain": [type, ...sections].join("\n\n"), "text/markdown": markdown } };
}

/**
 * Variables of earlier cells are declared again after the cell's own text, as `typeof import(…).name`: the offset of
 * the name there, which leads to the variable itself and its documentation.
 */
function inEarlierCell(
  service: ts.LanguageService,
  file: string,
  code: string,
  at: number,
): number | undefined {
  const text = service.getProgram()?.getSourceFile(file)?.text ?? "";
  const found = service.getDefinitionAtPosition(file, at)?.[0];
  if (!found) {
    // A name on its own is a value to the checker; where there is none, it may be a type's.
    const name = /^[\p{ID_Continue}$]+/u.exec(
      /[\p{ID_Continue}$]*$/u.exec(code.slice(0, at))![0] + code.slice(at),
    );
    const types = new RegExp(
      `^import \\{[^}]*(?<![\\p{ID_Continue}$])${name?.[0].replaceAll("$", "\\$")}(?= |,)`,
      "mu",
    );
    const line = name && types.exec(text.slice(code.length));
    return line ? code.length + line.index + line[0].length - 1 : undefined;
  }
  if (found.fileName !== file || found.textSpan.start <= code.length) return undefined;
  const end = text.indexOf(";\n", found.textSpan.start);
  return text.slice(found.textSpan.start, end).includes("import(") ? end - 1 : undefined;
}

/** A type as the reader's own cells have it: names of earlier cells are imports only to the checker. */
function plainType(text: string): string {
  const own = text.replace(/^\(alias\) ([\s\S]*)\n(?:import|export) [\p{ID_Continue}$]+$/u, "$1");
  return readable(own);
}

/** The offset inside the name that the cursor touches, or, inside a call's parentheses, that of the function. */
function nameAt(code: string, offset: number): number | undefined {
  const isWord = (index: number) => index >= 0 && /[\p{ID_Continue}$"'`]/u.test(code[index] ?? "");
  if (isWord(offset)) return offset;
  if (isWord(offset - 1)) return offset - 1;
  let depth = 0;
  for (let index = offset - 1; index >= 0; index -= 1) {
    const character = code[index]!;
    if (character === ")") depth += 1;
    else if (character === "(" && depth > 0) depth -= 1;
    else if (character === "(") return isWord(index - 1) ? index - 1 : undefined;
    else if (character === ";" || character === "{" || character === "}") return undefined;
  }
  return undefined;
}

function definitionText(service: ts.LanguageService, file: string, at: number): string | undefined {
  const definition = service.getDefinitionAtPosition(file, at)?.[0];
  if (!definition) return undefined;
  const source = service.getProgram()?.getSourceFile(definition.fileName);
  const span = definition.contextSpan ?? definition.textSpan;
  const text = source?.text.slice(span.start, Math.min(span.start + span.length, span.start + 4000));
  return text && `Defined as:\n\n${readable(text.replace(/^export declare /, ""))}`;
}
