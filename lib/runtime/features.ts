/** What the WebAssembly engine at hand can do. Asked every time: switches may change it before the first compile. */
import { hasRelaxedSimd } from "../codegen/wasm/relaxed.ts";

export interface Features {
  /** 128-bit SIMD. */
  readonly simd: boolean;
  /** Fused multiply-add and its kin, whose rounding is the machine's choice. */
  readonly relaxedSimd: boolean;
  /** Shared memory and atomics, as far as this realm may use them. */
  readonly threads: boolean;
}

const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
/** `i8x16.popcnt` of a vector: the last addition to fixed-width SIMD. */
const SIMD = Uint8Array.from([
  ...HEADER,
  ...[1, 5, 1, 0x60, 0, 1, 0x7b], // one type: () -> v128
  ...[3, 2, 1, 0], // one function of it
  ...[10, 10, 1, 8, 0, 0x41, 0, 0xfd, 0x0f, 0xfd, 0x62, 0x0b], // i32.const 0, i8x16.splat, i8x16.popcnt
]);

export function features(): Features {
  return {
    simd: WebAssembly.validate(SIMD),
    relaxedSimd: hasRelaxedSimd(),
    threads: typeof SharedArrayBuffer !== "undefined",
  };
}
