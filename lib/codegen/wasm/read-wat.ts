/**
 * Kernels written in the text format: functions over the memory of the program that calls them. Read are functions with
 * parameters, locals and at most one result, the instructions of the table (`opcodes.ts`) and those of control, the
 * memory and host functions of `env` as imports, and globals that hold vector literals, as we print them. Whatever else a module may have is refused: it can be given as bytes.
 */
import type { FunctionCode, LocalDecl } from "./emit.ts";
import type { ImportedFunction, ModuleParts } from "./encode.ts";
import type { ValType } from "./opcodes.ts";
import { headOf, type Names, readBody, valType } from "./read-body.ts";
import { type Item, isList, type List, readLists, type Word, wrong } from "./read-tokens.ts";

/** The module a text says. Throws with the line of what is not understood. */
export function readWat(text: string): ModuleParts {
  const lists = readLists(text);
  const [module] = lists;
  if (lists.length !== 1 || headOf(module) !== "module") {
    wrong(lists[1]?.line ?? 1, "the text is one (module …)");
  }
  const [, name] = module.items;
  const fields = module.items.slice(isWord(name) && name.word.startsWith("$") ? 2 : 1).map(fieldOf);
  const imports: ImportedFunction[] = [];
  /** Functions by name and by number; a function of the module is called by a name no import has. */
  const functions = new Map<string, string>();
  const own: List[] = [];
  const exported = new Map<string, string[]>();
  /** Vectors that globals hold, by name and by number. */
  const globals = new Map<string, Uint8Array>();
  let memories = 0;
  for (const f of fields) {
    if (f.head === "import") memories += importOf(f.list, imports, functions);
    else if (f.head === "memory") memories += memoryOf(f.list);
    else if (f.head === "func") own.push(f.list);
    else if (f.head === "global") globalOf(f.list, globals);
    else if (f.head !== "export")
      wrong(f.list.line, `(${f.head} …) is not read here; give the kernel as bytes`);
  }
  if (memories > 1) wrong(module.line, "the memory is imported once");
  own.forEach((list, i) => {
    const name = `func ${i}`;
    functions.set(String(imports.length + i), name);
    const id = list.items[1];
    if (isWord(id) && id.word.startsWith("$")) functions.set(id.word, name);
  });
  for (const f of fields) if (f.head === "export") exportOf(f.list, functions, exported);
  const codes = own.map((list, i) => functionOf(list, `func ${i}`, { functions, globals }, exported));
  return { imports, functions: codes, sharedMemory: false };
}

const isWord = (x: Item | undefined): x is Word => x !== undefined && !isList(x);

function fieldOf(x: Item): { head: string; list: List } {
  if (!isList(x)) return wrong(x.line, `${x.word} is no part of a module`);
  return { head: headOf(x) ?? wrong(x.line, "a part of a module begins with what it is: (func …)"), list: x };
}

const textOf = (x: Item | undefined, line: number): string =>
  isWord(x) && x.quoted ? x.word : wrong(line, "a name in quotes is needed");

function memoryOf(list: List): number {
  const from = list.items.find((x): x is List => isList(x) && headOf(x) === "import");
  if (!from || textOf(from.items[1], list.line) !== "env" || textOf(from.items[2], list.line) !== "memory") {
    wrong(list.line, 'a kernel works on the memory of the program: (import "env" "memory" (memory 0))');
  }
  return 1;
}

/** 1 for the memory. */
function importOf(list: List, imports: ImportedFunction[], functions: Map<string, string>): number {
  const [, module, field, what] = list.items;
  const name = textOf(field, list.line);
  if (textOf(module, list.line) !== "env") wrong(list.line, "a kernel can import from env only");
  if (isList(what) && headOf(what) === "memory") {
    if (name !== "memory") wrong(list.line, 'the memory is imported as "env" "memory"');
    return 1;
  }
  if (!isList(what) || headOf(what) !== "func")
    return wrong(list.line, "a kernel imports a memory and functions");
  const { params, results, id } = signature(what);
  functions.set(String(imports.length), name);
  if (id) functions.set(id, name);
  imports.push({ name, params: params.map((p) => p.type), ...results });
  return 0;
}

/** `(global $k (mut v128) (v128.const i32x4 1 2 3 4))`: nothing sets it. */
function globalOf(list: List, globals: Map<string, Uint8Array>): void {
  const [, first] = list.items;
  const named = isWord(first) && first.word.startsWith("$");
  const [type, ...init] = list.items.slice(named ? 2 : 1);
  const vector = isList(type) ? headOf(type) === "mut" && type.items[1] : type;
  const none = { locals: new Map(), localCount: 0, functions: new Map(), globals: new Map() };
  const code = readBody(init, list.line, none);
  if (
    !vector ||
    !isWord(vector) ||
    vector.word !== "v128" ||
    code.length !== 1 ||
    code[0].op !== "v128.const"
  )
    return wrong(
      list.line,
      "a global that is read here holds a vector: (global $k (mut v128) (v128.const …))",
    );
  // A number and a name are two keys of one global.
  globals.set(
    String([...globals.keys()].filter((k) => !k.startsWith("$")).length),
    code[0].imm as Uint8Array,
  );
  if (named) globals.set(first.word, code[0].imm as Uint8Array);
}

function exportOf(list: List, functions: ReadonlyMap<string, string>, into: Map<string, string[]>): void {
  const [, name, what] = list.items;
  const target = isList(what) && headOf(what) === "func" ? what.items[1] : undefined;
  const f = isWord(target) ? functions.get(target.word) : undefined;
  if (!f) return wrong(list.line, 'a function of the module is exported: (export "name" (func $f))');
  into.set(f, [...(into.get(f) ?? []), textOf(name, list.line)]);
}

interface Signature {
  readonly id?: string;
  readonly params: readonly LocalDecl[];
  readonly results: { readonly result?: ValType };
  readonly exports: readonly string[];
  readonly locals: readonly LocalDecl[];
  /** What follows. */
  readonly rest: readonly Item[];
}

/** The beginning of a function: `$f (export "f") (param $a i32) (result f32) (local $x v128)`. */
function signature(list: List): Signature {
  const [, first] = list.items;
  const id = isWord(first) && first.word.startsWith("$") ? first.word : undefined;
  const params: LocalDecl[] = [];
  const locals: LocalDecl[] = [];
  const exports: string[] = [];
  let result: ValType | undefined;
  let at = id ? 2 : 1;
  for (; at < list.items.length; at++) {
    const x = list.items[at];
    const head = isList(x) ? headOf(x) : undefined;
    if (!isList(x) || !["export", "param", "result", "local", "type", "import"].includes(head ?? "")) break;
    if (head === "export") exports.push(textOf(x.items[1], x.line));
    else if (head === "param") params.push(...declared(x));
    else if (head === "local") locals.push(...declared(x));
    else if (head === "result") {
      if (result || x.items.length > 2) wrong(x.line, "a function gives one result at most");
      result = valType(x.items[1], x.line);
    } else wrong(x.line, `(${head} …) is not read here: parameters and results are written out`);
  }
  const results = result ? { result } : {};
  return { ...(id ? { id } : {}), params, results, exports, locals, rest: list.items.slice(at) };
}

/** `(param $a i32)`, or several without names: `(param i32 i32)`. */
function declared(x: List): LocalDecl[] {
  const [, first] = x.items;
  if (isWord(first) && first.word.startsWith("$")) {
    if (x.items.length !== 3) wrong(x.line, "a name is followed by one type");
    return [{ name: first.word, type: valType(x.items[2], x.line) }];
  }
  return x.items.slice(1).map((t) => ({ name: "", type: valType(t, x.line) }));
}

function functionOf(
  list: List,
  name: string,
  module: Pick<Names, "functions" | "globals">,
  exported: ReadonlyMap<string, readonly string[]>,
): FunctionCode {
  const { params, results, exports, locals, rest } = signature(list);
  const all = [...params, ...locals];
  const byName = new Map<string, number>();
  all.forEach((l, i) => {
    if (l.name === "") return;
    if (byName.has(l.name)) wrong(list.line, `two locals are called ${l.name}`);
    byName.set(l.name, i);
  });
  const body = readBody(rest, list.line, { locals: byName, localCount: all.length, ...module });
  return { name, params, locals, body, ...results, exports: [...exports, ...(exported.get(name) ?? [])] };
}
