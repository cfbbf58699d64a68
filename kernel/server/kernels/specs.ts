// The kernels that can be started: our own, which needs no installing, and every one that Jupyter would find.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { kernelName, kernelSpec, logo } from "../../install.ts";
import { dataFolders } from "../../jupyter-paths.ts";
import { isObject, type JsonObject } from "../../protocol/messages.ts";

/** A kernel specification: what its kernel.json holds, and the files beside it. */
export interface Spec {
  name: string;
  argv: string[];
  env: { [name: string]: string };
  interruptMode: "signal" | "message";
  /** The kernel.json, with what it may leave out. */
  spec: JsonObject;
  /** Its folder; undefined for our own. */
  folder: string | undefined;
  /** Names of its pictures and scripts, by the key that clients know them by. */
  resources: { [key: string]: string };
}

const logoFile = "logo-svg.svg";

/** All kernels that can be started now, by name; where two share one, Jupyter's order of folders decides. */
export function findSpecs(env: NodeJS.ProcessEnv = process.env): Map<string, Spec> {
  const found = new Map<string, Spec>([[kernelName, ownSpec()]]);
  for (const data of dataFolders(env)) {
    const kernels = path.join(data, "kernels");
    for (const entry of names(kernels).sort()) {
      const name = entry.toLowerCase();
      if (found.has(name) || !/^[a-z0-9._-]+$/.test(name)) continue;
      const spec = readSpec(name, path.join(kernels, entry));
      if (spec) found.set(name, spec);
    }
  }
  return found;
}

/** A specification as the interface has it; `base` is what the server's paths begin with. */
export function specModel({ name, spec, resources }: Spec, base: string): JsonObject {
  const urls = Object.entries(resources).map(([key, file]) => [
    key,
    `${base}kernelspecs/${encodeURIComponent(name)}/${encodeURIComponent(file)}`,
  ]);
  return { name, spec, resources: Object.fromEntries(urls) };
}

/** The bytes of one of a specification's files; undefined when it has none of that name. */
export function specResource(spec: Spec, file: string): Uint8Array | undefined {
  if (!Object.values(spec.resources).includes(file)) return undefined;
  return spec.folder === undefined ? Buffer.from(logo) : readFileSync(path.join(spec.folder, file));
}

function ownSpec(): Spec {
  const own = kernelSpec();
  return {
    name: kernelName,
    argv: own.argv,
    env: {},
    interruptMode: "message",
    spec: { env: {}, ...own },
    folder: undefined,
    resources: { "logo-svg": logoFile },
  };
}

/** Undefined when the folder holds no usable kernel.json. */
function readSpec(name: string, folder: string): Spec | undefined {
  let spec: unknown;
  try {
    spec = JSON.parse(readFileSync(path.join(folder, "kernel.json"), "utf8"));
  } catch {
    return undefined;
  }
  if (!isObject(spec) || !Array.isArray(spec.argv) || typeof spec.display_name !== "string") return undefined;
  const env = isObject(spec.env) ? spec.env : {};
  const files = names(folder).filter((file) => /^(logo-.*\.(png|svg)|kernel\.(js|css))$/.test(file));
  return {
    name,
    argv: spec.argv.map(String),
    env: Object.fromEntries(Object.entries(env).map(([key, value]) => [key, String(value)])),
    interruptMode: spec.interrupt_mode === "message" ? "message" : "signal",
    spec: { env: {}, interrupt_mode: "signal", metadata: {}, ...spec },
    folder,
    resources: Object.fromEntries(
      files.map((file) => [file.startsWith("logo") ? path.parse(file).name : file, file]),
    ),
  };
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
