import { Marked, type TokenizerAndRendererExtension } from "marked";
import { escapeHtml } from "../session/engine/table.ts";
import { codeHtml } from "./code.ts";
import type { Typesetter } from "./math.ts";
import { type Cleaning, sanitize } from "./sanitize.ts";

/** A heading of a page. */
export interface Heading {
  level: number;
  text: string;
  /** What an address within the page ends with. */
  id: string;
}

/** What markdown may become in a page. */
export interface MarkdownOptions extends Cleaning {
  math?: Typesetter | undefined;
  /** Hears of every heading, and gives it the id it has in the page; without it headings have none. */
  heading?: (level: number, text: string) => string;
}

/** Marks around the number of a formula, while it is text among other text: characters that no writing has. */
const [before, after] = ["\ue000", "\ue001"];

/** Markdown as HTML: sanitised, code coloured, formulas typeset. */
export function markdownHtml(source: string, options: MarkdownOptions = {}): string {
  const formulas: string[] = [];
  const { math, heading } = options;
  const marked = new Marked({
    gfm: true,
    renderer: {
      code({ text, lang }) {
        return `<pre><code>${codeHtml(text, /^\w+/.exec(lang ?? "")?.[0].toLowerCase() ?? "")}</code></pre>`;
      },
      heading({ tokens, depth }) {
        const html = this.parser.parseInline(tokens);
        if (!heading) return `<h${depth}>${html}</h${depth}>`;
        const id = escapeHtml(heading(depth, plainText(html)));
        return `<h${depth} id="${id}">${html}</h${depth}>`;
      },
    },
  });
  if (math) {
    const keep = (tex: string, display: boolean) =>
      `${before}${formulas.push(math(tex.trim(), display)) - 1}${after}`;
    marked.use({ extensions: [blockMath(keep), inlineMath(keep)] });
  }
  const text = source.replaceAll(before, "").replaceAll(after, "");
  const html = sanitize(marked.parse(text, { async: false }), options);
  return html.replace(/\ue000(\d+)\ue001/g, (_, index) => formulas[Number(index)] ?? "");
}

type Keep = (tex: string, display: boolean) => string;

/** `$$ … $$`, `\[ … \]` and environments, on lines of their own. */
function blockMath(keep: Keep): TokenizerAndRendererExtension {
  const pattern =
    /^ {0,3}(?:\$\$([\s\S]+?)\$\$|\\\[([\s\S]+?)\\\]|(\\begin\{([a-zA-Z]+\*?)\}[\s\S]*?\\end\{\4\}))[ \t]*(?:\n|$)/;
  return {
    name: "blockMath",
    level: "block",
    start: (text) => /(?:^|\n) {0,3}(?:\$\$|\\\[|\\begin\{)/.exec(text)?.index,
    tokenizer: (text) => {
      const found = pattern.exec(text);
      if (!found) return undefined;
      return { type: "blockMath", raw: found[0], text: found[1] ?? found[2] ?? found[3] ?? "" };
    },
    renderer: ({ text }) => `<p class="formula">${keep(String(text), true)}</p>\n`,
  };
}

/** `$ … $`, `\( … \)` and `$$ … $$` within a line. A dollar before a blank, or after one, is a dollar. */
function inlineMath(keep: Keep): TokenizerAndRendererExtension {
  const pattern =
    /^(?:\$\$([^$]+?)\$\$|\$(?![\s$])((?:\\[\s\S]|[^$\\])*?[^\s$\\]|\\[\s\S]|)\$(?!\d)|\\\(([\s\S]+?)\\\))/;
  return {
    name: "inlineMath",
    level: "inline",
    start: (text) => /\$|\\\(/.exec(text)?.index,
    tokenizer: (text) => {
      const found = pattern.exec(text);
      const tex = found?.[1] ?? found?.[2] ?? found?.[3];
      if (!found || !tex) return undefined;
      return { type: "inlineMath", raw: found[0], text: tex, display: found[1] !== undefined };
    },
    renderer: (token) => keep(String(token.text), token.display === true),
  };
}

/** The text of HTML that was made here. */
function plainText(html: string): string {
  const characters: { [name: string]: string } = { amp: "&", lt: "<", gt: ">", quot: '"' };
  return html
    .replace(/<[^>]*>/g, "")
    .replace(/\ue000\d+\ue001/g, "")
    .replace(/&(?:#(\d+)|(amp|lt|gt|quot));/g, (_, code, name) =>
      code === undefined ? characters[name]! : String.fromCodePoint(Number(code)),
    )
    .trim();
}
