import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { WantedRun } from "../../src/judge/compare.ts";
import type { Condition } from "../../src/judge/condition.ts";
import { KeptRuns } from "../../src/judge/kept-runs.ts";
import type { RunResult } from "../../src/judge/run.ts";

const path = { rate: 20e6, delay: 10e6, queue: { packets: 50 } };
const CONDITION: Condition = { name: "flows", kind: "short flows", family: 4, forward: path, backward: path, workload: { kind: "flows", count: 10, segments: 20, every: 20e6 } };
const KERNEL: WantedRun = { as: "kernel", server: "kernel", client: "kernel", isReal: true, seed: 1 };
const ENGINE: WantedRun = { as: "engine", server: "engine", client: "engine", isReal: false, seed: 1 };
const result = (goodput: number): RunResult => ({ flows: [], goodput, given: [], addedDelay: null });

let folder = "";
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "kept-runs-"))));
afterAll(() => rmSync(folder, { recursive: true }));

test("what was run is there for the next judge, though the last line was cut off; of another condition or another engine it is not", () => {
  const file = join(folder, "runs.jsonl");
  const first = new KeptRuns(file, "a");
  expect(first.get(CONDITION, KERNEL)).toBeNull();
  first.add(CONDITION, KERNEL, result(1));
  first.add(CONDITION, ENGINE, result(2));
  appendFileSync(file, '{"key":"');
  new KeptRuns(file, "a").add(CONDITION, { ...ENGINE, seed: 3 }, result(3));
  const of = (code: string, condition: Condition, wanted: WantedRun): number | null => new KeptRuns(file, code).get(condition, wanted)?.goodput ?? null;
  expect([of("a", CONDITION, KERNEL), of("a", CONDITION, ENGINE)]).toEqual([1, 2]);
  expect(of("a", CONDITION, { ...ENGINE, seed: 3 })).toBe(3);
  expect([of("b", CONDITION, KERNEL), of("b", CONDITION, ENGINE)]).toEqual([1, null]);
  expect(of("a", { ...CONDITION, name: "by another name" }, KERNEL)).toBe(1);
  expect(of("a", { ...CONDITION, forward: { ...path, loss: 0.1 } }, KERNEL)).toBeNull();
  expect(of("a", CONDITION, { ...KERNEL, seed: 2 })).toBeNull();
});

test("without a file runs are kept for as long as the judge is there", () => {
  const kept = new KeptRuns(null, "a");
  kept.add(CONDITION, KERNEL, result(1));
  expect(kept.get(CONDITION, KERNEL)?.goodput).toBe(1);
});
