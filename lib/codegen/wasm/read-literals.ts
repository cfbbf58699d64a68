/** Numbers of the text format. */
import type { Imm } from "./graph.ts";
import type { ValType } from "./opcodes.ts";
import { type Word, wrong } from "./read-tokens.ts";

const INTEGER = /^[+-]?(0x[0-9a-fA-F](_?[0-9a-fA-F])*|[0-9](_?[0-9])*)$/;
const DECIMAL = /^[+-]?[0-9](_?[0-9])*(\.([0-9](_?[0-9])*)?)?([eE][+-]?[0-9]+)?$/;

/** A whole number of so many bits, signed or not; the bits as a signed number. */
export function integer({ word, line }: Word, bits: number): bigint {
  if (!INTEGER.test(word)) wrong(line, `${word} is no whole number`);
  const digits = word.replaceAll("_", "").replace(/^[+-]/, "");
  const n = word.startsWith("-") ? -BigInt(digits) : BigInt(digits);
  if (n < -(1n << BigInt(bits - 1)) || n >= 1n << BigInt(bits))
    wrong(line, `${word} does not fit ${bits} bits`);
  return BigInt.asIntN(bits, n);
}

function float({ word, line }: Word): number {
  const [sign, name] = /^[+-]/.test(word) ? [word[0], word.slice(1)] : ["+", word];
  if (name === "inf") return sign === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (name === "nan") return Number.NaN;
  if (!DECIMAL.test(word) && !INTEGER.test(word)) {
    wrong(line, `${word} is no number that is read here: decimal digits, inf or nan`);
  }
  const n = Number(name.replaceAll("_", ""));
  return sign === "-" ? -n : n;
}

/** The literal of a scalar type. */
export function literal(w: Word, type: Exclude<ValType, "v128">): Imm {
  if (type === "i32") return Number(integer(w, 32));
  return type === "i64" ? integer(w, 64) : float(w);
}

const LANES: Readonly<Record<string, number>> = {
  i8x16: 16,
  i16x8: 8,
  i32x4: 4,
  i64x2: 2,
  f32x4: 4,
  f64x2: 2,
};

/** How many literals follow the shape of a v128.const. */
export function lanesOf(shape: Word): number {
  return (
    LANES[shape.word] ?? wrong(shape.line, `${shape.word} is no shape: ${Object.keys(LANES).join(", ")}`)
  );
}

/** The sixteen bytes of a vector. */
export function vector(shape: Word, lanes: readonly Word[]): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(16));
  const size = 16 / lanes.length;
  lanes.forEach((w, i) => {
    if (shape.word === "f32x4") bytes.setFloat32(i * 4, float(w), true);
    else if (shape.word === "f64x2") bytes.setFloat64(i * 8, float(w), true);
    else {
      const n = BigInt.asUintN(size * 8, integer(w, size * 8));
      for (let b = 0; b < size; b++) bytes.setUint8(i * size + b, Number((n >> BigInt(8 * b)) & 0xffn));
    }
  });
  return new Uint8Array(bytes.buffer);
}
