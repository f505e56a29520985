import { engineTarget, parseScript, planScript, printScript, runPlan } from "mptcp/drill";
import { describe, expect, it } from "vitest";
import { Coverage } from "../src/fuzz/coverage.ts";
import { generateCase, scriptText } from "../src/fuzz/generate.ts";
import { KNOWN, MOST_KNOWN } from "../src/fuzz/known.ts";
import { recordCase, runCase } from "../src/fuzz/run-case.ts";
import { obstacle } from "./bench.ts";

const seeds = (from: number, count: number): number[] => Array.from({ length: count }, (_, index) => from + index);

describe("random runs", () => {
  it("are scripts that can be carried out, the same for the same seed", () => {
    for (const seed of seeds(1, 300)) {
      const text = scriptText(generateCase(seed));
      expect(scriptText(generateCase(seed))).toBe(text);
      const { problems, script } = parseScript(text);
      expect([...problems, ...planScript(script).problems]).toEqual([]);
    }
  });

  it("make nearly every move in nearly every state", () => {
    const coverage = new Coverage();
    for (const seed of seeds(1, 2000)) coverage.add(seed);
    const { all, reached } = coverage.cells;
    expect(reached / all).toBeGreaterThan(0.9);
  });

  it("are survived by the engine, which does the same each time, and what is recorded passes there", () => {
    for (const seed of seeds(1, 80)) {
      const one = generateCase(seed);
      const text = printScript(recordCase(one, "engine", "linux").script());
      expect(printScript(recordCase(one, "engine", "linux").script())).toBe(text);
      const { script } = parseScript(text);
      const { plan, problems } = planScript(script);
      expect(problems, text).toEqual([]);
      const target = engineTarget(plan.wiring, { host: { profile: "linux" } });
      expect(runPlan(plan, target), text).toMatchObject({ passed: true });
      target.close();
    }
  });
});

it("known differences are few, and each has its reason", () => {
  expect(KNOWN.length).toBeLessThanOrEqual(MOST_KNOWN);
  for (const { name, reason } of KNOWN) expect(reason, name).toMatch(/RFC \d+ §|docs\//);
});

describe.skipIf(obstacle !== null)("the engine and this machine's kernel", () => {
  it("agree in runs in which they did, or differ as is known", () => {
    const results = SEEDS.map((seed) => runCase(generateCase(seed), "linux"));
    expect(results.filter(({ verdict }) => verdict === "new" || verdict === "faulty")).toEqual([]);
  });
});

/** Of the first of the fuzzer. */
const SEEDS: readonly number[] = [2, 7, 10, 12, 14, 16, 17, 26, 38, 40, 43, 47, 48, 53, 54, 64, 67, 68, 72, 76];
