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
