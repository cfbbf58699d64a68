// How the page is built: one folder of static files, dist/workbench, that the server gives out below any path.
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

const here = path.dirname(fileURLToPath(import.meta.url));

/** JupyterLab's icons are imported as text; in style sheets they stay files. */
const svgAsText: Plugin = {
  name: "svg-as-text",
  enforce: "pre",
  load(id) {
    return id.endsWith(".svg") ? `export default ${JSON.stringify(readFileSync(id, "utf8"))}` : undefined;
  },
};

export default defineConfig({
  root: here,
  base: "./",
  plugins: [svgAsText],
  define: {
    // MathJax and React read these when they run.
    global: "globalThis",
    __dirname: '"/"',
    "process.env.NODE_ENV": '"production"',
  },
  resolve: {
    alias: [{ find: /^~(.*)$/, replacement: "$1" }],
    // Two copies of any of these would not know each other's objects.
    dedupe: [
      "@lumino/widgets",
      "@lumino/signaling",
      "@lumino/coreutils",
      "react",
      "react-dom",
      "yjs",
      "@codemirror/state",
      "@codemirror/view",
    ],
  },
  build: {
    outDir: path.join(here, "../../dist/workbench"),
    emptyOutDir: true,
    target: "es2022",
    chunkSizeWarningLimit: 4000,
    reportCompressedSize: false,
  },
});
