/** Which of its parameters a tensor program writes. */
import { type PrimFunc, visitStmt } from "../ir/index.ts";

const written = new WeakMap<PrimFunc, ReadonlySet<number>>();

/** Ids of the buffers a function writes. */
export function writtenBy(f: PrimFunc): ReadonlySet<number> {
  let ids = written.get(f);
  if (!ids) {
    const found = new Set<number>();
    visitStmt(f.body, {
      stmt: (s) => {
        if (s.kind === "store") found.add(s.buffer.id);
        if (s.kind === "block") for (const r of s.writes ?? []) found.add(r.buffer.id);
      },
    });
    ids = found;
    written.set(f, ids);
  }
  return ids;
}
