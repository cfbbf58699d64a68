/** A strict reader of the markup displays make: what it does not know is an error. For tests. */
import assert from "node:assert/strict";

export interface Markup {
  readonly tags: readonly string[];
  /** Attribute names, each once. */
  readonly attributes: ReadonlySet<string>;
  /** What stands between tags, entities decoded. */
  readonly text: string;
}

const TAGS = new Set(
  (
    "div p pre code span b i mark details summary table thead tbody tr th td colgroup col style " +
    "svg g rect path text tspan title image line polygon label input ol li"
  ).split(" "),
);
const EMPTY_IN_HTML = new Set(["col"]);
const ATTRIBUTES = new Set(
  (
    "class style open scope role aria-label data-node data-lines xmlns width height viewBox x y rx d fill " +
    "fill-opacity stroke stroke-width stroke-dasharray transform shape-rendering text-anchor font-family font-size " +
    "font-weight xml:space href opacity stroke-opacity x1 y1 x2 y2 points type name checked"
  ).split(" "),
);
const ENTITIES: Readonly<Record<string, string>> = {
  "&amp;": "&",
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&#39;": "'",
  "&#96;": "`",
};

/** Elements and attributes Vega draws plots with. */
const VEGA_TAGS = new Set("svg g rect path line text title".split(" "));
const HARMLESS = /^(?!on|href|xlink:href|src)/;

/** Reads our own HTML or SVG (`vega`: with plots in it, whose attributes are not listed here). Throws on unknown tags and attributes, bad nesting, unescaped text, control characters. */
export function readMarkup(source: string, vega = false): Markup {
  const tags: string[] = [];
  const attributes = new Set<string>();
  const open: string[] = [];
  let text = "";
  let at = 0;
  while (at < source.length) {
    const lt = source.indexOf("<", at);
    const end = lt < 0 ? source.length : lt;
    text += decode(source.slice(at, end), open.at(-1) === "style");
    if (lt < 0) break;
    const m = /^<(\/?)([a-z]+)((?:\s+[\w:-]+(?:="[^"<>]*")?)*)\s*(\/?)>/i.exec(
      source.slice(lt, lt + 500_000),
    );
    assert(m, `no tag: ${source.slice(lt, lt + 80)}`);
    const [whole, closing, name, attrs, selfClosing] = m;
    assert(TAGS.has(name) || (vega && VEGA_TAGS.has(name)), `tag <${name}>`);
    if (closing) assert.equal(open.pop(), name);
    else {
      tags.push(name);
      for (const [, attr, value] of attrs.matchAll(/([\w:-]+)(?:="([^"]*)")?/g)) {
        assert(ATTRIBUTES.has(attr) || (vega && HARMLESS.test(attr)), `attribute ${attr}`);
        if (attr === "href") assert.match(value, /^data:image\/png;base64,[\w+/=]*$/);
        decode(value ?? "", false);
        attributes.add(attr);
      }
      if (!selfClosing && !EMPTY_IN_HTML.has(name)) open.push(name);
    }
    at = lt + whole.length;
  }
  assert.deepEqual(open, [], "all tags are closed");
  return { tags, attributes, text };
}

function decode(text: string, raw: boolean): string {
  assertClean(text);
  if (raw) return "";
  assert.doesNotMatch(text, /[<>]/);
  return text.replace(/&[^;]*;?/g, (e) => {
    assert(e in ENTITIES, `entity ${e}`);
    return ENTITIES[e];
  });
}

/** No control characters (colour codes begin with one) and no halves of surrogate pairs. */
export function assertClean(text: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
  assert.doesNotMatch(text, /[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]/);
  assert.doesNotThrow(() => encodeURIComponent(text), "no half of a surrogate pair");
}
