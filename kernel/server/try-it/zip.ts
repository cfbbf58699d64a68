// Archives that every system opens: .ZIP File Format Specification 6.3.10, sections 4.3 and 4.4, without its 64-bit
// extensions.
import { crc32, deflateRawSync } from "node:zlib";

/** Bits 11 of the flags: names are UTF-8. */
const utf8 = 0x0800;
/** Version 2.0 can take deflated files apart. */
const version = 20;
const [stored, deflated] = [0, 8];
const most = 0xffff_ffff;

/**
 * An archive of files, in the order given, each deflated where that makes it smaller. `time` is the date of all of them.
 * Throws a `RangeError` for more than 65,535 files or 4 GiB.
 */
export function zip(files: readonly { name: string; bytes: Uint8Array }[], time = new Date()): Buffer {
  if (files.length > 0xffff) throw new RangeError(`${files.length} files: a zip has at most 65535`);
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, bytes } of files) {
    const packed = deflateRawSync(bytes);
    const [method, data] = packed.length < bytes.length ? [deflated, packed] : [stored, bytes];
    if (offset + data.length > most || bytes.length > most) throw new RangeError("a zip has at most 4 GiB");
    const label = Buffer.from(name, "utf8");
    const about = Buffer.alloc(26);
    about.writeUInt16LE(version, 0);
    about.writeUInt16LE(utf8, 2);
    about.writeUInt16LE(method, 4);
    about.writeUInt16LE(dosTime(time), 6);
    about.writeUInt16LE(dosDate(time), 8);
    about.writeUInt32LE(crc32(bytes), 10);
    about.writeUInt32LE(data.length, 14);
    about.writeUInt32LE(bytes.length, 18);
    about.writeUInt16LE(label.length, 22);
    const local = Buffer.concat([Buffer.from("PK\x03\x04", "latin1"), about, label]);
    const entry = Buffer.alloc(46);
    entry.write("PK\x01\x02", "latin1");
    entry.writeUInt16LE(version, 4);
    about.copy(entry, 6);
    entry.writeUInt32LE(offset, 42);
    directory.push(entry, label);
    parts.push(local, data as Buffer);
    offset += local.length + data.length;
  }
  const size = directory.reduce((n, part) => n + part.length, 0);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(size, 12);
  if (offset > most) throw new RangeError("a zip has at most 4 GiB");
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

/** Two-second steps since midnight. */
const dosTime = (t: Date): number => (t.getHours() << 11) | (t.getMinutes() << 5) | (t.getSeconds() >> 1);

/** Years count from 1980. */
const dosDate = (t: Date): number =>
  (Math.max(0, Math.min(127, t.getFullYear() - 1980)) << 9) | ((t.getMonth() + 1) << 5) | t.getDate();
