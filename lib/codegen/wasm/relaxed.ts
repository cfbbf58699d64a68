/** A module of one function, without operands or result, whose body is `f32x4.relaxed_madd` of zeros. */
const RELAXED_PROBE = new Uint8Array([
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[1, 4, 1, 0x60, 0, 0],
  ...[3, 2, 1, 0],
  ...[10, 20, 1, 18, 0],
  ...[0x41, 0, 0xfd, 17, 0x41, 0, 0xfd, 17, 0x41, 0, 0xfd, 17, 0xfd, 0x85, 0x02, 0x1a, 0x0b],
]);

/**
 * Whether this engine accepts relaxed SIMD now. (Node 20 does after
 * `v8.setFlagsFromString("--experimental-wasm-relaxed-simd")`, when nothing was compiled before it.)
 */
export function hasRelaxedSimd(): boolean {
  return WebAssembly.validate(RELAXED_PROBE);
}

/** A module without imports whose function `f` gives lane 0 of `i32x4.relaxed_dot_i8x16_i7x16_add_s` of -1, 2 and 1000. */
const DOT_PROBE = new Uint8Array([
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[1, 5, 1, 0x60, 0, 1, 0x7f],
  ...[3, 2, 1, 0],
  ...[7, 5, 1, 1, 0x66, 0, 0],
  ...[10, 23, 1, 21, 0, 0x41, 0x7f, 0xfd, 15, 0x41, 2, 0xfd, 15, 0x41, 0xe8, 0x07, 0xfd, 17],
  ...[0xfd, 0x93, 0x02, 0xfd, 27, 0, 0x0b],
]);

let dotIsRight: boolean | undefined;

/**
 * Whether this engine has the relaxed product of bytes, and gets it right where its specification leaves nothing open.
 * (V8 11, in Node 20, has it behind the flag of relaxed SIMD and gives -16 here.)
 */
export function hasRelaxedDot(): boolean {
  if (!hasRelaxedSimd() || !WebAssembly.validate(DOT_PROBE)) return false;
  if (dotIsRight === undefined) {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(DOT_PROBE));
    dotIsRight = (exports.f as () => number)() === 1000 + 4 * -1 * 2;
  }
  return dotIsRight;
}
