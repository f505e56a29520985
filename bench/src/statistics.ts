/** The middle of the values; NaN without any. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? NaN;
}

/** "median [lowest..highest]". */
export function spread(values: readonly number[], digits: number): string {
  const text = (value: number): string => value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `${text(median(values))} [${text(Math.min(...values))}..${text(Math.max(...values))}]`;
}

/** "[low..high]": where the median of what the values are a sample of lies in 95 of 100 cases, whatever its distribution; the extremes where there are too few of them. */
export function interval(values: readonly number[], digits: number): string {
  const sorted = values.toSorted((a, b) => a - b);
  const n = sorted.length;
  // How many values may be left out at either end: the chance that so few of n fall on one side of the median stays below 2.5 %.
  let chance = 0.5 ** n;
  let below = chance;
  let out = 0;
  for (let k = 1; k <= n; k++) {
    if (below > 0.025) break;
    out = k;
    chance *= (n - k + 1) / k;
    below += chance;
  }
  const at = Math.max(0, out - 1);
  const [low, high] = [sorted[at] ?? NaN, sorted[n - 1 - at] ?? NaN];
  return `[${low.toFixed(digits)}..${high.toFixed(digits)}]`;
}
