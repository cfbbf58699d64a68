/**
 * The instructions the generator uses: opcode, operand and result types, immediates. Numbers are from the WebAssembly
 * core specification 3.0, "Binary Format: Instructions" (vector instructions have prefix 0xFD, saturating
 * truncations 0xFC). A test validates a module for each row.
 */
export type ValType = "i32" | "i64" | "f32" | "f64" | "v128";

/** Immediates: none, memory argument, lane index, both, sixteen shuffle lanes, a literal, a function or local index. */
export type Immediate = "" | "mem" | "lane" | "memlane" | "shuffle" | "const" | "index";

export interface Instruction {
  readonly code: number;
  /** 0 for one-byte opcodes. */
  readonly prefix: 0 | 0xfc | 0xfd;
  readonly params: readonly ValType[];
  readonly result?: ValType;
  readonly imm: Immediate;
  /** log2 of the natural alignment of a memory access, bytes. */
  readonly align: number;
  /** May trap, or reads memory: must not run where the program would not have run it. */
  readonly unsafe: boolean;
}

export const OPS = new Map<string, Instruction>();

/** The row of an instruction. Throws for a name that is not in the table. */
export function instruction(op: string): Instruction {
  const i = OPS.get(op);
  if (!i) throw new Error(`no instruction ${op}`);
  return i;
}

interface Extra {
  imm?: Immediate;
  align?: number;
  unsafe?: boolean;
}

function row(prefix: 0 | 0xfc | 0xfd, code: number, op: string, signature: string, x: Extra = {}): void {
  const [from, to] = signature.split(">");
  OPS.set(op, {
    code,
    prefix,
    params: from ? (from.split(" ") as ValType[]) : [],
    ...(to ? { result: to as ValType } : {}),
    imm: x.imm ?? "",
    align: x.align ?? 0,
    unsafe: x.unsafe ?? false,
  });
}

/** Consecutive opcodes of one signature; `-` skips a number. */
function rows(prefix: 0 | 0xfc | 0xfd, first: number, type: string, names: string, sig: string, x?: Extra) {
  names.split(" ").forEach((n, i) => {
    if (n !== "-") row(prefix, first + i, `${type}.${n}`, sig, x);
  });
}

const INT_COMPARE = "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u";
const FLOAT_COMPARE = "eq ne lt gt le ge";
rows(0, 0x45, "i32", "eqz", "i32>i32");
rows(0, 0x46, "i32", INT_COMPARE, "i32 i32>i32");
rows(0, 0x50, "i64", "eqz", "i64>i32");
rows(0, 0x51, "i64", INT_COMPARE, "i64 i64>i32");
rows(0, 0x5b, "f32", FLOAT_COMPARE, "f32 f32>i32");
rows(0, 0x61, "f64", FLOAT_COMPARE, "f64 f64>i32");
for (const [t, at] of [
  ["i32", 0x67],
  ["i64", 0x79],
] as const) {
  rows(0, at, t, "clz ctz popcnt", `${t}>${t}`);
  rows(0, at + 3, t, "add sub mul", `${t} ${t}>${t}`);
  rows(0, at + 6, t, "div_s div_u rem_s rem_u", `${t} ${t}>${t}`, { unsafe: true });
  rows(0, at + 10, t, "and or xor shl shr_s shr_u rotl rotr", `${t} ${t}>${t}`);
}
for (const [t, at] of [
  ["f32", 0x8b],
  ["f64", 0x99],
] as const) {
  rows(0, at, t, "abs neg ceil floor trunc nearest sqrt", `${t}>${t}`);
  rows(0, at + 7, t, "add sub mul div min max copysign", `${t} ${t}>${t}`);
}
row(0, 0xa7, "i32.wrap_i64", "i64>i32");
rows(0, 0xac, "i64", "extend_i32_s extend_i32_u", "i32>i64");
rows(0, 0xb2, "f32", "convert_i32_s convert_i32_u", "i32>f32");
rows(0, 0xb4, "f32", "convert_i64_s convert_i64_u", "i64>f32");
row(0, 0xb6, "f32.demote_f64", "f64>f32");
rows(0, 0xb7, "f64", "convert_i32_s convert_i32_u", "i32>f64");
rows(0, 0xb9, "f64", "convert_i64_s convert_i64_u", "i64>f64");
row(0, 0xbb, "f64.promote_f32", "f32>f64");
row(0, 0xbc, "i32.reinterpret_f32", "f32>i32");
row(0, 0xbd, "i64.reinterpret_f64", "f64>i64");
row(0, 0xbe, "f32.reinterpret_i32", "i32>f32");
row(0, 0xbf, "f64.reinterpret_i64", "i64>f64");
rows(0, 0xc0, "i32", "extend8_s extend16_s", "i32>i32");
rows(0, 0xc2, "i64", "extend8_s extend16_s extend32_s", "i64>i64");
rows(0xfc, 0, "i32", "trunc_sat_f32_s trunc_sat_f32_u", "f32>i32");
rows(0xfc, 2, "i32", "trunc_sat_f64_s trunc_sat_f64_u", "f64>i32");
rows(0xfc, 4, "i64", "trunc_sat_f32_s trunc_sat_f32_u", "f32>i64");
rows(0xfc, 6, "i64", "trunc_sat_f64_s trunc_sat_f64_u", "f64>i64");

const MEM: Extra = { imm: "mem", unsafe: true };
row(0, 0x28, "i32.load", "i32>i32", { ...MEM, align: 2 });
row(0, 0x29, "i64.load", "i32>i64", { ...MEM, align: 3 });
row(0, 0x2a, "f32.load", "i32>f32", { ...MEM, align: 2 });
row(0, 0x2b, "f64.load", "i32>f64", { ...MEM, align: 3 });
rows(0, 0x2c, "i32", "load8_s load8_u", "i32>i32", MEM);
rows(0, 0x2e, "i32", "load16_s load16_u", "i32>i32", { ...MEM, align: 1 });
row(0, 0x36, "i32.store", "i32 i32>", { ...MEM, align: 2 });
row(0, 0x37, "i64.store", "i32 i64>", { ...MEM, align: 3 });
row(0, 0x38, "f32.store", "i32 f32>", { ...MEM, align: 2 });
row(0, 0x39, "f64.store", "i32 f64>", { ...MEM, align: 3 });
row(0, 0x3a, "i32.store8", "i32 i32>", MEM);
row(0, 0x3b, "i32.store16", "i32 i32>", { ...MEM, align: 1 });
for (const [t, code] of [
  ["i32", 0x41],
  ["i64", 0x42],
  ["f32", 0x43],
  ["f64", 0x44],
] as const)
  row(0, code, `${t}.const`, `>${t}`, { imm: "const" });

// `select` takes operands of any one type; the suffix exists in this table only.
for (const t of ["i32", "i64", "f32", "f64", "v128"]) row(0, 0x1b, `select.${t}`, `${t} ${t} i32>${t}`);

const V2 = "v128 v128>v128";
row(0xfd, 0, "v128.load", "i32>v128", { ...MEM, align: 4 });
rows(0xfd, 1, "v128", "load8x8_s load8x8_u load16x4_s load16x4_u load32x2_s load32x2_u", "i32>v128", {
  ...MEM,
  align: 3,
});
["8", "16", "32", "64"].forEach((bits, i) => {
  row(0xfd, 7 + i, `v128.load${bits}_splat`, "i32>v128", { ...MEM, align: i });
  row(0xfd, 84 + i, `v128.load${bits}_lane`, "i32 v128>v128", { imm: "memlane", unsafe: true, align: i });
  row(0xfd, 88 + i, `v128.store${bits}_lane`, "i32 v128>", { imm: "memlane", unsafe: true, align: i });
});
row(0xfd, 92, "v128.load32_zero", "i32>v128", { ...MEM, align: 2 });
row(0xfd, 93, "v128.load64_zero", "i32>v128", { ...MEM, align: 3 });
row(0xfd, 11, "v128.store", "i32 v128>", { ...MEM, align: 4 });
row(0xfd, 12, "v128.const", ">v128", { imm: "const" });
row(0xfd, 13, "i8x16.shuffle", V2, { imm: "shuffle" });
row(0xfd, 14, "i8x16.swizzle", V2);
row(0xfd, 15, "i8x16.splat", "i32>v128");
row(0xfd, 16, "i16x8.splat", "i32>v128");
row(0xfd, 17, "i32x4.splat", "i32>v128");
row(0xfd, 18, "i64x2.splat", "i64>v128");
row(0xfd, 19, "f32x4.splat", "f32>v128");
row(0xfd, 20, "f64x2.splat", "f64>v128");
const LANE: Extra = { imm: "lane" };
rows(0xfd, 21, "i8x16", "extract_lane_s extract_lane_u", "v128>i32", LANE);
row(0xfd, 23, "i8x16.replace_lane", "v128 i32>v128", LANE);
rows(0xfd, 24, "i16x8", "extract_lane_s extract_lane_u", "v128>i32", LANE);
row(0xfd, 26, "i16x8.replace_lane", "v128 i32>v128", LANE);
for (const [shape, t, code] of [
  ["i32x4", "i32", 27],
  ["i64x2", "i64", 29],
  ["f32x4", "f32", 31],
  ["f64x2", "f64", 33],
] as const) {
  row(0xfd, code, `${shape}.extract_lane`, `v128>${t}`, LANE);
  row(0xfd, code + 1, `${shape}.replace_lane`, `v128 ${t}>v128`, LANE);
}
rows(0xfd, 35, "i8x16", INT_COMPARE, V2);
rows(0xfd, 45, "i16x8", INT_COMPARE, V2);
rows(0xfd, 55, "i32x4", INT_COMPARE, V2);
rows(0xfd, 65, "f32x4", FLOAT_COMPARE, V2);
rows(0xfd, 71, "f64x2", FLOAT_COMPARE, V2);
rows(0xfd, 214, "i64x2", "eq ne lt_s gt_s le_s ge_s", V2);
row(0xfd, 77, "v128.not", "v128>v128");
rows(0xfd, 78, "v128", "and andnot or xor", V2);
row(0xfd, 82, "v128.bitselect", "v128 v128 v128>v128");
row(0xfd, 83, "v128.any_true", "v128>i32");
row(0xfd, 94, "f32x4.demote_f64x2_zero", "v128>v128");
row(0xfd, 95, "f64x2.promote_low_f32x4", "v128>v128");
rows(0xfd, 101, "i8x16", "narrow_i16x8_s narrow_i16x8_u", V2);
rows(0xfd, 133, "i16x8", "narrow_i32x4_s narrow_i32x4_u", V2);
rows(0xfd, 103, "f32x4", "ceil floor trunc nearest", "v128>v128");
rows(0xfd, 116, "f64x2", "ceil floor", "v128>v128");
row(0xfd, 122, "f64x2.trunc", "v128>v128");
row(0xfd, 148, "f64x2.nearest", "v128>v128");
rows(
  0xfd,
  135,
  "i16x8",
  "extend_low_i8x16_s extend_high_i8x16_s extend_low_i8x16_u extend_high_i8x16_u",
  "v128>v128",
);
rows(
  0xfd,
  167,
  "i32x4",
  "extend_low_i16x8_s extend_high_i16x8_s extend_low_i16x8_u extend_high_i16x8_u",
  "v128>v128",
);
rows(
  0xfd,
  199,
  "i64x2",
  "extend_low_i32x4_s extend_high_i32x4_s extend_low_i32x4_u extend_high_i32x4_u",
  "v128>v128",
);
for (const [shape, at] of [
  ["i32x4", 160],
  ["i64x2", 192],
] as const) {
  rows(0xfd, at, shape, "abs neg", "v128>v128");
  rows(0xfd, at + 3, shape, "all_true bitmask", "v128>i32");
  rows(0xfd, at + 11, shape, "shl shr_s shr_u", "v128 i32>v128");
  rows(0xfd, at + 14, shape, "add - - sub - - - mul", V2);
}
rows(0xfd, 182, "i32x4", "min_s min_u max_s max_u dot_i16x8_s", V2);
for (const [shape, at] of [
  ["f32x4", 224],
  ["f64x2", 236],
] as const) {
  rows(0xfd, at, shape, "abs neg - sqrt", "v128>v128");
  rows(0xfd, at + 4, shape, "add sub mul div min max pmin pmax", V2);
}
rows(0xfd, 248, "i32x4", "trunc_sat_f32x4_s trunc_sat_f32x4_u", "v128>v128");
rows(0xfd, 250, "f32x4", "convert_i32x4_s convert_i32x4_u", "v128>v128");
rows(0xfd, 252, "i32x4", "trunc_sat_f64x2_s_zero trunc_sat_f64x2_u_zero", "v128>v128");
rows(0xfd, 254, "f64x2", "convert_low_i32x4_s convert_low_i32x4_u", "v128>v128");
const V3 = "v128 v128 v128>v128";
rows(0xfd, 0x105, "f32x4", "relaxed_madd relaxed_nmadd", V3);
rows(0xfd, 0x107, "f64x2", "relaxed_madd relaxed_nmadd", V3);
rows(0xfd, 0x10b, "i32x4", "relaxed_laneselect", V3);
rows(0xfd, 0x10d, "f32x4", "relaxed_min relaxed_max", V2);
rows(0xfd, 0x113, "i32x4", "relaxed_dot_i8x16_i7x16_add_s", V3);
