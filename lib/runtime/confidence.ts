/**
 * A confidence interval of the median that assumes nothing about how measurements are distributed: the number of
 * measurements below the true median is binomial with p = 1/2 (W. J. Conover, "Practical Nonparametric Statistics", 3.2).
 */

/**
 * The narrowest pair of measurements, the same number from either end, between which the median lies with at least that
 * confidence; undefined where there are too few measurements for it (fewer than six for 0.95).
 */
export function medianInterval(
  runs: readonly number[],
  level = 0.95,
): readonly [low: number, high: number] | undefined {
  if (!(level > 0 && level < 1))
    throw new RangeError(`medianInterval: level ${level} is not between 0 and 1`);
  const n = runs.length;
  const sorted = [...runs].sort((a, b) => a - b);
  // The chance that at most `k` of `n` lie below the median, by multiplication from one binomial to the next.
  let [chance, sum, k] = [0.5 ** n, 0.5 ** n, 0];
  if (n === 0 || sum > (1 - level) / 2) return undefined;
  for (;;) {
    chance *= (n - k) / (k + 1);
    if (sum + chance > (1 - level) / 2) return [sorted[k], sorted[n - 1 - k]];
    sum += chance;
    k++;
  }
}
