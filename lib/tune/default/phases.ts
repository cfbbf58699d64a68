/**
 * Phases: a sum whose terms are picked by the quotient and the remainder of a place, as a transposed convolution's are
 * (`x[y / 2] * w[y % 2]`). With the place taken apart into quotient and remainder it is a product like any other.
 */
import { type Block, type BlockAxis, constInt, type Expr, visitExpr } from "../../ir/index.ts";
import type { BlockRV, Schedule } from "../../schedule/index.ts";
import { attempt } from "./attempt.ts";
import { scheduleContraction } from "./contraction.ts";
import type { Setting } from "./setting.ts";
import { extentOf, storeOf } from "./shape.ts";

/** Takes the places of `block` apart and schedules the product that comes out; the schedule given when there is none. */
export function schedulePhases(sch: Schedule, block: BlockRV, setting: Setting): Schedule {
  const apart = splitPhases(sch, block);
  if (apart === sch) return sch;
  const done = scheduleContraction(apart, block, setting);
  return done === apart ? sch : done;
}

function splitPhases(sch: Schedule, block: BlockRV): Schedule {
  const b = sch.get(block);
  const phases = b.axes.map((a) => phasesOf(b, a));
  if (phases.every((p) => p === 1)) return sch;
  return attempt(sch, (s) => {
    // The result is in the order of the phases, a buffer of its own; who takes it asks for the place's two parts.
    if (s.getConsumers(block).length === 0) s.cacheWrite(block, 0, "global");
    const spatial = phases.filter((_, i) => b.axes[i].type === "S");
    s.transformLayout(block, ["write", 0], mapText(spatial));
    s.transformBlockLayout(block, mapText(phases));
  });
}

/** The number by which all quotients and remainders of an axis in a block's terms are; 1 where there is not one number. */
function phasesOf(b: Block, a: BlockAxis): number {
  const store = storeOf(b);
  if (!store || a.type !== "S") return 1;
  let by: number | undefined;
  visitExpr(store.value, (e) => {
    const n = quotientBy(e, a);
    if (n === undefined) return true;
    by = by === undefined || by === n ? n : 1;
    return true;
  });
  return by !== undefined && extentOf(a) % by === 0 ? by : 1;
}

/** The divisor, where `e` is a quotient or remainder of the axis (plus a number). */
function quotientBy(e: Expr, a: BlockAxis): number | undefined {
  if (e.kind !== "binary" || (e.op !== "floordiv" && e.op !== "floormod")) return undefined;
  const isAxis = (x: Expr): boolean =>
    (x.kind === "var" && x.id === a.v.id) ||
    (x.kind === "binary" && (x.op === "add" || x.op === "sub") && isAxis(x.a) && constInt(x.b) !== undefined);
  const n = constInt(e.b);
  return isAxis(e.a) && n !== undefined && n > 1 ? n : undefined;
}

/** Remainders before the quotients: `(a0, a1) => [a0, a1 % 2, a1 / 2]`. */
function mapText(phases: readonly number[]): string {
  const names = phases.map((_, i) => `a${i}`);
  const each = (op: string) =>
    names.map((n, i) => (phases[i] > 1 ? `T.${op}(${n}, ${phases[i]})` : undefined));
  const rest = each("floormod").filter((x) => x !== undefined);
  const first = phases.findIndex((p) => p > 1);
  const quotients = each("floordiv").map((q, i) => q ?? names[i]);
  const all = [...quotients.slice(0, first), ...rest, ...quotients.slice(first)];
  return `(${names.join(", ")}) => [${all.join(", ")}]`;
}
