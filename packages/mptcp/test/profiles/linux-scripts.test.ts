import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { describeFailure, engineTarget, parseScript, planScript, runPlan, wiringOf } from "../../src/drill/index.ts";
import type { ProfileName } from "../../src/host/index.ts";

const FOLDER = new URL("linux/", import.meta.url);
const SCRIPTS = readdirSync(FOLDER).filter((name) => name.endsWith(".pkt")).toSorted();

/** "passed", or how the script failed. */
function told(name: string, profile: ProfileName): string {
  const text = readFileSync(new URL(name, FOLDER), "utf8");
  const { script, problems } = parseScript(text);
  const { plan, problems: others } = planScript(script);
  if (plan === null || problems.length + others.length > 0) throw new Error(`${name}: ${[...problems, ...others][0]?.message}`);
  const target = engineTarget(wiringOf(plan.settings), { host: { profile } });
  const outcome = runPlan(plan, target);
  target.close();
  return outcome.passed ? "passed" : describeFailure(name, text, outcome.failure);
}

describe("scripts that Linux 6.18 passes (packages/testbed runs them on this machine's kernel)", () => {
  it.each(SCRIPTS)("%s passes on the engine with the profile linux", (name) => {
    expect(told(name, "linux")).toBe("passed");
  });

  it("show what we do otherwise, but for timeouts and slow start, which the sysctls of the machine give to both, limited transmit, recovery, D-SACK, and ACKs of what comes slowly", () => {
    expect(SCRIPTS.filter((name) => told(name, "own") === "passed")).toEqual(["duplicate-sack-ahead.pkt", "duplicate-sack-of-syn.pkt", "duplicate-sack-off.pkt", "duplicate-sack.pkt", "limited-transmit-without-sack.pkt", "limited-transmit.pkt", "loss-of-a-window.pkt", "overtaken-ack.pkt", "retransmissions.pkt", "slow-start.pkt", "tail-loss-probe.pkt", "timeout-in-recovery.pkt", "window-in-use.pkt"]);
  });
});
