/** What symbolic sizes have to be, so that one type becomes another. */
import { simplify } from "../../arith/index.ts";
import { constInt, type Expr, type GraphType, substExpr, typeText } from "../../ir/index.ts";
import { refuseGraph } from "../error.ts";

/** Sizes by the id of their variable. */
export type SizeMap = Map<number, Expr>;

/** The size with what is known put in. */
export function boundSize(e: Expr, sizes: ReadonlyMap<number, Expr>): Expr {
  if (e.kind === "const") return e;
  const s = substExpr(e, sizes);
  return s === e ? e : simplify(s);
}

/**
 * Adds to `sizes` what the variables of `formal` are in `actual`, where a size is a variable by itself. Throws when
 * dtype, rank, or sizes that are numbers differ.
 */
export function unifyTypes(where: string, formal: GraphType, actual: GraphType, sizes: SizeMap): void {
  const differ = (): never =>
    refuseGraph(where, `${typeText(actual)} is given where ${typeText(formal)} is meant`);
  if (formal.kind === "tuple") {
    if (actual.kind !== "tuple" || actual.fields.length !== formal.fields.length) return differ();
    formal.fields.forEach((f, i) => {
      unifyTypes(where, f, actual.fields[i], sizes);
    });
  } else if (formal.kind === "tensor") {
    if (actual.kind !== "tensor" || actual.dtype !== formal.dtype) return differ();
    if (actual.shape.length !== formal.shape.length) return differ();
    formal.shape.forEach((s, d) => {
      const want = boundSize(s, sizes);
      const given = actual.shape[d];
      if (want.kind === "var") {
        const self = given.kind === "var" && given.id === want.id;
        if (!self) sizes.set(want.id, given);
        return;
      }
      const [x, y] = [constInt(want), constInt(given)];
      if (x !== undefined && y !== undefined && x !== y) differ();
    });
  }
}
