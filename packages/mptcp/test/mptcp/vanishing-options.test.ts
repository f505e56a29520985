import { env } from "node:process";
import { expect, test } from "vitest";
import type { VanishingOutcome } from "./vanishing-options.ts";
import { drawVanishing, runVanishing } from "./vanishing-options.ts";

// npm run fallback runs 3,000; VANISHING_RUNS and VANISHING_SEED (the first seed) choose others.
const RUNS = Number(env["VANISHING_RUNS"] ?? 300);
const FIRST = Number(env["VANISHING_SEED"] ?? 1);
/** Runs that once went wrong: a peer that took a join for established that never was for us, and subflows that lost their options one after the other. */
const KNOWN = [1439, 2373, 2384];

test(`options that vanish on the way: every byte once, or an error at both ends within a minute where several subflows lost theirs (RFC 8684 §3.7; ${RUNS} runs)`, () => {
  const counts: Record<VanishingOutcome, number> = { whole: 0, corrupt: 0, stalled: 0, reset: 0 };
  const failures: string[] = [];
  let forbidden = 0;
  let longest = 0;
  const seeds = Array.from({ length: RUNS }, (_, i) => FIRST + i);
  for (const seed of RUNS === 300 ? [...KNOWN, ...seeds] : seeds) {
    const { outcome, mayReset, errorAfter, text } = runVanishing(drawVanishing(seed));
    counts[outcome]++;
    longest = Math.max(longest, errorAfter);
    // Of a lone subflow, or where a path still lets options through, there is a way to go on.
    if (outcome === "reset" && !mayReset) forbidden++;
    if (outcome !== "whole" && !(outcome === "reset" && mayReset)) failures.push(`seed ${seed}: ${outcome}: ${text}; replay: VANISHING_SEED=${seed} VANISHING_RUNS=1 npx vitest run vanishing-options`);
  }
  if (RUNS !== 300) console.log(`seeds ${FIRST} to ${FIRST + RUNS - 1}:`, { ...counts, forbidden }, `the latest error ${longest.toFixed(1)} s after the vanishing`);
  expect(failures).toEqual([]);
  expect([counts.corrupt, counts.stalled, forbidden]).toEqual([0, 0, 0]);
  expect(counts.whole).toBeGreaterThan(RUNS / 2);
}, 600_000);
