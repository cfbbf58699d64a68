/** Ordered factorizations of a whole number: how many there are, and one of them at random. */
import type { Random } from "./random.ts";

/** Divisors in rising order. */
export function divisorsOf(n: number): number[] {
  const low: number[] = [];
  const high: number[] = [];
  for (let d = 1; d * d <= n; d++) {
    if (n % d !== 0) continue;
    low.push(d);
    if (d * d !== n) high.push(n / d);
  }
  return [...low, ...high.reverse()];
}

/** In how many ways n is a product of `parts` factors in order: Π C(e + parts - 1, parts - 1) over its prime powers. */
function waysOf(n: number, parts: number): number {
  if (parts === 0) return n === 1 ? 1 : 0;
  let ways = 1;
  let rest = n;
  for (let p = 2; p * p <= rest; p++) {
    let e = 0;
    for (; rest % p === 0; rest /= p) e++;
    ways *= choose(e + parts - 1, e);
  }
  return rest > 1 ? ways * parts : ways;
}

function choose(n: number, k: number): number {
  let c = 1;
  for (let i = 1; i <= k; i++) c = (c * (n - k + i)) / i;
  return c;
}

/** `parts` factors whose product is n, the last at most `mostLast`; every such list is equally likely. */
export function randomFactors(
  n: number,
  parts: number,
  random: Random,
  mostLast = Number.POSITIVE_INFINITY,
): number[] {
  const out: number[] = [];
  let rest = n;
  for (let left = parts; left > 0; left--) {
    const choices = divisorsOf(rest).filter((d) => left < parts || d <= mostLast);
    const pick = choices[random.weighted(choices.map((d) => waysOf(rest / d, left - 1)))];
    out.unshift(pick);
    rest /= pick;
  }
  return out;
}

/**
 * Factors as near to the wanted ones as n allows, from the last to the first, which takes what remains: a decision of
 * another program of the same shape.
 */
export function fittedFactors(n: number, wanted: readonly number[]): number[] {
  const out: number[] = [];
  let rest = n;
  for (const w of wanted.slice(1).reverse()) {
    const fit = divisorsOf(rest).findLast((d) => d <= w) ?? 1;
    out.unshift(fit);
    rest /= fit;
  }
  return [rest, ...out];
}
