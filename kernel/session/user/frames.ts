// Messages over a byte stream: a 32-bit little-endian length, then a structured clone.
import { deserialize, serialize } from "node:v8";

/** One message as bytes. */
export function frame(value: unknown): Buffer {
  const body = serialize(value);
  const bytes = Buffer.allocUnsafe(4 + body.length);
  bytes.writeUInt32LE(body.length, 0);
  body.copy(bytes, 4);
  return bytes;
}

/** Cuts a byte stream into messages. */
export class FrameReader<T> {
  #chunks: Buffer[] = [];
  #size = 0;

  /** Takes bytes; returns the messages they complete. */
  push(chunk: Buffer): T[] {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    const messages: T[] = [];
    while (this.#size >= 4) {
      if (this.#chunks[0]!.length < 4) this.#join();
      const end = 4 + this.#chunks[0]!.readUInt32LE(0);
      if (this.#size < end) break;
      this.#join();
      const bytes = this.#chunks[0]!;
      messages.push(deserialize(bytes.subarray(4, end)) as T);
      this.#chunks = [bytes.subarray(end)];
      this.#size -= end;
    }
    return messages;
  }

  #join(): void {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
  }
}
