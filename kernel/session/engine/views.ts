// What variables would show, for a panel beside the notebook: a front end opens a comm and asks by name.
import type { JsonObject } from "../../protocol/messages.ts";
import { displaySymbol } from "./bundle.ts";
import type { Comms } from "./comms.ts";

/** The comm target that answers `{ id, names }` with `{ id, views: [{ name, html }] }`. */
export const viewsTarget = "tilewright.views";

/** How many names are looked at for one question, and how long the HTML of one may be, in characters. */
const atMost = 20;
const longest = 2_000_000;

/** Answers questions for the views of variables. Names without a value that shows itself as HTML are left out. */
export function acceptViews(comms: Comms, read: (name: string) => unknown): void {
  comms.accept(viewsTarget, (comm) => {
    comm.onMessage = async ({ data }) => {
      const asked = Array.isArray(data.names) ? data.names : [];
      const views: JsonObject[] = [];
      for (const name of asked.slice(0, atMost)) {
        const html = typeof name === "string" ? await htmlOf(read(name)) : undefined;
        if (html !== undefined) views.push({ name, html });
      }
      comm.send({ id: data.id ?? null, views });
    };
  });
}

async function htmlOf(value: unknown): Promise<string | undefined> {
  if (typeof value !== "object" || value === null) return undefined;
  try {
    const method: unknown = Reflect.get(value, displaySymbol);
    if (typeof method !== "function") return undefined;
    const bundle: unknown = await method.call(value);
    const html: unknown = Reflect.get(Object(bundle), "text/html");
    return typeof html === "string" && html.length <= longest ? html : undefined;
  } catch {
    // A display that fails says so where it is displayed.
    return undefined;
  }
}
