/** Graph-level functions as lines. */
import {
  type Expr,
  type GraphBinding,
  type GraphBody,
  type GraphExpr,
  type GraphFunc,
  type GraphType,
  graphOperands,
  type NDArray,
  type Var,
  varsOf,
} from "../../ir/index.ts";
import { constantNames } from "./constants.ts";
import { attrsText } from "./data.ts";
import { GraphTexts } from "./graph-values.ts";
import { flat, listDoc, printDoc, recordDoc } from "./layout.ts";
import { INDENT, type Lines, WIDTH } from "./lines.ts";
import { Names } from "./names.ts";

export interface GraphPrintOptions {
  readonly before?: string;
  readonly after?: string;
  /** The names of constants that are not written out: those of the module. */
  readonly constants?: ReadonlyMap<NDArray, string>;
}

/** `R.func(…)` between `before` and `after`. */
export function printGraphFunc(f: GraphFunc, lines: Lines, o: GraphPrintOptions = {}): void {
  const { before = "", after = ";" } = o;
  const constants = o.constants ?? constantNames(f);
  const names = new Names(["R"]);
  const texts = new GraphTexts(names, constants);
  const sizes = sizesOf(f.params.map((p) => p.type));
  const params = f.params.map((p) => names.declare(p));
  const all = [...params, ...[...sizes.values()].map((v) => names.declare(v))];
  const record = recordDoc(f.params.map((p, k) => [params[k], texts.type(p.type, "declared")]));
  const callback = all.length > 0 ? `({ ${all.join(", ")} }) => {` : "() => {";
  const options = [
    ...(Object.keys(f.attrs).length > 0 ? [`attrs: ${attrsText(f.attrs)}`] : []),
    ...(constants.size > 0 && !o.constants ? ["constants"] : []),
  ];
  const printer = new BodyPrinter(lines, names, texts, new Set(sizes.keys()), sizeMentions(f.body));
  const body = () => printer.body(f.body);

  const short = `${before}R.func(${flat(record)}, ${callback}`;
  const end = options.length > 0 ? `}, { ${options.join(", ")} })${after}` : `})${after}`;
  if (lines.fits(short)) return lines.around(short, end, [f], () => names.within(body));
  lines.around(`${before}R.func(`, `)${after}`, [f], () => {
    printDoc(lines, "", record, ",");
    if (lines.fits(callback)) lines.around(callback, "},", [], () => names.within(body));
    else {
      lines.around("({", "}) => {", [], () => {
        for (const text of wrapped(all, WIDTH / 2)) lines.line(`${text},`);
      });
      lines.continued("},", () => names.within(body));
    }
    if (options.length > 0) lines.line(`{ ${options.join(", ")} },`);
  });
}

/** Names in groups of about so many characters. */
function wrapped(names: readonly string[], width: number): string[] {
  const out: string[] = [];
  for (const n of names) {
    const last = out.at(-1);
    if (last !== undefined && last.length + n.length + INDENT.length <= width)
      out[out.length - 1] = `${last}, ${n}`;
    else out.push(n);
  }
  return out;
}

class BodyPrinter {
  private readonly lines: Lines;
  private readonly names: Names;
  private readonly texts: GraphTexts;
  /** Ids of the sizes that are declared. */
  private readonly sizes: Set<number>;
  /** How often each size is mentioned in the function. */
  private readonly mentions: ReadonlyMap<number, number>;

  constructor(
    lines: Lines,
    names: Names,
    texts: GraphTexts,
    sizes: Set<number>,
    mentions: ReadonlyMap<number, number>,
  ) {
    this.mentions = mentions;
    this.lines = lines;
    this.names = names;
    this.texts = texts;
    this.sizes = sizes;
  }

  body(b: GraphBody): void {
    for (const block of b.blocks) {
      if (!block.dataflow) {
        for (const x of block.bindings) this.binding(x, (v) => this.names.declare(v));
        continue;
      }
      this.dataflow(block.bindings, block.outputs);
    }
    const { result } = b;
    const doc =
      result.kind === "tupleExpr" ? listDoc(this.texts.all(result.fields)) : this.texts.value(result);
    printDoc(this.lines, "return ", doc, ";");
  }

  /** Outputs have the same name inside and outside. */
  private dataflow(bindings: readonly GraphBinding[], outputs: readonly number[]): void {
    this.declareLeaving(bindings);
    const bound = new Map(bindings.flatMap((b) => (b.kind === "tensorToShape" ? [] : [[b.v.id, b.v]])));
    const vars = outputs.flatMap((id) => bound.get(id) ?? []);
    const given = vars.map((v) => this.names.declare(v));
    const declare = given.length === 0 ? "" : given.length === 1 ? `const ${given[0]} = ` : undefined;
    // A list of names that is too long for one line stands on its own.
    const head = declare ?? `const [${given.join(", ")}] = `;
    const long = declare === undefined && !this.lines.fits(`${head}R.dataflow(() => {`);
    const inside = () =>
      this.names.within(() => {
        const out = new Set(outputs);
        for (const b of bindings) {
          this.binding(b, (v) => (out.has(v.id) ? this.names.again(v) : this.names.declare(v)));
        }
        printDoc(this.lines, "return ", { open: "R.output(", items: given, close: ")" }, ";");
      });
    if (!long) return this.lines.around(`${head}R.dataflow(() => {`, "});", [], inside);
    printDoc(this.lines, "const ", listDoc(given), " = R.dataflow(() => {");
    this.lines.continued("});", inside);
  }

  private binding(b: GraphBinding, declare: (v: { id: number; name: string }) => string): void {
    const { lines, texts } = this;
    if (b.kind === "tensorToShape") {
      const value = flat(texts.value(b.value));
      const declared = b.sizes.some((v) => this.sizes.has(v.id));
      if (declared) for (const v of b.sizes) this.declareSize(v);
      const sizes = b.sizes.map((v) => (declared ? this.names.of(v) : this.size(v)));
      if (declared) return lines.line(`R.tensorToShape(${value}, [${sizes.join(", ")}]);`, [b]);
      return lines.line(`const [${sizes.join(", ")}] = R.tensorToShape(${value});`, [b]);
    }
    if (b.kind === "matchCast") {
      for (const v of sizesOf([b.v.type]).values()) this.declareSize(v);
      const doc = { open: "R.matchCast(", items: [texts.value(b.value), texts.type(b.v.type)], close: ")" };
      return printDoc(lines, `const ${declare(b.v)} = `, doc, ";", [b]);
    }
    if (b.value.kind === "graphIf") return this.branches(b, declare);
    const value = texts.value(b.value);
    const doc = texts.sameTypes(b.v.type, b.value.type)
      ? value
      : { open: "R.withType(", items: [value, texts.type(b.v.type)], close: ")" };
    // The value is printed before the variable has its name: it cannot mention it.
    printDoc(lines, `const ${declare(b.v)} = `, doc, ";", [b]);
  }

  private branches(b: GraphBinding, declare: (v: { id: number; name: string }) => string): void {
    if (b.kind !== "bind" || b.value.kind !== "graphIf") return;
    const { cond, then, else: other } = b.value;
    const condition = flat(this.texts.value(cond));
    const open = `const ${declare(b.v)} = R.if(${condition}, () => {`;
    this.lines.around(open, "}, () => {", [b], () => this.names.within(() => this.body(then)));
    this.lines.continued("});", () => this.names.within(() => this.body(other)));
  }

  /** Sizes that a block binds and what follows mentions are declared before it. */
  private declareLeaving(bindings: readonly GraphBinding[]): void {
    const inside = countSizes(bindings);
    for (const b of bindings) {
      const bound =
        b.kind === "tensorToShape" ? b.sizes : b.kind === "matchCast" ? sizesOf([b.v.type]).values() : [];
      for (const v of bound) {
        if ((this.mentions.get(v.id) ?? 0) > (inside.get(v.id) ?? 0)) this.declareSize(v);
      }
    }
  }

  private declareSize(v: Var): void {
    if (this.sizes.has(v.id)) return;
    const type = v.dtype === "i32" ? "" : JSON.stringify(v.dtype);
    this.lines.line(`const ${this.size(v)} = R.size(${type});`);
  }

  private size(v: Var): string {
    this.sizes.add(v.id);
    return this.names.declare(v);
  }
}

type Counts = Map<number, number>;

/** How often sizes are mentioned in the text of a body, by id. */
const sizeMentions = (b: GraphBody, into: Counts = new Map()): Counts => {
  for (const block of b.blocks) countSizes(block.bindings, into);
  countIn(b.result, into);
  return into;
};

function countSizes(bindings: readonly GraphBinding[], into: Counts = new Map()): Counts {
  for (const b of bindings) {
    if (b.kind === "tensorToShape") for (const v of b.sizes) count(v.id, into);
    else countTypes([b.v.type], into);
    countIn(b.value, into);
  }
  return into;
}

function countIn(e: GraphExpr, into: Counts): void {
  if (e.kind === "shapeLiteral") countExprs(e.values, into);
  if (e.kind === "callTir") countExprs(e.tirVars, into);
  if (e.kind !== "graphVar" && e.kind !== "opCall") countTypes([e.type], into);
  for (const x of graphOperands(e)) countIn(x, into);
  if (e.kind === "graphIf") for (const b of [e.then, e.else]) sizeMentions(b, into);
}

const count = (id: number, into: Counts): unknown => into.set(id, (into.get(id) ?? 0) + 1);
const countTypes = (types: readonly GraphType[], into: Counts): void => {
  for (const id of sizesOf(types).keys()) count(id, into);
};
const countExprs = (es: readonly Expr[], into: Counts): void => {
  for (const e of es) for (const id of varsOf(e).keys()) count(id, into);
};

/** Symbolic sizes in types, in the order of their first appearance. */
function sizesOf(types: readonly GraphType[], found: Map<number, Var> = new Map()): Map<number, Var> {
  for (const t of types) {
    if (t.kind === "tensor") for (const s of t.shape) varsOf(s, found);
    if (t.kind === "tuple") sizesOf(t.fields, found);
  }
  return found;
}
