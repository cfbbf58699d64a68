// How a script of exported pages is built: one file that runs as it is, in a page that was opened from a disk too.
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { UserConfig } from "vite";

const here = path.dirname(fileURLToPath(import.meta.url));

/** The build of `NAME.ts` into dist/export/NAME.js. */
export function scriptConfig(name: string): UserConfig {
  return {
    publicDir: false,
    build: {
      lib: {
        entry: path.join(here, `${name}.ts`),
        formats: ["iife"],
        name: "tilewright",
        fileName: () => `${name}.js`,
      },
      outDir: path.join(here, "../../../dist/export"),
      emptyOutDir: false,
      target: "es2022",
      minify: true,
      chunkSizeWarningLimit: 4000,
      reportCompressedSize: false,
    },
  };
}
