import { expect, test } from "vitest";
import { engineTarget, parseScript, planScript, printScript, recordScript, runPlan, type Outcome, type Recorded, type RecordOptions, type Target, type Wiring } from "../../../src/drill/index.ts";
import { FakeTarget, server } from "../run/fake-target.ts";
import { planned } from "../run/running.ts";

function record(text: string, target: Target, options: RecordOptions = {}): Recorded {
  const { script, problems } = parseScript(text);
  expect(problems).toEqual([]);
  expect(planScript(script).problems).toEqual([]);
  return recordScript(script, target, options);
}

const engine = (text: string): Target => engineTarget(planned(text).wiring);
const recorded = (text: string, target: Target, options?: RecordOptions): string => printScript(record(text, target, options).recording.script());
const rerun = (text: string, make: (wiring: Wiring) => Target = engineTarget): Outcome => runPlan(planned(text), make(planned(text).wiring));

const TCP = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+.1 < S 0:0(0) win 32792 <mss 1000,sackOK,nop,nop,nop,wscale 7>
+.1 < . 1:1(0) ack 1 win 257
+0 accept(3, ..., ...) = 4
+0 write(4, ..., 1500) = 0
+.1 < P. 1:11(10) ack 1501 win 257
+0 read(4, ..., 100) = -1 EAGAIN
+0 close(4) = 0
`;

test("what a stack does with the inputs of a script becomes a script: packets, and what calls give", () => {
  expect(recorded(TCP, server())).toBe(`+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0.1 < S 0:0(0) win 32792 <mss 1000, sackOK, nop, nop, nop, wscale 7>
+0 > S. 0:0(0) ack 1 win 65535
+0.1 < . 1:1(0) ack 1 win 257
+0 accept(3, ..., ...) = 4
+0 write(4, ..., 1500) = 1500
+0 > . 1:1001(1000) ack 1 win 65535
+0 > P. 1001:1501(500) ack 1 win 65535
+0.1 < P. 1:11(10) ack 1501 win 257
+0 > . 1501:1501(0) ack 11 win 65535
+0 read(4, ..., 100) = 100
+0 close(4) = 0
+0 > F. 1501:1501(0) ack 11 win 65535
`);
});

test("what a script expects of the stack is not looked at when it is recorded, and times of inputs stay what they were", () => {
  const expecting = TCP.replace("+.1 < . 1:1(0) ack 1 win 257\n", "+.05 > S. 0:0(0) ack 1 <mss 9>\n+.05 < . 1:1(0) ack 1 win 257\n+0 %{ assert tcpi_state == 99 }%\n");
  expect(recorded(expecting, server())).toBe(recorded(TCP, server()));
});

test("a packet that leaves later has its time, as far as it is listened to", () => {
  const inputs = "0 < S 0:0(0) win 1 <mss 1000>\n";
  expect(recorded(inputs, server({ delay: 300e6 }), { tail: 400e6 })).toBe("+0 < S 0:0(0) win 1 <mss 1000>\n+0.3 > S. 0:0(0) ack 1 win 65535\n");
  expect(recorded(inputs, server({ delay: 300e6 }), { tail: 200e6 })).toBe("+0 < S 0:0(0) win 1 <mss 1000>\n");
});

test("a call that returns later is recorded with when it does, and one that does not is left out", () => {
  const stack = (): FakeTarget => new FakeTarget({ call: (call, fake) => (call.name === "read" ? (fake.finish("read", 5, 200e6), null) : 13) });
  const inputs = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+.1 read(3, ..., 10) = 0\n";
  expect(recorded(inputs, stack(), { tail: 1e9 })).toBe("+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0.1...0.3 read(3, ..., 10) = 5\n");
  expect(recorded(inputs, stack())).toBe("+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n");
});

const MULTIPATH = `0 socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_MPTCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 5) = 0
+.01 < S 0:0(0) win 65535 <mss 1460, sackOK, TS val 1000 ecr 0, nop, wscale 7, mpcapable v1 flags[flag_h] nokey>
+.01 < . 1:1(0) ack 1 win 256 <nop, nop, TS val 1010 ecr 100, mpcapable v1 flags[flag_h] key[ckey=2, skey]>
+.01 accept(3, ..., ...) = 4
+.01 write(4, ..., 5000) = 5000
+.02 < P. 1:101(100) ack 5001 win 256 <nop, nop, TS val 1060 ecr 110, dss dack8=5001 dsn8=1 ssn=1 dll=100 nocs>
+.01 < addr[caddr1] > addr[saddr0] S 0:0(0) win 65535 <mss 1460, mp_join_syn backup=0 address_id=1 token=sha256_32(skey)>
+.01 < addr[caddr1] > addr[saddr0] . 1:1(0) ack 1 win 256 <mp_join_ack sender_hmac=auto>
+.01 poll([{fd=4, events=POLLIN|POLLOUT}], 1, 0) = 0
+0 getsockopt(4, SOL_SOCKET, SO_ERROR, ..., [4]) = 0
+.05 close(4) = 0
`;

test("what is recorded passes when it is run again: keys, HMACs and timestamps of the stack are not those of one run", () => {
  const script = recorded(MULTIPATH, engine(MULTIPATH), { tail: 300e6 });
  expect(script).toContain("key[skey]");
  expect(script).toContain("sender_hmac=auto");
  expect(script).toContain("revents=POLLIN|POLLOUT");
  expect(script).not.toContain("<...>");
  expect(rerun(script).passed).toBe(true);
  expect(rerun(script, (wiring) => engineTarget(wiring, { seed: 2 })).passed).toBe(true);
});

test("names that a script has for the stack's keys, and its first timestamp, are kept", () => {
  const inputs = MULTIPATH.replace("+.01 < . 1:1", "+0 > S. 0:0(0) ack 1 <mss 1460, sackOK, TS val 700 ecr 1000, nop, wscale 8, mpcapable v1 flags[flag_h] key[mine]>\n+.01 < . 1:1").replaceAll("skey", "mine");
  const script = recorded(inputs, engine(inputs));
  expect(script).toContain("TS val 700 ecr 1000, nop, wscale 10, mpcapable v1 flags[flag_h] key[mine]>");
  expect(rerun(script).passed).toBe(true);
});

test("a script that cannot go on is recorded up to there", () => {
  const { failure, recording } = record(`${TCP}+0 \`false\`\n`, server());
  expect(failure?.message).toContain("ended with status 1");
  expect(printScript(recording.script())).toContain("close(4) = 0");
});
