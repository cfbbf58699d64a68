// One notebook as one file: everything that the page needs stands in it.
import { readFileSync, realpathSync, statSync } from "node:fs";
import path from "node:path";
import type { Notebook } from "../notebook/format.ts";
import { escapeHtml } from "../session/engine/table.ts";
import { contentsHtml, documentHtml, plotData } from "./document.ts";
import { type Addresses, type RenderedNotebook, renderNotebook } from "./notebook.ts";
import { type PageScripts, scriptHash } from "./scripts.ts";
import { pageStyle } from "./style.ts";

/** A page, and what it is of. */
export interface Page {
  html: string;
  rendered: RenderedNotebook;
}

/** The largest picture that a page takes in, in bytes. */
const largestPicture = 20 << 20;

const pictureTypes: { [ending: string]: string } = {
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".gif": "image/gif",
  ".webp": "image/webp",
  ".svg": "image/svg+xml",
};

/**
 * A notebook as one page that needs no network and no kernel. `folder` is where its pictures are looked for; pictures
 * outside of it are left out. `name` is its title when it has none.
 */
export async function notebookPage(
  notebook: Notebook,
  name: string,
  folder: string,
  scripts: PageScripts,
): Promise<Page> {
  const rendered = await renderNotebook(notebook, name, embedded(folder));
  const data = plotData(rendered);
  const used = data === "" ? [scripts.page] : [scripts.page, scripts.plots];
  const html = documentHtml({
    title: rendered.title,
    scriptSources: used.map(scriptHash).join(" "),
    styleSources: "",
    head: `<style>${pageStyle}</style>\n<script>${scripts.page}</script>`,
    bar: `<span class="name">${escapeHtml(rendered.title)}</span>`,
    side: contentsHtml(rendered.headings),
    main: rendered.body,
    end: data === "" ? "" : `${data}\n<script>${scripts.plots}</script>`,
  });
  return { html, rendered };
}

/** Pictures become part of the page. Links to files beside the notebook would lead nowhere: their text stays. */
function embedded(folder: string): Addresses {
  return { link: () => undefined, picture: (address) => pictureData(folder, address) };
}

/** The bytes of a picture below `folder` as an address; undefined when there is none. */
export function pictureData(folder: string, address: string): string | undefined {
  const file = fileBelow(folder, address);
  const type = file && pictureTypes[path.extname(file).toLowerCase()];
  if (!file || !type || statSync(file).size > largestPicture) return undefined;
  return `data:${type};base64,${readFileSync(file).toString("base64")}`;
}

/** The file that a relative address names, when it is one and stands below the folder; links count where they lead. */
export function fileBelow(folder: string, address: string): string | undefined {
  let relative: string;
  try {
    relative = decodeURIComponent(address.replace(/[?#][\s\S]*$/, ""));
  } catch {
    return undefined;
  }
  if (relative === "" || path.isAbsolute(relative) || relative.includes("\0")) return undefined;
  const root = realpath(folder);
  const file = root && realpath(path.join(root, relative));
  if (!root || !file?.startsWith(root + path.sep)) return undefined;
  return statSync(file).isFile() ? file : undefined;
}

function realpath(file: string): string | undefined {
  try {
    return realpathSync(file);
  } catch {
    return undefined;
  }
}
