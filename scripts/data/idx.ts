// The IDX form of MNIST-like data sets: two zero bytes, the element type (8: unsigned byte), the number of
// dimensions, every dimension as a big-endian 32-bit number, then the elements.
import { gunzipSync, gzipSync } from "node:zlib";

/** What an IDX file of bytes holds. */
export interface Idx {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

const UNSIGNED_BYTE = 8;

/** The bytes of an IDX file that holds `data` in `shape`. */
export function encodeIdx(shape: readonly number[], data: Uint8Array): Uint8Array {
  const count = shape.reduce((a, b) => a * b, 1);
  if (count !== data.length)
    throw new Error(`[${shape.join(", ")}] is ${count} elements, not ${data.length}`);
  const header = 4 + 4 * shape.length;
  const bytes = new Uint8Array(header + data.length);
  const view = new DataView(bytes.buffer);
  bytes[2] = UNSIGNED_BYTE;
  bytes[3] = shape.length;
  shape.forEach((extent, d) => {
    view.setUint32(4 + 4 * d, extent);
  });
  bytes.set(data, header);
  return bytes;
}

/** Reads an IDX file of bytes; what does not fit its own header is refused. */
export function decodeIdx(bytes: Uint8Array): Idx {
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0 || bytes[2] !== UNSIGNED_BYTE) {
    throw new Error("not an IDX file of unsigned bytes");
  }
  const rank = bytes[3]!;
  const header = 4 + 4 * rank;
  if (bytes.length < header) throw new Error("the IDX header is cut short");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: rank }, (_, d) => view.getUint32(4 + 4 * d));
  const count = shape.reduce((a, b) => a * b, 1);
  if (bytes.length !== header + count) {
    throw new Error(`the IDX header says ${count} elements, the file has ${bytes.length - header}`);
  }
  return { shape, data: bytes.subarray(header) };
}

/** Compresses so that the same input gives the same file again: no time stamp, no mark of the system. */
export function gzip(bytes: Uint8Array): Uint8Array {
  const packed = gzipSync(bytes, { level: 9 });
  packed.fill(0, 4, 8); // modification time: none
  packed[9] = 255; // operating system: unknown
  return packed;
}

/** Undoes `gzip`. */
export function gunzip(bytes: Uint8Array): Uint8Array {
  return gunzipSync(bytes);
}
