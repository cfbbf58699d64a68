/** A built module: what can be called, with what, and the generated code folded beneath. */
import { primFuncs } from "../ir/index.ts";
import type { ExecutableMethods, Target } from "../runtime/index.ts";
import type { MimeBundle } from "./display.ts";
import { html, plain } from "./html.ts";
import { loopTree } from "./loop-tree.ts";
import { type SourceLanguage, sourceHtml } from "./source.ts";
import { frame } from "./style.ts";
import { type Column, htmlTable, textTable } from "./table.ts";

/** One function with its parameters as `A: f32[128, 128]`. */
export interface FunctionSignature {
  readonly name: string;
  readonly params: readonly string[];
}

/** The functions of a built module: the JSON twin of its display. */
export function signatures(lib: ExecutableMethods): FunctionSignature[] {
  return Object.entries(primFuncs(lib.module)).map(([name, f]) => ({
    name,
    params: loopTree(f, name).params,
  }));
}

/** What each target is compiled to. */
const LANGUAGES: Partial<Record<Target, SourceLanguage>> = { wasm: "wat", webgpu: "wgsl" };

export function executableBundle(lib: ExecutableMethods): MimeBundle {
  const rows = signatures(lib).map((s) => [s.name, s.params.join(", ")]);
  const { count, reason } = lib.threads;
  const why = reason ? `: ${reason}` : "";
  const title = `Executable (${lib.target}, ${count === 1 ? "1 thread" : `${count} threads`}${why})`;
  const columns: Column[] = [{ title: "function" }, { title: "arguments" }];
  const language = LANGUAGES[lib.target];
  const code =
    language &&
    html`<details class="tw-more"><summary>Generated code</summary>${sourceHtml(lib.source(language), language)}</details>`;
  return {
    "text/plain": `${title}\n${plain(textTable(columns, rows))}`,
    "text/html": frame(
      ["code", "table"],
      html`<p class="tw-head"><b>${title}</b></p>${htmlTable(columns, rows)}${code}`,
    ),
  };
}
