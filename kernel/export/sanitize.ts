import { addresses, allowed, dropped, empty, foreign, references, refusedAttributes } from "./markup.ts";

/** How HTML of a notebook comes into a page. */
export interface Cleaning {
  /** Put before every id, and before what refers to one, so that the outputs of a page do not meet. */
  prefix?: string;
  /** Makes the address of a picture that is no data address one that the page can show; undefined leaves it out. */
  picture?: (address: string) => string | undefined;
  /** Makes the address of a link one that leads somewhere from the page; undefined leaves the text alone. */
  link?: (address: string) => string | undefined;
  /** Style sheets that the page has already; each is put into a page once. */
  styles?: Set<string>;
}

const tagStart = /<(\/?)([a-zA-Z][^\s/>]*)/y;
const attribute = /([^\s=/"'<>]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g;

/**
 * HTML that a notebook made, as a page may hold it: elements and attributes of the tables alone, every address of a kind
 * that cannot run anything, and every element closed where it belongs, so that nothing of the page around it is closed
 * or opened. It is written anew rather than cut, so what a browser reads is what was looked at here.
 */
export function sanitize(html: string, cleaning: Cleaning = {}): string {
  const ids = new Set([...html.matchAll(/\bid\s*=\s*["']?([^\s"'>]+)/gi)].map(([, id]) => id!));
  const open: string[] = [];
  let foreigners = 0;
  const closeFrom = (level: number): string => {
    const ended = open.splice(level).reverse();
    foreigners -= ended.filter((name) => foreign.has(name)).length;
    return ended.map((name) => `</${name}>`).join("");
  };
  let out = "";
  for (let at = 0; at < html.length; ) {
    const next = html.indexOf("<", at);
    out += html.slice(at, next < 0 ? undefined : next).replaceAll(">", "&gt;");
    if (next < 0) break;
    at = next;
    if (html.startsWith("<!--", at)) {
      at = after(html, "-->", at + 4);
      continue;
    }
    if (html[at + 1] === "!" || html[at + 1] === "?") {
      at = after(html, ">", at);
      continue;
    }
    tagStart.lastIndex = at;
    const found = tagStart.exec(html);
    if (!found) {
      out += "&lt;";
      at += 1;
      continue;
    }
    const end = endOfTag(html, tagStart.lastIndex);
    // A tag without an end swallows what follows, as in browsers.
    if (end < 0) break;
    const [, slash, given] = found;
    const name = given!.toLowerCase();
    const rest = html.slice(tagStart.lastIndex, end);
    at = end + 1;
    if (slash) {
      const level = open.lastIndexOf(name);
      if (level >= 0) out += closeFrom(level);
      continue;
    }
    const inForeign = foreigners > 0 || foreign.has(name);
    const isWhole = empty.has(name) || (inForeign && rest.trimEnd().endsWith("/"));
    if (dropped.has(name) && !(name === "title" && inForeign)) {
      if (!isWhole) at = afterEnd(html, name, at);
      continue;
    }
    if (name === "style") {
      const from = at;
      at = afterEnd(html, name, from);
      const sheet = styleSheet(html.slice(from, at).replace(/<\/style[\s\S]*$/i, ""), ids, cleaning);
      if (!cleaning.styles?.has(sheet)) out += `<style>${sheet}</style>`;
      cleaning.styles?.add(sheet);
      continue;
    }
    if (!allowed.has(name)) continue;
    const written = attributes(name, rest, ids, cleaning);
    if (written === undefined) continue;
    out += `<${name}${written}${isWhole && inForeign ? "/" : ""}>`;
    if (isWhole) continue;
    open.push(name);
    if (foreign.has(name)) foreigners += 1;
  }
  return out + closeFrom(0);
}

/** Where a tag's ">" stands; what is in quotes does not count. -1 when there is none. */
function endOfTag(text: string, from: number): number {
  let quote = "";
  for (let at = from; at < text.length; at++) {
    const character = text[at]!;
    if (quote !== "") quote = character === quote ? "" : quote;
    else if (character === ">") return at;
    // A quote within a value without quotes is a character like others.
    else if ((character === '"' || character === "'") && /=\s*$/.test(text.slice(Math.max(from, at - 8), at)))
      quote = character;
  }
  return -1;
}

function after(text: string, what: string, from: number): number {
  const at = text.indexOf(what, from);
  return at < 0 ? text.length : at + what.length;
}

/** Where what follows an element's end begins; the end of the text when it has none. */
function afterEnd(text: string, name: string, from: number): number {
  const end = new RegExp(`</${name}\\b[^>]*>`, "gi");
  end.lastIndex = from;
  return end.exec(text) ? end.lastIndex : text.length;
}

/** Style sheets stand as text in HTML and as markup in SVG: without "<" both read the same. */
function styleSheet(css: string, ids: ReadonlySet<string>, { prefix }: Cleaning): string {
  const plain = css.replaceAll("<", "");
  if (prefix === undefined || ids.size === 0) return plain;
  return plain.replace(/#([\w-]+)/g, (whole, id: string) => (ids.has(id) ? `#${prefix}${id}` : whole));
}

/** The attributes as they are written; undefined for an element that is not to be. */
function attributes(
  element: string,
  text: string,
  ids: ReadonlySet<string>,
  cleaning: Cleaning,
): string | undefined {
  const { prefix = "" } = cleaning;
  const seen = new Set<string>();
  let out = "";
  for (const [, given, double, single, bare] of text.matchAll(attribute)) {
    const name = given!.toLowerCase();
    if (seen.has(name) || !/^[a-z_][\w:.-]*$/.test(name)) continue;
    seen.add(name);
    if (name.startsWith("on") || refusedAttributes.has(name)) continue;
    let value: string | undefined = double ?? single ?? bare;
    if (name === "attributename" && /href|^on/i.test(decoded(value ?? ""))) return undefined;
    if (element === "input" && name === "type" && !/^(radio|checkbox)$/i.test(value ?? "")) return undefined;
    if (value === undefined) {
      out += ` ${name}`;
      continue;
    }
    if (addresses.has(name)) {
      const made = address(element, value, cleaning);
      if (made === undefined) continue;
      value = made.replaceAll("&", "&amp;");
    } else if (references.has(name)) {
      value = value.replace(/\S+/g, (id) => (ids.has(id) ? prefix + id : id));
    } else if (name === "name" && (element === "input" || element === "details")) value = prefix + value;
    value = value.replace(/url\(\s*(["']?)#/g, `url($1#${prefix}`);
    out += ` ${name}="${quoted(value)}"`;
  }
  // A field for text is one without a type, and none of a page's.
  return element === "input" && !seen.has("type") ? undefined : out;
}

/** An address as the page may have it, or undefined. */
function address(
  element: string,
  given: string,
  { prefix = "", picture, link }: Cleaning,
): string | undefined {
  const value = decoded(given).trim();
  if (value.startsWith("#")) return `#${prefix}${value.slice(1)}`;
  if (element !== "a") {
    if (/^data:(?:image|audio|video)\/[\w.+-]+[;,]/i.test(value)) return value;
    return element === "img" || element === "image" ? picture?.(value) : undefined;
  }
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(value)?.[1]?.toLowerCase();
  if (scheme === undefined) return link ? link(value) : value;
  return ["http", "https", "mailto"].includes(scheme) ? value : undefined;
}

/** Text of an attribute with what hides an address's kind made plain: references to characters, and what browsers skip. */
function decoded(text: string): string {
  const known: { [name: string]: string } = {
    ...{ amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" },
    ...{ colon: ":", tab: "\t", newline: "\n", sol: "/", num: "#" },
  };
  return [
    ...text.replace(/&(?:#(\d+)|#x([\da-f]+)|(\w+));?/gi, (whole, decimal, hex, name) => {
      if (name !== undefined) return known[String(name).toLowerCase()] ?? whole;
      const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
      return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : "";
    }),
  ]
    .filter((character) => character >= " ")
    .join("");
}

const quoted = (value: string): string =>
  value.replaceAll('"', "&quot;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
