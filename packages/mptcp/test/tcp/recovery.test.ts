import { describe, expect, test } from "vitest";
import { ProportionalRateReduction } from "../../src/tcp/recovery/prr.ts";
import type { TcpConfig } from "../../src/tcp/index.ts";
import { Dss } from "../../src/wire/index.ts";
import { MILLISECOND, SECOND } from "./harness.ts";
import { Script } from "./script.ts";

const SACK = { timestamps: false, windowScaling: false };
const PLAIN = { sack: false, timestamps: false, windowScaling: false };
const RTT = 40 * MILLISECOND;

/** Ten segments of 1000 bytes in flight, sent one RTT ago. */
function flight(config: ConstructorParameters<typeof Script>[0], more = 20_000): Script {
  const s = new Script(config).establishedAfter(RTT).write(10_000 + more).expectData(1, 10).silent();
  return s.advance(RTT);
}

describe("RACK (RFC 8985)", () => {
  test("three SACKed segments behind a hole: it is lost", () => {
    const s = flight(SACK);
    s.inject({ seq: 1, ack: 1, sack: [1001, 2001] }).expect({ seq: 10_001 }).silent();
    s.inject({ seq: 1, ack: 1, sack: [1001, 3001] }).expect({ seq: 11_001 }).silent();
    s.inject({ seq: 1, ack: 1, sack: [1001, 4001] }).expect({ seq: 1, len: 1000 }).silent();
    expect(s.environment.events.filter((event) => event.kind === "recovery")).toHaveLength(1);
  });

  test("fewer than three: it is lost when the reordering window has passed", () => {
    const s = flight(SACK, 0);
    s.inject({ seq: 1, ack: 1, sack: [9001, 10_001] }).silent();
    s.advance(RTT / 4 - MILLISECOND).silent().advance(2 * MILLISECOND);
    // All nine are found lost; half of the window may be sent again at once.
    expect(s.pending).toBeGreaterThanOrEqual(1);
    s.expect({ seq: 1, len: 1000 });
  });

  test("segments that only changed places are not sent again", () => {
    const s = flight(SACK);
    s.inject({ seq: 1, ack: 1, sack: [1001, 2001] }).discard().advance(5 * MILLISECOND);
    s.inject({ seq: 1, ack: 2001 }).discard().advance(5 * MILLISECOND);
    expect([s.tcp.sender.rack.reorderings, s.tcp.sender.rack.reorderingDistance]).toEqual([1, 2000]);
    // Now three SACKed segments do not yet make a loss ...
    s.inject({ seq: 1, ack: 2001, sack: [3001, 6001] });
    expect(s.tcp.retransmissions).toBe(0);
    // ... only a quarter of the RTT later.
    s.discard().advance(RTT / 4 + MILLISECOND).expect({ seq: 2001 });
  });

  test("a D-SACK widens the reordering window", () => {
    const s = flight(SACK);
    s.inject({ seq: 1, ack: 1, sack: [1001, 4001] }).discard();
    expect(s.tcp.retransmissions).toBe(1);
    s.advance(MILLISECOND).inject({ seq: 1, ack: 4001 }).discard();
    s.inject({ seq: 1, ack: 4001, sack: [1, 1001] });
    expect(s.tcp.sender.rack.windowMultiplier).toBe(2);
    s.inject({ seq: 1, ack: 5001, sack: [1, 1001] });
    expect(s.tcp.sender.rack.windowMultiplier).toBe(2);
  });

  test("a lost retransmission is found by what was sent after it", () => {
    const s = flight(SACK);
    s.inject({ seq: 1, ack: 1, sack: [1001, 4001] }).discard().inject({ seq: 1, ack: 1, sack: [1001, 6001] });
    s.inject({ seq: 1, ack: 1, sack: [1001, 10_001] }).discard();
    const next = s.tcp.nextOffset + 1;
    expect(next).toBeGreaterThan(12_001);
    s.advance(RTT).inject({ seq: 1, ack: 1, sack: [1001, next] }).expect({ seq: 1, len: 1000 });
    expect(s.tcp.retransmissions).toBe(2);
  });

  test("SACK blocks of nonsense are ignored", () => {
    const s = flight(SACK);
    s.inject({ seq: 1, ack: 1, sack: [5001, 4001, 900_000, 910_000, -5000, -4000, 0, 0] });
    s.inject({ seq: 1, ack: 1, sack: [500] }).silent();
    expect(s.tcp.inFlight).toBe(10_000);
  });

  test("recovery ends at the recovery point, with the window at ssthresh", () => {
    const s = flight(SACK, 0);
    s.inject({ seq: 1, ack: 1, sack: [1001, 4001] }).expect({ seq: 1 });
    s.advance(RTT).inject({ seq: 1, ack: 10_001 });
    expect(s.tcp.congestionWindow).toBe(5000);
    expect(s.environment.events.filter((event) => event.kind === "recovery").map((event) => event.kind === "recovery" && event.phase)).toEqual(["enter", "exit"]);
    expect(s.tcp.inFlight).toBe(0);
    s.advance(100 * SECOND).discard();
    expect(s.tcp.backoff).toBe(0);
  });

  test("what limited transmit sent beyond the window does not count to what a loss leaves (RFC 5681 §3.2)", () => {
    const s = flight(SACK);
    s.inject({ seq: 1, ack: 1, sack: [1001, 3001] }).expectData(10_001, 2).silent();
    s.inject({ seq: 1, ack: 1, sack: [1001, 4001] }).discard();
    expect(s.tcp.congestion.threshold).toBe(5000);
  });

  test("what was in flight when the window was lowered for another reason counts", () => {
    const s = flight(SACK, 0);
    s.tcp.congestion.onPenalty(6000, s.now);
    s.inject({ seq: 1, ack: 1, sack: [1001, 6001] }).discard();
    expect(s.tcp.congestion.threshold).toBe(5000);
  });

  test("a loss that the reordering timer finds lets out what the lowered window holds, or one segment", () => {
    const found = (config: Partial<TcpConfig>): Script => flight({ ...SACK, ...config }, 0).inject({ seq: 1, ack: 1, sack: [7001, 8001] }).silent().advance(RTT / 4 + MILLISECOND);
    // Two segments behind the SACKed one are still in flight, of five.
    found({}).expectData(1, 3).silent();
    found({ timerSends: "segment" }).expectData(1, 1).silent();
  });

  test("SACK blocks of an ACK that was overtaken count, and are no D-SACKs", () => {
    const s = flight(SACK, 0);
    s.inject({ seq: 1, ack: 3001 }).inject({ seq: 1, ack: 1, sack: [2001, 3001, 5001, 6001] });
    expect(s.tcp.sender.board.sackedBytes).toBe(1000);
    expect(s.tcp.tally.duplicateSacks).toBe(0);
    s.inject({ seq: 1, ack: 1, sack: [5001, 6001] });
    expect(s.tcp.sender.una).toBe(3000);
  });

  test("a timeout in fast recovery leaves the threshold where the loss has put it", () => {
    const s = flight(SACK, 0);
    s.inject({ seq: 1, ack: 1, sack: [4001, 10_001] }).expectData(1, 4).silent();
    s.advance(210 * MILLISECOND).expect({ seq: 1 });
    expect(s.tcp.congestion.threshold).toBe(5000);
  });

  test("the timer starts over with the retransmission of the first segment (RFC 6675 §6)", () => {
    const s = flight(SACK, 0).advance(30 * MILLISECOND);
    s.inject({ seq: 1, ack: 1, sack: [1001, 10_001] }).expect({ seq: 1 }).silent();
    s.advance(190 * MILLISECOND).silent().advance(20 * MILLISECOND).expect({ seq: 1 });
  });
});

describe("tail loss probe (RFC 8985 §7)", () => {
  test("after two SRTT the last segment is sent again, and then the RTO takes over", () => {
    const s = new Script(SACK).establishedAfter(RTT).write(3000).expectData(1, 3);
    s.advance(2 * RTT - MILLISECOND).silent().advance(2 * MILLISECOND).expect({ seq: 2001, len: 1000 }).silent();
    s.advance(210 * MILLISECOND).expect({ seq: 1, len: 1000 });
    expect(s.tcp.backoff).toBe(1);
    expect(s.environment.counters.value("TcpExtTCPLossProbes")).toBe(1);
  });

  test("new data is the better probe", () => {
    const s = new Script(SACK).establishedAfter(RTT).write(15_000).expectData(1, 10).advance(2 * RTT + MILLISECOND).expect({ seq: 10_001, len: 1000 }).silent();
    expect(s.tcp.retransmissions).toBe(0);
  });

  test("a single segment in flight gets time for a delayed ACK", () => {
    const s = new Script(SACK).establishedAfter(RTT).write(1000).discard();
    s.advance(2 * RTT + 39 * MILLISECOND).silent().advance(2 * MILLISECOND).expect({ seq: 1 });
  });

  test("the SACK of the probe shows what else was lost", () => {
    const s = new Script(SACK).establishedAfter(RTT).write(5000).discard().advance(2 * RTT + MILLISECOND).expect({ seq: 4001 });
    s.advance(RTT).inject({ seq: 1, ack: 1001, sack: [4001, 5001] }).expect({ seq: 1001 });
  });

  test("a loss that the probe repaired is told to congestion control", () => {
    const s = new Script(SACK).establishedAfter(RTT).write(10_000).discard().advance(2 * RTT + MILLISECOND).expect({ seq: 9001 });
    s.advance(RTT).inject({ seq: 1, ack: 10_001 });
    expect(s.tcp.congestionWindow).toBe(20_000 > s.tcp.congestionWindow ? s.tcp.congestionWindow : 0);
    // The ACK covers the probe but not more: only the next one tells that the original was lost.
    const before = s.tcp.congestionWindow;
    s.write(1000).discard().advance(RTT).inject({ seq: 1, ack: 11_001 });
    expect(s.tcp.congestionWindow).toBeLessThan(before);
  });

  test("a probe that was not needed changes nothing", () => {
    const s = new Script(SACK).establishedAfter(RTT).write(10_000).discard().advance(2 * RTT + MILLISECOND).expect({ seq: 9001 });
    s.inject({ seq: 1, ack: 10_001 }).inject({ seq: 1, ack: 10_001, sack: [9001, 10_001] });
    const before = s.tcp.congestionWindow;
    s.write(1000).discard().inject({ seq: 1, ack: 11_001 });
    expect(s.tcp.congestionWindow).toBeGreaterThanOrEqual(before);
  });

  test("without SACK there is none", () => {
    new Script(PLAIN).establishedAfter(RTT).write(3000).discard().advance(190 * MILLISECOND).silent();
  });
});

describe("retransmission timeout (RFC 6298)", () => {
  test("SRTT + 4 RTTVAR, at least the minimum; doubled for each timeout", () => {
    const s = new Script({ ...PLAIN, minRto: MILLISECOND }).establishedAfter(RTT);
    expect(s.tcp.rto).toBe(3 * RTT);
    s.write(1000).discard();
    for (const times of [1, 2, 4, 8]) s.advance(3 * RTT * times - MILLISECOND).silent().advance(MILLISECOND).expect({ seq: 1, len: 1000 }).silent();
    expect(s.tcp.backoff).toBe(4);
    expect(s.tcp.congestionWindow).toBe(1000);
    s.inject({ seq: 1, ack: 1001 });
    expect(s.tcp.backoff).toBe(0);
    // Karn: the ambiguous ACK gave no sample, so the RTO stays backed off (§3, §5.7) until the next one.
    expect(s.tcp.rto).toBe(3 * RTT * 16);
    s.write(1000).discard().advance(RTT).inject({ seq: 1, ack: 2001 });
    expect(s.tcp.rto).toBeLessThan(3.1 * RTT);
  });

  test("with timestamps the ACK of a retransmission is a sample", () => {
    const s = new Script({ windowScaling: false, minRto: MILLISECOND, sack: false }).establishedAfter(RTT, { ts: [1, 0] });
    s.write(500).discard().advance(3 * RTT);
    const echo = s.take().timestampValue;
    s.advance(RTT).inject({ seq: 1, ack: 501, ts: [2, echo] });
    expect(s.tcp.rto).toBeLessThan(3 * RTT);
    expect(s.tcp.srtt).toBe(RTT);
  });

  test("the timer starts over with new acknowledgments and stops when nothing is left", () => {
    const s = new Script(PLAIN).establishedAfter(RTT).write(2000).discard().advance(150 * MILLISECOND).inject({ seq: 1, ack: 1001 });
    s.advance(150 * MILLISECOND).silent().inject({ seq: 1, ack: 2001 }).advance(1000 * SECOND).silent();
  });

  test("slow start from one segment; ssthresh is set once", () => {
    const s = new Script(PLAIN).establishedAfter(RTT).write(10_000).discard();
    s.advance(210 * MILLISECOND).expect({ seq: 1 }).silent();
    expect(s.tcp.congestion.threshold).toBe(5000);
    s.advance(410 * MILLISECOND).expect({ seq: 1 }).silent();
    expect(s.tcp.congestion.threshold).toBe(5000);
    s.inject({ seq: 1, ack: 1001 }).expectData(1001, 2).silent();
    s.inject({ seq: 1, ack: 3001 }).expect({ seq: 3001 }).expect({ seq: 4001 });
  });

  test("with SACK, what was SACKed is not sent again", () => {
    const s = new Script(SACK).establishedAfter(RTT).write(10_000).discard();
    s.advance(RTT).inject({ seq: 1, ack: 1, sack: [2001, 3001] }).discard().advance(5 * SECOND).discard();
    s.inject({ seq: 1, ack: 1001, sack: [2001, 3001] }).inject({ seq: 1, ack: 2001, sack: [2001, 3001] });
    s.inject({ seq: 1, ack: 3001 }).inject({ seq: 1, ack: 5001 });
    const again = s.environment.events.flatMap((event) => (event.kind === "retransmission" ? [event.offset] : []));
    expect(again).toContain(1000);
    expect(again).toContain(3000);
    expect(again).not.toContain(2000);
  });

  test("a receiver that forgets SACKed data gets it again (RFC 2018 §8)", () => {
    const s = new Script(SACK).establishedAfter(RTT).write(3000).discard().advance(RTT).inject({ seq: 1, ack: 1, sack: [1001, 3001] }).discard();
    s.inject({ seq: 1, ack: 1001 }).discard().advance(SECOND);
    expect(s.pending).toBeGreaterThan(0);
    s.expect({ seq: 1001 });
    s.inject({ seq: 1, ack: 2001 }).discard().inject({ seq: 1, ack: 3001 });
    expect(s.tcp.inFlight).toBe(0);
  });
});

describe("without SACK (RFC 5681, RFC 6582, RFC 3042)", () => {
  test("limited transmit, fast retransmit, partial ACK, full ACK", () => {
    const s = flight(PLAIN);
    s.inject({ seq: 1, ack: 1 }).expect({ seq: 10_001 }).silent();
    s.inject({ seq: 1, ack: 1 }).expect({ seq: 11_001 }).silent();
    s.inject({ seq: 1, ack: 1 }).expect({ seq: 1, len: 1000 });
    for (let i = 0; i < 6; i++) s.inject({ seq: 1, ack: 1 });
    s.discard();
    // Partial: 5001 was lost as well, and goes at once.
    s.advance(RTT).inject({ seq: 1, ack: 5001 }).expect({ seq: 5001, len: 1000 });
    s.discard().inject({ seq: 1, ack: 1 + s.tcp.nextOffset });
    expect(s.tcp.congestionWindow).toBeLessThanOrEqual(6000);
    expect(s.environment.events.filter((event) => event.kind === "recovery")).toHaveLength(2);
    expect(s.tcp.retransmissions).toBe(2);
  });

  test("two duplicate ACKs do not retransmit", () => {
    const s = flight(PLAIN, 0).inject({ seq: 1, ack: 1 }).inject({ seq: 1, ack: 1 }).silent().inject({ seq: 1, ack: 10_001 });
    expect(s.tcp.retransmissions).toBe(0);
  });

  test("window updates and ACKs with data are no duplicates", () => {
    const s = flight(PLAIN, 0);
    for (let i = 0; i < 5; i++) s.inject({ seq: 1, ack: 1, win: 60_000 + i });
    for (let i = 0; i < 5; i++) s.inject({ seq: 1 + i * 10, ack: 1, win: 60_004, len: 10 });
    expect(s.tcp.retransmissions).toBe(0);
  });

  test("ACKs with MPTCP news are no duplicates, ones with a bare DSS are", () => {
    for (const bare of [true, false]) {
      const s = flight(PLAIN, 0);
      const receive = s.tcp.receive.bind(s.tcp);
      s.tcp.receive = (packet, now) => {
        const dss = new Dss();
        dss.dataAckLength = 4;
        if (packet.tcp !== null) packet.tcp.mptcp = bare ? [dss] : [{ kind: "mp_prio", backup: true, addressId: -1 }];
        receive(packet, now);
      };
      for (let i = 0; i < 3; i++) s.inject({ seq: 1, ack: 1 });
      expect(s.tcp.retransmissions).toBe(bare ? 1 : 0);
    }
  });

  test("duplicates of a finished recovery do not start another (RFC 6582 §3.2 step 2)", () => {
    const s = flight(PLAIN, 0);
    for (let i = 0; i < 3; i++) s.inject({ seq: 1, ack: 1 });
    s.discard().inject({ seq: 1, ack: 10_001 }).write(5000).discard();
    for (let i = 0; i < 5; i++) s.inject({ seq: 1, ack: 10_001 });
    expect(s.tcp.retransmissions).toBe(1);
  });
});

describe("Proportional Rate Reduction (RFC 9937)", () => {
  test("sends ssthresh/flight for each byte delivered, and ends at ssthresh", () => {
    const prr = new ProportionalRateReduction();
    const mss = 1000;
    const ssthresh = 10_000;
    prr.enter(20_000);
    // One lost, twenty in flight: the window is spread over the ACKs of one round trip.
    let inFlight = 19_000;
    let sent = 0;
    for (let i = 0; i < 19; i++) {
      inFlight -= mss;
      const cwnd = prr.window(mss, inFlight, ssthresh, mss, false);
      while (inFlight + mss <= cwnd) {
        inFlight += mss;
        sent += mss;
        prr.onSent(mss);
      }
    }
    expect(inFlight).toBe(ssthresh);
    expect(sent).toBe(10_000);
  });

  test("the first retransmission always leaves", () => {
    const prr = new ProportionalRateReduction();
    prr.enter(100_000);
    expect(prr.window(1000, 90_000, 50_000, 1000, false)).toBeGreaterThanOrEqual(91_000);
  });

  test("after heavy losses: packet conservation, one more per ACK when that is safe, never above ssthresh", () => {
    const prr = new ProportionalRateReduction();
    prr.enter(20_000);
    expect(prr.window(1000, 2000, 10_000, 1000, false)).toBe(3000);
    prr.onSent(1000);
    expect(prr.window(1000, 2000, 10_000, 1000, false)).toBe(3000);
    prr.onSent(1000);
    expect(prr.window(1000, 2000, 10_000, 1000, true)).toBe(4000);
    expect(prr.window(5000, 9500, 10_000, 1000, true)).toBe(10_000);
  });
});

describe("super-segments", () => {
  const config = { ...SACK, segmentationLimit: 64_000 };

  test("leave as multiples of the MSS and are cut by partial ACKs and SACKs", () => {
    const s = new Script(config).establishedAfter(RTT).write(10_500).expect({ seq: 1, len: 10_000 }).silent();
    s.advance(RTT).inject({ seq: 1, ack: 2001 }).expect({ seq: 10_001, len: 500 });
    expect(s.tcp.inFlight).toBe(8500);
    // 3001..4001 is missing, the rest of what was sent arrived.
    s.inject({ seq: 1, ack: 3001, sack: [4001, 10_001] });
    s.expect({ seq: 3001, len: 1000 }).silent();
    s.advance(RTT).inject({ seq: 1, ack: 10_501 });
    expect(s.tcp.inFlight).toBe(0);
    expect(s.tcp.bytesRetransmitted).toBe(1000);
  });

  test("a retransmission is no longer than the window allows", () => {
    const s = new Script(config).establishedAfter(RTT).write(10_000).expect({ len: 10_000 }).advance(10 * SECOND);
    s.discard();
    expect(s.tcp.congestionWindow).toBe(1000);
    s.inject({ seq: 1, ack: 1001 }).expect({ seq: 1001, len: 2000 }).silent();
  });
});
