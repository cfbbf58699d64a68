/** The files of a zip archive, by its central directory, checked against their sizes and sums. */
import assert from "node:assert/strict";
import { crc32, inflateRawSync } from "node:zlib";

/** The files of an archive by name. */
export function unzip(archive: Buffer): Map<string, Buffer> {
  const end = archive.lastIndexOf("PK\x05\x06", undefined, "latin1");
  assert.ok(end >= 0, "no end of a central directory");
  const files = new Map<string, Buffer>();
  let at = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left--) {
    assert.equal(archive.toString("latin1", at, at + 4), "PK\x01\x02");
    const [method, sum, packed, size] = [
      archive.readUInt16LE(at + 10),
      archive.readUInt32LE(at + 16),
      archive.readUInt32LE(at + 20),
      archive.readUInt32LE(at + 24),
    ];
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((i) =>
      archive.readUInt16LE(at + i),
    ) as [number, number, number];
    const name = archive.toString("utf8", at + 46, at + 46 + nameLength);
    const local = archive.readUInt32LE(at + 42);
    assert.equal(archive.toString("latin1", local, local + 4), "PK\x03\x04");
    const data = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
    const bytes = archive.subarray(data, data + packed);
    const file = method === 0 ? bytes : inflateRawSync(bytes);
    assert.equal(file.length, size, name);
    assert.equal(crc32(file), sum, name);
    files.set(name, file);
    at += 46 + nameLength + extraLength + commentLength;
  }
  return files;
}
