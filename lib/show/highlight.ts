/**
 * Syntax colouring by highlight.js, as flat tokens: they can be cut at any offset, which is what diffs and
 * underlines need. Its output is read back as tokens and escaped again here, so nothing rests on its escaping.
 */
import type { LanguageFn, Mode } from "highlight.js";
import hljs from "highlight.js/lib/core";
import javascript from "highlight.js/lib/languages/javascript";
import typescript from "highlight.js/lib/languages/typescript";
import wasm from "highlight.js/lib/languages/wasm";
import { type Html, html } from "./html.ts";

export type Language = "typescript" | "javascript" | "wasm" | "wgsl";

/** A piece of text and the suffix of its colour's class (`k` keyword, `n` number, `s` string, …; "" for none). */
export interface Token {
  readonly text: string;
  readonly cls: string;
}

/** highlight.js knows WebAssembly's text without its vector instructions. */
const VECTOR: Mode = { scope: "keyword", begin: /\b(?:v128|[if](?:8|16|32|64)x(?:2|4|8|16))(?:\.\w+)?/ };
const wat: LanguageFn = (h) => {
  const language = wasm(h);
  return { ...language, contains: [VECTOR, ...(language.contains ?? [])] };
};

/** What our shaders have of WGSL; highlight.js does not know it. */
const wgsl: LanguageFn = (h) => ({
  name: "WGSL",
  keywords: {
    keyword:
      "fn let var const struct enable alias if else for while loop switch case default break continue return",
    type: "bool i32 u32 f32 f16 vec2 vec3 vec4 array atomic ptr subgroup_matrix_left subgroup_matrix_right subgroup_matrix_result",
    built_in: "select min max fma bitcast workgroupBarrier storageBarrier",
    literal: "true false",
  },
  contains: [
    h.C_LINE_COMMENT_MODE,
    h.C_BLOCK_COMMENT_MODE,
    { scope: "attr", begin: /@\w+/ },
    { scope: "variable", begin: /\btw_\w+/ },
    { scope: "number", begin: /\b\d[\w.]*(?:[eE][-+]\d+)?[fhiu]?/ },
  ],
});

const engine = hljs.newInstance();
engine.registerLanguage("typescript", typescript);
engine.registerLanguage("javascript", javascript);
engine.registerLanguage("wasm", wat);
engine.registerLanguage("wgsl", wgsl);
engine.configure({ classPrefix: "" });

const CLASSES: Readonly<Record<string, string>> = {
  keyword: "k",
  number: "n",
  literal: "n",
  string: "s",
  comment: "c",
  title: "f",
  type: "t",
  built_in: "t",
  attr: "a",
  variable: "a",
};

/** Scripts of successive steps share most lines; the cache makes diffs of a long history cheap. */
const cache = new Map<string, readonly Token[]>();
const CACHED = 5000;

/** The tokens of one line (or of a text whose line breaks stay within the tokens). */
export function tokensOf(text: string, language: Language): readonly Token[] {
  const key = `${language}\0${text}`;
  const known = cache.get(key);
  if (known) return known;
  const tokens = parse(engine.highlight(text, { language, ignoreIllegals: true }).value);
  if (cache.size >= CACHED) cache.clear();
  if (text.length < 1000) cache.set(key, tokens);
  return tokens;
}

/** Reads the engine's markup: `<span class="…">`, `</span>`, and text with five entities. */
function parse(value: string): Token[] {
  const out: Token[] = [];
  const open: string[] = [];
  for (const [part] of value.matchAll(/<[^>]*>|[^<]+/g)) {
    if (part[0] !== "<") {
      const cls = open.findLast((c) => c !== "") ?? "";
      out.push({ text: decode(part), cls });
    } else if (part[1] === "/") open.pop();
    else open.push(CLASSES[/class="([\w-]+)/.exec(part)?.[1] ?? ""] ?? "");
  }
  return out;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&amp;": "&",
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&#x27;": "'",
};
const decode = (s: string): string => s.replace(/&(?:amp|lt|gt|quot|#x27);/g, (e) => ENTITIES[e]);

/** Tokens of a longer text, line by line (a comment or template may span lines). */
export function tokenLines(text: string, language: Language): Token[][] {
  const lines: Token[][] = [[]];
  for (const t of tokensOf(text, language)) {
    const parts = t.text.split("\n");
    for (let i = 0; i < parts.length; i++) {
      if (i > 0) lines.push([]);
      if (parts[i] !== "") lines.at(-1)!.push({ text: parts[i], cls: t.cls });
    }
  }
  return lines;
}

/** Part of a line, from character `from` up to `to`, to be shown in a class. */
export interface Mark {
  readonly from: number;
  readonly to: number;
  readonly cls: string;
}

/** Coloured markup of a line, with marks (which must not overlap) around the pieces they cover. */
export function renderTokens(tokens: readonly Token[], marks: readonly Mark[] = []): Html {
  const sorted = [...marks].filter((m) => m.to > m.from).sort((a, b) => a.from - b.from);
  const out: Html[] = [];
  let at = 0;
  for (const t of tokens) {
    const end = at + t.text.length;
    while (at < end) {
      const mark = sorted.find((m) => m.to > at);
      const inside = mark !== undefined && mark.from <= at;
      const stop = Math.min(end, inside ? mark.to : (mark?.from ?? end));
      const text = t.text.slice(t.text.length - (end - at), t.text.length - (end - stop));
      const piece = t.cls ? html`<span class="tw-${t.cls}">${text}</span>` : html`${text}`;
      out.push(inside ? html`<mark class="${mark.cls}">${piece}</mark>` : piece);
      at = stop;
    }
  }
  return html`${out}`;
}
