import { describe, expect, test } from "vitest";
import { CELLS } from "../../bench/src/grid/cells.ts";
import type { Cell } from "../../bench/src/grid/cells.ts";
import { expectedGoodput } from "../../bench/src/grid/formula.ts";
import { runCell } from "../../bench/src/grid/run-cell.ts";

const MBPS = 1e6;
const SEGMENT_BITS = 1448 * 8;

test("the grid has 72 cells, from 2 to 100 Mb/s and from 20 to 300 ms", () => {
  expect([CELLS.length, new Set(CELLS.map((cell) => JSON.stringify(cell))).size]).toEqual([72, 72]);
  for (const [of, least, most] of [["rate", 2e6, 100e6], ["rtt", 20, 300], ["queue", 0.25, 4], ["loss", 0, 0.01]] as const) {
    const values = CELLS.map((cell) => cell[of]);
    expect([Math.min(...values), Math.max(...values)]).toEqual([least, most]);
  }
});

describe("the formula, where losses are as far apart as the closed ones have it", () => {
  const wide = { rate: 1e9, queue: 1 } as const;

  test.each([[20, 0.001], [100, 0.01], [300, 0.001]])("is that of Mathis et al. for standard TCP: RTT %i ms, loss %f", (rtt, loss) => {
    const closed = (Math.sqrt(3 / (2 * loss)) * SEGMENT_BITS) / (rtt / 1000);
    expect(expectedGoodput({ ...wide, congestion: "reno", rtt, loss }, "periodic") / closed).toBeCloseTo(1, 1);
  });

  // RFC 9438 §5.1, equation 6.
  test.each([[300, 0.0001], [100, 0.0001]])("is that of RFC 9438 for CUBIC: RTT %i ms, loss %f", (rtt, loss) => {
    const closed = (1.054 * (rtt / 1000 / loss) ** 0.75 * SEGMENT_BITS) / (rtt / 1000);
    expect(expectedGoodput({ ...wide, congestion: "cubic", rtt, loss }, "periodic") / closed).toBeCloseTo(1, 1);
  });

  test("of a queue that is never empty: the link", () => {
    expect(expectedGoodput({ congestion: "reno", rate: 20e6, rtt: 100, queue: 4, loss: 0 })).toBeCloseTo((20e6 * 1448) / 1500, -3);
  });
});

describe("cells in a shorter time", () => {
  const cells: readonly (readonly [Cell, number])[] = [
    [{ congestion: "cubic", rate: 2 * MBPS, rtt: 20, queue: 0.25, loss: 0 }, 60],
    [{ congestion: "reno", rate: 2 * MBPS, rtt: 300, queue: 4, loss: 0 }, 120],
    [{ congestion: "cubic", rate: 2 * MBPS, rtt: 100, queue: 1, loss: 0.01 }, 300],
    [{ congestion: "reno", rate: 2 * MBPS, rtt: 300, queue: 1, loss: 0.01 }, 600],
  ];

  test.each(cells)("%o: within 25 %% of the formula, and hardly a timeout for nothing", (cell, seconds) => {
    const { goodput, recoveries, spurious, timeouts } = runCell(cell, 1, seconds);
    expect(Math.abs(goodput / expectedGoodput(cell) - 1)).toBeLessThan(0.25);
    expect(recoveries).toBeGreaterThan(0);
    expect(spurious).toBeLessThanOrEqual(timeouts);
    expect(spurious / Math.max(recoveries, 100)).toBeLessThan(0.02);
  });
});
