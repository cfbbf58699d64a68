/** Rules that several loop primitives share. */
import { constInt, type For } from "../ir/index.ts";
import { refuse } from "./error.ts";

/**
 * split and fuse replace loops: what is noted on a loop (annotations, a thread axis) would be lost, and both count
 * iterations from 0.
 */
export function refuseMarkedLoop(primitive: string, l: For): void {
  const { name } = l.v;
  const keys = Object.keys(l.annotations);
  if (keys.length > 0) {
    refuse(
      primitive,
      "the loop is annotated",
      `loop ${name} carries ${keys.map((k) => JSON.stringify(k)).join(", ")}, which would be lost`,
      [l],
      (n) => `sch.unannotate(${n(l)}, ${JSON.stringify(keys[0])}) before, and annotate the new loop`,
    );
  }
  if (l.thread !== undefined) {
    refuse(
      primitive,
      "the loop is bound to a thread axis",
      `loop ${name} is bound to ${l.thread}`,
      [l],
      (n) =>
        `sch.${primitive}(…) first, then sch.bind(…, "${l.thread}"); sch.unroll(${n(l)}) drops the binding`,
    );
  }
  if (constInt(l.min) !== 0) {
    refuse(
      primitive,
      "the loop does not start at 0",
      `loop ${name} starts at ${constInt(l.min) ?? "an expression"}`,
      [l],
      `write the loop from 0, with the start added where ${name} is used`,
    );
  }
}
