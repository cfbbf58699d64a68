/** Nodes that the importer makes up: what an operator means in terms of others. */
import type { BlockBuilder } from "../../graph/index.ts";
import { constantOf, numbersOf } from "../../ir/index.ts";
import { Refusal } from "./context.ts";
import { tensorFrom } from "./decode-tensor.ts";
import { Env } from "./env.ts";
import type { Importer } from "./importer.ts";
import type { OnnxAttr } from "./types.ts";
import { literalIn, MISSING, type TensorValue, type Value, valueText } from "./value.ts";

/** The version of the standard's operator set in which these nodes are written. */
const OPSETS: ReadonlyMap<string, number> = new Map([["", 13]]);

type PlainAttrs = Readonly<Record<string, number | readonly number[]>>;

/** The first result of an operator on values. */
export function applyOp(
  im: Importer,
  opType: string,
  inputs: readonly Value[],
  attrs: PlainAttrs = {},
): Value {
  const list = Object.entries(attrs).map(([name, value]): [string, OnnxAttr] => [
    name,
    typeof value === "number" ? { kind: "int", value } : { kind: "ints", value },
  ]);
  const node = {
    index: -1,
    name: "",
    opType,
    domain: "",
    inputs: inputs.map((_, i) => `in${i}`),
    outputs: ["part"],
    attrs: new Map(list),
  };
  const frame = { opsets: OPSETS, depth: 0 };
  return im.operators.apply(im, node, inputs, new Env(), frame)[0] ?? MISSING;
}

/** An i64 vector or scalar of known elements. */
export const i64 = (im: Importer, values: readonly number[] | number): TensorValue =>
  im.ofData(tensorFrom("i64", typeof values === "number" ? [] : [values.length], [values].flat()));

export const bool = (im: Importer, value: boolean): TensorValue =>
  im.ofData(tensorFrom("bool", [], [Number(value)]));

/** Tensors of one shape along a new axis. Throws a Refusal when there is none: nothing says what they would be. */
export function stack(im: Importer, parts: readonly Value[], axis: number): Value {
  if (parts.length === 0) throw new Refusal("no tensors to put together, and nothing says of what type");
  const at = i64(im, [axis]);
  return applyOp(
    im,
    "Concat",
    parts.map((p) => applyOp(im, "Unsqueeze", [p, at])),
    { axis },
  );
}

/** The one element of a tensor as a scalar. */
export function asScalar(im: Importer, v: TensorValue): TensorValue {
  return v.type.shape.length === 0 ? v : (applyOp(im, "Reshape", [v, i64(im, [])]) as TensorValue);
}

/** The one element of a known tensor; undefined where it is not known. */
export function knownScalar(v: Value | undefined): number | undefined {
  if (v?.kind !== "tensor") return undefined;
  if (v.data && v.data.bytes.length <= 8) return numbersOf(v.data)[0];
  const e = literalIn(v)?.elems[0];
  return typeof e === "number" ? e : undefined;
}

export function asTensor(v: Value | undefined, what: string): TensorValue {
  if (v?.kind === "tensor") return v;
  throw new Refusal(`${what} is ${v ? valueText(v) : "missing"}, not a tensor`);
}

export const trueConstant = () => constantOf(tensorFrom("bool", [], [1]));

/** A name for a function that is free in the module that is being built. */
export function freeName(bb: BlockBuilder, stem: string): string {
  const { funcs } = bb.get();
  for (let n = 0; ; n++) {
    const name = n === 0 ? stem : `${stem}${n}`;
    if (!Object.hasOwn(funcs, name) && name !== "main") return name;
  }
}
