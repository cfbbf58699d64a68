/** A module that somebody else compiled, made to import its memory as shared. */
import { u32 } from "./encode.ts";

const IMPORTS = 2;
const MEMORY = 2;
const SHARED = 3;
const MOST_PAGES = 65536;

/** The bytes with `env.memory` declared as shared. The module must be valid; one that declares it so is left as it is. */
export function withSharedMemory(wasm: Uint8Array): Uint8Array<ArrayBuffer> {
  const head = 8;
  const r = new Reader(wasm, head);
  while (r.at < wasm.length) {
    const start = r.at;
    const id = wasm[r.at++];
    const size = r.u32();
    const end = r.at + size;
    if (id === IMPORTS) {
      const content = imports(wasm, r);
      const out = [...wasm.subarray(0, start), id, ...u32(content.length), ...content, ...wasm.subarray(end)];
      return Uint8Array.from(out);
    }
    r.at = end;
  }
  return Uint8Array.from(wasm);
}

/** The content of the import section, with the memory's limits replaced. */
function imports(wasm: Uint8Array, r: Reader): number[] {
  const start = r.at;
  const count = r.u32();
  const out = [...wasm.subarray(start, r.at)];
  for (let i = 0; i < count; i++) {
    const first = r.at;
    r.skip(r.u32());
    r.skip(r.u32());
    const kind = wasm[r.at++];
    if (kind === MEMORY) {
      out.push(...wasm.subarray(first, r.at), SHARED);
      const flags = r.u32();
      const least = r.u32();
      const most = flags % 2 === 1 ? r.u32() : MOST_PAGES;
      out.push(...u32(least), ...u32(most));
      continue;
    }
    // A function's type, a table's element type and limits, a global's type and mutability.
    if (kind === 0) r.u32();
    else if (kind === 1) {
      r.at++;
      if (r.u32() % 2 === 1) r.u32();
      r.u32();
    } else r.at += 2;
    out.push(...wasm.subarray(first, r.at));
  }
  return out;
}

class Reader {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  u32(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#bytes[this.at++];
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  }

  skip(n: number): void {
    this.at += n;
  }
}
