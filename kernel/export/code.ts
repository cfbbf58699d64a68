// Code with its parts coloured by classes, in the languages that notebooks about compilers have.
import hljs from "highlight.js/lib/core";
import bash from "highlight.js/lib/languages/bash";
import css from "highlight.js/lib/languages/css";
import json from "highlight.js/lib/languages/json";
import python from "highlight.js/lib/languages/python";
import typescript from "highlight.js/lib/languages/typescript";
import wasm from "highlight.js/lib/languages/wasm";
import xml from "highlight.js/lib/languages/xml";
import { escapeHtml } from "../session/engine/table.ts";

const languages = { typescript, json, bash, python, xml, css, wasm };
for (const [name, language] of Object.entries(languages)) hljs.registerLanguage(name, language);

const otherNames: { [name: string]: string } = { wat: "wasm", wast: "wasm", shell: "bash", console: "bash" };

/** Code as HTML; a language that is not known is left uncoloured. */
export function codeHtml(code: string, language = "typescript"): string {
  const name = otherNames[language] ?? language;
  return hljs.getLanguage(name) ? hljs.highlight(code, { language: name }).value : escapeHtml(code);
}
