// Module resolution and loading for cells: the library under its own name, TypeScript modules of the notebook's
// folder, JSON. Runs in the loader's own thread.
import { readFileSync } from "node:fs";
import type { LoadHook, ResolveHook } from "node:module";
import { fileURLToPath } from "node:url";
import type { MessagePort } from "node:worker_threads";
import { compiled, guess, version } from "./modules.ts";

/** What the process that runs cells tells the hooks. */
export interface HooksData {
  /** Where `import … from "tilewright"` and the like lead. */
  modules: { [specifier: string]: string };
  /** The folder of this package's own build, whose modules are never loaded twice. */
  build: string;
  /** The notebook's folder as a URL with a slash at its end. */
  folder: string;
  /** Takes `[url, source map]` of each module compiled here. */
  maps: MessagePort;
}

let data: HooksData | undefined;

/** Called once by Node when the hooks are registered. */
export function initialize(given: HooksData): void {
  data = given;
}

/** Resolves as Node does, and where that fails as TypeScript's bundler resolution does. */
export const resolve: ResolveHook = async (specifier, context, next) => {
  const own = data && Object.hasOwn(data.modules, specifier) ? data.modules[specifier] : undefined;
  // An installed package may import its own idea of these names; cells and their modules get ours.
  if (own !== undefined && !context.parentURL?.includes("/node_modules/"))
    return { url: own, shortCircuit: true };
  try {
    return await versioned(await next(specifier, context));
  } catch (error) {
    const found =
      isPath(specifier) && context.parentURL ? guess(new URL(specifier, context.parentURL)) : undefined;
    if (!found) throw error;
    return versioned({ url: found, shortCircuit: true });
  }
};

/** Compiles TypeScript and reads JSON; leaves the rest to Node. */
export const load: LoadHook = async (url, context, next) => {
  const { pathname, protocol } = new URL(url);
  if (protocol !== "file:") return next(url, context);
  if (/\.json$/.test(pathname)) {
    return { format: "json", source: readFileSync(fileURLToPath(url), "utf8"), shortCircuit: true };
  }
  if (!/\.[mc]?tsx?$/.test(pathname) || pathname.includes("/node_modules/")) return next(url, context);
  return { format: "module", source: await compile(url), shortCircuit: true };
};

async function compile(url: string): Promise<string> {
  const { js, map } = await compiled(url);
  if (map !== undefined) data?.maps.postMessage([url, map]);
  return js;
}

/** Modules of the notebook's folder carry a version in their address, so that an edited one is loaded again. */
async function versioned<R extends { url: string }>(resolved: R): Promise<R> {
  const { url } = resolved;
  if (!data || !url.startsWith(data.folder) || url.startsWith(data.build)) return resolved;
  if (url.includes("/node_modules/") || url.includes("?")) return resolved;
  const found = await version(url).catch(() => undefined);
  return found === undefined ? resolved : { ...resolved, url: `${url}?v=${found}` };
}

function isPath(specifier: string): boolean {
  return /^(\.{1,2}\/|\/|file:)/.test(specifier);
}
