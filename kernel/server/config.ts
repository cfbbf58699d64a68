// /api/config: small settings that clients keep on the server, a JSON object for each section.
import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { saveText } from "../notebook/save.ts";
import { isObject, type JsonObject } from "../protocol/messages.ts";
import { newRoutes, objectBody, type Routes } from "./http.ts";

/** The routes; the sections are files of a folder. */
export function configRoutes(folder: string): Routes {
  const routes = newRoutes();
  const file = (section: string) => path.join(folder, `${section}.json`);
  const read = (section: string): JsonObject => {
    try {
      const value: unknown = JSON.parse(readFileSync(file(section), "utf8"));
      return isObject(value) ? value : {};
    } catch {
      return {};
    }
  };
  const write = (section: string, value: JsonObject) => {
    mkdirSync(folder, { recursive: true });
    saveText(file(section), `${JSON.stringify(value, null, 2)}\n`);
  };
  const section = "/api/config/:section{[\\w-]+}";
  routes.get(section, (c) => c.json(read(c.req.param("section"))));
  routes.put(section, async (c) => {
    write(c.req.param("section"), await objectBody(c));
    return c.body(null, 204);
  });
  routes.patch(section, async (c) => {
    const merged = merge(read(c.req.param("section")), await objectBody(c));
    write(c.req.param("section"), merged);
    return c.json(merged);
  });
  return routes;
}

/** The object with the changes put into it, level by level; null takes a key away. */
function merge(object: JsonObject, changes: JsonObject): JsonObject {
  const merged = new Map(Object.entries(object));
  for (const [key, change] of Object.entries(changes)) {
    const old = merged.get(key);
    if (change === null) merged.delete(key);
    else merged.set(key, isObject(change) ? merge(isObject(old) ? old : {}, change) : change);
  }
  return Object.fromEntries(merged);
}
