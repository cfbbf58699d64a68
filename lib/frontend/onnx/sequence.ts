/** Sequences and optionals: their parts are known at import, so that programs know tensors alone. */
import { constInt } from "../../ir/index.ts";
import { Env } from "./env.ts";
import type { Special, SpecialCall } from "./special-call.ts";
import { runGraph } from "./subgraph.ts";
import { applyOp, bool, i64, stack } from "./synthetic.ts";
import { MISSING, type SequenceValue, type Value, valueText } from "./value.ts";

/** A sequence has at most so many parts. */
const MAX_PARTS = 4096;

function sequenceAt({ cx }: SpecialCall, i: number): SequenceValue {
  const v = cx.values[i];
  const inner = v?.kind === "optional" ? v.value : v;
  if (inner?.kind === "sequence") return inner;
  return cx.refuse(`input ${i} is ${v ? valueText(v) : "missing"}, not a sequence`);
}

/** A known position in a list of `length`; negative ones count from its end. `room`: one more, for a new part. */
function position({ cx }: SpecialCall, i: number, length: number, room = 0): number {
  const given = cx.scalar(i);
  const at = given < 0 ? given + length : given;
  return at >= 0 && at < length + room
    ? at
    : cx.refuse(`position ${given} is not in a sequence of ${length}`);
}

const sequence = (items: readonly Value[]): Value[] => [{ kind: "sequence", items }];

const insert: Special = (c) => {
  const { items } = sequenceAt(c, 0);
  const v = c.cx.tensor(1);
  const at = c.cx.has(2) ? position(c, 2, items.length, 1) : items.length;
  if (items.length >= MAX_PARTS) c.cx.refuse(`the sequence has more than ${MAX_PARTS} parts`);
  return sequence(items.toSpliced(at, 0, v));
};

const erase: Special = (c) => {
  const { items } = sequenceAt(c, 0);
  const at = c.cx.has(1) ? position(c, 1, items.length) : items.length - 1;
  return sequence(items.toSpliced(at, 1));
};

const split: Special = (c) => {
  const { im, cx } = c;
  const x = cx.tensor(0);
  const rank = x.type.shape.length;
  const axis = cx.attr.int("axis", 0);
  const d = axis < 0 ? axis + rank : axis;
  const size = d >= 0 && d < rank ? constInt(x.type.shape[d]) : cx.refuse(`axis ${axis} does not exist`);
  if (size === undefined) return cx.refuse("the size of the axis it splits must be known");
  const sizes = partSizes(c, size);
  let from = 0;
  const parts = sizes.map((n) => {
    const begin = from;
    from += n;
    const part = applyOp(im, "Slice", [x, i64(im, [begin]), i64(im, [from]), i64(im, [d])]);
    const drop = !cx.has(1) && !cx.attr.flag("keepdims", true);
    return drop ? applyOp(im, "Squeeze", [part, i64(im, [d])]) : part;
  });
  return sequence(parts);
};

/** Sizes of the parts: listed, or equal ones of which the last may be smaller. */
function partSizes({ cx }: SpecialCall, size: number): number[] {
  const given = cx.has(1) ? cx.ints(1) : [1];
  const scalar = !cx.has(1) || cx.rank(1) === 0;
  if (!scalar) {
    const right = given.every((n) => n >= 0) && given.reduce((a, b) => a + b, 0) === size;
    return right ? given : cx.refuse(`the parts [${given.join(", ")}] are not ${size} together`);
  }
  const [n] = given;
  if (!(n > 0) || size / n > MAX_PARTS) return cx.refuse(`a part of ${n} of ${size} is not possible`);
  return Array.from({ length: Math.ceil(size / n) }, (_, k) => Math.min(n, size - k * n));
}

const concat: Special = (c) => {
  const { im, cx } = c;
  const { items } = sequenceAt(c, 0);
  const axis = cx.attr.int("axis");
  if (cx.attr.flag("new_axis")) {
    const [first] = items;
    const rank = first?.kind === "tensor" ? first.type.shape.length + 1 : 0;
    return [stack(im, items, axis < 0 ? axis + rank : axis)];
  }
  if (items.length === 0) return cx.refuse("the sequence is empty");
  return [applyOp(im, "Concat", items, { axis })];
};

/** The body on each part, beside parts of other sequences and whole tensors. */
const map: Special = (c) => {
  const { im, cx } = c;
  const body = cx.attr.get("graph", "body");
  const { items } = sequenceAt(c, 0);
  const runs = items.map((_, i) => {
    const env = new Env(c.env);
    cx.values.forEach((v, k) => {
      const part = v?.kind === "sequence" ? v.items[i] : v;
      if (part && body.inputs[k]) env.set(body.inputs[k].name, part);
    });
    return runGraph(im, body, env, c.frame);
  });
  if (runs.flat().includes(MISSING)) return cx.node.outputs.map(() => MISSING);
  return body.outputs.map((_, k) => ({ kind: "sequence", items: runs.map((r) => r[k]) }));
};

const optionalElement: Special = ({ cx }) => {
  const [v] = cx.values;
  if (v?.kind !== "optional") return v ? [v] : cx.refuse("its input is missing");
  return v.value ? [v.value] : cx.refuse("the optional is empty");
};

const hasElement: Special = ({ im, cx }) => {
  const [v] = cx.values;
  return [bool(im, v !== undefined && (v.kind !== "optional" || v.value !== undefined))];
};

export const SEQUENCES: Readonly<Record<string, Special>> = {
  SequenceEmpty: () => sequence([]),
  SequenceConstruct: ({ cx }) => sequence(cx.values.map((_, i) => cx.tensor(i))),
  SequenceInsert: insert,
  SequenceErase: erase,
  SequenceAt: (c) => {
    const { items } = sequenceAt(c, 0);
    return [items[position(c, 1, items.length)]];
  },
  SequenceLength: (c) => [i64(c.im, sequenceAt(c, 0).items.length)],
  SplitToSequence: split,
  ConcatFromSequence: concat,
  SequenceMap: map,
  Optional: ({ cx }) => [{ kind: "optional", value: cx.values[0] }],
  OptionalGetElement: optionalElement,
  OptionalHasElement: hasElement,
};
