import { expect, test } from "vitest";
import { mean, median, quantile, ratioOf } from "../../src/judge/statistics.ts";

const around = (middle: number, count: number): number[] => Array.from({ length: count }, (_, at) => middle * (1 + ((at * 37) % 21) / 100 - 0.1));

test("a ratio lies in its interval, which is narrower for more of a sample, and is the same for the same samples", () => {
  const few = ratioOf(around(110, 10), around(100, 10), median);
  const many = ratioOf(around(110, 500), around(100, 500), median);
  for (const { value, low, high } of [few, many]) expect(low <= value && value <= high).toBe(true);
  expect(many.high - many.low).toBeLessThan(few.high - few.low);
  expect(many.value).toBeCloseTo(1.1, 2);
  expect(ratioOf(around(110, 10), around(100, 10), median)).toEqual(few);
});

test("a single measurement has an interval of one point", () => {
  expect(ratioOf([19], [20], median)).toEqual({ value: 0.95, low: 0.95, high: 0.95 });
});

test("quantiles are values of the sample, by nearest rank", () => {
  const sample = Array.from({ length: 100 }, (_, at) => at + 1);
  expect([quantile(0)(sample), quantile(0.5)(sample), quantile(0.99)(sample), quantile(1)(sample)]).toEqual([1, 50, 99, 100]);
});

test("the mean of few runs has a narrower interval than their median", () => {
  const [mine, theirs] = [around(100, 6), around(100, 6)];
  const width = ({ low, high }: { low: number; high: number }): number => high - low;
  expect(mean([1, 2, 6])).toBe(3);
  expect(width(ratioOf(mine, theirs, mean))).toBeLessThan(width(ratioOf(mine, theirs, median)));
});
