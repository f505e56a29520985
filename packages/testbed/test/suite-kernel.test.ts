import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { kernelTarget } from "@mptcp/testbed";
import { wiringOf } from "mptcp/drill";
import { obstacle } from "./bench.ts";
import { toldByKernel } from "./suite/on-kernel.ts";
import { planOf, suite, told, toldByEngine, urlOf } from "./suite/scripts.ts";

const SCRIPTS = suite();
/** What is run with all other tests; `npm run drill:kernel` runs all, several at once. */
const FEW = [
  "mptcp/capable/first-data-may-stand-for-the-third-ack", "mptcp/data-fin/a-data-fin-may-come-with-data", "mptcp/join/data-comes-over-the-second-subflow", "mptcp/fallback/an-infinite-mapping-is-plain-tcp",
  "mptcp/add-addr/an-address-is-echoed", "tcp/close/both-ends-may-close-at-once", "tcp/loss/what-is-out-of-order-is-reported-by-sack", "tcp/icmp/ipv6-too-big-makes-segments-smaller",
];
const runsAll = process.env["DRILL_KERNEL"] === "all";
/** µs: a busy machine is late, also by more than a script says. */
const TOLERANCE = 150_000;

describe.skipIf(obstacle !== null || runsAll)("a few scripts on this machine's kernel", () => {
  it.each(FEW)("%s", (name) => {
    const script = SCRIPTS.find((one) => one.name === name)!;
    const plan = planOf(script, TOLERANCE);
    // What runs it is compiled then; the kernel does not wait.
    toldByEngine(script, "linux");
    expect(told(script, plan, kernelTarget(wiringOf(plan.settings)))).toBe("passed");
  });
});

describe.skipIf(obstacle !== null || !runsAll)("all scripts on this machine's kernel", () => {
  let outcomes: ReadonlyMap<string, string> = new Map();
  beforeAll(async () => {
    outcomes = await toldByKernel(SCRIPTS.map(({ name }) => fileURLToPath(urlOf(name))), [`--tolerance_usecs=${TOLERANCE}`]);
  }, 600_000);

  it.each(SCRIPTS)("$name", ({ name, on }) => {
    const outcome = outcomes.get(fileURLToPath(urlOf(name)));
    if (on === "engine" || on === "own choices") expect(outcome).not.toBe("passed");
    else expect(outcome).toBe("passed");
  });
});
