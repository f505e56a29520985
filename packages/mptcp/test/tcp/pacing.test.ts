import { describe, expect, test } from "vitest";
import { TIMER } from "../../src/tcp/timers.ts";
import { NEVER } from "../../src/core/index.ts";
import { factoryOf, RecordingControl } from "./congestion/recording-control.ts";
import { MILLISECOND, SECOND } from "./harness.ts";
import { Script } from "./script.ts";

const RTT = 40 * MILLISECOND;
const PLAIN = { timestamps: false, windowScaling: false };
/** One segment of 1000 bytes per millisecond. */
const RATE = 1_000_000;

function paced(config: ConstructorParameters<typeof Script>[0] = PLAIN, window = 1_000_000): { s: Script; control: RecordingControl } {
  const control = new RecordingControl(window, true);
  control.pacingRate = RATE;
  return { s: new Script({ congestion: factoryOf(control), ...config }).establishedAfter(RTT), control };
}

/** Sequence numbers of the segments that leave in the next `duration`, with their times from now in ms. */
function departures(s: Script, duration: number): [ms: number, seq: number][] {
  const start = s.now;
  const seen: [number, number][] = [];
  while (s.now - start <= duration) {
    while (s.pending > 0) seen.push([(s.now - start) / MILLISECOND, (s.take().sequence - s.iss) >>> 0]);
    if (s.tcp.nextTimeout > start + duration) break;
    s.advance(Math.max(0, s.tcp.nextTimeout - s.now));
  }
  s.advance(start + duration - s.now);
  return seen;
}

describe("pacing", () => {
  test("a millisecond's worth leaves at once, then each segment at its time", () => {
    const { s } = paced();
    s.write(30_000);
    expect(departures(s, 4 * MILLISECOND)).toEqual([[0, 1], [0, 1001], [1, 2001], [2, 3001], [3, 4001], [4, 5001]]);
    expect(s.tcp.inFlight).toBe(6000);
  });

  test("the window bounds what is in flight all the same", () => {
    const { s } = paced(PLAIN, 3000);
    s.write(30_000);
    expect(departures(s, 20 * MILLISECOND).map(([, seq]) => seq)).toEqual([1, 1001, 2001]);
  });

  test("retransmissions wait for their time, too", () => {
    const { s } = paced();
    s.write(10_000);
    departures(s, RTT);
    s.inject({ seq: 1, ack: 1, sack: [4001, 10_001] });
    expect(departures(s, 5 * MILLISECOND)).toEqual([[0, 1], [0, 1001], [1, 2001], [2, 3001]]);
    expect(s.tcp.retransmissions).toBe(4);
  });

  test("a FIN waits; a tail loss probe does not", () => {
    const { s } = paced();
    s.write(2000).end();
    expect(s.pending).toBe(2);
    s.discard().advance(MILLISECOND).discard();
    expect(s.tcp.finSent).toBe(true);
    const { s: slow, control } = paced();
    slow.write(1000).discard();
    control.pacingRate = 100;
    slow.write(1000).write(1000).discard().advance(2 * RTT + 41 * MILLISECOND);
    expect(slow.environment.counters.value("TcpExtTCPLossProbes")).toBe(1);
    expect(slow.pending).toBe(1);
  });

  test("a rate that changes holds from the next segment on", () => {
    const { s, control } = paced();
    s.write(20_000);
    departures(s, 2 * MILLISECOND);
    control.pacingRate = 4 * RATE;
    expect(departures(s, 2 * MILLISECOND)).toHaveLength(5);
    control.pacingRate = null;
    s.advance(MILLISECOND);
    expect(s.tcp.nextOffset).toBe(20_000);
  });

  test("a timer that comes late is made up for, by a millisecond's worth at the most", () => {
    const { s } = paced();
    s.write(60_000);
    departures(s, 2 * MILLISECOND);
    const before = s.tcp.nextOffset;
    s.now += Math.floor(1.5 * MILLISECOND);
    s.tcp.handleTimeout(s.now);
    s.poll();
    expect(s.tcp.nextOffset - before).toBe(1000);
    s.now += 30 * MILLISECOND;
    s.tcp.handleTimeout(s.now);
    s.poll();
    expect(s.tcp.nextOffset - before).toBe(3000);
  });

  test("there is no room for data while it holds, so that a scheduler takes another subflow", () => {
    const { s } = paced();
    s.write(2000).discard();
    expect([s.tcp.canSend(), s.tcp.sendRoom()]).toEqual([false, 0]);
    s.advance(MILLISECOND);
    expect(s.tcp.canSend()).toBe(true);
  });

  test("super-segments are no longer than what takes a millisecond, and two segments at least", () => {
    const { s, control } = paced({ ...PLAIN, segmentationLimit: 64_000 });
    control.pacingRate = 5 * RATE;
    s.write(30_000).expect({ seq: 1, len: 5000 });
    control.pacingRate = RATE / 10;
    s.discard().advance(SECOND).expect({ len: 2000 });
  });

  test("without a rate no timer runs", () => {
    const control = new RecordingControl(1_000_000, false);
    const s = new Script({ congestion: factoryOf(control), ...PLAIN }).establishedAfter(RTT).write(30_000).expectData(1, 30).silent();
    expect(s.tcp.timers[TIMER.pacing]).toBe(NEVER);
    expect(s.tcp.canSend()).toBe(true);
  });
});
