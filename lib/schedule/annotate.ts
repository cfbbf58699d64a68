/** annotate, unannotate, addUnitLoop: marks on blocks and loops. */
import { type Attr, type Block, type For, loop, NO_ATTRS, type PrimFunc, variable } from "../ir/index.ts";
import { refuse } from "./error.ts";
import { findNode, replaceIn } from "./lookup.ts";
import type { WithLoop } from "./types.ts";

const nameOf = (n: Block | For): string => (n.kind === "for" ? `loop ${n.v.name}` : `block ${n.name}`);

/** Puts `key: value` on a block or loop (given by its id). */
export function annotate(f: PrimFunc, id: number, key: string, value: Attr): PrimFunc {
  const at = findNode(f, id);
  const { node } = at;
  if (Object.hasOwn(node.annotations, key)) {
    refuse(
      "annotate",
      "the key is already there",
      `${nameOf(node)} carries ${JSON.stringify(key)}: ${JSON.stringify(node.annotations[key])}`,
      [node],
      (n) => `sch.unannotate(${n(node)}, ${JSON.stringify(key)}) before`,
    );
  }
  if (!isAttr(value)) {
    refuse(
      "annotate",
      "the value is not plain data",
      `${JSON.stringify(key)} of ${nameOf(node)}: a value is a number, string, boolean, null, or an array or object of these`,
      [node],
    );
  }
  return replaceIn(f, at, { ...node, annotations: { ...node.annotations, [key]: value } });
}

function isAttr(x: unknown): x is Attr {
  switch (typeof x) {
    case "number":
      return Number.isFinite(x);
    case "string":
    case "boolean":
      return true;
    case "object":
      if (x === null) return true;
      if (Array.isArray(x)) return x.every(isAttr);
      return Object.getPrototypeOf(x) === Object.prototype && Object.values(x).every(isAttr);
    default:
      return false;
  }
}

/** Removes the annotation `key` of a block or loop (given by its id). */
export function unannotate(f: PrimFunc, id: number, key: string): PrimFunc {
  const at = findNode(f, id);
  const { node } = at;
  if (!Object.hasOwn(node.annotations, key)) {
    const keys = Object.keys(node.annotations).map((k) => JSON.stringify(k));
    refuse(
      "unannotate",
      "there is no such annotation",
      `${nameOf(node)} carries ${keys.length > 0 ? keys.join(", ") : "none"}, not ${JSON.stringify(key)}`,
      [node],
      keys.length > 0 ? (n) => `sch.unannotate(${n(node)}, ${keys[0]})` : undefined,
    );
  }
  const { [key]: _, ...rest } = node.annotations;
  const annotations = Object.keys(rest).length === 0 ? NO_ATTRS : rest;
  return replaceIn(f, at, { ...node, annotations });
}

/** Puts a loop of one iteration around a block or loop (given by its id). */
export function addUnitLoop(f: PrimFunc, id: number): WithLoop {
  const at = findNode(f, id);
  if (at.node === f.body) {
    refuse("addUnitLoop", "the root block stands in no loop", "name a block or loop inside it", [at.node]);
  }
  const v = variable("u");
  return { func: replaceIn(f, at, loop(v, 1, at.node)), loop: v.id };
}
