import { expect, test } from "vitest";
import { wantedRuns } from "../../src/judge/compare.ts";
import type { Comparison } from "../../src/judge/compare.ts";
import { CONDITIONS } from "../../src/judge/conditions.ts";
import { Judge } from "../../src/judge/judge.ts";
import { KeptRuns } from "../../src/judge/kept-runs.ts";

const [condition] = CONDITIONS.filter(({ workload, runs = 1 }) => workload.kind === "bulk" && runs === 1);
if (condition === undefined) throw new Error("there is no bulk transfer");

/** What a judge hears of the condition when so many times the runs are there; of the kernel's all but the first three are alike. */
async function judged(times: number, mostTimes: number): Promise<readonly Comparison[]> {
  const kept = new KeptRuns(null, "");
  for (const wanted of wantedRuns(condition!, 3, false, times)) {
    const isOdd = wanted.as === "control" && wanted.seed === 1001;
    kept.add(condition!, wanted, { flows: [], goodput: isOdd ? 5e6 : 10e6, given: [], addedDelay: null });
  }
  const heard: Comparison[] = [];
  await new Judge({ conditions: [condition!], repetitions: 3, mostTimes, threads: 1, isThroughTool: false, kept }, (comparison) => heard.push(comparison)).run();
  return heard;
}

test("so many times as many runs as there are wanted are asked for", () => {
  const count = (times: number): number => wantedRuns(condition, 3, false, times).length;
  expect([1, 2, 4].map(count)).toEqual([9, 18, 36]);
});

test("what nobody can say after three runs of each is left open", async () => {
  const [first] = await judged(1, 1);
  expect(first?.measures[0]?.verdict).toBe("not decided");
});

test("more runs that are there already count, as many as are allowed", async () => {
  const heard = await judged(16, 16);
  expect(heard.map(({ measures }) => measures[0]?.verdict)).toEqual(["holds"]);
  expect(heard[0]?.measures[0]?.control.value).toBeCloseTo(1 - 0.5 / 48, 6);
  const [fewer] = await judged(16, 1);
  expect(fewer?.measures[0]?.verdict).toBe("not decided");
});
