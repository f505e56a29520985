import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { kernelTarget } from "@mptcp/testbed";
import { wiringOf } from "mptcp/drill";
import { obstacle } from "./bench.ts";
import { planOf, suite, told, toldByEngine, urlOf } from "./suite/scripts.ts";

const SCRIPTS = suite();
/** What is run with all other tests; `npm run drill:kernel` runs all, several at once. */
const FEW = [
  "mptcp/capable/first-data-may-stand-for-the-third-ack", "mptcp/data-fin/a-data-fin-may-come-with-data", "mptcp/join/data-comes-over-the-second-subflow", "mptcp/fallback/an-infinite-mapping-is-plain-tcp",
  "mptcp/add-addr/an-address-is-echoed", "tcp/close/both-ends-may-close-at-once", "tcp/loss/what-is-out-of-order-is-reported-by-sack", "tcp/icmp/ipv6-too-big-makes-segments-smaller",
];
const runsAll = process.env["DRILL_KERNEL"] === "all";
const JOBS = 4;
/** µs: a busy machine is late, also by more than a script says. */
const TOLERANCE = 150_000;
const COMMAND = fileURLToPath(new URL("../../cli/bin/mptcp.js", import.meta.url));

interface Reported {
  readonly file: string;
  readonly verdict: string;
  readonly text: string;
}

/** What the command says of scripts on this machine's kernel, by name. */
async function reported(names: readonly string[]): Promise<Map<string, string>> {
  const files = names.map((name) => fileURLToPath(urlOf(name)));
  const words = [COMMAND, "drill", ...files, "--kernel", "--json", `--jobs=${JOBS}`, `--tolerance_usecs=${TOLERANCE}`];
  // The command ends with 1 where a script fails, which is looked at below.
  const { stdout } = await promisify(execFile)(process.execPath, words, { maxBuffer: 2 ** 26 }).catch((error: { readonly stdout: string }) => error);
  const { scripts } = JSON.parse(stdout) as { scripts: readonly Reported[] };
  return new Map(scripts.map(({ file, text, verdict }) => [file, verdict === "passed" ? "passed" : text]));
}

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
    const first = await reported(SCRIPTS.map(({ name }) => name));
    // What fails because the machine was busy passes when it is run again; what differs does not.
    const failed = SCRIPTS.map(({ name }) => name).filter((name) => first.get(fileURLToPath(urlOf(name))) !== "passed");
    outcomes = new Map([...first, ...(failed.length === 0 ? [] : await reported(failed))]);
  }, 600_000);

  it.each(SCRIPTS)("$name", ({ name, on }) => {
    const outcome = outcomes.get(fileURLToPath(urlOf(name)));
    if (on === "engine" || on === "own choices") expect(outcome).not.toBe("passed");
    else expect(outcome).toBe("passed");
  });
});
