import { describe, expect, it } from "vitest";
import type { PlanExpect } from "../src/plan.ts";
import { delaySummary, summarize } from "../src/summary.ts";
import type { RunFacts } from "../src/summary.ts";

const SECOND = 1e9;

const DONE: RunFacts = {
  scenario: "x", seed: 3, bytes: 10_000_000, bytesExpected: 10_000_000, done: true, interrupted: false, error: null, gaveUp: false, intact: true,
  endless: false, endedAt: 20 * SECOND, firstByteAt: 0.1 * SECOND, lastByteAt: 8 * SECOND, maxStall: 0.4 * SECOND, maxStallAt: 2 * SECOND,
  measure: { from: 0, to: Number.POSITIVE_INFINITY, bytes: 10_000_000 }, linkPayloadRate: 20e6, sha256Sent: "aa", sha256Received: "aa",
  multipath: true, fallback: null, delays: null, subflows: [], events: { rto: 2 }, links: [], packetHops: 5, wallSeconds: 0.1,
};
const EXPECT: PlanExpect = { outcomes: ["completed"], maxStall: null, minStall: null, fallback: null };

describe("summary", () => {
  it("measures a transfer up to its last byte, not to the end of the run", () => {
    expect(summarize(DONE, EXPECT)).toMatchObject({
      outcome: "completed", asExpected: true, durationSeconds: 8, goodputBitsPerSecond: 10e6, goodputRatio: 0.5, maxStallMs: 400, maxStallAtSeconds: 2,
      measured: { fromSeconds: 0, toSeconds: 8 }, fallback: null, events: { rto: 2 },
    });
  });

  it("measures goodput over the window that the scenario gives", () => {
    const facts = { ...DONE, endless: true, bytesExpected: null, measure: { from: 5 * SECOND, to: 15 * SECOND, bytes: 5_000_000 } };
    expect(summarize(facts, EXPECT)).toMatchObject({ goodputBitsPerSecond: 4e6, durationSeconds: 20 });
  });

  it("counts the silence after the last byte as a stall when more should have come", () => {
    const facts = { ...DONE, done: false, bytes: 4_000_000, gaveUp: true };
    const summary = summarize(facts, { ...EXPECT, outcomes: ["stalled", "broken"] });
    expect(summary).toMatchObject({ outcome: "stalled", asExpected: true, maxStallMs: 12_000, maxStallAtSeconds: 8, durationSeconds: 20 });
    expect(summary.explanation).toMatch(/stalled: after 8\.00 s nothing more arrived for 12\.00 s.*That is what this scenario expects/);
    expect(summarize(facts, EXPECT)).toMatchObject({ outcome: "stalled", asExpected: false });
  });

  it("tells apart what ended badly", () => {
    const open = { ...DONE, done: false, bytes: 4_000_000 };
    expect(summarize({ ...open, error: "ETIMEDOUT" }, EXPECT).outcome).toBe("broken");
    expect(summarize({ ...open, lastByteAt: 19.9 * SECOND }, EXPECT).outcome).toBe("unfinished");
    expect(summarize({ ...open, interrupted: true }, EXPECT).outcome).toBe("interrupted");
    expect(summarize({ ...open, lastByteAt: -1, bytes: 0 }, EXPECT).outcome).toBe("stalled");
    expect(summarize({ ...DONE, intact: false, sha256Received: "bb" }, EXPECT)).toMatchObject({ outcome: "corrupt", asExpected: false });
    // A stall at the end that is shorter than one before it is no reason to call a run stalled.
    expect(summarize({ ...open, lastByteAt: 17 * SECOND, maxStall: 5 * SECOND }, EXPECT).outcome).toBe("unfinished");
  });

  it("holds the run against every expectation", () => {
    const complaint = (facts: RunFacts, expected: Partial<PlanExpect>): string => summarize(facts, { ...EXPECT, ...expected }).explanation;
    expect(complaint(DONE, { maxStall: 0.3 * SECOND })).toMatch(/a pause of 400 ms is longer than the 300 ms allowed/);
    expect(complaint(DONE, { minStall: SECOND })).toMatch(/longest pause was 400 ms, at least 1000 ms was expected/);
    expect(complaint(DONE, { fallback: true })).toMatch(/was expected to be given up/);
    expect(complaint({ ...DONE, fallback: "no_mp_capable_in_synack" }, { fallback: false })).toMatch(/given up \(no_mp_capable_in_synack\)/);
    expect(summarize({ ...DONE, fallback: "no_mp_capable_in_synack" }, { ...EXPECT, fallback: true }).asExpected).toBe(true);
  });

  it("takes delays by nearest rank", () => {
    const delays = Array.from({ length: 100 }, (_, index) => (100 - index) * 1e6);
    expect(delaySummary(delays)).toEqual({ count: 100, median: 50, p95: 95, max: 100 });
    expect(delaySummary([7e6])).toEqual({ count: 1, median: 7, p95: 7, max: 7 });
  });
});
