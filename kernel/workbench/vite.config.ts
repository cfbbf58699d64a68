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

/** Font Awesome comes in five formats, for browsers of twenty years. Those that can run the page take the one that is smallest. */
const newestFonts: Plugin = {
  name: "newest-fonts",
  generateBundle(_, bundle) {
    for (const file of Object.keys(bundle))
      if (/\/fa-[^/]*\.(eot|svg|ttf|woff)$/.test(file)) delete bundle[file];
  },
};

/** Has the page's scripts and styles fetched at once, not when the script that begins has run. */
const fetchAhead: Plugin = {
  name: "fetch-ahead",
  transformIndexHtml: {
    order: "post",
    handler(_, { bundle = {} }) {
      const wanted = new Set<string>();
      const entries = Object.values(bundle).flatMap((one) =>
        one.type === "chunk" && one.isEntry ? [one] : [],
      );
      const add = (file: string) => {
        const chunk = bundle[file];
        if (chunk?.type !== "chunk" || wanted.has(file)) return;
        wanted.add(file);
        for (const style of chunk.viteMetadata?.importedCss ?? []) wanted.add(style);
        for (const imported of chunk.imports) add(imported);
      };
      for (const entry of entries) for (const file of entry.dynamicImports) add(file);
      // Vite itself says what the first script imports.
      for (const entry of entries) for (const file of entry.imports) wanted.delete(file);
      return [...wanted].map((file) => ({
        tag: "link",
        attrs: file.endsWith(".css")
          ? { rel: "preload", as: "style", crossorigin: "", href: `./${file}` }
          : { rel: "modulepreload", fetchpriority: "low", crossorigin: "", href: `./${file}` },
        injectTo: "head" as const,
      }));
    },
  },
};

export default defineConfig({
  root: here,
  base: "./",
  plugins: [svgAsText, newestFonts, fetchAhead],
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
    // Forty small files, of which the first formula needs all.
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: "mathjax", test: /node_modules\/(mathjax-full|speech-rule-engine|mj-context-menu)\// },
          ],
        },
      },
    },
  },
});
