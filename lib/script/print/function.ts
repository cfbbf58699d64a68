/** Functions and modules as lines. */
import { type Expr, type IRModule, type Param, type PrimFunc, type Var, varsOf } from "../../ir/index.ts";
import { printDeclarations } from "./block.ts";
import { constantNames } from "./constants.ts";
import { attrsText, keyText } from "./data.ts";
import { dimText } from "./dim.ts";
import { printGraphFunc } from "./graph.ts";
import { type Lines, WIDTH } from "./lines.ts";
import { Names } from "./names.ts";
import { printStmt } from "./statement.ts";

/** `T.module({ … });` */
export function printModule(mod: IRModule, lines: Lines): void {
  const constants = constantNames(mod);
  const options = [
    ...(Object.keys(mod.attrs).length > 0 ? [`attrs: ${attrsText(mod.attrs)}`] : []),
    ...(constants.size > 0 ? ["constants"] : []),
  ];
  const end = options.length > 0 ? `}, { ${options.join(", ")} });` : "});";
  lines.around("T.module({", end, [], () => {
    for (const [name, f] of Object.entries(mod.funcs)) {
      const before = `${keyText(name)}: `;
      if (f.kind === "primFunc") printPrimFunc(f, lines, before, ",");
      else printGraphFunc(f, lines, { before, after: ",", constants });
    }
  });
}

/** `T.primFunc(…)` between `before` and `after`. */
export function printPrimFunc(f: PrimFunc, lines: Lines, before = "", after = ";"): void {
  const names = new Names();
  const sizes = sizesOf(f.params);
  const params = f.params.map((p) => names.declare(p));
  const all = [...params, ...sizes.map((v) => names.declare(v))];
  const specs = f.params.map((p, k) => `${params[k]}: ${specText(p, names)}`);
  const callback = all.length > 0 ? `({ ${all.join(", ")} }) => {` : "() => {";
  const record = specs.length > 0 ? `{ ${specs.join(", ")} }` : "{}";
  const nodes = [f, f.body];
  const body = () => names.within(() => printBody(f, lines, names));

  const short = `${before}T.primFunc(${record}, ${callback}`;
  if (lines.fits(short)) return lines.around(short, `})${after}`, nodes, body);
  lines.around(`${before}T.primFunc(`, `)${after}`, nodes, () => {
    if (record.length <= WIDTH - 8) lines.line(`${record},`);
    else {
      lines.around("{", "},", [], () => {
        for (const s of specs) lines.line(`${s},`);
      });
    }
    lines.around(callback, "},", [], body);
  });
}

function printBody(f: PrimFunc, lines: Lines, names: Names): void {
  const out = { lines, names, loops: new Map(), stmt: printStmt };
  if (Object.keys(f.attrs).length > 0) lines.line(`T.attrs(${attrsText(f.attrs)});`);
  printDeclarations(f.body, out);
  printStmt(f.body.body, out);
}

/** Symbolic sizes of the parameters, in the order of their first appearance. */
function sizesOf(params: readonly Param[]): Var[] {
  const scalars = new Set(params.filter((p) => p.kind === "var").map((p) => p.id));
  const found = new Map<number, Var>();
  for (const p of params) {
    if (p.kind === "buffer") for (const s of [...p.shape, ...(p.strides ?? [])]) varsOf(s, found);
  }
  return [...found.values()].filter((v) => !scalars.has(v.id));
}

function specText(p: Param, names: Names): string {
  if (p.kind === "var") return `T.scalar("${p.dtype}")`;
  const sizes = (es: readonly Expr[]) => `[${es.map((e) => dimText(e, names)).join(", ")}]`;
  const options = [
    ...(p.scope === "global" ? [] : [`scope: ${JSON.stringify(p.scope)}`]),
    ...(p.strides ? [`strides: ${sizes(p.strides)}`] : []),
    ...(p.offsetFactor === undefined ? [] : [`offsetFactor: ${p.offsetFactor}`]),
  ];
  const args = [sizes(p.shape)];
  if (p.dtype !== "f32" || options.length > 0) args.push(JSON.stringify(p.dtype));
  if (options.length > 0) args.push(`{ ${options.join(", ")} }`);
  return `T.buffer(${args.join(", ")})`;
}
