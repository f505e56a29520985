import { describe, expect, it } from "vitest";
import { SECOND } from "../../../src/core/index.ts";
import { cubic, dctcp, infoOfTcp, linuxTcpInfo, newReno } from "../../../src/tcp/index.ts";
import type { TcpConfig, TcpInfo } from "../../../src/tcp/index.ts";
import { TimeWait } from "../../../src/tcp/time-wait.ts";
import { aceOf } from "../../../src/wire/index.ts";
import { Script } from "../script.ts";

const ECT1 = 1;
const ECT0 = 2;
const CE = 3;
/** What a SYN and SYN+ACK say of the ECN field of the other's, by codepoint. */
const REFLECTED = [2, 3, 4, 6] as const;
const ORDER_0 = 172;
const ORDER_1 = 174;
const INITIAL = [ORDER_0, 1, 0, 1];

function info(script: Script): TcpInfo {
  return infoOfTcp(script.tcp, script.now);
}

/** A server that a client asked for accurate ECN. */
function server(config: Partial<TcpConfig> = {}, third: Parameters<Script["inject"]>[0] = {}): Script {
  const script = new Script({ congestion: newReno, ecn: "accurate", ...config }).accept({ flags: "S", ace: 7, mss: 1000, sackOk: true });
  return script.discard().inject({ seq: 1, ack: 1, ace: 2, counters: INITIAL, ...third }).discard();
}

/** A client that a server answered so. */
function client(config: Partial<TcpConfig> = {}, answer: Parameters<Script["inject"]>[0] = {}): Script {
  const script = new Script({ congestion: newReno, ecn: "accurate", ...config }).connect();
  return script.discard().inject({ flags: "SA", ack: 1, ace: 2, mss: 1000, sackOk: true, counters: INITIAL, ...answer });
}

/** A server with `segments` of data in flight. */
function sending(segments: number, config: Partial<TcpConfig> = {}, third: Parameters<Script["inject"]>[0] = {}): Script {
  return server(config, third).write(segments * 1000).expectData(1, segments);
}

describe("the handshake of accurate ECN (RFC 9768 §3.1)", () => {
  it("asks by the setting", () => {
    const asked = (ecn: TcpConfig["ecn"]): number => {
      const script = new Script({ ecn }).connect();
      for (const ace of [0, 3, 7]) {
        try {
          script.expect({ ace });
          return ace;
        } catch {
          script.tcp.synPending = true;
          script.poll();
        }
      }
      return -1;
    };
    expect(asked("accurate")).toBe(7);
    expect(asked("on_accurate")).toBe(3);
    expect(asked("accept_accurate")).toBe(0);
  });

  it("answers with the ECN field of the SYN, and every combination that means nothing else", () => {
    for (const ecn of ["accurate", "on_accurate", "accept_accurate"] as const) {
      for (const codepoint of [0, ECT1, ECT0, CE]) {
        for (const ace of [7, 1, 2, 4, 5, 6]) new Script({ ecn }).accept({ flags: "S", ace, ecn: codepoint }).expect({ flags: codepoint === ECT1 ? "SAEW" : codepoint === ECT0 ? "SA" : "SAW", ace: REFLECTED[codepoint]!, ecn: 0, counters: INITIAL });
      }
      new Script({ ecn }).accept({ flags: "S", ace: 3 }).expect({ ace: 1, counters: null });
      new Script({ ecn }).accept({ flags: "S", ace: 0 }).expect({ ace: 0, counters: null });
    }
  });

  it("is no more than RFC 3168 with who knows nothing else", () => {
    new Script({ ecn: "accept" }).accept({ flags: "S", ace: 7 }).expect({ ace: 1, counters: null });
    new Script({ ecn: "off" }).accept({ flags: "S", ace: 7 }).expect({ ace: 0, counters: null });
  });

  it("takes the SYN+ACK for what it is", () => {
    for (const [ace, mode] of [[0, "none"], [1, "classic"], [2, "accurate"], [3, "accurate"], [4, "accurate"], [5, "accurate"], [6, "accurate"], [7, "none"]] as const) {
      const script = client({}, { ace });
      const { accurateEcn, ecn } = info(script);
      expect([ace, accurateEcn === null ? (ecn ? "classic" : "none") : "accurate"]).toEqual([ace, mode]);
      // §3.1.3: the combination that is reserved says of the SYN that it came as it was sent.
      if (ace === 5) expect(accurateEcn?.failure).toBe("none");
    }
  });

  it("tells in the third ACK how the SYN+ACK came, ahead of data", () => {
    for (const codepoint of [0, ECT1, ECT0, CE]) {
      const script = new Script({ ecn: "accurate" }).connect();
      script.discard().write(500).inject({ flags: "SA", ack: 1, ace: 2, mss: 1000, ecn: codepoint, counters: INITIAL });
      script.expect({ len: 0, ack: 1, ace: REFLECTED[codepoint]!, counters: INITIAL });
      // A mark on the SYN+ACK is counted.
      script.expect({ len: 500, ace: codepoint === CE ? 6 : 5, counters: INITIAL, ecn: ECT0 });
    }
  });

  it("says the same of a SYN+ACK that comes again", () => {
    const script = client({}, { ecn: ECT0 }).discard();
    script.inject({ flags: "SA", ack: 1, ace: 2, ecn: CE }).expect({ len: 0, ace: 6 });
    script.inject({ flags: "SA", ack: 1, ace: 2, ecn: CE }).expect({ len: 0, ace: 6 });
    script.inject({ flags: "SA", ack: 1, ace: 2, ecn: 0 }).expect({ len: 0, ace: 2 });
    // Its flags are of no account any more (§3.1.5).
    script.inject({ flags: "SA", ack: 1, ace: 0, ecn: ECT1 }).expect({ len: 0, ace: 3 });
    script.write(100).expect({ len: 100, ace: 6 });
  });

  it("repeats a SYN with it once, and then without", () => {
    const script = new Script({ ecn: "accurate" }).connect().discard();
    script.advance(SECOND).expect({ flags: "SEW", ace: 7 });
    script.advance(2 * SECOND).expect({ flags: "S", ace: 0 });
    // The answer to an earlier one counts, and the client may send what can be marked.
    script.discard().inject({ flags: "SA", ack: 1, ace: 2, mss: 1000 }).discard().write(100).expect({ ace: 5, ecn: ECT0 });
  });

  it("repeats a SYN+ACK without the option, and then without ECN, and stays with it", () => {
    const script = new Script({ ecn: "accurate" }).accept({ flags: "S", ace: 7, mss: 1000 }).discard();
    script.advance(SECOND).expect({ flags: "SAW", ace: 2, counters: null });
    script.advance(2 * SECOND).expect({ flags: "SA", ace: 0, counters: null });
    script.inject({ seq: 1, ack: 1, ace: 2 }).discard().inject({ seq: 1, ack: 1, len: 1000, ecn: CE, ace: 5 }).expect({ ace: 6 });
    // Who answered without ECN sends nothing that can be marked.
    script.discard().write(100).expect({ len: 100, ecn: 0, ace: 6 });
  });

  it("answers a SYN that comes again by how that came, and without the option", () => {
    const script = new Script({ ecn: "accurate" }).accept({ flags: "S", ace: 7, mss: 1000 }).discard();
    script.inject({ flags: "S", ace: 7, ecn: CE }).expect({ ace: 6, counters: null });
    script.inject({ flags: "S", ace: 0 }).expect({ ace: 2, counters: null });
    script.inject({ seq: 1, ack: 1, ace: 2 }).discard().write(100).expect({ ecn: 0 });
  });

  it("resets what is asked for two kinds (RFC 9768 §3.1.5)", () => {
    for (const [first, second] of [[7, 3], [3, 7]] as const) {
      const script = new Script({ ecn: "accurate" }).accept({ flags: "S", ace: first, mss: 1000 }).discard();
      script.inject({ flags: "S", ace: second });
      expect([script.state, script.sent()]).toEqual(["CLOSED", ["RA"]]);
    }
    const script = new Script({ ecn: "accept" }).accept({ flags: "S", ace: 3, mss: 1000 }).discard();
    expect(script.inject({ flags: "S", ace: 7 }).state).toBe("SYN-RECEIVED");
  });

  it("is spoken after SYNs that crossed", () => {
    const script = new Script({ ecn: "accurate", simultaneousOpen: true }).connect().discard();
    script.inject({ flags: "S", ace: 7, mss: 1000, ecn: ECT0 }).expect({ flags: "SA", ace: 4, counters: INITIAL });
    script.inject({ flags: "SA", seq: 0, ack: 1, ace: 2, counters: INITIAL });
    expect(script.state).toBe("ESTABLISHED");
    script.discard().inject({ seq: 1, ack: 1, len: 1000, ecn: CE, ace: 5 }).expect({ ace: 6 });
    expect(info(script).accurateEcn).toMatchObject({ failure: "none", options: "seen" });
  });
});

describe("what the path does to the ECN field (RFC 9768 §3.2.2.3, §3.2.2.4)", () => {
  it("a client whose SYN came marked, or ECN-capable, sends nothing that can be marked", () => {
    for (const ace of [3, 4, 6]) {
      const script = client({}, { ace });
      expect(info(script).accurateEcn?.failure).toBe("field_changed");
      script.discard().write(500).expect({ ecn: 0, ace: 5 });
      // What comes is told of all the same.
      script.inject({ seq: 1, ack: 501, len: 1000, ecn: CE, ace: 5 }).expect({ ace: 6 });
      // A mark on the SYN is answered: no more than two segments.
      expect(script.tcp.congestion.window <= 2 * script.tcp.maxPayload + 500).toBe(ace === 6);
    }
  });

  it("a server whose SYN+ACK came otherwise does the same", () => {
    for (const [ace, failure, packets] of [[1, "none", 0], [2, "none", 0], [3, "field_changed", 0], [4, "field_changed", 0], [5, "none", 0], [6, "field_changed", 1], [7, "none", 0], [0, "counter_cleared", 0]] as const) {
      const script = server({}, { ace });
      expect([ace, info(script).accurateEcn?.failure, info(script).accurateEcn?.delivered.packets]).toEqual([ace, failure, packets]);
      script.write(1000).expect({ ecn: failure === "none" ? ECT0 : 0 });
    }
  });

  it("a counter that was cleared is not believed", () => {
    const script = server({}, { ace: 0 }).write(4000).discard();
    const { window } = script.tcp.congestion;
    script.inject({ seq: 1, ack: 1001, ace: 3 }).inject({ seq: 1, ack: 4001, ace: 6 });
    expect(script.tcp.congestion.window).toBeGreaterThanOrEqual(window);
    expect(info(script).markReductions).toBe(0);
    const opened = client().discard();
    opened.write(500).discard().inject({ seq: 1, ack: 501, ace: 0 });
    expect(info(opened).accurateEcn?.failure).toBe("counter_cleared");
    // Three marks take a counter to 0.
    const marked = client().discard().write(4000).discard().inject({ seq: 1, ack: 4001, ace: 0 });
    expect(info(marked).accurateEcn).toMatchObject({ failure: "none", delivered: { packets: 3 } });
  });

  it("octets that were marked in no packet end it", () => {
    const script = sending(4);
    script.inject({ seq: 1, ack: 1001, ace: 6, counters: [ORDER_0, 1, 1000] });
    expect(info(script).accurateEcn?.failure).toBe("none");
    script.inject({ seq: 1, ack: 2001, ace: 6, counters: [ORDER_0, 1, 2000] });
    expect(info(script).accurateEcn?.failure).toBe("field_changed");
  });

  it("takes third ACKs that come late for what they are", () => {
    const script = new Script({ congestion: newReno, ecn: "accurate", timestamps: false }).accept({ flags: "S", ace: 7, mss: 1000, sackOk: true }).advance(SECOND).discard();
    script.inject({ seq: 1, ack: 1, ace: 2 }).discard().write(1000).discard();
    script.inject({ seq: 1, ack: 1, ace: 2 }).inject({ seq: 1, ack: 1, ace: 2 });
    expect(info(script).accurateEcn?.delivered.packets).toBe(0);
  });
});

describe("the counters of the receiving half (RFC 9768 §3.2)", () => {
  it("count packets, and octets by codepoint", () => {
    const script = server();
    script.inject({ seq: 1, ack: 1, len: 1000, ecn: ECT0, ace: 5 }).expect({ ace: 5, ack: 1001, counters: [ORDER_0, 1001] });
    script.inject({ seq: 1001, ack: 1, len: 500, ecn: CE, ace: 5 }).expect({ ace: 6, ack: 1501, counters: [ORDER_0, 1001, 500] });
    script.inject({ seq: 1501, ack: 1, len: 100, ecn: ECT1, ace: 5 }).expect({ ace: 6, ack: 1601, counters: [ORDER_0, 1001, 500, 101] });
    script.inject({ seq: 1601, ack: 1, len: 100, ecn: 0, ace: 5 }).expect({ ace: 6, ack: 1701, counters: [ORDER_0, 1001, 500, 101] });
    script.inject({ seq: 1701, ack: 1, len: 100, ecn: 0, ace: 5 }).expect({ ace: 6, ack: 1801, counters: null });
    // A packet without data is one, and has no octets; one that is not acceptable is none.
    script.inject({ seq: 1801, ack: 1, ecn: CE, ace: 5 }).silent();
    script.inject({ seq: 10_000_000, ack: 1, len: 1000, ecn: CE, ace: 5 }).expect({ ace: 7 });
    script.inject({ seq: 1701, ack: 1, len: 100, ecn: CE, ace: 5 }).expect({ ace: 7 });
    expect(info(script)).toMatchObject({ ecn: true, ecnSeen: true, marksReceived: 1, accurateEcn: { received: { packets: 2, ce: 500, ect0: 1000, ect1: 100 } } });
    expect(linuxTcpInfo(info(script))).toMatchObject({ tcpi_received_ce: 2, tcpi_received_e0_bytes: 1000, tcpi_received_ce_bytes: 500, tcpi_received_e1_bytes: 100, tcpi_accecn_opt_seen: 2, tcpi_accecn_fail_mode: 0 });
  });

  it("says ECT(1) first where no ECT(0) came", () => {
    const script = server();
    script.inject({ seq: 1, ack: 1, len: 1000, ecn: ECT1, ace: 5 }).expect({ counters: [ORDER_1, 1001] });
    script.inject({ seq: 1001, ack: 1, len: 1000, ecn: CE, ace: 5 }).expect({ counters: [ORDER_1, 1001, 1000] });
  });

  it("goes round at eight, and at 24 bits", () => {
    const script = server();
    for (let i = 0; i < 12; i++) script.inject({ seq: 1 + 1000 * i, ack: 1, len: 1000, ecn: CE, ace: 5 }).expect({ ace: (6 + i) % 8, counters: [ORDER_0, 1, 1000 * (i + 1)] });
    const seen = (script.tcp.ecn as unknown as { seen: { octets: { ect0: number } } }).seen;
    seen.octets.ect0 = 2 ** 24 - 500;
    script.inject({ seq: 12_001, ack: 1, len: 1000, ecn: ECT0, ace: 5 }).expect({ counters: [ORDER_0, 500, 12_000] });
  });

  it("acknowledges the first mark at once, and then every second; without data every third", () => {
    const script = server({ acknowledging: "steady" });
    for (let i = 0; i < 16; i++) script.inject({ seq: 1 + 1000 * i, ack: 1, len: 1000, ecn: ECT0, ace: 5 });
    script.discard().inject({ seq: 16_001, ack: 1, len: 400, ecn: ECT0, ace: 5 }).silent();
    script.inject({ seq: 16_401, ack: 1, len: 10, ecn: CE, ace: 5 }).expect({ ack: 16_411, ace: 6 });
    script.inject({ seq: 16_411, ack: 1, len: 10, ecn: CE, ace: 5 }).silent();
    script.inject({ seq: 16_421, ack: 1, len: 10, ecn: CE, ace: 5 }).expect({ ack: 16_431, ace: 0 });
    script.inject({ seq: 16_431, ack: 1, len: 10, ecn: ECT0, ace: 5 }).silent();
    script.advance(SECOND).discard();
    script.inject({ seq: 16_441, ack: 1, ecn: CE, ace: 5 }).inject({ seq: 16_441, ack: 1, ecn: CE, ace: 5 }).silent();
    script.inject({ seq: 16_441, ack: 1, ecn: CE, ace: 5 }).expect({ ace: 3 });
  });

  it("has an ACK ahead of full segments, and the option on those that have room", () => {
    const script = server().write(20_000).discard();
    script.inject({ seq: 1, ack: 5001, len: 1000, ecn: ECT0, ace: 5 });
    script.expect({ len: 0, ack: 1001, ace: 5, counters: [ORDER_0, 1001] }).expect({ len: 1000, counters: null }).discard();
    const small = server();
    small.inject({ seq: 1, ack: 1, len: 1000, ecn: CE, ace: 5 }).discard().write(500).expect({ len: 500, ace: 6, counters: [ORDER_0, 1, 1000] });
  });

  it("leaves the room for two SACK blocks, and takes that of the others", () => {
    const script = new Script({ congestion: newReno, ecn: "accurate" }).accept({ flags: "S", ace: 7, mss: 1000, sackOk: true, ts: [1, 0] }).discard();
    script.inject({ seq: 1, ack: 1, ace: 2, ts: [1, 1], counters: INITIAL }).discard();
    const came = (seq: number): Script => script.inject({ seq, ack: 1, len: 1000, ecn: CE, ace: 5, ts: [1, 1] });
    came(2001).expect({ counters: [ORDER_0, 1, 1000], sack: [2001, 3001] });
    came(4001).expect({ counters: [ORDER_0, 1, 2000], sack: [4001, 5001, 2001, 3001] });
    came(6001).expect({ counters: [ORDER_0, 1, 3000], sack: [6001, 7001, 4001, 5001] });
  });

  it("gives the option up where what it acknowledges comes again and again", () => {
    const script = server();
    script.inject({ seq: 1, ack: 1, len: 1000, ecn: ECT0, ace: 5 }).expect({ counters: [ORDER_0, 1001] });
    // The ACK of what came again goes without, in case.
    script.inject({ seq: 1, ack: 1, len: 1000, ace: 5 }).expect({ counters: null });
    script.inject({ seq: 1001, ack: 1, len: 1000, ecn: CE, ace: 5 }).expect({ ace: 6, counters: [ORDER_0, 1001, 1000] });
    expect(info(script).accurateEcn?.sendsOptions).toBe(true);
    script.inject({ seq: 1001, ack: 1, len: 1000, ace: 5 }).expect({ ace: 6, counters: null });
    expect(info(script).accurateEcn?.sendsOptions).toBe(false);
    script.inject({ seq: 2001, ack: 1, len: 1000, ecn: CE, ace: 5 }).expect({ ace: 7, counters: null });
  });

  it("has none on what is sent again", () => {
    const script = client().discard().write(500);
    script.expect({ len: 500, counters: INITIAL }).advance(3 * SECOND).expect({ len: 500, counters: null, ecn: 0 });
  });
});

describe("choices of accurate ECN", () => {
  it("acknowledges every change of the ECN field of data at once, or marks alone", () => {
    for (const [ecnAcks, acknowledged] of [["marks", [false, true, false]], ["changes", [true, true, true]]] as const) {
      const script = server({ acknowledging: "steady", ecnAcks });
      for (let i = 0; i < 16; i++) script.inject({ seq: 1 + 1000 * i, ack: 1, len: 1000, ace: 5 });
      script.advance(SECOND).discard();
      const came = [ECT0, CE, ECT0].map((ecn, i) => {
        script.inject({ seq: 16_001 + 10 * i, ack: 1, len: 10, ecn, ace: 5 });
        const isSent = script.pending > 0;
        script.advance(SECOND).discard();
        return isSent;
      });
      expect([ecnAcks, came]).toEqual([ecnAcks, acknowledged]);
    }
  });

  it("counts in TIME-WAIT, or forgets", () => {
    for (const [timeWaitEcn, ace] of [[true, 6], [false, 0]] as const) {
      const script = server({ timeWaitEcn }).inject({ seq: 1, ack: 1, len: 100, ecn: CE, ace: 5 }).discard();
      script.end().expect({ ace: 6 }).inject({ seq: 101, ack: 2, ace: 5 }).inject({ flags: "FA", seq: 101, ack: 2, ace: 5 }).expect({ ack: 102, ace });
      expect(script.state).toBe("TIME-WAIT");
      const kept = new TimeWait(script.tcp, script.now);
      expect(aceOf(kept.acknowledgment(script.now).tcp!)).toBe(ace);
    }
  });

  it("asks in every SYN without a fallback", () => {
    const script = new Script({ ecn: "accurate", ecnFallback: false }).connect().discard();
    for (const time of [1, 2, 4]) script.advance(time * SECOND).expect({ ace: 7 });
    const classic = new Script({ ecn: "on", ecnFallback: false }).connect().discard();
    for (const time of [1, 2, 4]) classic.advance(time * SECOND).expect({ ace: 3 });
  });
});

describe("the counters of the sending half (RFC 9768 §3.2.2.5, Appendix A)", () => {
  it("lower the window once per window of data, and not again for marks of the same", () => {
    const script = sending(10);
    script.inject({ seq: 1, ack: 1001, ace: 6, counters: [ORDER_0, 1, 1000] });
    expect(script.tcp.congestion.window).toBe(5000);
    for (let i = 2; i <= 10; i++) script.inject({ seq: 1, ack: 1 + 1000 * i, ace: (5 + i) % 8, counters: [ORDER_0, 1, 1000 * i] });
    expect(script.tcp.congestion.window).toBe(5000);
    expect(info(script)).toMatchObject({ bytesMarked: 10_000, markReductions: 1, accurateEcn: { options: "seen", delivered: { packets: 10, ce: 10_000 } } });
    // No CWR: the flag is part of a counter.
    script.discard().write(1000).expect({ ace: 5, ecn: ECT0 });
  });

  it("have an ACK that tells of no mark let the window grow", () => {
    const script = sending(10);
    script.inject({ seq: 1, ack: 1001, ace: 6 });
    const { window } = script.tcp.congestion;
    for (let i = 2; i <= 10; i++) script.inject({ seq: 1, ack: 1 + 1000 * i, ace: 6 });
    expect(script.tcp.congestion.window).toBeGreaterThan(window);
  });

  it("take an option for exact, and else the worst for the case", () => {
    // Nine packets at once: two more marks in the field are two, since all ten cannot be; ten packets may be ten.
    for (const [count, packets] of [[9, 2], [10, 10], [11, 10], [16, 10], [18, 18]] as const) {
      const script = sending(count, { initialWindowSegments: 20 }, { counters: null });
      script.inject({ seq: 1, ack: 1 + 1000 * count, ace: 7 });
      expect([count, info(script).accurateEcn?.delivered.packets, info(script).bytesMarked]).toEqual([count, packets, 1000 * packets]);
    }
    for (const [ce, packets] of [[2000, 2], [10_000, 10], [18_000, 18]] as const) {
      const script = sending(20, { initialWindowSegments: 20 });
      script.inject({ seq: 1, ack: 20_001, ace: 7, counters: [ORDER_0, 20_001 - ce, ce] });
      expect(info(script).accurateEcn?.delivered).toEqual({ packets, ce, ect0: 20_000 - ce, ect1: 0 });
    }
  });

  it("take a counter that an option leaves out for unchanged", () => {
    const script = sending(16, { initialWindowSegments: 20 });
    script.inject({ seq: 1, ack: 16_001, ace: 5, counters: [ORDER_0, 16_001] });
    expect(info(script).accurateEcn?.delivered).toEqual({ packets: 0, ce: 0, ect0: 16_000, ect1: 0 });
  });

  it("ignore ACKs that were overtaken", () => {
    const script = sending(10, { timestamps: false });
    script.inject({ seq: 1, ack: 4001, ace: 0, counters: [ORDER_0, 1001, 3000] });
    script.inject({ seq: 1, ack: 2001, ace: 6, counters: [ORDER_0, 1001, 1000] });
    script.inject({ seq: 1, ack: 4001, ace: 7, counters: [ORDER_0, 1001, 2000] });
    expect(info(script).accurateEcn?.delivered).toMatchObject({ packets: 3, ce: 3000, ect0: 1000 });
  });

  it("count what the field says of more packets than were acknowledged", () => {
    const script = sending(2);
    script.inject({ seq: 1, ack: 1001, ace: 0, counters: [ORDER_0, 1, 1000] });
    expect(info(script).accurateEcn?.delivered).toMatchObject({ packets: 3, ce: 1000 });
  });

  it("work out octets while no option comes, and are right again when one does", () => {
    const script = sending(6, {}, { counters: null });
    expect(info(script).accurateEcn?.options).toBe("absent");
    script.inject({ seq: 1, ack: 2001, ace: 6 });
    expect(info(script).accurateEcn?.delivered).toEqual({ packets: 1, ce: 1000, ect0: 1000, ect1: 0 });
    script.inject({ seq: 1, ack: 4001, ace: 7, counters: [ORDER_0, 2501, 1500] });
    expect(info(script).accurateEcn).toMatchObject({ options: "seen", delivered: { packets: 2, ce: 1500, ect0: 2500 } });
  });

  it("do without an option whose fields were cleared", () => {
    const script = sending(4, {}, { counters: [ORDER_0, 0, 0, 0] });
    expect(info(script).accurateEcn?.options).toBe("cleared");
    script.inject({ seq: 1, ack: 2001, ace: 7, counters: [ORDER_0, 0, 0, 0] });
    expect(info(script).accurateEcn?.delivered).toMatchObject({ packets: 2, ce: 2000 });
  });

  it("read whole fields of an option of any length", () => {
    const script = sending(4);
    script.inject({ seq: 1, ack: 1001, ace: 6, counters: [ORDER_0] });
    script.inject({ seq: 1, ack: 2001, ace: 6, counters: [ORDER_1, 1, 1000, 1001, 77, 88] });
    expect(info(script).accurateEcn?.delivered).toEqual({ packets: 1, ce: 1000, ect0: 1000, ect1: 0 });
  });

  it("have CUBIC keep seven tenths, and DCTCP hear of each octet", () => {
    expect(sending(10, { congestion: cubic }).inject({ seq: 1, ack: 1001, ace: 6 }).tcp.congestion.window).toBe(7000);
    const script = sending(10, { congestion: dctcp });
    script.inject({ seq: 1, ack: 2001, ace: 6, counters: [ORDER_0, 1001, 1000] });
    expect(info(script)).toMatchObject({ bytesMarked: 1000, markReductions: 1 });
  });
});
