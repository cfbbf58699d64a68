/** Which index expressions are quasi-affine: sums of variables, quotients and remainders by constants. */
import { constInt, type Expr } from "../ir/index.ts";

/**
 * True for expressions built of integer variables and literals with +, -, multiplication by an invariant and floor
 * division or modulus by a positive literal: those whose set of values can be reasoned about.
 */
export function isQuasiAffine(e: Expr): boolean {
  switch (e.kind) {
    case "var":
    case "const":
      return e.dtype === "i32" || e.dtype === "i64";
    case "binary":
      switch (e.op) {
        case "add":
        case "sub":
          return isQuasiAffine(e.a) && isQuasiAffine(e.b);
        case "mul":
          return (
            isQuasiAffine(e.a) &&
            isQuasiAffine(e.b) &&
            (constInt(e.a) !== undefined || constInt(e.b) !== undefined)
          );
        case "floordiv":
        case "floormod":
          return isQuasiAffine(e.a) && (constInt(e.b) ?? 0) > 0;
        default:
          return false;
      }
    case "unary":
      return e.op === "neg" && isQuasiAffine(e.a);
    default:
      return false;
  }
}
