import { describe, expect, test } from "vitest";
import { measureSlowStart, MOST_RATIO } from "../../src/judge/slow-start.ts";
import { kernelObstacle } from "../../src/kernel/index.ts";

const obstacle = kernelObstacle();

describe.skipIf(obstacle !== null)(`slow start to the kernel over super-segments${obstacle === null ? "" : ` (skipped: ${obstacle})`}`, () => {
  test.each([1, 2] as const)("%i paths: takes no more than 1.1 of the time without", (paths) => {
    const { ratio, given } = measureSlowStart(100, paths, 2);
    expect(ratio).toBeLessThanOrEqual(MOST_RATIO);
    expect([given.whole.length, given.cut.length]).toEqual([paths, paths]);
    // Each path carried data, with the one and with the other, and there were super-segments: slow start begins with short ones.
    for (const count of [...given.whole, ...given.cut]) expect(count).toBeGreaterThan(20);
    const sum = (counts: readonly number[]): number => counts.reduce((total, one) => total + one, 0);
    expect(sum(given.whole)).toBeLessThan(sum(given.cut) / 2);
  });
});
