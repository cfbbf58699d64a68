/** Which buffer of a block is meant: `["read", 0]`, `["write", 0]`, or its name. */
import { regionsOf } from "../arith/index.ts";
import { type Block, type Buffer, blocksIn, type PrimFunc, type Region } from "../ir/index.ts";
import { refuse } from "./error.ts";

export type BufferRef = string | readonly ["read" | "write", number];

/** A buffer among those a block reads, or among those it writes: its number there, or its name. */
export type IndexOrName = number | string;

/** The region that a block reads or writes. Refuses a name or number that the block does not have. */
export function regionAt(primitive: string, b: Block, what: "read" | "write", ref: IndexOrName): Region {
  if (typeof ref !== "string") return regionMeant(primitive, b, [what, ref]);
  const list = regionsOf(b)[`${what}s`];
  const region = list.find((r) => r.buffer.name === ref);
  if (region) return region;
  const names = list.map((r) => r.buffer.name).join(", ") || "nothing";
  const detail = `${b.name} ${what}s ${names}, not ${ref}`;
  return refuse(primitive, "the block does not access the buffer", detail, [b]);
}

/** The region of the access that is meant. Refuses a name or number that the block does not have. */
export function regionMeant(primitive: string, b: Block, ref: BufferRef): Region & { isWrite: boolean } {
  const { reads, writes } = regionsOf(b);
  if (typeof ref === "string") {
    const write = writes.find((r) => r.buffer.name === ref);
    const region = write ?? reads.find((r) => r.buffer.name === ref);
    if (region) return { ...region, isWrite: write !== undefined };
    const names = [...new Set([...reads, ...writes].map((r) => r.buffer.name))].join(", ") || "nothing";
    return refuse(
      primitive,
      "the block does not access the buffer",
      `${b.name} accesses ${names}, not ${ref}`,
      [b],
    );
  }
  const [what, index] = Array.isArray(ref) ? ref : [];
  if (what !== "read" && what !== "write") {
    const detail = `${JSON.stringify(ref)} is neither a name nor ["read", 0] nor ["write", 0]`;
    return refuse(primitive, "no buffer is named", detail, [b]);
  }
  const list = what === "read" ? reads : writes;
  const region = Number.isInteger(index) ? list[index as number] : undefined;
  if (region) return { ...region, isWrite: what === "write" };
  const names = list.map((r, i) => `${i}: ${r.buffer.name}`).join(", ") || "nothing";
  const detail = `${b.name} ${what}s ${names}; there is no number ${index}`;
  return refuse(primitive, `the ${what} index is out of range`, detail, [b]);
}

/** The block that allocates a buffer; undefined for parameters. */
export const allocatorOf = (f: PrimFunc, buffer: Buffer): Block | undefined =>
  blocksIn(f.body).find((b) => b.allocs.some((x) => x.id === buffer.id));

/** Every buffer of a function by name: the first of a name counts. */
export function buffersByName(f: PrimFunc): Map<string, Buffer> {
  const out = new Map<string, Buffer>();
  const all = [...f.params, ...blocksIn(f.body).flatMap((b) => b.allocs)];
  for (const b of all) if (b.kind === "buffer" && !out.has(b.name)) out.set(b.name, b);
  return out;
}
