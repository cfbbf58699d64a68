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
