/**
 * Functions that generated code calls where WGSL's own say something else than programs mean. Tests for NaN are made on
 * the bits, because compilers may take for granted that comparisons never see one; infinities come from a variable,
 * because constant expressions may not have them.
 */

const isNan = "fn tw_isnan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }";

/** By name, with the names of the helpers it calls. */
export const HELPERS: Readonly<
  Record<string, { readonly text: string; readonly needs?: readonly string[] }>
> = {
  tw_isnan: { text: isNan },
  tw_bits: {
    // A function of a variable: not a constant expression.
    text: "var<private> tw_zero: u32 = 0u;\nfn tw_bits(x: u32) -> f32 { return bitcast<f32>(x | tw_zero); }",
  },
  tw_max: {
    text: "fn tw_max(a: f32, b: f32) -> f32 {\n  return select(select(max(a, b), b, tw_isnan(b)), a, tw_isnan(a));\n}",
    needs: ["tw_isnan"],
  },
  tw_min: {
    text: "fn tw_min(a: f32, b: f32) -> f32 {\n  return select(select(min(a, b), b, tw_isnan(b)), a, tw_isnan(a));\n}",
    needs: ["tw_isnan"],
  },
  // Subgroup operations say nothing of NaN either.
  tw_subgroup_max: {
    text: "fn tw_subgroup_max(x: f32) -> f32 {\n  let nan = subgroupAny(tw_isnan(x));\n  return select(subgroupMax(x), tw_bits(0x7fc00000u), nan);\n}",
    needs: ["tw_isnan", "tw_bits"],
  },
  tw_subgroup_min: {
    text: "fn tw_subgroup_min(x: f32) -> f32 {\n  let nan = subgroupAny(tw_isnan(x));\n  return select(subgroupMin(x), tw_bits(0x7fc00000u), nan);\n}",
    needs: ["tw_isnan", "tw_bits"],
  },
  tw_floordiv: {
    text: "fn tw_floordiv(a: i32, b: i32) -> i32 {\n  let q = a / b;\n  return select(q, q - 1, (a % b != 0) && ((a < 0) != (b < 0)));\n}",
  },
  tw_floormod: {
    text: "fn tw_floormod(a: i32, b: i32) -> i32 {\n  let r = a % b;\n  return select(r, r + b, (r != 0) && ((r < 0) != (b < 0)));\n}",
  },
  tw_toi32: {
    // 2147483520 is the greatest f32 below 2^31.
    text: "fn tw_toi32(x: f32) -> i32 {\n  let inside = i32(trunc(clamp(x, -2147483648.0, 2147483520.0)));\n  return select(select(inside, 2147483647, x >= 2147483648.0), 0, tw_isnan(x));\n}",
    needs: ["tw_isnan"],
  },
  tw_tanh: {
    // Beyond 9.1 the result is 1 in f32; tanh itself may overflow there.
    text: "fn tw_tanh(x: f32) -> f32 { return select(tanh(clamp(x, -9.1, 9.1)), x, tw_isnan(x)); }",
    needs: ["tw_isnan"],
  },
  tw_pow: {
    // WGSL leaves a negative base undefined.
    text: "fn tw_pow(a: f32, b: f32) -> f32 {\n  if (b == 0.0) { return 1.0; }\n  if (a == 0.0) { return select(0.0, tw_bits(0x7f800000u), b < 0.0); }\n  let p = pow(abs(a), b);\n  if (a > 0.0) { return p; }\n  if (b != trunc(b)) { return tw_bits(0x7fc00000u); }\n  return select(p, -p, trunc(b * 0.5) * 2.0 != b);\n}",
    needs: ["tw_bits"],
  },
  tw_log1p: {
    // Kahan's correction (HP-15C Advanced Functions Handbook): exact also where 1 + x rounds.
    text: "fn tw_log1p(x: f32) -> f32 {\n  let u = 1.0 + x;\n  if (u == 1.0) { return x; }\n  return log(u) * x / (u - 1.0);\n}",
  },
  tw_expm1: {
    text: "fn tw_expm1(x: f32) -> f32 {\n  if (abs(x) < 0.3) {\n    return x * (1.0 + x * (0.5 + x * (0.16666667 + x * (0.041666668 + x * (0.008333334 + x * 0.0013888889)))));\n  }\n  return exp(x) - 1.0;\n}",
  },
  tw_erf: {
    // Abramowitz and Stegun 7.1.26, absolute error at most 1.5e-7; a series where that is not enough.
    text: "fn tw_erf(x: f32) -> f32 {\n  let a = abs(x);\n  if (a < 0.4) {\n    let y = x * x;\n    return 1.1283792 * x * (1.0 + y * (-0.33333334 + y * (0.1 + y * (-0.023809524 + y * 0.0046296297))));\n  }\n  let t = 1.0 / (1.0 + 0.3275911 * a);\n  let p = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));\n  return sign(x) * (1.0 - p * exp(-a * a));\n}",
  },
};

/** The texts of the helpers and of those they need, each once, callees first. */
export function helperTexts(used: ReadonlySet<string>): string[] {
  const out = new Map<string, string>();
  const add = (name: string): void => {
    if (out.has(name)) return;
    const h = HELPERS[name];
    for (const n of h.needs ?? []) add(n);
    out.set(name, h.text);
  };
  for (const name of used) add(name);
  return [...out.values()].flatMap((t) => t.split("\n"));
}
