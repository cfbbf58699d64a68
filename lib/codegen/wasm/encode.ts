/** The binary format (WebAssembly core specification, "Binary Format"): LEB128, sections, function bodies. */
import type { FunctionCode, Instr, LocalDecl } from "./emit.ts";
import type { Imm, LaneArg, MemArg } from "./graph.ts";
import { instruction, type ValType } from "./opcodes.ts";

export interface ImportedFunction {
  /** By which calls name it. */
  readonly name: string;
  readonly params: readonly ValType[];
  readonly result?: ValType;
  /** Where it comes from: module and field; `env` and its name where nothing is said. */
  readonly from?: readonly [string, string];
}

export interface ModuleParts {
  /** Besides the memory of `env`. */
  readonly imports: readonly ImportedFunction[];
  readonly functions: readonly FunctionCode[];
  readonly sharedMemory: boolean;
}

const TYPE: Record<ValType, number> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b };
/** Pages of 64 KiB; the whole of a 32-bit memory. An imported memory may be declared smaller, never larger. */
const MAX_PAGES = 65536;

/** The bytes of a module that imports `env.memory` and exports its functions by name. */
export function encodeModule(m: ModuleParts): Uint8Array<ArrayBuffer> {
  const types = new Map<string, { index: number; bytes: number[] }>();
  const typeOf = (params: readonly ValType[], result?: ValType): number => {
    const key = `${params.join()}>${result ?? ""}`;
    let t = types.get(key);
    if (!t) {
      const bytes = [0x60, ...vec(params.map((p) => [TYPE[p]])), ...vec(result ? [[TYPE[result]]] : [])];
      t = { index: types.size, bytes };
      types.set(key, t);
    }
    return t.index;
  };
  const memory = m.sharedMemory ? [0x02, 0x03, 0, ...u32(MAX_PAGES)] : [0x02, 0x00, 0];
  const imports = [
    [...text("env"), ...text("memory"), ...memory],
    ...m.imports.map((f) => {
      const [module, field] = f.from ?? ["env", f.name];
      return [...text(module), ...text(field), 0x00, ...u32(typeOf(f.params, f.result))];
    }),
  ];
  const callees = new Map([
    ...m.functions.map((f, i) => [f.name, m.imports.length + i] as const),
    // Code calls imports by name; a function of the program may have the name of one.
    ...m.imports.map((f, i) => [f.name, i] as const),
  ]);
  const declared = m.functions.map((f) =>
    u32(
      typeOf(
        f.params.map((p) => p.type),
        f.result,
      ),
    ),
  );
  const exports = m.functions.flatMap((f, i) =>
    (f.exports ?? [f.name]).map((name) => [...text(name), 0x00, ...u32(m.imports.length + i)]),
  );
  const globals = globalsOf(m.functions);
  const numbers = new Map([...globals.keys()].map((key, i) => [key, i]));
  const bodies = m.functions.map((f) => encodeBody(f, callees, numbers));

  const out = new Bytes();
  out.push(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);
  section(out, 1, vec([...types.values()].map((t) => t.bytes)));
  section(out, 2, vec(imports));
  section(out, 3, vec(declared));
  if (globals.size > 0) {
    const init = [...globals.values()].map((bytes) => [TYPE.v128, MUTABLE, 0xfd, ...u32(12), ...bytes, 0x0b]);
    section(out, 6, vec(init));
  }
  section(out, 7, vec(exports));
  const code = new Bytes();
  code.push(...u32(bodies.length));
  for (const b of bodies) {
    code.push(...u32(b.length));
    code.append(b);
  }
  out.push(10, ...u32(code.length));
  out.append(code.bytes());
  return out.bytes();
}

/** A global that is declared as one that changes is nothing that an engine may put in as a literal. */
const MUTABLE = 0x01;

/** What the globals of a module hold, each once: the vectors that `global.get` asks for. */
export function globalsOf(functions: readonly FunctionCode[]): Map<string, Uint8Array> {
  const out = new Map<string, Uint8Array>();
  for (const f of functions) {
    for (const i of f.body) if (i.op === "global.get") out.set(String(i.imm), i.imm as Uint8Array);
  }
  return out;
}

/** A growing byte array (spreading megabytes of instructions into `push` would overflow the stack). */
class Bytes {
  private data = new Uint8Array(256);
  length = 0;

  push(...xs: readonly number[]): void {
    this.reserve(xs.length);
    for (const x of xs) this.data[this.length++] = x;
  }
  append(xs: Uint8Array): void {
    this.reserve(xs.length);
    this.data.set(xs, this.length);
    this.length += xs.length;
  }
  bytes(): Uint8Array<ArrayBuffer> {
    return this.data.slice(0, this.length);
  }
  private reserve(n: number): void {
    if (this.length + n <= this.data.length) return;
    const more = new Uint8Array(Math.max(this.data.length * 2, this.length + n));
    more.set(this.data.subarray(0, this.length));
    this.data = more;
  }
}

function section(out: Bytes, id: number, content: readonly number[]): void {
  out.push(id, ...u32(content.length), ...content);
}

type Numbers = ReadonlyMap<string, number>;

function encodeBody(f: FunctionCode, callees: Numbers, globals: Numbers): Uint8Array {
  const out = new Bytes();
  out.push(...vec(runs(f.locals).map(([n, t]) => [...u32(n), TYPE[t]])));
  for (const i of f.body) encodeInstr(out, i, callees, globals);
  out.push(0x0b);
  return out.bytes();
}

/** Locals are declared as runs of one type. */
function runs(locals: readonly LocalDecl[]): [number, ValType][] {
  const out: [number, ValType][] = [];
  for (const l of locals) {
    const last = out[out.length - 1];
    if (last && last[1] === l.type) last[0]++;
    else out.push([1, l.type]);
  }
  return out;
}

/** Begin a block of instructions; its type follows. */
const OPENING: Record<string, number> = { block: 0x02, loop: 0x03, if: 0x04 };
const NO_RESULT = 0x40;
/** Without immediates, and of operands that no table can tell. */
const PLAIN: Record<string, number> = {
  else: 0x05,
  end: 0x0b,
  unreachable: 0x00,
  nop: 0x01,
  return: 0x0f,
  drop: 0x1a,
};
const INDEXED: Record<string, number> = {
  br: 0x0c,
  "local.get": 0x20,
  "local.set": 0x21,
  "local.tee": 0x22,
  br_if: 0x0d,
};

function encodeInstr(out: Bytes, i: Instr, callees: Numbers, globals: Numbers): void {
  const opening = OPENING[i.op];
  if (opening !== undefined) return out.push(opening, i.type ? TYPE[i.type] : NO_RESULT);
  const plain = PLAIN[i.op];
  if (plain !== undefined) return out.push(plain);
  const indexed = INDEXED[i.op];
  if (indexed !== undefined) return out.push(indexed, ...u32(i.index ?? 0));
  if (i.op === "call") {
    const index = callees.get(i.name ?? "");
    if (index === undefined) throw new Error(`call of ${i.name}, which the module does not have`);
    return out.push(0x10, ...u32(index));
  }
  if (i.op === "global.get") return out.push(0x23, ...u32(globals.get(String(i.imm)) ?? 0));
  const info = instruction(i.op);
  if (info.prefix === 0) out.push(info.code);
  else out.push(info.prefix, ...u32(info.code));
  switch (info.imm) {
    case "mem":
      return out.push(...u32(info.align), ...u32((i.imm as MemArg | undefined)?.offset ?? 0));
    case "lane":
      return out.push((i.imm as LaneArg).lane);
    case "memlane": {
      const { lane, offset } = i.imm as LaneArg;
      return out.push(...u32(info.align), ...u32(offset ?? 0), lane);
    }
    case "shuffle":
      return out.push(...(i.imm as Uint8Array));
    case "const":
      return out.push(...literal(info.result ?? "i32", i.imm));
    default:
      return;
  }
}

function literal(type: ValType, imm: Imm): number[] {
  const buf = new DataView(new ArrayBuffer(8));
  switch (type) {
    case "i32":
      return signed(BigInt(imm as number));
    case "i64":
      return signed(BigInt(imm as bigint));
    case "f32":
      buf.setFloat32(0, imm as number, true);
      return [...new Uint8Array(buf.buffer, 0, 4)];
    case "f64":
      buf.setFloat64(0, imm as number, true);
      return [...new Uint8Array(buf.buffer)];
    case "v128":
      return [...(imm as Uint8Array)];
  }
}

/** Unsigned LEB128. */
export function u32(n: number): number[] {
  const out: number[] = [];
  let x = n >>> 0;
  do {
    out.push(x < 0x80 ? x : (x & 0x7f) | 0x80);
    x >>>= 7;
  } while (x !== 0);
  return out;
}

/** Signed LEB128. */
export function signed(n: bigint): number[] {
  const out: number[] = [];
  let x = n;
  for (;;) {
    const byte = Number(x & 0x7fn);
    x >>= 7n;
    const done = (x === 0n && (byte & 0x40) === 0) || (x === -1n && (byte & 0x40) !== 0);
    out.push(done ? byte : byte | 0x80);
    if (done) return out;
  }
}

const vec = (items: readonly (readonly number[])[]): number[] => [...u32(items.length), ...items.flat()];
const text = (s: string): number[] => {
  const bytes = new TextEncoder().encode(s);
  return [...u32(bytes.length), ...bytes];
};
