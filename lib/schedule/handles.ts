/**
 * Handles: what a schedule gives out for blocks, loops and drawn values, and what stands behind one in a state. A handle
 * that stands for nothing any more is refused with what became of it.
 */
import { type Block, type For, freshId, getPrimFunc, type PrimFunc, visitStmt } from "../ir/index.ts";
import { INLINE_PLACE, ROOT_PLACE } from "./compute-location.ts";
import { refuse } from "./error.ts";
import { keyOf, type State } from "./state.ts";
import type { Value } from "./trace.ts";
import type { AnyRV, ExprRV, LoopRV, RV } from "./types.ts";

/** What a handle of a block or loop stands for. */
export type Node = Block | For;

export const idOf = (n: Node): number => (n.kind === "for" ? n.v.id : n.id);

const RV_KINDS: readonly string[] = ["loopRV", "blockRV", "exprRV"];

/** Whether a value is a handle. */
export function isRV(v: unknown): v is AnyRV {
  return typeof v === "object" && v !== null && "kind" in v && RV_KINDS.includes(String(v.kind));
}

/** Handles of blocks and loops. */
export const handlesIn = (vs: readonly Value[]): RV[] =>
  vs.flatMap((v) =>
    isRV(v) ? (v.kind === "exprRV" ? [] : [v]) : typeof v === "object" && v !== null ? handlesIn(v) : [],
  );

const indexes = new WeakMap<PrimFunc, ReadonlyMap<number, Node>>();

/** Blocks and loops of a function by id. */
export function nodesOf(f: PrimFunc): ReadonlyMap<number, Node> {
  let index = indexes.get(f) as Map<number, Node> | undefined;
  if (!index) {
    const all = new Map<number, Node>();
    visitStmt(f.body, {
      stmt: (s) => {
        if (s.kind === "for" || s.kind === "block") all.set(idOf(s), s);
      },
    });
    indexes.set(f, all);
    index = all;
  }
  return index;
}

/** The node a handle stands for now. Throws when it is gone. */
export function nodeOf(state: State, rv: RV, primitive = "get"): Node {
  checkHandle(state, primitive, rv);
  const f = getPrimFunc(state.module, rv.func);
  const id = state.places.get(rv.id) ?? rv.id;
  const node = nodesOf(f).get(id);
  if (node) return node;
  const what = rv.kind === "loopRV" ? "loop" : "block";
  if (id === ROOT_PLACE || id === INLINE_PLACE) {
    const place = id === ROOT_PLACE ? "where the block stands already" : "inside the consumers of the block";
    const detail = `${rv.name} was drawn as the place ${place}`;
    refuse(primitive, "the place is no loop", detail, [], `sch.computeAt(block, ${rv.name})`);
  }
  const again =
    what === "loop" ? "take the loops again with sch.getLoops" : "take the block again with sch.getBlock";
  refuse(
    primitive,
    `the ${what} is gone`,
    `${what} ${rv.name} ${state.gone.get(keyOf(rv)) ?? "is not in the program"}`,
    [],
    again,
  );
}

/** The number a drawn value is now. */
export function drawnNumber(state: State, rv: ExprRV, primitive = "get"): number {
  checkHandle(state, primitive, rv);
  return state.values.get(rv.id) as number;
}

/** Throws unless the handle was given out and is still there. */
export function checkHandle(state: State, primitive: string, rv: AnyRV): void {
  const key = keyOf(rv);
  if (state.names.get(key) !== undefined) return;
  const what = rv.kind === "loopRV" ? "loop" : rv.kind === "blockRV" ? "block" : "value";
  const take =
    what === "loop"
      ? "sch.getLoops(…)"
      : what === "block"
        ? `sch.getBlock("${rv.name}")`
        : "sch.samplePerfectTile(…)";
  const fate = state.gone.get(key);
  if (fate) refuse(primitive, `the ${what} is gone`, `${what} ${rv.name} ${fate}`, [], take);
  const rule = "the handle belongs to another schedule";
  refuse(primitive, rule, `this one never gave out ${rv.name}`, [], take);
}

/** The handle of a node; `fresh` receives its name when it has just got it, else null. */
export function handleOf(state: State, func: string, node: Node, fresh: (string | null)[]): RV {
  const id = idOf(node);
  const key = keyOf({ kind: "blockRV", func, id });
  const known = state.names.get(key);
  const name = known ?? state.names.add(key, node.kind === "for" ? node.v.name : node.name);
  fresh.push(known === undefined ? name : null);
  return Object.freeze({ kind: node.kind === "for" ? "loopRV" : "blockRV", id, name, func });
}

/** The handle of a number that was drawn, with a name like `like`. */
export function valueHandle(state: State, like: string, value: number): ExprRV {
  const id = freshId();
  state.values.set(id, value);
  const name = state.names.add(keyOf({ kind: "exprRV", id }), like);
  return Object.freeze({ kind: "exprRV", id, name });
}

/** A handle of its own also for a loop that has one: another decision makes it another loop. */
export function placeHandle(state: State, func: string, place: number): LoopRV {
  const id = freshId();
  state.places.set(id, place);
  const name = state.names.add(keyOf({ kind: "loopRV", id, func }), "place");
  return Object.freeze({ kind: "loopRV", id, name, func });
}

/** Notes what became of named nodes that this step removed. */
export function bury(
  state: State,
  func: string,
  was: ReadonlyMap<number, Node>,
  is: ReadonlyMap<number, Node>,
  direct: readonly RV[],
  how: (direct: boolean) => string,
): void {
  for (const id of was.keys()) {
    const key = keyOf({ kind: "blockRV", func, id });
    if (is.has(id) || state.names.get(key) === undefined) continue;
    state.gone.set(key, how(direct.some((rv) => rv.id === id)));
  }
}
