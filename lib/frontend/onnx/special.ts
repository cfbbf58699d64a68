/** Operators that the importer itself handles: they ask for more than the values of a node's inputs. */

import { simplify } from "../../arith/index.ts";
import { constantOf, ndarray, ops, sizeOf } from "../../ir/index.ts";
import { importIf } from "./control-if.ts";
import { importLoop } from "./control-loop.ts";
import { importScan } from "./control-scan.ts";
import { tensorFrom } from "./decode-tensor.ts";
import { isNumeric, literal, MAX_LITERAL } from "./literal.ts";
import { SEQUENCES } from "./sequence.ts";
import type { Special } from "./special-call.ts";
import { isForeign } from "./types.ts";

/** The one attribute of several that is given holds the value. */
const constant: Special = ({ im, cx }) => {
  const { attr } = cx;
  if (attr.has("value")) return [im.ofData(attr.tensor("value"))];
  if (attr.has("value_int")) return [im.ofData(tensorFrom("i64", [], [attr.int("value_int")]))];
  if (attr.has("value_float")) return [im.ofData(tensorFrom("f32", [], [attr.float("value_float")]))];
  if (attr.has("value_ints")) {
    const list = attr.ints("value_ints");
    return [im.ofData(tensorFrom("i64", [list.length], list))];
  }
  if (attr.has("value_floats")) {
    const list = attr.floats("value_floats");
    return [im.ofData(tensorFrom("f32", [list.length], list))];
  }
  return cx.refuse(`a constant given as ${[...attr.all.keys()].join(", ") || "nothing"} is not supported`);
};

/** The sizes from `start` to `end` (opset 15; all of them before). */
const shape: Special = ({ im, cx }) => {
  const sizes = cx.shape(0);
  const rank = sizes.length;
  const at = (name: string, otherwise: number): number => {
    const v = cx.attr.int(name, otherwise);
    return Math.max(0, Math.min(rank, v < 0 ? v + rank : v));
  };
  const part = sizes.slice(at("start", 0), at("end", rank));
  return [im.ofLiteral(literal("i64", [part.length], part), cx.node.outputs[0])];
};

const size: Special = ({ im, cx }) => {
  const n = simplify(cx.shape(0).reduce((a, b) => ops.mul(a, b), ops.toExpr(1)));
  return [im.ofLiteral(literal("i64", [], [n]), cx.node.outputs[0])];
};

/** Of values that are no tensors; tensors go the ordinary way. */
const identity: Special = ({ cx }) => {
  const [v] = cx.values;
  if (!v) return cx.refuse("its input is missing");
  return [v];
};

/** A tensor of one element in all places, spread over the sizes. */
const constantOfShape: Special = ({ im, cx }) => {
  const value = cx.attr.has("value") ? cx.attr.tensor("value") : tensorFrom("f32", [1], [0]);
  if (isForeign(value) || sizeOf(value.shape) !== 1) return cx.refuse("it is not one element", "value");
  const known = cx.literal(0);
  // Small ones of known sizes are evaluated.
  if (known && isNumeric(known) && sizeOf(known.elems) <= MAX_LITERAL) return undefined;
  const one = constantOf(ndarray(value.dtype, [], value.bytes));
  return [im.broadcast(one, cx.sizes(0), cx.node.outputs[0])];
};

export const SPECIAL: Readonly<Record<string, Special>> = {
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Shape: shape,
  Size: size,
  Identity: identity,
  If: importIf,
  Loop: importLoop,
  Scan: importScan,
  ...SEQUENCES,
};
