import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseScript, planScript, type PacketStep } from "../../../src/drill/index.ts";
import { composeTcp } from "../../../src/drill/run/compose.ts";
import { Flow } from "../../../src/drill/run/flow.ts";
import { readLeft, type LiveTcp } from "../../../src/drill/run/live-packet.ts";
import { Variables } from "../../../src/drill/run/multipath.ts";
import { printLive } from "../../../src/drill/run/print-live.ts";
import { decodePacket } from "../../../src/wire/index.ts";
import { address, server } from "./fake-target.ts";
import { told } from "./running.ts";

const FLOW = { local: address("192.168.0.1"), localPort: 8080, remote: address("192.0.2.1"), remotePort: 50_000 };

/** A line as its octets. */
function composed(line: string, local: number, remote: number): Uint8Array {
  const { script, problems } = parseScript(`0 < ${line}`);
  const planned = planScript(script);
  expect([...problems, ...planned.problems]).toEqual([]);
  const step = planned.plan.steps[0] as PacketStep;
  const flow = new Flow("tcp", FLOW, false);
  [flow.localInitial, flow.remoteInitial] = [local, remote];
  if (step.body.kind !== "tcp") throw new Error("no segment");
  const result = composeTcp(step.body, step.ip, flow, new Variables());
  if (typeof result === "string") throw new Error(result);
  return result.octets;
}

const OPTIONS = ["nop", "eol", "mss 1460", "wscale 7", "sackOK", "TS val 100 ecr 700", "sack 2001:3001 4001:5001", "FO abcd1234", "md5 000102030405060708090a0b0c0d0e0f", "ECN e0b 1 ceb 2 e1b 3", "mp_prio backup=1"];
const word = fc.nat(0xffff_ffff);

test("a segment that is composed has right checksums, and is what the line says: numbers, flags, options in their order", () => {
  const options = fc.shuffledSubarray(OPTIONS, { maxLength: 3 }).filter((some) => !some.includes("eol") || some.at(-1) === "eol");
  fc.assert(
    fc.property(fc.shuffledSubarray([..."SFRP.UEWA"]), fc.nat(3000), word, word, fc.nat(0xffff), fc.nat(0xffff), word, word, options, (letters, length, from, ack, window, urgent, local, remote, some) => {
      const start = from % (2 ** 32 - 4000);
      const line = `${letters.join("") || "-"} ${start}:${start + length}(${length}) ack ${ack} win ${window} urg ${urgent} <${some.join(", ")}>`;
      const octets = composed(line, local, remote);
      // `wire/` refuses what has a wrong checksum.
      const packet = decodePacket(octets, 0, octets.length);
      if (typeof packet === "string") throw new Error(packet);
      const tcp = readLeft({ at: 0, octets, segmentSize: 0 });
      if (tcp === null || typeof tcp === "string") throw new Error(String(tcp));
      const segment = tcp.body as LiveTcp;
      const isSyn = letters.includes("S");
      expect([segment.sequence, segment.acknowledgment, segment.window, segment.urgent, segment.payload.length]).toEqual([(remote + start) >>> 0, (local + ack) >>> 0, window, urgent, length]);
      expect(isSyn).toBe((segment.flags & 2) !== 0);
      expect((segment.flags & 0x100) !== 0).toBe(letters.includes("A"));
      // Seen from the other end, the line reads as it was written.
      const mirror = new Flow("tcp", FLOW, false);
      [mirror.localInitial, mirror.remoteInitial] = [remote, local];
      const shown = printLive(tcp, mirror, new Variables());
      for (const option of some) if (option !== "nop" && option !== "eol") expect(shown).toContain(option);
      const wanted = some.map((option) => shown.indexOf(option));
      expect(wanted.toSorted((one, other) => one - other)).toEqual(wanted);
    }),
    { numRuns: 200 },
  );
});

describe("options of a segment that left are compared exactly, in their order", () => {
  const text = (options: string): string => `0 < S 0:0(0) win 1 <mss 1000>\n+0 > S. 0:0(0) ack 1${options}`;
  const stack = () => server({ synAck: (segment) => Object.assign(segment, { maximumSegmentSize: 1460, sackPermitted: true, windowScale: 8 }) });

  test.each([" <mss 1460,nop,nop,sackOK,nop,wscale 8>", " <...>", " <mss ...,nop,nop,sackOK,nop,wscale ...>"])("%s fits", (options) => {
    expect(told(text(options), stack())).toBe("passed");
  });

  test("another order, another value, one too few and one too many do not fit", () => {
    const shown = (options: string): string[] => told(text(options), stack()).split("\n").slice(0, 6).filter((line) => /expected |seen|\^/.test(line)).slice(-3);
    expect(shown(" <mss 1460,sackOK,nop,nop,nop,wscale 8>")).toEqual([
      "  expected  +0  > S. 0:0(0) ack 1 <mss 1460, sackOK, nop, nop, nop, wscale 8>",
      "  seen      0.0 > S. 0:0(0) ack 1 <mss 1460, nop, nop, sackOK, nop, wscale 8>",
      "                                             ^",
    ]);
    expect(shown(" <mss 1460,nop,nop,sackOK,nop,wscale 7>").slice(1)).toEqual([
      "  seen      0.0 > S. 0:0(0) ack 1 <mss 1460, nop, nop, sackOK, nop, wscale 8>",
      "                                                                    ^",
    ]);
    expect(shown(" <mss 1460,nop,nop,sackOK>")).toEqual([
      "  expected  +0  > S. 0:0(0) ack 1 <mss 1460, nop, nop, sackOK>",
      "  seen      0.0 > S. 0:0(0) ack 1 <mss 1460, nop, nop, sackOK, nop, wscale 8>",
      "                                                       ^",
    ]);
    expect(shown(" <mss 1460,nop,nop,sackOK,nop,wscale 8,nop>")[1]).toBe("  seen      0.0 > S. 0:0(0) ack 1 <mss 1460, nop, nop, sackOK, nop, wscale 8>");
    expect(shown("")[0]).toBe("  expected  +0  > S. 0:0(0) ack 1");
  });
});

test("timestamps of the stack are those of the script from the first on, and are compared if the script says what a tick is", () => {
  const text = (tick: string, value: number): string => `${tick}\n0 < S 0:0(0) win 1 <mss 1000,TS val 50 ecr 0>\n+0 > S. 0:0(0) ack 1 <mss 1460,nop,nop,TS val 100 ecr 50>\n+.1 < P. 1:2(1) ack 1 win 9 <nop,nop,TS val 60 ecr 100>\n+0 > . 1:1(0) ack 2 <nop,nop,TS val ${value} ecr 60>`;
  const stack = () => server({ timestamps: { first: 5_000_000, echo: true } });
  const one = stack();
  expect(told(text("", 77), one)).toBe("passed");
  expect(one.received[1]!.tcp!.timestampEcho).toBe(5_000_000);
  expect(told(text("--tcp_ts_tick_usecs=1000", 200), stack())).toBe("passed");
  expect(told(text("--tcp_ts_tick_usecs=1000", 250), stack())).toContain("seen      0.1 > . 1:1(0) ack 2 <nop, nop, TS val 200 ecr 60>");
});
