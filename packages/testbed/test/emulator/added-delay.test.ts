import { expect, test } from "vitest";
import { AddedDelay } from "../../src/emulator/added-delay.ts";

test("quantiles are exact to 3 %, up to minutes", () => {
  const delay = new AddedDelay();
  for (let i = 1; i <= 10_000; i++) delay.add(i * 7919);
  for (const share of [0.01, 0.5, 0.9, 0.99]) {
    const exact = share * 10_000 * 7919;
    expect(delay.quantile(share) / exact).toBeGreaterThanOrEqual(1);
    expect(delay.quantile(share) / exact).toBeLessThan(1.04);
  }
  expect([delay.count, delay.largest, Math.round(delay.mean)]).toEqual([10_000, 79_190_000, 39_598_960]);
  const minutes = new AddedDelay();
  minutes.add(300e9);
  expect(minutes.quantile(0.5)).toBe(300e9);
});

test("what was early was on time, and nothing has no quantile", () => {
  const delay = new AddedDelay();
  expect([delay.quantile(0.5), delay.mean]).toEqual([0, 0]);
  delay.add(-5);
  expect([delay.count, delay.quantile(1), delay.largest]).toEqual([1, 0, 0]);
});

test("what two have counted can be put together", () => {
  const [one, other] = [new AddedDelay(), new AddedDelay()];
  for (let i = 0; i < 100; i++) one.add(1000);
  for (let i = 0; i < 100; i++) other.add(1_000_000);
  one.addAll(other);
  expect(one.count).toBe(200);
  expect(one.quantile(0.5) / 1000).toBeCloseTo(1, 1);
  expect(one.quantile(0.51)).toBe(1_000_000);
});
