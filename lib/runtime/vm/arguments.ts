/** Arguments of graph-level functions: do they fit, and what do their shapes say about the symbolic sizes? */
import { ArgumentError, describeArgument, evalSize } from "../../codegen/index.ts";
import {
  bindingsOf,
  type GraphFunc,
  type GraphType,
  type TensorType,
  typeText,
  type Var,
  varsOf,
} from "../../ir/index.ts";
import { Tensor } from "../tensor.ts";
import type { Heap, Output } from "./held.ts";

/** A tensor, or tensors in the form of a tuple type. Functions for "webgpu" take those of the GPU too. */
export type GraphArg = Tensor | readonly GraphArg[];

export interface ParamLeaf {
  /** `x`, or `x[1]` for a field of a tuple. */
  readonly name: string;
  readonly type: TensorType;
}

/** The tensors that parameters consist of, in order. */
function leavesOfParams(params: readonly { name: string; type: GraphType }[]): ParamLeaf[] {
  const go = (name: string, t: GraphType): ParamLeaf[] =>
    t.kind === "tensor"
      ? [{ name, type: t }]
      : t.kind === "tuple"
        ? t.fields.flatMap((f, i) => go(`${name}[${i}]`, f))
        : [];
  return params.flatMap((p) => go(p.name, p.type));
}

/** The symbolic sizes that a call decides: those of the parameters' types, and what is read off parameters. */
export function symbolicSizesOf(f: GraphFunc): Var[] {
  const found = new Map<number, Var>();
  for (const { type } of leavesOfParams(f.params)) for (const s of type.shape) varsOf(s, found);
  for (const b of readOffParams(f)) {
    if (b.kind === "tensorToShape") for (const v of b.sizes) found.set(v.id, v);
    else for (const { type } of leavesOfParams([b.v])) for (const s of type.shape) varsOf(s, found);
  }
  return [...found.values()];
}

/** Casts and sizes whose values are parameters: known before the function runs. */
const readOffParams = (f: GraphFunc) => {
  const params = new Set(f.params.map((p) => p.id));
  return bindingsOf(f.body).filter(
    (b) => b.kind !== "bind" && b.value.kind === "graphVar" && params.has(b.value.id),
  ) as Exclude<ReturnType<typeof bindingsOf>[number], { kind: "bind" }>[];
};

/**
 * The tensors of a call. Throws an `ArgumentError` that names the function, the parameter, its type and what came:
 * wrong number, no tensor, dtype or rank, a size that is a number, a tensor that was disposed.
 */
export function checkArguments(
  name: string,
  f: Pick<GraphFunc, "params">,
  args: readonly unknown[],
): Tensor[] {
  return checkTensors(name, f, args, (x): x is Tensor => x instanceof Tensor);
}

/** The same for tensors of whatever devices a target takes. */
export function checkTensors<X extends AnyTensor>(
  name: string,
  f: Pick<GraphFunc, "params">,
  args: readonly unknown[],
  isTensor: (x: unknown) => x is X,
): X[] {
  if (args.length !== f.params.length) {
    const takes = f.params.map((p) => `${p.name}: ${typeText(p.type)}`).join(", ");
    throw new ArgumentError(`${name} takes ${f.params.length} argument(s) (${takes}), got ${args.length}`);
  }
  const out: X[] = [];
  const go = (label: string, t: GraphType, x: unknown): void => {
    if (t.kind === "tuple") {
      if (!Array.isArray(x) || x.length !== t.fields.length) {
        const got = Array.isArray(x) ? `${x.length} value(s)` : describeArgument(x);
        throw new ArgumentError(`${name}: ${label} must be an array for ${typeText(t)}, got ${got}`);
      }
      t.fields.forEach((field, i) => {
        go(`${label}[${i}]`, field, x[i]);
      });
    } else if (t.kind === "tensor") out.push(checkTensor(name, label, t, x, isTensor));
    else throw new ArgumentError(`${name}: ${label} is a ${typeText(t)}, which no argument can be`);
  };
  f.params.forEach((p, i) => {
    go(`argument ${i} (${p.name})`, p.type, args[i]);
  });
  return out;
}

/** What the tensors of every device have. */
type AnyTensor = Pick<Tensor, "dtype" | "shape" | "disposed">;

function checkTensor<X extends AnyTensor>(
  name: string,
  label: string,
  t: TensorType,
  x: unknown,
  isTensor: (x: unknown) => x is X,
): X {
  const must = `${name}: ${label} must be`;
  if (!isTensor(x)) {
    const hint =
      Array.isArray(x) || ArrayBuffer.isView(x) ? ": copy it to the device with Tensor.from(…)" : "";
    throw new ArgumentError(`${must} a Tensor, ${typeText(t)}, got ${describeArgument(x)}${hint}`);
  }
  if (x.disposed) throw new ArgumentError(`${must} ${typeText(t)}, got a tensor that was disposed: ${x}`);
  const fits =
    x.dtype === t.dtype &&
    x.shape.length === t.shape.length &&
    t.shape.every((s, d) => s.kind !== "const" || Number(s.value) === x.shape[d]);
  if (!fits) throw new ArgumentError(`${must} ${typeText(t)}, got ${describeArgument(x)}`);
  return x;
}

/**
 * The values of a function's symbolic sizes by variable id, from the tensors of a call. Throws an `ArgumentError` where
 * two arguments contradict each other, or nothing tells a size.
 */
export function bindSizes(
  name: string,
  f: GraphFunc,
  args: readonly Pick<Output, "address" | "shape">[],
  heap: Heap,
): Map<number, number> {
  const sizes = new Map<number, number>();
  const leaves = leavesOfParams(f.params);
  const bind = (t: TensorType, shape: readonly number[]): void => {
    t.shape.forEach((s, d) => {
      if (s.kind === "var" && !sizes.has(s.id)) sizes.set(s.id, shape[d]);
    });
  };
  leaves.forEach((p, i) => {
    bind(p.type, args[i].shape);
  });
  const numberOf = new Map<number, number>();
  let at = 0;
  for (const p of f.params) {
    numberOf.set(p.id, at);
    at += leavesOfParams([p]).length;
  }
  for (const b of readOffParams(f)) {
    const first = numberOf.get((b.value as { id: number }).id) as number;
    if (b.kind === "matchCast") {
      leavesOfParams([b.v]).forEach((leaf, k) => {
        bind(leaf.type, args[first + k].shape);
        checkSizes(name, leaf, args[first + k].shape, sizes);
      });
      continue;
    }
    const { dtype } = leaves[first].type;
    const values = heap.integers(args[first].address, dtype, b.sizes.length);
    b.sizes.forEach((v, k) => {
      if (values[k] < 0 || !Number.isSafeInteger(values[k]))
        throw new ArgumentError(`${name}: ${leaves[first].name} gives the size ${v.name} = ${values[k]}`);
      sizes.set(v.id, values[k]);
    });
  }
  leaves.forEach((p, i) => {
    checkSizes(name, p, args[i].shape, sizes);
  });
  return sizes;
}

function checkSizes(
  name: string,
  p: ParamLeaf,
  shape: readonly number[],
  sizes: ReadonlyMap<number, number>,
): void {
  p.type.shape.forEach((s, d) => {
    const want = evalSize(s, sizes);
    if (want === undefined) {
      const unknown = [...varsOf(s).values()].filter((v) => !sizes.has(v.id)).map((v) => v.name);
      throw new ArgumentError(
        `${name}: ${p.name} is ${typeText(p.type)}; nothing tells ${unknown.join(", ")}`,
      );
    }
    if (want === shape[d]) return;
    const known = [...varsOf(s).values()].map((v) => `${v.name} = ${sizes.get(v.id)}`).join(", ");
    throw new ArgumentError(
      `${name}: ${p.name} must be ${typeText(p.type)}${known ? ` with ${known}` : ""}, ` +
        `got ${p.type.dtype}[${shape.join(", ")}]`,
    );
  });
}

/** Whether all sizes of the parameters are numbers, and nothing is read off them. */
export const isStatic = (f: GraphFunc): boolean => symbolicSizesOf(f).length === 0;
