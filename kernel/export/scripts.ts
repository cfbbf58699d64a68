// The scripts of exported pages: kernel/export/browser, built into dist/export by `npm run build:page`.
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { packageRoot } from "../paths.ts";

/** The two scripts: what every page has, and what draws plots. */
export interface PageScripts {
  page: string;
  plots: string;
}

/** Reads the built scripts. Throws an error that tells what to do when they have not been built. */
export function pageScripts(): PageScripts {
  const read = (name: string): string => {
    const file = path.join(packageRoot, "dist/export", `${name}.js`);
    if (!existsSync(file))
      throw new Error(`the scripts of exported pages are not built (${file}); run: npm run build:page`);
    return readFileSync(file, "utf8").replaceAll("</script", "<\\/script").trim();
  };
  return { page: read("page"), plots: read("plots") };
}

/** What a page's policy calls a script by: nothing else than exactly this text may run. */
export function scriptHash(script: string): string {
  return `'sha256-${createHash("sha256").update(script).digest("base64")}'`;
}
