// Starts the kernel of the notebook that will be opened, before the page can open it. The page finds the session there.
import { inOrder } from "./library.ts";

interface Model {
  type: string;
  path: string;
  content: unknown;
}

/**
 * Starts the kernel that a notebook names, if it names one; without a path that of the first notebook. Rejects when there
 * is no such notebook or kernel.
 */
export async function startEarly(wanted: string | undefined): Promise<void> {
  const path = wanted ?? (await firstNotebook());
  if (path === undefined) return;
  const { content } = await model(path, "notebook");
  const { kernelspec } = (content as { metadata?: { kernelspec?: { name?: unknown } } }).metadata ?? {};
  if (typeof kernelspec?.name !== "string") return;
  const name = path.slice(path.lastIndexOf("/") + 1);
  await fetch("api/sessions", {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "X-XSRFToken": /(?:^|; )_xsrf=([^;]*)/.exec(document.cookie)?.[1] ?? "",
    },
    body: JSON.stringify({ path, name, type: "notebook", kernel: { name: kernelspec.name } }),
  });
}

/** The notebook that the page opens when the address names none; undefined where a folder may hold an earlier one. */
async function firstNotebook(): Promise<string | undefined> {
  const models = ((await model("", "directory")).content as Model[]).sort(inOrder);
  const first = models.find(({ type }) => type === "notebook" || type === "directory");
  return first?.type === "notebook" ? first.path : undefined;
}

async function model(path: string, type: string): Promise<Model> {
  const url = `api/contents/${path.split("/").map(encodeURIComponent).join("/")}?type=${type}&content=1`;
  const answer = await fetch(url, { cache: "no-store" });
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return answer.json();
}
