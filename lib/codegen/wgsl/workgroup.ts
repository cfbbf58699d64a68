/** Which buffers are memory of a workgroup, and which of them every thread needs a copy of. */
import type { Buffer } from "../../ir/index.ts";
import { usesVar } from "../../ir/index.ts";
import { THREAD_SCOPE } from "./cross-thread.ts";
import { type Found, loads, type Site } from "./sites.ts";
import { loopOf, RunSerially, type ThreadAxis } from "./threads.ts";

/** Buffers of a workgroup: `shared` ones, and those that thread loops inside of their allocation touch. */
export function workgroupBuffers(found: Found, outside: ReadonlySet<number>): ReadonlySet<number> {
  const out = new Set<number>();
  for (const [id, { buffer, at }] of found.allocs) {
    if (outside.has(id) || buffer.scope === THREAD_SCOPE) continue;
    const inside = found.sites.some((s) => s.buffer.id === id && s.threads.length > at.threads.length);
    if (inside || buffer.scope.startsWith("shared")) out.add(id);
  }
  return out;
}

/** For buffers in workgroup memory: the axes of which every thread needs a copy of its own. */
export function copiesOf(
  found: Found,
  inWorkgroup: ReadonlySet<number>,
  axes: readonly ThreadAxis[],
): ReadonlyMap<number, readonly ThreadAxis[]> {
  const out = new Map<number, readonly ThreadAxis[]>();
  for (let changed = true; changed; ) {
    changed = false;
    for (const id of inWorkgroup) {
      const alloc = found.allocs.get(id);
      if (!alloc) continue;
      const around = axes.filter((a) => alloc.at.threads.some((l) => l.thread === a.axis));
      const stores = found.sites.filter((s) => s.isStore && s.buffer.id === id);
      const copied = around.filter((a) => {
        const depth = alloc.at.threads.length;
        const fills = stores.filter((s) => s.threads.slice(depth).some((l) => l.thread === a.axis));
        const tells = stores.filter((s) => !fills.includes(s) && mentionsAxis(s, a, (b) => dep(b, a)));
        if (tells.length > 0 && fills.length > 0) {
          throw new RunSerially(
            fills.flatMap((s) =>
              s.threads
                .slice(depth)
                .filter((l) => l.thread === a.axis)
                .map(loopOf),
            ),
            `${alloc.buffer.name} is filled by all threads of ${a.axis} together, and by each for itself`,
          );
        }
        return tells.length > 0;
      });
      if (copied.length !== (out.get(id)?.length ?? 0)) {
        out.set(id, copied);
        changed = true;
      }
    }
  }
  return out;

  /** Whether the contents of a buffer are another in each thread of the axis. */
  function dep(b: Buffer, a: ThreadAxis): boolean {
    const alloc = found.allocs.get(b.id);
    if (!alloc?.at.threads.some((l) => l.thread === a.axis)) return false;
    return !inWorkgroup.has(b.id) || (out.get(b.id)?.includes(a) ?? false);
  }
}

/** Whether what a store does, or whether it runs, says anything of an axis. */
export function mentionsAxis(
  s: Site,
  a: ThreadAxis,
  depends: (b: Buffer, a: ThreadAxis) => boolean,
): boolean {
  const v = new Set([a.v.id]);
  const own = s.store ? [...s.store.indices, s.store.value] : s.indices;
  return [...own, ...s.tests].some((e) => usesVar(e, v) || loads(e).some((b) => depends(b, a)));
}
