/** Ifs, loops and calls that are run to find out the sizes of what they give: every tensor says its own shape. */
import type { Slot, VmFunction, VmLate } from "../../graph/vm-code.ts";
import { BYTES } from "../../ir/index.ts";
import { kept, type Output } from "./held.ts";
import type { Host } from "./types.ts";

/** Gives the results with one user each, the caller. */
export type LateRun = () => Output[];

type LateLoop = Extract<VmLate, { kind: "loop" }>;

export function lateRun(p: Host, func: VmFunction, base: number, late: VmLate): LateRun {
  switch (late.kind) {
    case "call":
      return () => {
        const args = late.args.map((s) => p.share(func, base, s));
        try {
          return kept(p.specialize(p, late.func, args), args);
        } finally {
          for (const a of args) p.heap.drop(a.held);
        }
      };
    case "if": {
      const [then, other] = [late.then, late.else].map((x) => lateRun(p, func, base, x));
      return () => (p.heap.bytes[p.cells[base + late.cond] as number] !== 0 ? then() : other());
    }
    case "loop":
      return () => runLoop(p, late, (slot) => p.share(func, base, slot));
  }
}

/** The loop of `VmLate`: its body is specialised to the shapes of each iteration. */
function runLoop(p: Host, loop: LateLoop, share: (s: Slot) => Output): Output[] {
  const { heap } = p;
  const first = <X>(slot: Slot | undefined, read: (address: number) => X): X | undefined => {
    if (slot === undefined) return undefined;
    const t = share(slot);
    const value = read(t.address);
    heap.drop(t.held);
    return value;
  };
  const most = first(loop.trip, (a) => heap.integers(a, "i64", 1)[0]) ?? Number.POSITIVE_INFINITY;
  let goes = first(loop.cond, (a) => heap.bytes[a] !== 0) ?? true;
  let carried = loop.carried.map(share);
  const captured = loop.captured.map(share);
  const rows: Output[][] = loop.scanned.map(() => []);
  try {
    for (let n = 0; goes && n < most; n++) {
      // What the body is told: i64 iteration number and bool condition. It may give them on.
      const counter = heap.hold(8);
      const flag = heap.hold(1);
      const told: Output[] = [
        { address: counter.address, held: counter, dtype: "i64", shape: [] },
        { address: flag.address, held: flag, dtype: "bool", shape: [] },
      ];
      heap.words.setBigInt64(counter.address, BigInt(n), true);
      heap.bytes[flag.address] = 1;
      const args = [...told, ...carried, ...captured];
      try {
        const [cond, ...outputs] = kept(p.specialize(p, loop.func, args), args);
        goes = heap.bytes[cond.address] !== 0;
        heap.drop(cond.held);
        for (const c of carried) heap.drop(c.held);
        carried = outputs.slice(0, carried.length);
        outputs.slice(carried.length).forEach((o, k) => {
          rows[k].push(o);
        });
      } finally {
        for (const t of told) heap.drop(t.held);
      }
    }
    return [...carried, ...loop.scanned.map((t, k) => stacked(p, loop, t, rows[k]))];
  } catch (e) {
    for (const c of carried) heap.drop(c.held);
    throw e;
  } finally {
    for (const t of [...captured, ...rows.flat()]) heap.drop(t.held);
  }
}

/** The rows one after another; where there are none, sizes that nothing tells are 0. */
function stacked({ heap }: Host, loop: LateLoop, t: LateLoop["scanned"][number], rows: Output[]): Output {
  const shape = rows[0]?.shape ?? t.shape.map((s) => Math.max(s, 0));
  const bytes = shape.reduce((a, b) => a * b, BYTES[t.dtype]);
  const held = heap.hold(bytes * rows.length);
  rows.forEach((row, n) => {
    if (row.shape.join() !== shape.join()) {
      heap.drop(held);
      throw new Error(
        `loop ${loop.node}: what is stacked is ${t.dtype}[${shape}] in iteration 0 and ${t.dtype}[${row.shape}] in ${n}`,
      );
    }
    heap.copy(row.address, held.address + n * bytes, bytes);
  });
  return { address: held.address, held, dtype: t.dtype, shape: [rows.length, ...shape] };
}
