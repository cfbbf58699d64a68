/** Numbers as people read them. Durations are in milliseconds everywhere in Tilewright. */

/** A number in at most `digits` significant digits, without an exponent where that stays short. */
export function num(x: number, digits = 4): string {
  if (Number.isNaN(x)) return "NaN";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  if (x === 0) return Object.is(x, -0) ? "−0" : "0";
  const a = Math.abs(x);
  if (Number.isInteger(x) && a < 1e7) return minus(String(x));
  if (a >= 1e7 || a < 1e-4) return minus(x.toExponential(Math.min(digits, 3) - 1).replace(/\.?0*e\+?/, "e"));
  return minus(String(Number(x.toPrecision(digits))));
}

const minus = (s: string): string => s.replaceAll("-", "−");

/** A duration: `0.412 ms`, `1.23 s`, `870 ns`. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return num(ms);
  const a = Math.abs(ms);
  if (a === 0) return "0 ms";
  if (a < 1e-3) return `${three(ms * 1e6)} ns`;
  if (a < 1) return `${three(ms * 1e3)} µs`;
  if (a < 1e3) return `${three(ms)} ms`;
  return `${three(ms / 1e3)} s`;
}

/** Three significant digits with their trailing zeros: digits line up in a column. */
export function three(x: number): string {
  const a = Math.abs(x);
  if (a >= 99.95) return String(Math.round(x));
  return x.toFixed(a >= 9.995 ? 1 : 2);
}

/** How many times: `4.12×`, `0.87×`. */
export function ratio(x: number): string {
  if (!Number.isFinite(x)) return "–";
  return `${Math.abs(x) >= 99.95 ? Math.round(x).toLocaleString("en-US") : three(x)}×`;
}

/** A number of bytes: `96 B`, `1.5 KiB`, `31 MiB`. */
export function bytes(n: number): string {
  let x = n;
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (x < 1024) return `${Number(x.toPrecision(3))} ${unit}`;
    x /= 1024;
  }
  return `${Number(x.toPrecision(3))} TiB`;
}
