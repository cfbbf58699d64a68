/** A graphLoop: its body as a function of the module, with types that hold for every iteration. */
import { BlockBuilder, sameSize } from "../../graph/index.ts";
import {
  constInt,
  type Expr,
  type GraphVar,
  graphVar,
  type TensorType,
  tensorType,
  tupleExpr,
  tupleGet,
  tupleType,
  typeText,
  type Var,
  variable,
} from "../../ir/index.ts";
import { Refusal } from "./context.ts";
import { Captures, Env, parameterType } from "./env.ts";
import type { SpecialCall } from "./special-call.ts";
import { asScalar, asTensor, freeName, knownScalar, trueConstant } from "./synthetic.ts";
import { MISSING, type TensorValue, type Value } from "./value.ts";

export interface LoopParts {
  /** What the function is called. */
  readonly name: string;
  readonly trip?: TensorValue;
  readonly cond?: TensorValue;
  /** The bound of the number of iterations, where it is known. */
  readonly count?: number;
  readonly carried: readonly TensorValue[];
  /** The number of values of each iteration that are stacked. */
  readonly scans: number;
  /** Refuse carried values whose shape changes from iteration to iteration. */
  readonly keepShapes: boolean;
  /** Refuse results whose sizes only the program finds out. */
  readonly closed: boolean;
  /** Imports one iteration: the condition to go on (undefined: true), the carried values, the scanned ones. */
  readonly build: (i: Iteration) => { readonly cond?: Value; readonly values: readonly Value[] };
}

export interface Iteration {
  readonly env: Env;
  /** How the body sees a value from around the loop. */
  readonly inside: (v: Value) => Value;
  readonly iteration: TensorValue;
  readonly condition: TensorValue;
  readonly carried: readonly TensorValue[];
}

/** Emits the loop: the carried values after it, then the stacked ones. Throws a Refusal where types do not hold. */
export function emitLoop(c: SpecialCall, parts: LoopParts): Value[] {
  let types = parts.carried.map((v) => parameterType(v.type));
  // Each round opens at least one size, and there are no more than that.
  const rounds = 1 + types.reduce((n, t) => n + t.shape.length, 0);
  for (let round = 0; round < rounds; round++) {
    const body = bodyFunction(c, parts, types);
    if (!body) return [...parts.carried, ...Array.from({ length: parts.scans })].map(() => MISSING);
    const wider = types.map((t, k) => widened(t, body.carried[k], k, parts.keepShapes));
    if (wider.every((t, k) => t === types[k])) return emit(c, parts, types, body);
    types = wider;
  }
  throw new Refusal("the shapes of its carried values do not settle");
}

interface Body {
  readonly builder: BlockBuilder;
  readonly name: string;
  readonly captures: Captures;
  readonly carried: readonly TensorType[];
  readonly scanned: readonly TensorType[];
  /** Whether the condition stays what it was at the begin. */
  readonly endless: boolean;
}

/** The function of one iteration; undefined where its nodes could not be imported. */
function bodyFunction(c: SpecialCall, parts: LoopParts, types: readonly TensorType[]): Body | undefined {
  const { im } = c;
  const builder = new BlockBuilder(im.bb.get());
  const name = freeName(im.bb, parts.name);
  const captures = new Captures();
  const [iteration, condition] = [
    parameter("iteration", tensorType([], "i64")),
    parameter("condition", tensorType([], "bool")),
  ];
  const carried = types.map((t, k) => parameter(`carried${k}`, t));
  let made: Body | undefined;
  let failed = false;
  im.building(builder, () =>
    builder.function(name, undefined, () => {
      const env = new Env(c.env, captures.inside);
      const { cond, values } = parts.build({ env, inside: captures.inside, iteration, condition, carried });
      failed = values.includes(MISSING) || cond === MISSING;
      const tensors = failed ? [] : values.map((v, k) => asTensor(v, `value ${k} of the body`));
      if (tensors.length !== types.length + parts.scans && !failed)
        throw new Refusal("its body gives too few values");
      const go = cond && !failed ? asScalar(im, asTensor(cond, "the condition of the body")) : undefined;
      const endless = cond === undefined || cond === condition || knownScalar(cond) === 1;
      const outputs = [
        go && go !== condition && !endless ? go.leaf() : trueOr(go, endless, condition),
        ...tensors.map((t) => t.leaf()),
      ];
      const params = [iteration, condition, ...carried].map((v) => v.leaf() as GraphVar);
      builder.emitFuncOutput(tupleExpr(outputs), [...params, ...captures.params]);
      made = {
        builder,
        name,
        captures,
        carried: tensors.slice(0, types.length).map((t) => t.type),
        scanned: tensors.slice(types.length).map((t) => t.type),
        endless,
      };
    }),
  );
  return failed ? undefined : made;
}

const trueOr = (go: TensorValue | undefined, endless: boolean, condition: TensorValue) =>
  endless || !go ? trueConstant() : condition.leaf();

function parameter(name: string, type: TensorType): TensorValue {
  const v = graphVar(name, type);
  return { kind: "tensor", type, leaf: () => v };
}

/** The type of a carried value with sizes that change opened; the same object when none changes. */
function widened(t: TensorType, next: TensorType, k: number, keep: boolean): TensorType {
  if (t.dtype !== next.dtype || t.shape.length !== next.shape.length) {
    throw new Refusal(
      `its carried value ${k} is ${typeText(t)} before an iteration and ${typeText(next)} after it`,
    );
  }
  if (t.shape.every((s, d) => sameSize(s, next.shape[d]) || isOpen(s))) return t;
  if (keep) throw new Refusal(`its carried value ${k} changes from ${typeText(t)} to ${typeText(next)}`);
  const shape = t.shape.map(
    (s, d): Expr => (sameSize(s, next.shape[d]) || isOpen(s) ? s : opened(`n${k}_${d}`)),
  );
  return { ...t, shape };
}

/** Sizes that were opened because they change. */
const OPENED = new WeakSet<Expr>();
const isOpen = (s: Expr): boolean => OPENED.has(s);
function opened(name: string): Var {
  const v = variable(name);
  OPENED.add(v);
  return v;
}

function emit(c: SpecialCall, parts: LoopParts, types: readonly TensorType[], body: Body): Value[] {
  const { im, cx } = c;
  const before = im.bb.get().funcs;
  for (const [name, f] of Object.entries(body.builder.get().funcs)) {
    if (!Object.hasOwn(before, name)) im.bb.addFunc(f, name);
  }
  const always = body.endless && (parts.cond === undefined || knownScalar(parts.cond) === 1);
  const count = always && parts.count !== undefined ? constantSize(parts.count) : variable("iterations");
  let open = false;
  const outside = (s: Expr, was?: Expr): Expr => {
    if (constInt(s) !== undefined) return s;
    if (was && !isOpen(s) && sameSize(s, was)) return was;
    open = true;
    return variable("n");
  };
  const carried = types.map((t, k) => ({
    ...t,
    shape: t.shape.map((s, d) => outside(s, parts.carried[k].type.shape[d])),
  }));
  const scanned = body.scanned.map((t) => ({ ...t, shape: [count, ...t.shape.map((s) => outside(s))] }));
  if (count.kind === "var" && scanned.length > 0) open = true;
  const type = tupleType([...carried, ...scanned]);
  const value = {
    kind: "graphLoop" as const,
    func: body.name,
    ...(parts.trip ? { trip: parts.trip.leaf() } : {}),
    ...(parts.cond ? { cond: parts.cond.leaf() } : {}),
    carried: parts.carried.map((v) => v.leaf()),
    captured: body.captures.outside.map((v) => v.leaf()),
    type,
  };
  if (open && parts.closed)
    throw new Refusal(`it gives ${typeText(type)}, of sizes that depend on its iterations`);
  const all = open ? im.bb.matchCast(value, type) : im.bb.emit(value);
  return type.fields.map((_, k) => im.bind(tupleGet(all, k), cx.node.outputs[k]));
}

const constantSize = (n: number): Expr => tensorType([Math.max(0, n)]).shape[0];
