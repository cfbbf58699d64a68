/** Constants that a script mentions by name, `R.constant("c0", type)`, until their data are given. */
import {
  type BaseFunc,
  type Constant,
  constantOf,
  constInt,
  type GraphBody,
  type GraphExpr,
  type GraphFunc,
  mapBody,
  mapGraphExpr,
  type NDArray,
  type TensorType,
  typeText,
  withGraphBody,
} from "../ir/index.ts";

/** Data by the names that a script gives them. */
export type ConstantTable = { readonly [name: string]: NDArray | Constant };

const names = new WeakMap<NDArray, string>();

/** Stands for data that come later. To read its bytes throws. */
export function pendingData(name: string, type: TensorType): NDArray {
  const shape = type.shape.map(constInt);
  if (!shape.every((s) => s !== undefined))
    throw new TypeError(`R.constant("${name}"): the sizes of a constant are numbers`);
  const data: NDArray = {
    kind: "ndarray",
    dtype: type.dtype,
    shape,
    get bytes(): Uint8Array {
      throw new TypeError(missing(name, []));
    },
  };
  names.set(data, name);
  return data;
}

/** The name of a constant whose data are not there yet. */
export const pendingName = (data: NDArray): string | undefined => names.get(data);

const missing = (name: string, known: readonly string[]): string =>
  `R.constant("${name}"): its data are not given${known.length > 0 ? ` among ${known.join(", ")}` : ""}: ` +
  "T.module({ … }, { constants }), with constants = constantsOf(module)";

/** The function with data for its named constants. Throws for one that the table has not, or has with another type. */
export function supplyConstants<F extends BaseFunc>(f: F, table: ConstantTable): F;
export function supplyConstants(f: BaseFunc, table: ConstantTable): BaseFunc {
  return f.kind === "graphFunc"
    ? mapConstants(f, (c) => {
        const name = names.get(c.data);
        return name === undefined ? c : dataOf(name, c.type, table);
      })
    : f;
}

/** The constant of that name. Throws as `supplyConstants` does. */
export function dataOf(name: string, type: TensorType, table: ConstantTable): Constant {
  const given = Object.hasOwn(table, name) ? table[name] : undefined;
  if (!given) throw new TypeError(missing(name, Object.keys(table)));
  const c = given.kind === "constant" ? given : known(given);
  if (typeText(c.type) !== typeText(type)) {
    throw new TypeError(`R.constant("${name}") is ${typeText(type)}, the data given ${typeText(c.type)}`);
  }
  return c;
}

/** One constant for one array: what is shared stays shared. */
const constants = new WeakMap<NDArray, Constant>();
function known(data: NDArray): Constant {
  const c = constants.get(data) ?? constantOf(data);
  constants.set(data, c);
  return c;
}

/** The function with its constants rewritten, those of branches too. */
function mapConstants(f: GraphFunc, map: (c: Constant) => Constant): GraphFunc {
  const expr = (e: GraphExpr): GraphExpr =>
    e.kind === "constant" ? map(e) : mapGraphExpr(e, { expr, body });
  const body = (b: GraphBody): GraphBody => mapBody(b, expr);
  return withGraphBody(f, body(f.body));
}
