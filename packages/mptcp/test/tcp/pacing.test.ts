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

/** With the first ten segments, which are not paced, sent and acknowledged. */
function pacedBeyond(config: ConstructorParameters<typeof Script>[0] = PLAIN, window = 1_000_000): { s: Script; control: RecordingControl } {
  const made = paced(config, window);
  made.s.write(10_000).discard().advance(RTT).inject({ seq: 1, ack: 10_001 });
  return made;
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
  test("the initial window leaves at once, then two segments whenever their time has come", () => {
    const { s } = paced();
    s.write(30_000);
    const seen = departures(s, 6 * MILLISECOND);
    expect(seen.slice(0, 12)).toEqual(Array.from({ length: 12 }, (_, i) => [0, 1 + 1000 * i]));
    expect(seen.slice(12)).toEqual([[2, 12_001], [2, 13_001], [4, 14_001], [4, 15_001], [6, 16_001], [6, 17_001]]);
    expect(s.tcp.inFlight).toBe(18_000);
  });

  test("a burst is what takes a millisecond", () => {
    const { s, control } = pacedBeyond();
    control.pacingRate = 5 * RATE;
    s.write(30_000);
    const seen = departures(s, 2 * MILLISECOND);
    expect([0, 1, 2].map((ms) => seen.filter(([at]) => at === ms).length)).toEqual([5, 5, 5]);
  });

  test("the window bounds what is in flight all the same", () => {
    const { s } = paced(PLAIN, 3000);
    s.write(30_000);
    expect(departures(s, 20 * MILLISECOND).map(([, seq]) => seq)).toEqual([1, 1001, 2001]);
  });

  test("retransmissions wait for their time, too", () => {
    const { s } = pacedBeyond();
    s.write(10_000);
    departures(s, RTT);
    s.inject({ seq: 1, ack: 10_001, sack: [14_001, 20_001] });
    expect(departures(s, 5 * MILLISECOND)).toEqual([[0, 10_001], [0, 11_001], [2, 12_001], [2, 13_001]]);
    expect(s.tcp.retransmissions).toBe(4);
  });

  test("a FIN waits; a tail loss probe does not", () => {
    const { s } = pacedBeyond();
    s.write(2000).end();
    expect(s.pending).toBe(2);
    s.discard().advance(2 * MILLISECOND).discard();
    expect(s.tcp.finSent).toBe(true);
    const { s: slow, control } = pacedBeyond();
    slow.write(1000).discard();
    control.pacingRate = 100;
    slow.write(1000).write(1000).discard().advance(2 * RTT + 41 * MILLISECOND);
    expect(slow.environment.counters.value("TcpExtTCPLossProbes")).toBe(1);
    expect(slow.pending).toBe(1);
  });

  test("a rate that changes holds from the next burst on", () => {
    const { s, control } = pacedBeyond();
    s.write(20_000);
    departures(s, 2 * MILLISECOND);
    control.pacingRate = 4 * RATE;
    // The burst of two is followed by one of four a millisecond later.
    expect(departures(s, 2 * MILLISECOND).map(([at]) => at)).toEqual([2, 2, 2, 2]);
    control.pacingRate = null;
    s.advance(MILLISECOND);
    expect(s.tcp.nextOffset).toBe(30_000);
  });

  test("a timer that comes late is made up for, up to five milliseconds; a time without data is not", () => {
    const { s } = pacedBeyond();
    s.write(60_000);
    departures(s, 2 * MILLISECOND);
    const late = (by: number): number => {
      const before = s.tcp.nextOffset;
      s.now += by;
      s.tcp.handleTimeout(s.now);
      s.poll();
      return (s.tcp.nextOffset - before) / 1000;
    };
    // One millisecond late, and again: one segment to make up for, and a burst. Five of 28 are made up for.
    expect(late(3 * MILLISECOND)).toBe(3);
    expect(late(3 * MILLISECOND)).toBe(3);
    expect(late(30 * MILLISECOND)).toBe(7);
    const { s: idle } = pacedBeyond();
    idle.write(2000).discard();
    departures(idle, SECOND);
    idle.write(20_000);
    expect(departures(idle, 0)).toHaveLength(2);
  });

  test.each([0, 300_000, 1_000_000, 2_500_000, 4_999_999])("over time the rate is what was asked for, with timers that are up to %i ns late", (lateness) => {
    const { s, control } = pacedBeyond();
    control.pacingRate = 3 * RATE;
    s.write(60_000);
    const [start, from] = [s.now, s.tcp.nextOffset];
    const behind = (): number => (3 * (s.now - start)) / 1000 - (s.tcp.nextOffset - from);
    for (;;) {
      // Never ahead by more than two bursts, nor behind by more than a segment once a timer has come.
      expect(behind()).toBeGreaterThanOrEqual(-6000);
      expect(behind()).toBeLessThanOrEqual(1000);
      s.now = Math.max(s.now, s.tcp.nextTimeout) + lateness;
      if (s.now - start > 18 * MILLISECOND) break;
      s.tcp.handleTimeout(s.now);
      s.poll();
    }
    expect(s.tcp.nextOffset - from).toBeGreaterThan(35_000);
  });

  test("there is no room for data while it holds, so that a scheduler takes another subflow, and a burst's at the most", () => {
    const { s } = pacedBeyond();
    s.write(1000).discard();
    expect([s.tcp.canSend(), s.tcp.sendRoom()]).toEqual([true, 1000]);
    s.write(1000).discard();
    expect([s.tcp.canSend(), s.tcp.sendRoom()]).toEqual([false, 0]);
    s.advance(2 * MILLISECOND);
    expect(s.tcp.canSend()).toBe(true);
  });

  test("super-segments are no longer than what takes a millisecond, and two segments at least", () => {
    const { s, control } = pacedBeyond({ ...PLAIN, segmentationLimit: 64_000 });
    control.pacingRate = 5 * RATE;
    s.write(30_000).expect({ seq: 10_001, len: 5000 });
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

describe("the setting pacing", () => {
  /** A window of 40 segments, in slow start or after it, with RTT 40 ms. */
  function windowed(pacing: "off" | "bursts" | "on", threshold = Number.POSITIVE_INFINITY, config: ConstructorParameters<typeof Script>[0] = {}): Script {
    const control = new RecordingControl(40_000, false);
    control.threshold = threshold;
    const s = new Script({ congestion: factoryOf(control), ...PLAIN, pacing, ...config }).establishedAfter(RTT).write(10_000).discard();
    return s.advance(RTT).inject({ seq: 1, ack: 10_001 });
  }

  test("on: twice a window per round trip in slow start, 1.2 windows after it", () => {
    for (const [threshold, perMs] of [[Number.POSITIVE_INFINITY, 2], [40_000, 1.2]] as const) {
      const s = windowed("on", threshold);
      s.write(60_000);
      expect(departures(s, 10 * MILLISECOND).length / (10 * perMs)).toBeCloseTo(1.15, 0);
    }
  });

  test("bursts: a window that ACKs pace leaves as they let it; after a pause of more than a timeout all but ten segments are paced until the next ACK", () => {
    const s = windowed("bursts", 40_000).write(40_000);
    expect(departures(s, 0)).toHaveLength(40);
    s.advance(RTT).inject({ seq: 1, ack: 50_001 }).discard().advance(SECOND).write(60_000);
    const seen = departures(s, RTT);
    expect(seen.filter(([at]) => at === 0)).toHaveLength(12);
    expect(seen).toHaveLength(40);
    expect(seen.at(-1)?.[0]).toBeCloseTo(28 / 1.2, -1);
    // The first ACK of it: what it lets out leaves at once.
    s.inject({ seq: 1, ack: 60_001 });
    expect(departures(s, 0)).toHaveLength(10);
  });

  test("bursts: a pause that is shorter than a timeout is none", () => {
    const s = windowed("bursts", 40_000).advance(100 * MILLISECOND).write(40_000);
    expect(departures(s, 0)).toHaveLength(40);
  });

  test("bursts: super-segments are paced; off: nothing is", () => {
    const config = { segmentationLimit: 64_000 };
    expect(departures(windowed("bursts", 40_000, config).write(40_000), 0)).toHaveLength(1);
    expect(departures(windowed("off", 40_000, config).write(40_000), 0)).toHaveLength(1);
    expect(windowed("bursts", 40_000, config).write(40_000).tcp.nextOffset).toBe(12_000);
    expect(windowed("off", 40_000, config).write(40_000).tcp.nextOffset).toBe(50_000);
    expect(departures(windowed("off", 40_000).advance(SECOND).write(40_000), 0)).toHaveLength(40);
  });

  test("bursts: on a path that is shorter than the ticks of timers super-segments are not held back; with on they are", () => {
    const short = (pacing: "bursts" | "on"): Script => {
      const control = new RecordingControl(400_000, false);
      control.threshold = 400_000;
      const s = new Script({ congestion: factoryOf(control), ...PLAIN, pacing, segmentationLimit: 64_000, windowScaling: true }).establishedAfter(MILLISECOND, { ws: 7 }, 60_000).write(10_000).discard();
      return s.advance(MILLISECOND).inject({ seq: 1, ack: 10_001, win: 60_000 }).write(300_000);
    };
    expect(short("bursts").discard().tcp.nextOffset).toBe(310_000);
    expect(short("on").discard().tcp.nextOffset).toBeLessThan(310_000);
  });
});
