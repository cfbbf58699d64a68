/** The instructions of one function: in a row, or folded with their operands inside. */
import type { Instr } from "./emit.ts";
import type { Imm } from "./graph.ts";
import { type Immediate, OPS, type ValType } from "./opcodes.ts";
import { integer, lanesOf, literal, vector } from "./read-literals.ts";
import { type Item, isList, type List, type Word, wrong } from "./read-tokens.ts";

const TYPES: readonly string[] = ["i32", "i64", "f32", "f64", "v128"] satisfies ValType[];

export function valType(x: Item | undefined, line: number): ValType {
  if (x && !isList(x) && TYPES.includes(x.word)) return x.word as ValType;
  return wrong(x?.line ?? line, `a type is needed: ${TYPES.join(", ")}`);
}

/** The head of a list: `param` of `(param $a i32)`. */
export const headOf = (x: List): string | undefined => {
  const [first] = x.items;
  return first && !isList(first) && !first.quoted ? first.word : undefined;
};

const isName = (x: Item | undefined): x is Word => !!x && !isList(x) && !x.quoted && x.word.startsWith("$");

/** What a body may name: locals by name, functions and globals by name or number. */
export interface Names {
  readonly locals: ReadonlyMap<string, number>;
  readonly localCount: number;
  readonly functions: ReadonlyMap<string, string>;
  /** The vectors that they hold. */
  readonly globals: ReadonlyMap<string, Uint8Array>;
}

/** Takes items one after another. */
class Items {
  private at = 0;
  readonly items: readonly Item[];
  readonly line: number;

  constructor(items: readonly Item[], line: number) {
    this.items = items;
    this.line = line;
  }
  peek(): Item | undefined {
    return this.items[this.at];
  }
  next(): Item | undefined {
    return this.items[this.at++];
  }
  word(what: string): Word {
    const x = this.next();
    return x && !isList(x) && !x.quoted ? x : wrong(x?.line ?? this.line, `${what} is needed`);
  }
  words(n: number, what: string): Word[] {
    return Array.from({ length: n }, () => this.word(what));
  }
}

/** The body as a flat list of instructions. Throws with the line of what is not understood. */
export function readBody(items: readonly Item[], line: number, names: Names): Instr[] {
  const reader = new BodyReader(names);
  reader.sequence(new Items(items, line));
  return reader.out;
}

class BodyReader {
  readonly out: Instr[] = [];
  /** Names of the blocks around, innermost last. */
  private readonly labels: (string | undefined)[] = [];
  private readonly names: Names;

  constructor(names: Names) {
    this.names = names;
  }

  sequence(xs: Items): void {
    const depth = this.labels.length;
    for (let x = xs.next(); x; x = xs.next()) {
      if (isList(x)) this.folded(x);
      else if (x.word === "end" || x.word === "else") {
        if (this.labels.length === depth) wrong(x.line, `${x.word} without a block`);
        if (isName(xs.peek())) xs.next();
        this.out.push({ op: x.word });
        if (x.word === "end") this.labels.pop();
      } else if (isOpening(x.word)) this.open(x.word, xs);
      else this.out.push(this.plain(x, xs));
    }
    if (this.labels.length !== depth) wrong(xs.line, "a block without end");
  }

  private open(op: string, xs: Items): void {
    const label = xs.peek();
    if (isName(label)) xs.next();
    const typed = xs.peek();
    let type: ValType | undefined;
    if (isList(typed) && headOf(typed) === "result") {
      xs.next();
      type = valType(typed.items[1], typed.line);
    }
    this.labels.push(isName(label) ? label.word : undefined);
    this.out.push(type ? { op, type } : { op });
  }

  private folded(x: List): void {
    const xs = new Items(x.items, x.line);
    const head = xs.word("an instruction");
    if (head.word === "if") return this.foldedIf(x, xs);
    if (isOpening(head.word)) {
      this.open(head.word, xs);
      this.sequence(xs);
      return this.close();
    }
    const instr = this.plain(head, xs);
    for (let y = xs.next(); y; y = xs.next()) {
      if (!isList(y)) return wrong(y.line, `${y.word} is no operand of ${head.word}`);
      this.folded(y);
    }
    this.out.push(instr);
  }

  private foldedIf(x: List, xs: Items): void {
    const start = this.out.length;
    this.open("if", xs);
    const [opening] = this.out.splice(start, 1);
    const label = this.labels.pop();
    let arms = 0;
    for (let y = xs.next(); y; y = xs.next()) {
      if (!isList(y)) return wrong(y.line, `${y.word} is no part of an if`);
      const head = headOf(y);
      if (head !== "then" && head !== "else") {
        this.folded(y);
        continue;
      }
      if (head === "then") {
        this.out.push(opening);
        this.labels.push(label);
      } else this.out.push({ op: "else" });
      if (++arms !== (head === "then" ? 1 : 2))
        return wrong(y.line, "an if has one then, and one else after it");
      this.sequence(new Items(y.items.slice(1), y.line));
    }
    if (arms === 0) return wrong(x.line, "an if has a then");
    this.close();
  }

  private close(): void {
    this.labels.pop();
    this.out.push({ op: "end" });
  }

  private plain({ word: op, line }: Word, xs: Items): Instr {
    switch (op) {
      case "local.get":
      case "local.set":
      case "local.tee":
        return { op, index: this.local(xs.word("a local")) };
      case "br":
      case "br_if": {
        const to = xs.word("a label");
        return { op, index: this.label(to) };
      }
      case "global.get": {
        const w = xs.word("a global");
        const imm = this.names.globals.get(w.word);
        return imm ? { op, imm } : wrong(w.line, `there is no global ${w.word}`);
      }
      case "call": {
        const f = xs.word("a function");
        const name = this.names.functions.get(f.word);
        return name === undefined ? wrong(f.line, `there is no function ${f.word}`) : { op, name };
      }
      case "return":
      case "drop":
      case "nop":
      case "unreachable":
        return { op };
      case "select":
        return { op: "select.i32" };
    }
    const info = OPS.get(op);
    if (!info) {
      return wrong(line, `${op} is no instruction that is read here; a kernel may be given as bytes instead`);
    }
    const imm = immediate(op, info.imm, xs);
    return imm === undefined ? { op } : { op, imm };
  }

  private local(w: Word): number {
    const index = isName(w) ? this.names.locals.get(w.word) : Number(integer(w, 32));
    if (index === undefined || index < 0 || index >= this.names.localCount) {
      return wrong(w.line, `there is no local ${w.word}`);
    }
    return index;
  }

  private label(w: Word): number {
    const at = isName(w) ? this.labels.lastIndexOf(w.word) : this.labels.length - 1 - Number(integer(w, 32));
    // One more than there are blocks is the function itself.
    if ((isName(w) && at < 0) || at < -1 || at >= this.labels.length) {
      return wrong(w.line, `there is no label ${w.word}`);
    }
    return this.labels.length - 1 - at;
  }
}

const isOpening = (op: string): boolean => op === "block" || op === "loop" || op === "if";

function immediate(op: string, kind: Immediate, xs: Items): Imm {
  switch (kind) {
    case "const":
      if (op === "v128.const") {
        const shape = xs.word("a shape, such as i32x4,");
        return vector(shape, xs.words(lanesOf(shape), "a number"));
      }
      return literal(xs.word("a number"), op.slice(0, 3) as "i32" | "i64" | "f32" | "f64");
    case "mem":
      return { offset: offset(xs) };
    case "lane":
      return { lane: lane(xs.word("a lane"), 16) };
    case "memlane": {
      const from = offset(xs);
      return { lane: lane(xs.word("a lane"), 16), offset: from };
    }
    case "shuffle":
      return Uint8Array.from(xs.words(16, "a lane"), (w) => lane(w, 32));
    default:
      return undefined;
  }
}

function lane(w: Word, below: number): number {
  const n = Number(integer(w, 32));
  return n >= 0 && n < below ? n : wrong(w.line, `${w.word} is no lane`);
}

/** `offset=16 align=4`; of the alignment, which is a hint, the natural one is taken. */
function offset(xs: Items): number {
  let out = 0;
  for (let x = xs.peek(); x && !isList(x); x = xs.peek()) {
    const m = /^(offset|align)=(.*)$/.exec(x.word);
    if (!m) break;
    xs.next();
    const n = Number(BigInt.asUintN(32, integer({ word: m[2], line: x.line }, 32)));
    if (m[1] === "offset") out = n;
  }
  return out;
}
