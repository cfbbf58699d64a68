// Looks through an exported site as a crawler does.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";

const attribute = /\b(?:href|src|data-index)="([^"]*)"/g;

/** Every file of a folder, by its path in it. */
export function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).replaceAll("\\", "/"));
}

/**
 * What is wrong with the links of a site: addresses that are not relative, files and headings that are not there, and
 * files that no link leads to from the index.
 */
export function linkProblems(folder: string): string[] {
  const problems: string[] = [];
  const pages = new Map<string, string>();
  const seen = new Set(["index.html"]);
  const text = (page: string): string => {
    const known = pages.get(page) ?? readFileSync(path.join(folder, page), "utf8");
    pages.set(page, known);
    return known;
  };
  // What a page shows as code is no link of its own: markup there is escaped.
  for (const page of seen) {
    if (!page.endsWith(".html")) continue;
    for (const [, written] of text(page).matchAll(attribute)) {
      const address = written!
        .replaceAll("&amp;", "&")
        .replace(/&#(\d+);/g, (_, n) => String.fromCodePoint(Number(n)));
      if (/^(?:https?|mailto|data):/.test(address)) continue;
      const [, file = "", , id = ""] = /^([^?#]*)(#(.*))?$/.exec(address) ?? [];
      const target = file === "" ? page : path.posix.join(path.posix.dirname(page), decodeURIComponent(file));
      if (/^\/|^[a-z]+:/.test(address) || target.startsWith("../"))
        problems.push(`${page}: ${address} is not relative`);
      else if (!existsSync(path.join(folder, target))) problems.push(`${page}: ${address} leads nowhere`);
      else {
        seen.add(target);
        const name = decodeURIComponent(id);
        if (name !== "" && target.endsWith(".html") && !hasId(text(target), name))
          problems.push(`${page}: ${address} names no place`);
      }
    }
  }
  const unreached = filesIn(folder).filter(
    (file) => !seen.has(file) && !/^notebooks\/.*\.(?:ts|js|json)$/.test(file),
  );
  return [...problems, ...unreached.map((file) => `nothing leads to ${file}`)];
}

function hasId(html: string, id: string): boolean {
  const escaped = id.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
  const quoted = id
    .replaceAll("&", "&amp;")
    .replaceAll('"', "&quot;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;");
  return [id, escaped, quoted].some((one) => html.includes(`id="${one}"`));
}
