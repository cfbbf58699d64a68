/** Where allocated buffers live: small ones in locals, the others at places in the workspace. */
import type { Stmt } from "../../ir/index.ts";
import { planRegisters } from "../lower/registers.ts";
import { allocations, type Slot } from "../lower/storage.ts";
import type { Context } from "./context.ts";
import type { Value } from "./graph.ts";
import { growing } from "./held.ts";
import { REPR } from "./scalar.ts";

/** Locals for the buffers of a statement that can be kept in them. */
export function allocateRegisters(c: Context, s: Stmt): void {
  const buffers = new Map(allocations(s).map((b) => [b.id, b]));
  const greater = growing(s);
  for (const [id, plan] of planRegisters(s)) {
    const b = buffers.get(id);
    const type = plan.lanes > 1 ? "v128" : REPR[b?.dtype ?? "f32"];
    const locals = Array.from({ length: plan.count }, (_, i) => c.g.local(type, `${b?.name ?? "r"}.${i}`));
    c.registers.set(id, {
      lanes: plan.lanes,
      locals,
      used: plan.used,
      turned: plan.lanes > 1 && greater.has(id),
    });
  }
}

/** Places for buffers, from the address `start` on. */
export function placeSlots(c: Context, slots: readonly Slot[], start: Value): void {
  for (const { buffer, offset } of slots) {
    const bytes = c.scalar(offset);
    const constant = bytes.op === "i32.const" ? (bytes.imm as number) : undefined;
    const place =
      constant === undefined
        ? { base: c.g.make("i32.add", [start, bytes]), offset: 0 }
        : { base: start, offset: constant };
    c.places.set(buffer.id, place);
  }
}
