import { describe, expect, test } from "vitest";
import { cubic, newReno } from "../../../src/tcp/index.ts";
import { runFlows } from "./flows.ts";

/** When flows begin: at times that have nothing to do with each other. */
const BEGINS = [0, 371, 742, 113, 884, 255, 626, 497];

describe("flows of one controller have alike of a link whose queue holds as much as the path (all of them: npm run fairness)", () => {
  test.each([
    ["CUBIC", 2, cubic],
    ["CUBIC", 8, cubic],
    ["NewReno", 2, newReno],
    ["NewReno", 8, newReno],
  ] as const)("%s x %i", (_, flows, congestion) => {
    const { jain, share } = runFlows({ congestion, flows, rate: 20e6, rtt: 40, queue: 1, seed: 1, begins: BEGINS, from: 0, to: 40 });
    expect(jain).toBeGreaterThan(0.95);
    expect(share).toBeGreaterThan(0.94);
  });
});
