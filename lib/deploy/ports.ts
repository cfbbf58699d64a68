/** What the entry points of a bundle take and give. */
import { mostShape, sizeBounds } from "../graph/index.ts";
import {
  constInt,
  type Expr,
  type GraphFunc,
  type GraphType,
  getGraphFunc,
  type IRModule,
  typeText,
} from "../ir/index.ts";
import { refuseDeploy } from "./error.ts";
import { sizeName } from "./sizes.ts";

export interface Port {
  readonly name: string;
  readonly dtype: string;
  /** Sizes that are not known beforehand stand as text: by the names of what they are made of. */
  readonly shape: readonly (number | string)[];
  /** The most that the sizes can be, where they are not all numbers. */
  readonly most?: readonly number[];
}

/** An input, and the number of the parameter that it is. */
export type InputPort = Port & { readonly index: number };

const ARRAYS: Readonly<Record<string, string>> = {
  f32: "Float32Array",
  f64: "Float64Array",
  f16: "Uint16Array",
  i8: "Int8Array",
  u8: "Uint8Array",
  bool: "Uint8Array",
  i32: "Int32Array",
  i64: "BigInt64Array",
};

/** The typed array that carries a dtype: f16 as bits, bool as 0 and 1. */
export const arrayOf = (dtype: string): string => ARRAYS[dtype];

const SIZES: Readonly<Record<string, number>> = { f64: 8, i64: 8, f32: 4, i32: 4, f16: 2 };

/** The most bytes that it can take. */
export const portBytes = (p: Port): number =>
  (p.most ?? (p.shape as readonly number[])).reduce((n, s) => n * s, 1) * (SIZES[p.dtype] ?? 1);

/** As the manifest has it. */
export const plainPort = ({ name, dtype, shape, most }: Port): Port => ({
  ...{ name, dtype, shape },
  ...(most ? { most } : {}),
});

/** Names that the model file has for what a function takes or gives. */
const listed = (f: GraphFunc, key: string): readonly string[] | undefined =>
  Array.isArray(f.attrs[key]) ? (f.attrs[key] as readonly string[]) : undefined;

function portOf(name: string, t: GraphType, most: (shape: readonly Expr[]) => number[] | undefined): Port {
  if (t.kind !== "tensor") return refuseDeploy(`${name} is ${typeText(t)}; a bundle takes and gives tensors`);
  const shape = t.shape.map((s) => constInt(s) ?? sizeName(s));
  if (shape.every((s) => typeof s === "number")) return { name, dtype: t.dtype, shape };
  const bounds = most(t.shape) ?? refuseDeploy(`nothing bounds the sizes of ${name}, ${typeText(t)}`);
  return { name, dtype: t.dtype, shape, most: bounds };
}

/** What a function takes, but for what is fixed. Throws a `DeployError` where a size is open. */
export function inputsOf(mod: IRModule, func: string, fixed: ReadonlySet<string>): InputPort[] {
  const f = getGraphFunc(mod, func);
  const open = new Set<string>();
  const named = f.params.map((p, index) => ({
    name: listed(f, "inputs")?.[index] ?? p.name,
    type: p.type,
    index,
  }));
  const inputs = named
    .filter((p) => !fixed.has(p.name))
    .map(({ name, type, index }) => {
      const port = portOf(name, type, (shape) => shape.map(() => 0));
      if (port.most) open.add(`${name}: ${typeText(type)}`);
      return { ...port, index };
    });
  if (open.size > 0) refuseDeploy(`a bundle has fixed sizes; these are open: ${[...open].join("; ")}`);
  return inputs;
}

/** What a function gives, which must be something: `before` has its names; after it was lowered, sizes that the data decides have names and bounds. */
export function outputsOf(before: GraphFunc, lowered: GraphFunc): Port[] {
  const ranges = sizeBounds(lowered);
  const { type } = lowered.body.result;
  const fields = type.kind === "tuple" ? type.fields : [type];
  if (fields.length === 0) refuseDeploy("the function gives nothing: a bundle needs at least one output");
  return fields.map((t, i) =>
    portOf(listed(before, "outputs")?.[i] ?? (fields.length > 1 ? `y${i}` : "y"), t, (shape) =>
      mostShape(shape, ranges),
    ),
  );
}
