/**
 * HTML and SVG that escape everything they did not make. The only way to markup is the `html` template (its literal
 * parts are ours) or `markup` (for text this folder has built itself); every other value is text.
 */

/** Markup that is safe to insert as it is. Made here only; an object that merely looks like one is text. */
export class Html {
  readonly #text: string;
  /** Use `html` or `markup`. */
  constructor(text: string) {
    this.#text = text;
  }
  toString(): string {
    return this.#text;
  }
}

/** What may stand in a hole of the template: markup, text, lists of both; nothing for null, undefined and false. */
export type Hole = Html | string | number | bigint | true | false | null | undefined | readonly Hole[];

/** Markup with every hole escaped. Attributes must be written with double quotes around the hole. */
export function html(parts: TemplateStringsArray, ...holes: readonly Hole[]): Html {
  let out = parts[0];
  for (let i = 0; i < holes.length; i++) out += render(holes[i]) + parts[i + 1];
  return new Html(out);
}

/** Markup from a string that was built from escaped pieces. Never for text that came from outside. */
export const markup = (text: string): Html => new Html(text);

/** Nothing. */
export const EMPTY: Html = new Html("");

function render(x: Hole): string {
  if (x === null || x === undefined || x === false) return "";
  if (x instanceof Html) return x.toString();
  if (Array.isArray(x)) return (x as readonly Hole[]).map(render).join("");
  return escapeText(String(x));
}

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
  "`": "&#96;",
};

/** Text as it may stand in an element or between quotes of an attribute, in HTML and in XML. */
function escapeText(text: string): string {
  return plain(text).replace(/[&<>"'`]/g, (c) => ESCAPES[c]);
}

/**
 * Text without what terminals and XML parsers act on: control characters (colour codes begin with one) become the
 * pictures Unicode has for them, halves of surrogate pairs and non-characters the replacement character. Line breaks
 * and tabs stay.
 */
export function plain(text: string): string {
  // Almost all text has nothing of the kind.
  if (!/[^\t\n\x20-\x7e]/.test(text)) return text;
  return (
    text
      .replace(/\r\n?/g, "\n")
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
      .replace(/[\x00-\x08\x0b-\x1f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)))
      .replace(/[\x7f-\x9f\u2028\u2029\ufffe\uffff]/g, "\ufffd")
      .replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd")
  );
}
