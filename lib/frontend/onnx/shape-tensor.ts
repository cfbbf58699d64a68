/** Sizes as a tensor, where a model computes with them as with data. */
import { callOp } from "../../graph/index.ts";
import { constantOf, type GraphExpr, shapeLiteral } from "../../ir/index.ts";
import { dataOf, elemExpr, type Literal } from "./literal.ts";

/** A value of the program with the elements of `l`. */
export function shapeTensor(l: Literal): GraphExpr {
  const data = dataOf(l);
  if (data) return constantOf(data);
  const sizes = shapeLiteral(l.elems.map(elemExpr));
  return callOp("shapeToTensor", [sizes, shapeLiteral(l.shape)], { dtype: l.dtype });
}
