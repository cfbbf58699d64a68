// /nbconvert, by the name under which Jupyter's servers export: a notebook as one page.
import path from "node:path";
import { notebookPage } from "../../export/page.ts";
import { type PageScripts, pageScripts } from "../../export/scripts.ts";
import { readNotebook } from "../../notebook/format.ts";
import { filePolicy } from "../access/headers.ts";
import { HttpError } from "../errors.ts";
import { type Ctx, newRoutes, pathAfter, type Routes } from "../http.ts";
import type { Root } from "./confine.ts";

/** The routes of export, of a server whose paths begin with `base`. */
export function exportRoutes(root: Root, base: string): Routes {
  const routes = newRoutes();
  routes.get("/api/nbconvert", (c) => c.json({ html: { output_mimetype: "text/html" } }));
  routes.get("/nbconvert/html/*", (c) => page(c, root, pathAfter(c, `${base}nbconvert/html/`)));
  return routes;
}

/** The page of a stored notebook. When it is opened and not downloaded it runs as a page of no origin. */
async function page(c: Ctx, root: Root, apiPath: string): Promise<Response> {
  const file = await root.resolve(apiPath);
  const notebook = read(file, apiPath);
  const name = path.basename(file, ".ipynb");
  const { html } = await notebookPage(notebook, name, path.dirname(file), scripts());
  const headers: { [name: string]: string } = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": filePolicy,
    "Cache-Control": "no-store",
  };
  if (c.req.query("download") === "true")
    headers["Content-Disposition"] = `attachment; filename*=UTF-8''${encodeURIComponent(`${name}.html`)}`;
  return c.body(html, 200, headers);
}

function scripts(): PageScripts {
  try {
    return pageScripts();
  } catch (error) {
    throw new HttpError(501, (error as Error).message);
  }
}

function read(file: string, apiPath: string): ReturnType<typeof readNotebook> {
  if (!file.endsWith(".ipynb")) throw new HttpError(400, `${apiPath} is not a notebook`);
  try {
    return readNotebook(file);
  } catch (error) {
    // Its own message names the file by the path on this machine.
    const why = error instanceof Error ? error.message.replaceAll(file, apiPath) : String(error);
    throw new HttpError(/^cannot read/.test(why) ? 404 : 400, why);
  }
}
