import ts from "typescript";
import type { Inspection } from "../types.ts";

/** Type, documentation and (at detail level 1) the definition's place of what stands at an offset of the cell. */
export function inspect(
  service: ts.LanguageService,
  file: string,
  code: string,
  offset: number,
  detail: number,
): Inspection {
  const at = nameAt(code, offset);
  const info = at === undefined ? undefined : service.getQuickInfoAtPosition(file, at, 2000);
  if (!info || at === undefined) return { found: false };
  const type = ts.displayPartsToString(info.displayParts);
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
  return text && `Defined as:\n\n${text}`;
}
