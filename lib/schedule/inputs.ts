/** Inputs of primitives: handles as ids, drawn values as numbers, checked against what the primitive takes. */
import type { Attr } from "../ir/index.ts";
import { INLINE_PLACE, ROOT_PLACE } from "./compute-location.ts";
import { refuse } from "./error.ts";
import { checkHandle, drawnNumber, idOf, isRV, nodeOf } from "./handles.ts";
import type { InputKind } from "./primitives.ts";
import type { State } from "./state.ts";
import type { CallAttr, Value } from "./trace.ts";
import type { AnyRV, LoopRV } from "./types.ts";

/** Inputs with ids in the place of handles, checked against what the primitive takes. */
export function idsOf(
  state: State,
  primitive: string,
  kinds: readonly InputKind[],
  inputs: readonly Value[],
): unknown[] {
  const id = (v: Value, want: "block" | "loop" | "blockOrLoop"): number => {
    const wanted = want === "blockOrLoop" ? "a block or loop" : `a ${want}`;
    if (!isRV(v) || v.kind === "exprRV") return refuseInput(primitive, wanted, v);
    const kind = v.kind === "loopRV" ? "loop" : "block";
    if (want !== "blockOrLoop" && kind !== want) refuseInput(primitive, wanted, v);
    return idOf(nodeOf(state, v, primitive));
  };
  const place = (v: Value): number => {
    const drawn = isRV(v) && v.kind === "loopRV" ? state.places.get(v.id) : undefined;
    if (drawn !== ROOT_PLACE && drawn !== INLINE_PLACE) return id(v, "loop");
    checkHandle(state, primitive, v as LoopRV);
    return drawn;
  };
  const numbers = (v: Value): unknown =>
    Array.isArray(v) ? v.map(numbers) : isRV(v) && v.kind === "exprRV" ? drawnNumber(state, v, primitive) : v;
  return kinds.map((kind, k) => {
    if (kind === "loops") {
      const rest = inputs.slice(k);
      if (rest.length === 0) refuseInput(primitive, "at least one loop", undefined);
      return rest.map((v) => id(v, "loop"));
    }
    if (kind === "factors") {
      const factors: Value = inputs[k];
      return Array.isArray(factors) ? numbers(factors) : refuseInput(primitive, "a list of numbers", factors);
    }
    if (kind === "loopOrBlocks") {
      const v = inputs[k];
      if (!Array.isArray(v)) return id(v, "loop");
      if (v.length === 0) refuseInput(primitive, "a loop, or a list of blocks,", v);
      return v.map((x: Value) => id(x, "block"));
    }
    return kind === "place" ? place(inputs[k]) : id(inputs[k], kind);
  });
}

/** A plain argument with numbers in the place of drawn values, and ids in that of handles. */
export function resolvedAttr(state: State, primitive: string, a: CallAttr | undefined): Attr | undefined {
  const value = (rv: AnyRV): number =>
    rv.kind === "exprRV" ? drawnNumber(state, rv, primitive) : idOf(nodeOf(state, rv, primitive));
  return a === undefined ? undefined : mapAttr(a, value);
}

/** A plain argument with what stands for drawn values put in their place. */
export function mapAttr(a: CallAttr, f: (rv: AnyRV) => Attr): Attr {
  if (isRV(a)) return f(a);
  if (typeof a !== "object" || a === null) return a;
  if (Array.isArray(a)) return a.map((x: CallAttr) => mapAttr(x, f));
  return Object.fromEntries(Object.entries(a).map(([k, v]) => [k, mapAttr(v as CallAttr, f)]));
}

function refuseInput(primitive: string, wanted: string, got: Value | undefined): never {
  const text = isRV(got)
    ? `${got.name} is a ${got.kind === "loopRV" ? "loop" : got.kind === "blockRV" ? "block" : "number"}`
    : `got ${got === undefined ? "nothing" : JSON.stringify(got)}`;
  refuse(primitive, `${wanted} is needed`, text, []);
}
