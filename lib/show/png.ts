/**
 * A PNG encoder for small pictures (W3C PNG specification, third edition). Pixels are stored, not compressed
 * (RFC 1951, 3.2.4, inside RFC 1950): a 28×28 picture is 0.9 kB, and no zlib is needed in a browser.
 */

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]; // PNG, 5.2
const STORED_MAX = 65535; // RFC 1951, 3.2.4: LEN is 16 bits

/** The bytes of a picture with one (grey) or three (red, green, blue) channels of 8 bits, row by row. */
export function encodePng(
  width: number,
  height: number,
  pixels: Uint8Array,
  channels: 1 | 3 = 1,
): Uint8Array {
  if (pixels.length !== width * height * channels)
    throw new RangeError(`${width}×${height}×${channels} pixels expected, got ${pixels.length}`);
  const header = new Uint8Array(13); // PNG, 11.2.1
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, channels === 1 ? 0 : 2, 0, 0, 0], 8); // depth, colour type, deflate, filters, not interlaced
  const stride = width * channels;
  const rows = new Uint8Array((stride + 1) * height); // each row begins with its filter: 0, none (PNG, 9.2)
  for (let y = 0; y < height; y++)
    rows.set(pixels.subarray(y * stride, (y + 1) * stride), y * (stride + 1) + 1);
  const chunks = [chunk("IHDR", header), chunk("IDAT", zlibStored(rows)), chunk("IEND", new Uint8Array(0))];
  return concat([Uint8Array.from(SIGNATURE), ...chunks]);
}

/** The same as a `data:` address. */
export function pngAddress(width: number, height: number, pixels: Uint8Array, channels: 1 | 3 = 1): string {
  const png = encodePng(width, height, pixels, channels);
  let binary = "";
  // In pieces: an argument list has a limited length.
  for (let i = 0; i < png.length; i += 8192) binary += String.fromCharCode(...png.subarray(i, i + 8192));
  return `data:image/png;base64,${btoa(binary)}`;
}

/** RFC 1950: two header bytes (32 KiB window, no dictionary), the blocks, Adler-32 of the data. */
function zlibStored(data: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.of(0x78, 0x01)];
  for (let at = 0; at === 0 || at < data.length; at += STORED_MAX) {
    const part = data.subarray(at, at + STORED_MAX);
    const last = at + STORED_MAX >= data.length ? 1 : 0;
    const n = part.length;
    parts.push(Uint8Array.of(last, n & 255, n >> 8, ~n & 255, (~n >> 8) & 255), part);
  }
  let [a, b] = [1, 0]; // RFC 1950, 8.2
  for (const x of data) {
    a = (a + x) % 65521;
    b = (b + a) % 65521;
  }
  parts.push(Uint8Array.of(b >> 8, b & 255, a >> 8, a & 255));
  return concat(parts);
}

/** PNG, 5.3: length, type, data, CRC of type and data. */
function chunk(type: string, data: Uint8Array): Uint8Array {
  const out = new Uint8Array(12 + data.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) out[4 + i] = type.charCodeAt(i);
  out.set(data, 8);
  view.setUint32(8 + data.length, crc(out.subarray(4, 8 + data.length)));
  return out;
}

/** PNG, annex D. */
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

function crc(data: Uint8Array): number {
  let c = 0xffffffff;
  for (const x of data) c = CRC_TABLE[(c ^ x) & 255] ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}
