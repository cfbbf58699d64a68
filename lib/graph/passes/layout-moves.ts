/**
 * Values that are kept in other layouts, and the operators that can be done in any of them. Such a value is transformed
 * back for who needs the standard layout; what can be done on the tensor that holds it is done there, and a transformation
 * that nobody needs in the end is dead code.
 */
import { constInt, type GraphExpr, type GraphFunc, type OpCall, type TensorType } from "../../ir/index.ts";
import { GraphError } from "../error.ts";
import { ACTIVATION } from "../ops/activation.ts";
import { ELEMENTWISE } from "../ops/elementwise.ts";
import { callOp } from "../registry.ts";
import type { Size } from "../shape.ts";
import {
  type Form,
  isPadded,
  isPlain,
  isStandard,
  type Laid,
  packedAxes,
  renumbered,
  sameForm,
  standardForm,
  transformed,
} from "./layout-forms.ts";
import { type Place, rewriteFunc } from "./rewrite.ts";

type Look = (e: GraphExpr) => Laid | undefined;

const POINTWISE = new Set([...Object.keys(ELEMENTWISE), ...Object.keys(ACTIVATION)]);
const REDUCES = new Set(["sum", "mean", "max", "min"]);
/** Operators that give zero for zeros: what pads a block stays zero, so that a product with it adds nothing. */
const ZERO_TO_ZERO = new Set(
  (
    "add subtract multiply maximum minimum abs negative tanh sin sqrt square " +
    "astype nn.relu nn.leakyRelu nn.elu nn.gelu nn.geluTanh nn.silu nn.mish nn.hardSwish nn.softsign"
  ).split(" "),
);

const keepsZero = (e: OpCall): boolean => {
  if (e.op !== "clip") return ZERO_TO_ZERO.has(e.op);
  const { min, max } = e.attrs as { min: number | null; max: number | null };
  return (min ?? 0) <= 0 && (max ?? 0) >= 0;
};

export const shapeOf = (e: GraphExpr): readonly Size[] => (e.type as TensorType).shape;

export class LaidValues {
  private readonly known = new Map<number, Laid>();

  /** How a value is kept, if not only in the standard layout. */
  readonly look = (e: GraphExpr): Laid | undefined =>
    e.kind === "graphVar" ? this.known.get(e.id) : undefined;

  /** Rewrites a function: `done` does a value in another layout, or leaves it to what its operands are kept in. */
  rewrite(f: GraphFunc, done: (e: GraphExpr, at: Place) => Laid | undefined): GraphFunc {
    return rewriteFunc(f, {
      value: (e, at) => {
        const laid = done(e, at) ?? (e.kind === "opCall" ? movedThrough(e, this.look, at) : undefined);
        return laid ? this.note(laid, at) : e;
      },
    });
  }

  /** The tensor that holds a value in a form, with these sizes (`letters` name the axes where it is transformed). */
  put(e: GraphExpr, form: Form, at: Place, sizes?: readonly Size[], letters?: string): GraphExpr {
    const shape = shapeOf(e);
    const laid = this.look(e) ?? { source: e, form: standardForm(shape.length), shape };
    const made = transformed(laid, form, sizes, letters);
    return made.kind === "opCall" ? at.emit(made) : made;
  }

  private note(laid: Laid, at: Place): GraphExpr {
    if (isStandard(laid.form)) return laid.source;
    if (at.binding.kind === "bind") this.known.set(at.binding.v.id, laid);
    return transformed(laid, standardForm(laid.shape.length));
  }
}

/** What the operator gives, in the form of its operands; undefined where it has to be done in the standard layout. */
const movedThrough = (e: OpCall, look: Look, at: Place): Laid | undefined =>
  permutation(e, look) ?? pointwise(e, look, at) ?? reduction(e, look, at);

/** A transposition only changes what the axes are called. */
function permutation(e: OpCall, look: Look): Laid | undefined {
  if (e.op !== "permuteDims") return undefined;
  const [x] = e.args;
  const shape = shapeOf(x);
  const axes = (e.attrs.axes as readonly number[] | null) ?? shape.map((_, d) => shape.length - 1 - d);
  const own = axes.map((a) => (a < 0 ? a + shape.length : a));
  const { source, form } = look(x) ?? { source: x, form: standardForm(shape.length) };
  return { source, form: renumbered(form, (a) => own.indexOf(a)), shape: shapeOf(e) };
}

/** An elementwise operator on operands of one form: the same on the tensors that hold them. */
function pointwise(e: OpCall, look: Look, at: Place): Laid | undefined {
  if (!POINTWISE.has(e.op) || e.op === "nn.prelu" || e.type.kind !== "tensor") return undefined;
  const { shape } = e.type;
  const fits = (p: Laid | undefined): p is Laid =>
    p !== undefined &&
    p.shape.length === shape.length &&
    packedAxes(p.form).every(({ axis }) => constInt(p.shape[axis]) === constInt(shape[axis]));
  const form = e.args.map(look).find(fits)?.form;
  if (!form) return undefined;
  const padded = isPadded(form, shape);
  if (padded && !keepsZero(e)) return undefined;
  const args: GraphExpr[] = [];
  for (const a of e.args) {
    const p = look(a);
    const operand =
      fits(p) && sameForm(p.form, form)
        ? p.source
        : a.kind === "constant"
          ? constantIn(a, form, shape, padded, at)
          : undefined;
    if (!operand) return undefined;
    args.push(operand);
  }
  return { source: at.emit(callOp(e.op, args, e.attrs)), form, shape };
}

/** A constant operand, which may have fewer axes and sizes of 1, in a form. Not one that would change what is padding. */
function constantIn(
  a: GraphExpr,
  form: Form,
  shape: readonly Size[],
  padded: boolean,
  at: Place,
): GraphExpr | undefined {
  const own = shapeOf(a);
  const missing = shape.length - own.length;
  const one = (axis: number): boolean => axis < missing || constInt(own[axis - missing]) === 1;
  const spread = packedAxes(form).filter(({ axis }) => one(axis));
  if (padded && spread.length > 0) return undefined;
  if (own.length === 0) return a;
  const wide =
    missing > 0
      ? at.emit(callOp("expandDims", [a], { axis: Array.from({ length: missing }, (_, d) => d) }))
      : a;
  // An axis of one element has no blocks: it is whole, and has an axis of one element beside it.
  const isSpread = (axis: number): boolean => spread.some((x) => x.axis === axis);
  const flat = form
    .filter((x) => x.part !== "inner" || !isSpread(x.axis))
    .map((x) => (isSpread(x.axis) ? ({ ...x, part: "whole", factor: 1 } as const) : x));
  const value: Laid = { source: wide, form: standardForm(shape.length), shape: shapeOf(wide) };
  const turned = transformed(value, flat);
  const placed = turned.kind === "opCall" ? at.emit(turned) : turned;
  const places = form.flatMap((x, d) => (x.part === "inner" && isSpread(x.axis) ? [d] : []));
  return places.length > 0 ? at.emit(callOp("expandDims", [placed], { axis: places })) : placed;
}

/** A reduction over axes that are whole: over them where they are, with the rest as it is. */
function reduction(e: OpCall, look: Look, at: Place): Laid | undefined {
  const p = REDUCES.has(e.op) && e.args.length === 1 ? look(e.args[0]) : undefined;
  const given = e.attrs.axis;
  if (!p || given === null || given === undefined) return undefined;
  const rank = p.shape.length;
  const over = (Array.isArray(given) ? (given as number[]) : [given as number]).map((a) =>
    a < 0 ? a + rank : a,
  );
  if (over.some((a) => !(a in p.shape))) throw new GraphError(e.op, "an axis is out of range");
  if (!isPlain(p.form.filter(({ axis }) => over.includes(axis)))) return undefined;
  const axis = p.form.flatMap((a, d) => (over.includes(a.axis) ? [d] : []));
  const source = at.emit(callOp(e.op, [p.source], { ...e.attrs, axis }));
  if (e.attrs.keepdims) return { source, form: p.form, shape: shapeOf(e) };
  const left = Array.from({ length: rank }, (_, a) => a).filter((a) => !over.includes(a));
  const form = renumbered(p.form, (a) => (over.includes(a) ? undefined : left.indexOf(a)));
  return { source, form, shape: shapeOf(e) };
}
