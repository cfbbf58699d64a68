/** The text format of generated code: one instruction a line, stack operands folded into readable expressions. */
import type { FunctionCode, Instr } from "./emit.ts";
import { globalsOf, type ImportedFunction, type ModuleParts } from "./encode.ts";
import type { LaneArg, MemArg } from "./graph.ts";
import { instruction } from "./opcodes.ts";

/** The module as WAT with folded expressions; it says the same as the bytes. */
export function printModule(m: ModuleParts): string {
  const lines = ["(module"];
  lines.push(`  (import "env" "memory" (memory 0${m.sharedMemory ? " 65536 shared" : ""}))`);
  for (const f of m.imports) {
    const params = f.params.length > 0 ? ` (param ${f.params.join(" ")})` : "";
    const result = f.result ? ` (result ${f.result})` : "";
    const [module, field] = f.from ?? ["env", f.name];
    lines.push(`  (import "${module}" "${field}" (func $${f.name}${params}${result}))`);
  }
  const callees = new Map(m.imports.map((f) => [f.name, f]));
  const globals = new Map<string, string>();
  for (const [key, bytes] of globalsOf(m.functions)) {
    const name = `$k${globals.size}`;
    globals.set(key, name);
    lines.push(`  (global ${name} (mut v128) (v128.const ${vectorLiteral(bytes)}))`);
  }
  for (const f of m.functions) lines.push(...printFunction(f, callees, globals));
  lines.push(")");
  return `${lines.join("\n")}\n`;
}

type Callees = ReadonlyMap<string, ImportedFunction>;
type Globals = ReadonlyMap<string, string>;

function printFunction(f: FunctionCode, callees: Callees, globals: Globals): string[] {
  const params = f.params.map((p) => ` (param $${p.name} ${p.type})`).join("");
  const lines = [`  (func $${f.name} (export "${f.name}")${params}`];
  for (let i = 0; i < f.locals.length; i += 6) {
    const part = f.locals.slice(i, i + 6);
    lines.push(`    ${part.map((l) => `(local $${l.name} ${l.type})`).join(" ")}`);
  }
  const names = [...f.params, ...f.locals].map((l) => `$${l.name}`);
  printBody(f.body, names, { callees, globals }, lines);
  lines.push("  )");
  return lines;
}

/** Longest line of folded operands. */
const WIDTH = 110;

function printBody(
  body: readonly Instr[],
  names: readonly string[],
  { callees, globals }: { readonly callees: Callees; readonly globals: Globals },
  lines: string[],
): void {
  let indent = "    ";
  const stack: string[] = [];
  const pop = (n: number): string[] => stack.splice(stack.length - n, n);
  const blocks: string[] = [];
  const open = (what: "loop" | "if" | "arm"): void => {
    blocks.push(what);
    indent += "  ";
  };
  const close = (): string | undefined => {
    indent = indent.slice(2);
    lines.push(`${indent})`);
    return blocks.pop();
  };
  /** A folded expression, broken over lines when it is long. */
  const fold = (head: string, operands: readonly string[]): string => {
    const flat = `(${[head, ...operands].join(" ")})`;
    if (flat.length + indent.length <= WIDTH && !flat.includes("\n")) return flat;
    const inner = operands.map((o) => `  ${o.replaceAll("\n", "\n  ")}`).join("\n");
    return `(${head}\n${inner})`;
  };
  const line = (s: string): void => {
    lines.push(indent + s.replaceAll("\n", `\n${indent}`));
  };
  for (const i of body) {
    switch (i.op) {
      case "local.get":
        stack.push(`(local.get ${names[i.index ?? 0]})`);
        break;
      case "global.get":
        stack.push(`(global.get ${globals.get(String(i.imm))})`);
        break;
      case "local.tee":
        stack.push(fold(`local.tee ${names[i.index ?? 0]}`, pop(1)));
        break;
      case "local.set":
        line(fold(`local.set ${names[i.index ?? 0]}`, pop(1)));
        break;
      case "loop":
        line(`(loop $${i.name}`);
        open("loop");
        break;
      case "br_if":
        line(fold(`br_if $${i.name}`, pop(1)));
        break;
      case "if":
        line(fold("if", pop(1)).slice(0, -1));
        open("if");
        line("(then");
        open("arm");
        break;
      case "else":
        close();
        line("(else");
        open("arm");
        break;
      case "end":
        if (close() === "arm") close();
        break;
      case "call": {
        const callee = callees.get(i.name ?? "");
        const call = fold(`call $${i.name}`, pop(callee?.params.length ?? 0));
        if (callee?.result) stack.push(call);
        else line(call);
        break;
      }
      default: {
        const info = instruction(i.op);
        const text = fold(`${i.op.replace(/^select\..*/, "select")}${immediate(i)}`, pop(info.params.length));
        if (info.result) stack.push(text);
        else line(text);
      }
    }
  }
}

function immediate(i: Instr): string {
  const info = instruction(i.op);
  switch (info.imm) {
    case "mem": {
      const offset = (i.imm as MemArg | undefined)?.offset ?? 0;
      return offset === 0 ? "" : ` offset=${offset}`;
    }
    case "lane":
      return ` ${(i.imm as LaneArg).lane}`;
    case "memlane": {
      const { lane, offset } = i.imm as LaneArg;
      return `${offset ? ` offset=${offset}` : ""} ${lane}`;
    }
    case "shuffle":
      return ` ${[...(i.imm as Uint8Array)].join(" ")}`;
    case "const":
      return ` ${literal(i)}`;
    default:
      return "";
  }
}

function literal(i: Instr): string {
  if (i.imm instanceof Uint8Array) return vectorLiteral(i.imm);
  const n = i.imm as number | bigint;
  if (typeof n === "number" && Number.isNaN(n)) return "nan";
  if (n === Number.POSITIVE_INFINITY) return "inf";
  if (n === Number.NEGATIVE_INFINITY) return "-inf";
  return Object.is(n, -0) ? "-0" : String(n);
}

function vectorLiteral(bytes: Uint8Array): string {
  const words = new DataView(bytes.buffer, bytes.byteOffset, 16);
  const hex = [0, 4, 8, 12].map((at) => `0x${words.getUint32(at, true).toString(16).padStart(8, "0")}`);
  return `i32x4 ${hex.join(" ")}`;
}
