import { describe, expect, test } from "vitest";
import type { TcpConfig } from "../../src/tcp/index.ts";
import { ForwardRto } from "../../src/tcp/recovery/forward-rto.ts";
import { SpuriousRecovery } from "../../src/tcp/recovery/spurious.ts";
import { RttEstimator } from "../../src/tcp/recovery/rtt.ts";
import { Scoreboard } from "../../src/tcp/recovery/scoreboard.ts";
import { SegmentPool } from "../../src/tcp/sending/segment-pool.ts";
import { Payload } from "../../src/wire/index.ts";
import { BulkWriter, MILLISECOND, Pair, readAll, SECOND } from "./harness.ts";
import type { PairOptions } from "./harness.ts";
import { Script } from "./script.ts";

const RTT = 40 * MILLISECOND;
const SACK = { timestamps: false, windowScaling: false };
const PLAIN = { sack: false, timestamps: false, windowScaling: false };

/** Ten segments of 1000 bytes in flight, and the retransmission timer has fired. */
function timedOut(config: Partial<TcpConfig>, more = 20_000): Script {
  const s = new Script({ ...config, sendBuffer: { initial: 60_000, max: 60_000, autoTune: false } }).establishedAfter(RTT).write(10_000 + more).expectData(1, 10).silent();
  while (s.tcp.sender.timeouts === 0) s.advance(10 * MILLISECOND);
  return s;
}

const counter = (s: Script, name: string): number => s.environment.counters.value(`TcpExt${name}`);

describe("F-RTO (RFC 5682)", () => {
  test("two acknowledgments in a row that advance: new data leaves, then all is as it was", () => {
    const s = timedOut(PLAIN);
    s.expect({ seq: 1, len: 1000 }).silent();
    expect(s.tcp.congestionWindow).toBe(1000);
    s.inject({ seq: 1, ack: 1001 }).expect({ seq: 10_001, len: 1000 }).expect({ seq: 11_001, len: 1000 }).silent();
    s.advance(MILLISECOND).inject({ seq: 1, ack: 3001 });
    expect(s.tcp.sender.board.lostCount).toBe(0);
    expect([counter(s, "TCPSpuriousRTOs"), counter(s, "TCPLossUndo")]).toEqual([1, 1]);
    expect(s.tcp.congestionWindow).toBe(10_000);
    expect(s.tcp.congestion.threshold).toBe(Number.POSITIVE_INFINITY);
    s.expectData(12_001, 1).silent();
  });

  test("a duplicate after new data: the loss was real, and is made good", () => {
    const s = timedOut(PLAIN);
    s.expect({ seq: 1 }).inject({ seq: 1, ack: 1001 }).expectData(10_001, 2).silent();
    s.inject({ seq: 1, ack: 1001 }).expect({ seq: 1001, len: 1000 });
    expect(s.tcp.sender.spurious.forward.isRunning).toBe(false);
    expect(counter(s, "TCPLossUndo")).toBe(0);
  });

  test("an acknowledgment of more than was sent again says nothing without SACK: the retransmission may have filled the gap", () => {
    const s = timedOut(PLAIN);
    s.expect({ seq: 1 }).inject({ seq: 1, ack: 5001 });
    expect(s.tcp.sender.spurious.forward.sendsNew).toBe(true);
    expect(counter(s, "TCPLossUndo")).toBe(0);
  });

  test("with SACK what was not reported and not sent again has just arrived", () => {
    const s = timedOut(SACK);
    s.discard().inject({ seq: 1, ack: 5001 });
    expect(counter(s, "TCPSpuriousRTOs")).toBe(1);
    expect(s.tcp.sender.board.lostCount).toBe(0);
  });

  test("without new data what is deemed lost leaves, as ever", () => {
    const s = timedOut(PLAIN, 0);
    s.expect({ seq: 1 }).inject({ seq: 1, ack: 1001 }).expectData(1001, 2).silent();
  });

  test("new data that the peer's window has no room for is none", () => {
    const s = timedOut(PLAIN);
    s.expect({ seq: 1 }).inject({ seq: 1, ack: 1001, win: 9000 }).expectData(1001, 2).silent();
  });

  test("a timeout in fast recovery does not begin it", () => {
    const s = new Script(PLAIN).establishedAfter(RTT).write(30_000).expectData(1, 10).advance(RTT);
    for (let i = 0; i < 3; i++) s.inject({ seq: 1, ack: 1 });
    s.discard();
    while (s.tcp.sender.timeouts === 0) s.advance(10 * MILLISECOND);
    expect(s.tcp.sender.spurious.forward.isRunning).toBe(false);
  });

  test("it goes on with the next timeout in a row, and not in the middle of another recovery", () => {
    const forward = new ForwardRto();
    forward.begin(true);
    forward.begin(false);
    expect(forward.isRunning).toBe(true);
    forward.stop();
    forward.begin(false);
    expect(forward.isRunning).toBe(false);
  });
});

describe("what a recovery that was for nothing leaves behind", () => {
  test("RACK knows that segments are late, and waits a quarter of a round trip", () => {
    const s = new Script({ ...SACK, timestamps: true }).establishedAfter(RTT, { ts: [1, 0] }).write(30_000);
    const echo = s.take().timestampValue;
    s.discard().advance(RTT).inject({ seq: 1, ack: 1, ts: [2, echo], sack: [989, 5929] });
    expect(s.tcp.retransmissions).toBe(1);
    s.discard().advance(5 * MILLISECOND).inject({ seq: 1, ack: 5929, ts: [3, echo] });
    expect([s.tcp.sender.rack.reorderings, counter(s, "TCPFullUndo") + counter(s, "TCPPartialUndo")]).toEqual([1, 1]);
    expect(s.tcp.congestion.threshold).toBe(Number.POSITIVE_INFINITY);
    s.discard().inject({ seq: 1, ack: 5929, ts: [3, echo], sack: [6917, 9881] }).advance(RTT / 4 - 2 * MILLISECOND);
    expect(s.tcp.retransmissions).toBe(1);
  });

  test("one that is late beside one that was lost: the window stays lower", () => {
    const s = new Script({ ...SACK, timestamps: true }).establishedAfter(RTT, { ts: [1, 0] }).write(30_000);
    const echo = s.take().timestampValue;
    s.discard().advance(RTT).inject({ seq: 1, ack: 1, ts: [2, echo], sack: [989, 1977, 2965, 6917] });
    expect(s.tcp.retransmissions).toBe(2);
    s.discard().advance(5 * MILLISECOND).inject({ seq: 1, ack: 1977, ts: [3, echo], sack: [2965, 6917] });
    expect(s.tcp.congestion.threshold).toBeLessThan(10_000);
    s.advance(RTT).inject({ seq: 1, ack: 9881, ts: [4, echo + 40] });
    expect(s.tcp.congestion.threshold).toBeLessThan(10_000);
  });

  test("what a probe had sent again before it may be reported as well, and is not enough", () => {
    const spurious = new SpuriousRecovery();
    spurious.begin(0, 10_000, false, 1000);
    spurious.onRetransmission(0, 1000, -1);
    expect(spurious.onDuplicate(9000, 10_000)).toBe(false);
    expect(spurious.onDuplicate(0, 1000)).toBe(true);
  });

  test("without a burst: the window is what is in flight and what was acknowledged, and slow start leads back (RFC 4015 §3.4)", () => {
    const s = new Script({ ...SACK, timestamps: true, initialWindowSegments: 4 }).establishedAfter(RTT, { ts: [1, 0] }).write(60_000);
    // The window has grown to 40 segments.
    for (let ack = 989; s.tcp.congestionWindow < 24 * 988; ack += 988) s.advance(MILLISECOND).inject({ seq: 1, ack, ts: [2, s.tcp.timestampAt(s.now) - 40] });
    const { una } = s.tcp.sender;
    const echo = s.tcp.timestampAt(s.now);
    s.discard();
    while (s.tcp.sender.timeouts === 0) s.advance(10 * MILLISECOND);
    s.discard().inject({ seq: 1, ack: 1 + una + 10 * 988, ts: [3, echo] });
    expect(counter(s, "TCPLossUndo")).toBe(1);
    const flight = s.tcp.nextOffset - s.tcp.sender.una;
    // Four of the ten may leave at once.
    expect(s.pending).toBeLessThanOrEqual(4);
    expect(s.tcp.congestionWindow).toBeLessThanOrEqual(flight + 988);
    expect(s.tcp.congestion.threshold).toBeGreaterThan(20 * 988);
  });
});

test("nothing is lost after all: it is in flight again, in the order in which it was sent", () => {
  const board = new Scoreboard(new SegmentPool());
  for (let i = 0; i < 6; i++) board.push(i * 1000, Payload.virtual(1000), false, null, false, i);
  board.markLost(board.at(0), 0);
  board.resent(board.at(0), 10);
  board.markLost(board.at(1), 1);
  board.markLost(board.at(4), 4);
  board.sack(2000, 3000, 1000);
  board.newlySacked.length = 0;
  expect([board.pipe, board.resentBytes()]).toEqual([3000, 1000]);
  board.noneLost();
  expect([board.pipe, board.lostCount, board.firstLost()]).toEqual([5000, 0, -1]);
  const order: number[] = [];
  for (let record = board.oldest; record !== null; record = record.newer) order.push(record.offset);
  expect(order).toEqual([1000, 3000, 4000, 5000, 0]);
  // Again, and by ones, the list holds.
  board.markLost(board.at(3), 3);
  board.shift();
  expect(board.pipe).toBe(3000);
});

test("after a spurious timeout the round-trip time is measured afresh (RFC 4015 §3.1 step 11)", () => {
  const rtt = new RttEstimator(SECOND, 200 * MILLISECOND, 120 * SECOND);
  for (let i = 0; i < 50; i++) rtt.sample(40 * MILLISECOND, 1, i * RTT);
  rtt.onTimeout();
  rtt.sample(800 * MILLISECOND, 1, 3 * SECOND);
  rtt.onSpuriousTimeout(3 * SECOND);
  // Of what was sent before nothing is taken but as usual.
  rtt.sample(790 * MILLISECOND, 1, 3.1 * SECOND);
  expect(rtt.srtt).toBeGreaterThan(100 * MILLISECOND);
  rtt.sample(140 * MILLISECOND, 1, 3.2 * SECOND);
  expect([rtt.srtt, rtt.variation, rtt.rto]).toEqual([140 * MILLISECOND, 70 * MILLISECOND, 420 * MILLISECOND]);
});

/** A transfer over 20 Mb/s and 40 ms for 20 s; bits per second. */
function transfer(options: PairOptions): { bps: number; pair: Pair } {
  const pair = new Pair({ backward: { delay: RTT / 2 }, ...options }).establish();
  const writer = new BulkWriter(Number.MAX_SAFE_INTEGER, false);
  let total = 0;
  pair.application = ({ now, a, b }) => {
    writer.run(a, now);
    total += readAll(b, now);
  };
  pair.runTo(20 * SECOND);
  return { bps: (total * 8) / 20, pair };
}

describe("late packets", () => {
  const late = { delay: RTT / 2, rate: 20e6, queue: 100_000, reorder: 0.01, jitter: RTT };

  test.each([
    ["with timestamps", {}],
    ["without timestamps", { timestamps: false }],
    ["with super-segments", { segmentationLimit: 65_000 }],
  ])("%s a path on which one in a hundred is late by up to a round trip is used", (_, client: Partial<TcpConfig>) => {
    const { bps, pair } = transfer({ client, forward: { ...late, ...(client.segmentationLimit === undefined ? {} : { cut: 1448 }) } });
    expect(bps).toBeGreaterThan(0.75 * 20e6);
    const undone = ["TCPFullUndo", "TCPPartialUndo", "TCPDSACKUndo", "TCPLossUndo"].map((name) => pair.client.environment.counters.value(`TcpExt${name}`));
    expect(undone.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
  });
});
