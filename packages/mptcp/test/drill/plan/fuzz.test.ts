import * as fc from "fast-check";
import { expect, test } from "vitest";
import { describeFailure, describeProblem, engineTarget, MAX_PROBLEMS, parseScript, planScript, printScript, runPlan, type Script } from "../../../src/drill/index.ts";
import { CALL_FORMS } from "../../../src/drill/plan/calls/index.ts";
import { script } from "../arbitraries.ts";
import { FakeTarget, server } from "../run/fake-target.ts";

/** The script with calls that there are. */
function withCalls(tree: Script, names: readonly string[]): Script {
  let index = 0;
  return { ...tree, events: tree.events.map((event) => (event.action.kind === "call" ? { ...event, action: { ...event.action, name: names[index++ % names.length]! } } : event)) };
}
const calls = fc.array(fc.constantFrom(...Object.keys(CALL_FORMS)), { minLength: 1, maxLength: 6 });

/** Whatever can be read can be planned: nothing is thrown, and problems lie in the text. What has none can be run, ends, and its failure can be told. */
function survives(text: string): void {
  const { script: tree, problems } = parseScript(text);
  if (problems.length > 0) return;
  const { plan, problems: others } = planScript(tree);
  expect(others.length).toBeLessThanOrEqual(MAX_PROBLEMS);
  const lines = text.split("\n").length;
  for (const problem of others) {
    expect(problem.place.line).toBeLessThanOrEqual(lines);
    expect(describeProblem("x.pkt", text, problem)).toContain(problem.message);
  }
  // A plan without what cannot be carried out is one, too.
  for (const stack of [new FakeTarget({ call: () => ({ value: -1, errno: "EINVAL" }) }), server(), engineTarget(plan.wiring)]) {
    const outcome = runPlan(plan, stack);
    if (!outcome.passed) expect(describeFailure("x.pkt", text, outcome.failure)).toContain(outcome.failure.message);
  }
}

test("any script that can be read is planned or refused, and runs or fails", () => {
  fc.assert(fc.property(script, calls, (tree, names) => survives(printScript(withCalls(tree, names)))), { numRuns: 200 });
});

const SCRIPT = [
  "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3", "+0 bind(3, ..., ...) = 0", "+0 listen(3, 1) = 0", "+0 < S 0:0(0) win 32792 <mss 1000,nop,wscale 7,mpcapable v1 flags[flag_h] nokey>",
  "+0 > S. 0:0(0) ack 1 <...>", "+0 < . 1:1(0) ack 1 win 257 <mpcapable v1 flags[flag_h] key[ckey=2, skey]>", "+0 accept(3, ..., ...) = 4", "+0 write(4, ..., 1000) = 1000",
  "+0 > P. 1:1001(1000) ack 1", "+0 < . 1:1(0) ack 1001 win 257 <dss dack8=1001 dsn8=1 ssn=1 dll=0 nocs>", "+0...0.1 read(4, ..., 10) = 10", "+0 > . 1:1(0) ack 1 <dss dack4 nocs, nop>",
  "+0 < icmp unreachable frag_needed mtu 1200 [1:1001(1000)]", "+0 < udp (10)", "+0 > udp (3)", "+0 < addr[caddr1] > addr[saddr0] S 0:0(0) <mp_join_syn address_id=1 token=sha256_32(skey)>",
  "+0 < . 1:1(0) ack 1 <add_address addr[saddr1] hmac=auto>", "+0 < R. 1:1(0) ack 1 <mp_fastclose>", "* > . 1:1(0)", "+0 close(4) = 0", "+0~+1 > F. 1:1(0) ack 1", "+0 < F. 1:1(0) ack 2 win 3",
];

test("lines that are right in any order", () => {
  fc.assert(fc.property(fc.array(fc.constantFrom(...SCRIPT), { maxLength: 25 }), (lines) => survives(lines.join("\n"))), { numRuns: 200 });
});
