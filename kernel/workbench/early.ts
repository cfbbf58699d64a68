// What the page's first script does before the rest of it runs: reads the notebook that will be opened and starts its kernel.
import type { Contents, Session } from "@jupyterlab/services";
import { inOrder } from "./library.ts";

/** What is there before the page can ask for it. */
export interface Early {
  notebook: Contents.IModel;
  /** Undefined when the notebook's kernel cannot be started: the page will say so. */
  session: Session.IModel | undefined;
}

/**
 * Reads a notebook, without a path the first one, and starts its kernel. Undefined when it is not known which notebook that
 * is; rejects when it cannot be read.
 */
export async function startEarly(wanted: string | undefined): Promise<Early | undefined> {
  const path = wanted ?? (await firstNotebook());
  if (path === undefined) return undefined;
  const [notebook, session] = await Promise.all([model(path, "notebook"), startSession(path)]);
  return { notebook, session };
}

async function startSession(path: string): Promise<Session.IModel | undefined> {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const answer = await fetch("api/sessions", {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "X-XSRFToken": /(?:^|; )_xsrf=([^;]*)/.exec(document.cookie)?.[1] ?? "",
    },
    body: JSON.stringify({ path, name, type: "notebook", kernel: { of_notebook: true } }),
  });
  return answer.ok ? answer.json() : undefined;
}

/** The notebook that the page opens when the address names none; undefined where a folder may hold an earlier one. */
async function firstNotebook(): Promise<string | undefined> {
  const models = ((await model("", "directory")).content as Contents.IModel[]).sort(inOrder);
  const first = models.find(({ type }) => type === "notebook" || type === "directory");
  return first?.type === "notebook" ? first.path : undefined;
}

async function model(path: string, type: string): Promise<Contents.IModel> {
  const url = `api/contents/${path.split("/").map(encodeURIComponent).join("/")}?type=${type}&content=1&hash=1`;
  const answer = await fetch(url, { cache: "no-store" });
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return answer.json();
}
