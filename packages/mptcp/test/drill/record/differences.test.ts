import { describe, expect, it } from "vitest";
import { compareTranscripts, engineTarget, transcribePlan, type Difference, type Target, type Transcript } from "../../../src/drill/index.ts";
import { ISS, server } from "../run/fake-target.ts";
import { planned } from "../run/running.ts";

const SCRIPT = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+.1 < S 0:0(0) win 32792 <mss 1000>
+0 > S. 0:0(0) ack 1 <...>
+.1 < . 1:1(0) ack 1 win 32767
+0 accept(3, ..., ...) = 4
+0 write(4, ..., 1500) = 1500
+0 > P. 1:1501(1500) ack 1 <...>
+.1 < . 1:1(0) ack 1501 win 32767
+.1 < P. 1:11(10) ack 1501 win 32767
`;

function transcript(text: string, target: Target): Transcript {
  const { outcome, transcript: made } = transcribePlan(planned(text), target);
  expect(outcome).toMatchObject({ passed: true });
  return made;
}

const compared = (one: Transcript, other: Transcript): Difference[] => compareTranscripts({ name: "one", transcript: one }, { name: "other", transcript: other }, { time: 20e6, part: 0.125 });
const engine = (text: string, host = {}): Transcript => transcript(text, engineTarget(planned(text).wiring, host));
const stack = (options: Parameters<typeof server>[0] = {}): Transcript => transcript(SCRIPT, server(options));

const MULTIPATH = `0 socket(..., SOCK_STREAM, IPPROTO_MPTCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+.1 < S 0:0(0) win 65535 <mss 1460,nop,wscale 7,mpcapable v1 flags[flag_h] nokey>
+0 > S. 0:0(0) ack 1 <...>
+.1 < P. 1:11(10) ack 1 win 257 <mpcapable v1 flags[flag_h] key[ckey=7, skey=0] mpcdatalen 10,nop,nop>
`;

describe("what two stacks did in the same script", () => {
  it("is the same where keys, timestamps and random numbers alone are not", () => {
    const text = SCRIPT.replace("<mss 1000>", "<mss 1000,sackOK,TS val 5 ecr 0>").replace("> S. 0:0(0) ack 1 <...>", "> S. 0:0(0) ack 1 <mss 1460,sackOK,TS val 100 ecr 5>").replaceAll("win 32767\n", "win 32767 <nop,nop,TS val 6 ecr 100>\n");
    expect(compared(engine(text, { seed: 1 }), engine(text, { seed: 2 }))).toEqual([]);
    const keys = MULTIPATH.replace("+0 > S. 0:0(0) ack 1 <...>\n", "+0 > S. 0:0(0) ack 1 <mss 1460,nop,wscale 10,mpcapable v1 flags[flag_h] key[skey]>\n").replace("skey=0", "skey");
    expect(compared(engine(keys, { seed: 1 }), engine(keys, { seed: 2 }))).toEqual([]);
  });

  it("is told field by field, with a mark below the one that is meant", () => {
    const differences = compared(stack({ synAck: (segment) => void Object.assign(segment, { maximumSegmentSize: 1400, window: 100 }) }), stack({ synAck: (segment) => void (segment.maximumSegmentSize = 1500) }));
    expect(differences).toEqual([
      { inputs: 4, line: 4, at: 0.1e9, what: "values of mss of SYN/ACK", goesOn: true, comparison: { expected: "0.1 > S. 0:0(0) ack 1 win 100 <mss 1400>", seen: "0.1 > S. 0:0(0) ack 1 win 65535 <mss 1500>", column: 30, field: "option 1" } },
      { inputs: 4, line: 4, at: 0.1e9, what: "window", goesOn: true, comparison: { expected: "0.1 > S. 0:0(0) ack 1 win 100 <mss 1400>", seen: "0.1 > S. 0:0(0) ack 1 win 65535 <mss 1500>", column: 22, field: "win" } },
    ]);
  });

  it("is the same however data is cut into segments", () => {
    expect(compared(stack(), stack({ super: true }))).toEqual([]);
  });

  it("has a packet that only one of them sends, where the other was listened to for as long", () => {
    const told = (isExtra: boolean, tail: number): Transcript => {
      const one = server();
      const inject = one.inject.bind(one);
      one.inject = (octets) => {
        inject(octets);
        if (isExtra && one.received.length === 4) one.reply(one.received[3]!, { sequence: ISS + 1501, ack: one.received[3]!.tcp!.sequence + 10, window: 1 });
      };
      return transcript(`${SCRIPT}+${tail} read(4, ..., 100) = 100\n`, one);
    };
    const [first, ...further] = compared(told(false, 0.1), told(true, 0.1));
    expect(further).toEqual([]);
    expect(first).toMatchObject({ line: 11, what: "the other alone sends ACK", comparison: { expected: "nothing", seen: "0.4 > . 1501:1501(0) ack 11 win 1", column: -1 } });
    expect(compared(told(true, 0.1), told(false, 0.1))[0]).toMatchObject({ what: "the one alone sends ACK" });
    expect(compared(told(true, 0.01), told(false, 0.01))).toEqual([]);
  });

  it("has times, as far as they differ by more than is allowed", () => {
    const text = SCRIPT.replaceAll(/^\+0 >/gmu, "* >");
    const delayed = (delay: number): Transcript => transcript(text, server({ delay }));
    expect(compared(delayed(0), delayed(15e6))).toEqual([]);
    expect(compared(delayed(60e6), delayed(0))[0]).toMatchObject({ line: 4, what: "time of SYN/ACK: the other is earlier", comparison: { column: 0, field: "time" } });
  });

  it("is the same where a timer goes off on either side of an input, whose timestamp it echoes or not", () => {
    const opening = SCRIPT.slice(0, SCRIPT.indexOf("+.1 < . 1:1(0) ack 1501")).replace("<mss 1000>", "<mss 1000,nop,nop,TS val 5 ecr 0>").replace("ack 1 win 32767\n", "ack 1 win 32767 <nop,nop,TS val 6 ecr 100>\n");
    const text = `${opening}0.504 < . 1:1(0) ack 1 win 32767 <nop,nop,TS val 9 ecr 100>\n* > . 1:989(988) ack 1 <...>\n`.replace("<...>", "<mss 1460,nop,nop,TS val 100 ecr 5>");
    const timed = (timerDelay: number): Transcript => transcribePlan(planned(text), engineTarget(planned(text).wiring, { timerDelay })).transcript;
    expect(timed(0).packets.at(-1)?.inputs).not.toBe(timed(8e6).packets.at(-1)?.inputs);
    expect(compared(timed(0), timed(8e6))).toEqual([]);
  });

  it("has what calls give, with a mark where it differs", () => {
    const text = `${SCRIPT}+0 read(4, ..., 100) = ...\n`;
    const reading = (result: number): Target => {
      const target = server();
      const begin = target.begin.bind(target);
      target.begin = (call) => (call.name === "read" ? { result: { value: result, errno: null }, at: target.now } : begin(call));
      return target;
    };
    expect(compared(transcript(text, reading(10)), transcript(text, reading(3)))).toEqual([
      { inputs: 10, line: 12, at: 0.4e9, what: "read: one N, other N", goesOn: false, comparison: { expected: "read(4, ..., 100) = 10", seen: "read(4, ..., 100) = 3", column: 20, field: "result" } },
    ]);
  });

  it("ends where one of the two failed", () => {
    const failing = transcribePlan(planned(SCRIPT.replace("ack 1 <...>\n+.1", "ack 2 <...>\n+.1")), server());
    expect(failing.outcome.passed).toBe(false);
    expect(compared(failing.transcript, stack())).toEqual([]);
  });
});
