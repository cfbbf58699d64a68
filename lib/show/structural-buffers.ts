/** Buffers that came, went, or live elsewhere or otherwise than before. */
import type { Buffer, Expr } from "../ir/index.ts";
import { exprText } from "./expr-text.ts";
import { blockRef, type Change, type Pair } from "./structural-change.ts";

export function bufferChanges({ func, a, b }: Pair): Change[] {
  const out: Change[] = [];
  for (const [id, { buffer }] of a.buffers) {
    if (!b.buffers.has(id))
      out.push({ func, kind: "bufferRemoved", buffer: buffer.name, declared: bufferText(buffer) });
  }
  for (const [id, now] of b.buffers) {
    const was = a.buffers.get(id);
    if (!was) {
      out.push({ func, kind: "bufferAdded", buffer: now.buffer.name, declared: bufferText(now.buffer) });
      continue;
    }
    const [x, y] = [was.buffer, now.buffer];
    const changed = (
      what: Extract<Change, { kind: "bufferChanged" }>["what"],
      before: string,
      after: string,
    ): void => {
      if (before !== after) out.push({ func, kind: "bufferChanged", buffer: y.name, what, before, after });
    };
    if (x !== y) {
      changed("name", x.name, y.name);
      changed("dtype", x.dtype, y.dtype);
      changed("shape", sizes(x.shape), sizes(y.shape));
      changed("strides", x.strides ? sizes(x.strides) : "compact", y.strides ? sizes(y.strides) : "compact");
      changed("scope", x.scope, y.scope);
    }
    if (was.owner !== now.owner) {
      const place = (s: Pair["a"], owner: number | undefined) =>
        owner === undefined ? "a parameter" : `allocated in ${blockRef(s, owner).name}`;
      changed("place", place(a, was.owner), place(b, now.owner));
    }
  }
  return out;
}

const sizes = (es: readonly Expr[]): string => `[${es.map(exprText).join(", ")}]`;

/** `A_shared: f32[128, 8] in shared`. */
export const bufferText = (b: Buffer): string =>
  `${b.name}: ${b.dtype}${sizes(b.shape)}${b.scope === "global" ? "" : ` in ${b.scope}`}`;
