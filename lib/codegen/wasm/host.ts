/** The functions that generated code imports for intrinsics that are not computed inline. */
import { erf } from "../scalar-math.ts";

/**
 * What a module may import from `env` besides `memory`: functions of doubles, returning doubles. Results are rounded
 * to the dtype by the generated code.
 */
export const hostFunctions: Readonly<Record<string, (...xs: number[]) => number>> = {
  exp: Math.exp,
  log: Math.log,
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  log1p: Math.log1p,
  expm1: Math.expm1,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  erf,
  pow: (x, y) => x ** y,
  fmod: (x, y) => x % y,
};
