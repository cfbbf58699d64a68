/** What WebAssembly of a bundle imports, as text. */
import { PARALLEL } from "../../codegen/wasm/parallel.ts";

/** What generated code may import beside JavaScript's own `Math` functions; the same as lib/codegen/wasm/calls.ts. */
export const HOST_TEXT: Readonly<Record<string, string>> = {
  sigmoid: "(x) => 1 / (1 + Math.exp(-x))",
  pow: "(x, y) => x ** y",
  fmod: "(x, y) => x % y",
  erf: `(x) => {
  const a = Math.abs(x), c = 2 / Math.sqrt(Math.PI);
  if (!(a < 6)) return Number.isNaN(x) ? x : Math.sign(x);
  if (a < 2.5) {
    let term = a, sum = a;
    for (let n = 1; term > sum * 1e-17; n++) sum += term *= (2 * a * a) / (2 * n + 1);
    const y = c * Math.exp(-a * a) * sum;
    return x < 0 || Object.is(x, -0) ? -y : y;
  }
  let tail = a;
  for (let n = 60; n > 0; n--) tail = a + n / 2 / tail;
  return Math.sign(x) * (1 - (c / 2) * (Math.exp(-a * a) / tail));
}`,
};

/** A module that the kernels import: its file, and which of its functions under which name. */
export interface Linked {
  readonly file: string;
  readonly name: string;
  readonly export: string;
}

/** The host functions that compiled code imports. */
export const hostsOf = (code: Uint8Array<ArrayBuffer>): string[] =>
  WebAssembly.Module.imports(new WebAssembly.Module(code))
    .filter((x) => x.module === "env" && x.kind === "function")
    .map((x) => x.name);

/** The object of what generated code imports from `env`: names that are not functions of JavaScript's are variables. */
export function hostsText(hosts: readonly string[]): string {
  const imports = hosts.map((h) =>
    h === PARALLEL ? h : `${h}: ${Object.hasOwn(HOST_TEXT, h) ? HOST_TEXT[h] : `Math.${h}`}`,
  );
  return `{ memory${imports.map((h) => `, ${h}`).join("")} }`;
}

/** `env` and `k`, the kernels' functions, from `code` and what is linked with it (`linked0`, …). */
export function linkText(hosts: readonly string[], linked: readonly Linked[]): string {
  const kernel = linked.map(
    (l, i) =>
      `${JSON.stringify(l.name)}: (await WebAssembly.instantiate(linked${i}, { env })).instance.exports[${JSON.stringify(l.export)}]`,
  );
  return `const env = ${hostsText(hosts)};
const kernel = { ${kernel.join(", ")} };
const k = (await WebAssembly.instantiate(code, { env, kernel })).instance.exports;`;
}
