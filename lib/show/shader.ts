/** A tensor program and the shaders that are made of it, next to each other, with lines that know their loops and blocks. */
import { regionsOf } from "../arith/index.ts";
import { compileWgsl, type WgslFunction, type WgslLine, type WgslOptions } from "../codegen/wgsl/index.ts";
import {
  type Block,
  blocksIn,
  type For,
  type IRModule,
  loopsIn,
  type PrimFunc,
  primFuncs,
} from "../ir/index.ts";
import { BOUNDS, boundText, count } from "./bounds.ts";
import { type CodeLine, codeHtml, colouredLines } from "./code.ts";
import { type Displayable, displayable } from "./display.ts";
import { type Html, html, plain } from "./html.ts";
import { nodeKey } from "./lines.ts";
import { linked } from "./linked.ts";
import { programHtml } from "./program.ts";
import { moduleOf, programOf, type Side } from "./side-by-side.ts";
import { foldable } from "./source.ts";
import { frame } from "./style.ts";

export interface ShaderOptions {
  readonly title?: string;
  /** What the shaders are for: `await gpuDevice()`. Default: what every adapter has. */
  readonly device?: WgslOptions;
  /** Parts of the program nested deeper than this are folded at first. */
  readonly depth?: number;
  /** Lines of a shader that are shown (`BOUNDS.lines`). */
  readonly lines?: number;
}

/**
 * A schedule or program beside its WGSL; no GPU is needed. Throws a WgslError for what WGSL or the device cannot do, and a
 * TypeError for what is no tensor program.
 */
export function shader(x: Side, o: ShaderOptions = {}): Displayable & { toString(): string } {
  const mod = moduleOf(programOf(x));
  const { functions } = compileWgsl(mod, o.device);
  const all = Object.values(functions);
  return displayable(() => {
    const title = o.title ?? all.map((f) => f.name).join(", ");
    const shaders = all.flatMap((f) => kernelsHtml(f, getProgram(mod, f.name), o.lines ?? BOUNDS.lines));
    const program = programHtml(mod, o.depth === undefined ? {} : { depth: o.depth });
    return {
      "text/plain": boundText(plain(`${title}\n${all.map(textOf).join("\n")}`)),
      "text/html": frame(
        ["code", "sides"],
        html`${linked(shaders)}<p class="tw-head"><b>${title}</b></p><div class="tw-sides"><div class="tw-side"><p class="tw-head">Program</p>${program}</div><div class="tw-side">${shaders}</div></div>`,
      ),
    };
  });
}

const getProgram = (mod: IRModule, name: string): PrimFunc => primFuncs(mod)[name];

const notesOf = (f: WgslFunction): string => f.notes.map((n) => `// ${n}\n`).join("");
const textOf = (f: WgslFunction): string =>
  notesOf(f) + f.kernels.map((k) => `// ${k.name}\n${k.code}`).join("\n");

function kernelsHtml(f: WgslFunction, program: PrimFunc, most: number): Html[] {
  const keyOf = keysOf(program);
  return f.kernels.map((k) => {
    const size = html`<span class="tw-dim">${k.workgroup.join(" × ")} threads in a workgroup, ${count(k.lines.length, "line")}</span>`;
    const lines = foldable(colouredLines(k.code.replace(/\n+$/, ""), "wgsl"));
    // Texts of several lines, such as helpers, are one line of the kernel: from there on lines would not fit.
    const fits = lines.length === k.lines.length;
    const keyed = lines.map((l, i): CodeLine => {
      const key = fits ? keyOf(k.lines[i]) : "";
      return key === "" ? l : { ...l, key };
    });
    const notes = f.notes.map((n) => html`<p class="tw-note">${n}</p>`);
    return html`<p class="tw-head">WGSL: ${k.name} ${size}</p>${notes}${codeHtml(keyed, "wgsl", most)}`;
  });
}

/** The loops and blocks of the program that a line of its shader comes from. */
function keysOf(program: PrimFunc): (line: WgslLine) => string {
  // Blocks around other blocks write nothing of their own.
  const blocks = blocksIn(program.body)
    .filter((b) => blocksIn(b.body).length === 0)
    .map((block) => ({ block, writes: new Set(regionsOf(block).writes.map((w) => w.buffer.id)) }));
  const loops = loopsIn(program.body);
  const join = (nodes: readonly (Block | For)[]): string => nodes.map(nodeKey).join(" ");
  return ({ text, node }) => {
    const axis = /= i32\(tw_(group|local)\.([xyz])/.exec(text);
    if (axis) {
      const thread = `${axis[1] === "group" ? "blockIdx" : "threadIdx"}.${axis[2]}`;
      return join(loops.filter((l) => l.thread === thread));
    }
    const n = node as { kind?: string; v?: { id: number }; buffer?: { id: number } } | undefined;
    if (n?.kind === "for") return join(loops.filter((l) => l.v.id === n.v?.id));
    if (n?.kind !== "store") return "";
    const { buffer } = n;
    return join(blocks.flatMap((b) => (buffer && b.writes.has(buffer.id) ? [b.block] : [])));
  };
}
