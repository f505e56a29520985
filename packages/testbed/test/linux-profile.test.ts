import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { kernelTarget } from "@mptcp/testbed";
import { describeFailure, parseScript, planScript, runPlan, wiringOf } from "mptcp/drill";
import { obstacle } from "./bench.ts";

/** The engine passes them with the profile `linux`: packages/mptcp/test/profiles/linux-scripts.test.ts. */
const FOLDER = new URL("../../mptcp/test/profiles/linux/", import.meta.url);

function told(name: string): string {
  const text = readFileSync(new URL(name, FOLDER), "utf8");
  const { plan } = planScript(parseScript(text).script);
  if (plan === null) throw new Error(`${name} is no script`);
  const target = kernelTarget(wiringOf(plan.settings));
  const outcome = runPlan(plan, target);
  target.close();
  return outcome.passed ? "passed" : describeFailure(name, text, outcome.failure);
}

describe.skipIf(obstacle !== null)("scripts of the profile linux are what this machine's kernel does", () => {
  it.each(readdirSync(FOLDER).filter((name) => name.endsWith(".pkt")))("%s", (name) => {
    expect(told(name)).toBe("passed");
  });
});
