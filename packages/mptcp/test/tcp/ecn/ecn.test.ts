import { describe, expect, it } from "vitest";
import { MILLISECOND, SECOND } from "../../../src/core/index.ts";
import { cubic, dctcp, infoOfTcp, newReno } from "../../../src/tcp/index.ts";
import type { TcpConfig } from "../../../src/tcp/index.ts";
import { Script } from "../script.ts";

const ECT0 = 2;
const CE = 3;

/** A server that a client asked for ECN. */
function agreed(config: Partial<TcpConfig> = {}): Script {
  return new Script({ congestion: newReno, ...config }).established({ flags: "SEW" });
}

/** The same, with `segments` of data in flight. */
function sending(segments: number, config: Partial<TcpConfig> = {}): Script {
  const script = agreed(config).write(segments * 1000);
  return script.expectData(1, segments);
}

describe("the handshake (RFC 3168 §6.1.1)", () => {
  it("asks and agrees by the setting", () => {
    const flags = (ecn: TcpConfig["ecn"]): string[] => [new Script({ ecn }).connect().sent()[0]!, new Script({ ecn }).accept({ flags: "SEW" }).sent()[0]!];
    expect(flags("off")).toEqual(["S", "SA"]);
    expect(flags("accept")).toEqual(["S", "SAE"]);
    expect(flags("on")).toEqual(["SEW", "SAE"]);
  });

  it("is for who asks with both flags, and is answered with ECE alone", () => {
    for (const syn of ["S", "SE", "SW"]) expect(new Script({ ecn: "on" }).accept({ flags: syn }).sent()).toEqual(["SA"]);
    for (const [answer, ecn] of [["SAE", true], ["SA", false], ["SAEW", false], ["SAW", false]] as const) {
      const script = new Script({ ecn: "on" }).connect();
      script.discard().inject({ flags: answer, ack: 1, mss: 1000 });
      expect(infoOfTcp(script.tcp, script.now).ecn).toBe(ecn);
      script.discard().write(1000);
      script.expect({ len: 1000, ecn: ecn ? ECT0 : 0 });
    }
  });

  it("repeats a SYN without it, and takes a late answer to the first one all the same", () => {
    const script = new Script({ ecn: "on" }).connect();
    script.discard().advance(SECOND);
    expect(script.sent()).toEqual(["S"]);
    script.discard().inject({ flags: "SAE", ack: 1, mss: 1000 });
    expect(infoOfTcp(script.tcp, script.now).ecn).toBe(true);
  });

  it("repeats a SYN+ACK with it", () => {
    const script = new Script({ ecn: "accept" }).accept({ flags: "SEW" });
    script.discard().advance(SECOND);
    expect(script.sent()).toEqual(["SAE"]);
  });
});

describe("the sending half (RFC 3168 §6.1.2)", () => {
  it("lowers the window at the first echo, as for a loss, and once per window of data", () => {
    const script = sending(10);
    script.inject({ flags: "AE", seq: 1, ack: 1001 });
    // FlightSize was 10 segments.
    expect(script.tcp.congestion.window).toBe(5000);
    for (let i = 2; i <= 10; i++) script.inject({ flags: "AE", seq: 1, ack: 1 + 1000 * i });
    expect(script.tcp.congestion.window).toBe(5000);
    expect(infoOfTcp(script.tcp, script.now)).toMatchObject({ bytesMarked: 10_000, markReductions: 1, retransmissions: 0, recovery: "open" });
    // Data that was sent after it: another echo is news.
    script.write(4000).expect({ seq: 10_001, flags: "AW", ecn: ECT0 }).discard();
    script.inject({ flags: "AE", seq: 1, ack: 11_001 });
    expect(infoOfTcp(script.tcp, script.now).markReductions).toBe(2);
  });

  it("grows by no ACK that says ECE", () => {
    const script = sending(10);
    script.inject({ flags: "AE", seq: 1, ack: 5001 });
    script.inject({ flags: "AE", seq: 1, ack: 10_001 });
    expect(script.tcp.congestion.window).toBe(5000);
  });

  it("answers a loss in the same window of data no more, but says so", () => {
    for (const first of ["AE", "A"]) {
      const script = sending(10);
      script.inject({ flags: first, seq: 1, ack: 1001 });
      const before = script.tcp.congestion.window;
      script.discard().inject({ flags: first, seq: 1, ack: 1001, sack: [6001, 10_001] });
      script.advance(50 * MILLISECOND);
      expect(infoOfTcp(script.tcp, script.now).recovery).toBe("recovery");
      expect(script.tcp.congestion.window < before).toBe(first === "A");
    }
  });

  it("says CWR on new data after a loss, too", () => {
    const script = sending(4);
    script.inject({ flags: "A", seq: 1, ack: 1, sack: [1001, 4001] });
    script.advance(50 * MILLISECOND).expect({ seq: 1, len: 1000, ecn: 0, flags: "A" }).discard();
    script.inject({ flags: "A", seq: 1, ack: 4001 });
    script.write(2000).expect({ seq: 4001, ecn: ECT0, flags: "AW" }).discard();
  });

  it("counts duplicate ACKs that say ECE", () => {
    const script = new Script({ congestion: newReno, sack: false }).established({ flags: "SEW", sackOk: false });
    script.write(5000).expectData(1, 5);
    for (let i = 0; i < 3; i++) script.inject({ flags: "AE", seq: 1, ack: 1 });
    script.expect({ seq: 1, len: 1000, ecn: 0 });
  });

  it("has CUBIC keep seven tenths", () => {
    const script = sending(10, { congestion: cubic });
    script.inject({ flags: "AE", seq: 1, ack: 1001 });
    expect(script.tcp.congestion.window).toBe(7000);
  });
});

describe("the receiving half (RFC 3168 §6.1.3)", () => {
  it("counts marks, and echoes none of a packet that is not acceptable", () => {
    const script = agreed();
    script.inject({ seq: 1, ack: 1, len: 1000, ecn: ECT0 }).expect({ flags: "A", ack: 1001, ecn: 0 });
    expect(infoOfTcp(script.tcp, script.now)).toMatchObject({ ecnSeen: true, marksReceived: 0 });
    script.inject({ seq: 10_000_000, ack: 1, len: 1000, ecn: CE }).expect({ flags: "A", ack: 1001 });
    script.inject({ seq: 1001, ack: 1, len: 1000, ecn: CE }).expect({ flags: "AE", ack: 2001, ecn: 0 });
    expect(infoOfTcp(script.tcp, script.now).marksReceived).toBe(1);
  });
});

describe("the receiving half of DCTCP (RFC 8257 §3.2)", () => {
  const receiving = (): Script => {
    const script = agreed({ congestion: dctcp });
    // As many as are acknowledged at once.
    for (let i = 0; i < 16; i++) script.inject({ seq: 1 + 1000 * i, ack: 1, len: 1000, ecn: ECT0 });
    return script.discard();
  };

  it("acknowledges what waits as it came, before what came otherwise", () => {
    const script = receiving();
    script.inject({ seq: 16_001, ack: 1, len: 1000, ecn: ECT0 }).silent();
    script.inject({ seq: 17_001, ack: 1, len: 1000, ecn: CE });
    script.expect({ flags: "A", ack: 17_001 }).expect({ flags: "AE", ack: 18_001 }).silent();
    script.inject({ seq: 18_001, ack: 1, len: 1000, ecn: CE }).silent();
    script.inject({ seq: 19_001, ack: 1, len: 1000, ecn: CE }).expect({ flags: "AE", ack: 20_001 });
    script.inject({ seq: 20_001, ack: 1, len: 1000, ecn: CE }).silent();
    script.inject({ seq: 21_001, ack: 1, len: 1000, ecn: ECT0 });
    script.expect({ flags: "AE", ack: 21_001 }).expect({ flags: "A", ack: 22_001 }).silent();
  });

  it("tells the sender of as many marked bytes as there were", () => {
    const script = receiving();
    let [echoed, last] = [0, 16_001];
    for (let i = 0; i < 100; i++) {
      script.inject({ seq: 16_001 + 1000 * i, ack: 1, len: 1000, ecn: (i * 7) % 10 < 3 ? CE : ECT0 });
      while (script.pending > 0) {
        const [flags] = script.sent();
        const ack = (script.take().acknowledgment - script.peerIss) >>> 0;
        if (flags === "AE") echoed += ack - last;
        last = ack;
      }
    }
    script.advance(SECOND);
    while (script.pending > 0) if (script.sent()[0] === "AE") echoed += ((script.take().acknowledgment - script.peerIss) >>> 0) - last;
      else script.take();
    expect(echoed).toBe(30_000);
  });
});
