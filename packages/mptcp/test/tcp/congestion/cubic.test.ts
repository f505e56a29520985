import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cubeRoot } from "../../../src/tcp/congestion/cube-root.ts";
import { cubic } from "../../../src/tcp/congestion/cubic.ts";
import type { CongestionControl } from "../../../src/tcp/congestion/control.ts";
import { ack, AckClock, avoidingContext, contextOf, lossOf, MILLISECOND, MSS, SECOND, timeoutOf } from "./ack-clock.ts";

const make = (segments = 10): CongestionControl => cubic.create(contextOf(segments));
/** The same where what leaves is paced: then trains of ACKs say nothing. */
const paced = (segments = 10): CongestionControl => cubic.create(contextOf(segments, { isPaced: true }));

/** A controller that just recovered from a loss at `segments`. */
function afterLoss(segments: number, rtt: number): AckClock {
  const clock = new AckClock(cubic.create(avoidingContext(segments)), rtt);
  clock.lose();
  return clock;
}

/** RFC 9438 §4.2 equation 1, in segments and seconds. */
function windowAt(t: number, maximum: number, start: number): number {
  const k = Math.cbrt((maximum - start) / 0.4);
  return 0.4 * (t - k) ** 3 + maximum;
}

/** Segments after two rounds of slow start at `rtt` and two more in which it is higher by `rise`, in ms. */
function segmentsAfterRise(rtt: number, rise: number): number {
  const clock = new AckClock(paced(16), rtt * MILLISECOND);
  clock.rounds(2);
  for (let i = 0; i < 2; i++) clock.round({ latestRtt: (rtt + rise) * MILLISECOND });
  return clock.control.window / MSS;
}

describe("cubeRoot", () => {
  test("is exact for cubes of integers", () => {
    for (let i = 0; i <= 20_000; i++) expect(cubeRoot(i * i * i)).toBe(i);
  });

  test("is right to a few units in the last place", () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-9, max: 1e15, noNaN: true }), (x) => {
        const root = cubeRoot(x);
        expect(Math.abs((root * root * root) / x - 1)).toBeLessThan(2e-15);
      }),
      { seed: 2 },
    );
  });
});

describe("CUBIC after a loss", () => {
  test("keeps 70 % of what was in flight", () => {
    const control = make(100);
    control.onLoss(lossOf(50 * MSS));
    expect(control.threshold).toBe(35 * MSS);
    control.onLoss(lossOf(MSS));
    expect(control.threshold).toBe(2 * MSS);
  });

  test.each([
    [1000, 100],
    [400, 200],
    [5000, 50],
  ])("follows the cubic function (loss at %i segments, %i ms)", (segments, ms) => {
    const clock = afterLoss(segments, ms * MILLISECOND);
    const start = clock.now;
    const k = Math.cbrt((segments * 0.3) / 0.4);
    const rounds = Math.ceil((1.6 * k * SECOND) / clock.rtt);
    for (let i = 0; i < rounds; i++) {
      clock.round();
      const t = (clock.now - start) / SECOND;
      const expected = windowAt(t, segments, 0.7 * segments);
      expect(clock.control.window / MSS / expected, `at ${t} s`).toBeGreaterThan(0.97);
      expect(clock.control.window / MSS / expected, `at ${t} s`).toBeLessThan(1.03);
    }
  });

  test("is concave before K and convex after it", () => {
    const clock = afterLoss(2000, 100 * MILLISECOND);
    const k = Math.cbrt((2000 * 0.3) / 0.4);
    const growth: number[] = [];
    for (let i = 0; i < 2 * k; i++) {
      const before = clock.control.window;
      clock.rounds(10);
      growth.push(clock.control.window - before);
    }
    const middle = Math.floor(k);
    for (let i = 1; i < middle - 1; i++) expect(growth[i] as number).toBeLessThanOrEqual(growth[i - 1] as number);
    for (let i = middle + 2; i < growth.length; i++) expect(growth[i] as number).toBeGreaterThanOrEqual(growth[i - 1] as number);
  });

  test("grows like standard TCP at a short round-trip time: 9/17 segments, then 1 per round trip", () => {
    const clock = afterLoss(40, 2 * MILLISECOND);
    expect(clock.control.window).toBe(28 * MSS);
    clock.rounds(10);
    // alpha = 3 (1 - 0.7) / (1 + 0.7).
    expect(clock.control.window / MSS).toBeCloseTo(28 + 10 * (9 / 17), 0);
    while (clock.control.window < 40 * MSS) clock.round();
    const before = clock.control.window;
    clock.rounds(20);
    expect((clock.control.window - before) / MSS).toBeGreaterThan(19);
    expect((clock.control.window - before) / MSS).toBeLessThan(21);
  });

  test("never grows by more than half of the window in a round trip", () => {
    const clock = afterLoss(100_000, 500 * MILLISECOND);
    clock.control.onPenalty(10 * MSS, clock.now);
    for (let i = 0; i < 10; i++) {
      const before = clock.control.window;
      clock.round();
      expect(clock.control.window).toBeGreaterThan(before);
      expect(clock.control.window).toBeLessThanOrEqual(1.65 * before);
    }
  });

  test("gives way by fast convergence when a loss comes below the last maximum", () => {
    const clock = afterLoss(1000, 100 * MILLISECOND);
    clock.rounds(5);
    const second = clock.control.window;
    expect(second).toBeLessThan(1000 * MSS);
    clock.lose();
    // W_max is 0.85 of the window at the second loss: growth is flat there.
    const flat = 0.85 * second;
    const k = Math.cbrt((flat - clock.control.window) / MSS / 0.4);
    clock.rounds(Math.round((k * SECOND) / clock.rtt));
    expect(clock.control.window / flat).toBeGreaterThan(0.98);
    expect(clock.control.window / flat).toBeLessThan(1.02);
  });
});

describe("CUBIC otherwise", () => {
  test("starts flat after a timeout", () => {
    const clock = afterLoss(1000, 100 * MILLISECOND);
    const { control } = clock;
    control.onTimeout(timeoutOf(control.window, { srtt: clock.rtt, now: clock.now }));
    expect(control.window).toBe(MSS);
    while (control.window < control.threshold) clock.round();
    const start = clock.now;
    const base = control.window / MSS;
    clock.rounds(60);
    const t = (clock.now - start) / SECOND;
    const expected = base + 0.4 * t * t * t;
    expect(control.window / MSS / expected).toBeGreaterThan(0.95);
    expect(control.window / MSS / expected).toBeLessThan(1.05);
  });

  test("does not count the time in which the application left the window unused", () => {
    const busy = afterLoss(1000, 100 * MILLISECOND);
    const paused = afterLoss(1000, 100 * MILLISECOND);
    busy.rounds(40);
    paused.rounds(20);
    for (let i = 0; i < 50; i++) {
      paused.now += SECOND;
      paused.control.onAck(ack(MSS, { cwndLimited: false, now: paused.now, srtt: paused.rtt }));
    }
    paused.rounds(20);
    expect(paused.control.window / busy.control.window).toBeGreaterThan(0.99);
    expect(paused.control.window / busy.control.window).toBeLessThan(1.01);
  });

  test("goes on from a window that a penalty lowered", () => {
    const clock = afterLoss(1000, 100 * MILLISECOND);
    clock.rounds(30);
    const { control } = clock;
    control.onPenalty(Math.floor(control.window / 2), clock.now);
    const before = control.window;
    clock.round();
    expect(control.window).toBeLessThan(before * 1.51);
    expect(control.window).toBeGreaterThan(before);
    clock.rounds(30);
    expect(control.window).toBeLessThan(1000 * MSS);
  });

  test("leaves a window alone that was not the limit", () => {
    const clock = afterLoss(100, 100 * MILLISECOND);
    const before = clock.control.window;
    for (let i = 0; i < 100; i++) clock.round({ cwndLimited: false });
    expect(clock.control.window).toBe(before);
  });
});

describe("HyStart++", () => {
  test("doubles the window while the round-trip time stays", () => {
    const clock = new AckClock(paced(10), 50 * MILLISECOND);
    clock.rounds(5);
    expect(clock.control.window).toBe(320 * MSS);
    expect(clock.control.threshold).toBe(Number.POSITIVE_INFINITY);
  });

  test("grows a quarter as fast after a rise by an eighth, and ends slow start five rounds later", () => {
    const clock = new AckClock(paced(16), 80 * MILLISECOND);
    clock.rounds(3);
    expect(clock.control.window).toBe(128 * MSS);
    // The round in which it rises still has the old minimum; the next one shows the rise after eight samples.
    clock.round({ latestRtt: 90 * MILLISECOND });
    const factors: number[] = [];
    while (clock.control.threshold === Number.POSITIVE_INFINITY) {
      const before = clock.control.window;
      clock.round({ latestRtt: 90 * MILLISECOND });
      factors.push(clock.control.window / before);
    }
    expect(factors.length).toBe(5);
    expect(factors[0] as number).toBeLessThan(1.4);
    for (const factor of factors.slice(1, 4)) expect(factor).toBeCloseTo(1.25, 1);
    expect(clock.control.threshold).toBeLessThanOrEqual(clock.control.window);
  });

  test("takes slow start up again when the rise was jitter", () => {
    const clock = new AckClock(paced(16), 80 * MILLISECOND);
    clock.rounds(3);
    const before = clock.control.window;
    clock.round({ latestRtt: 95 * MILLISECOND });
    clock.round({ latestRtt: 95 * MILLISECOND });
    expect(clock.control.window).toBeLessThan(3 * before);
    clock.rounds(1);
    const back = clock.control.window;
    clock.rounds(6);
    expect(clock.control.window / back).toBeGreaterThan(60);
    expect(clock.control.threshold).toBe(Number.POSITIVE_INFINITY);
  });

  test("minds a rise of at least 4 ms and at most 16 ms", () => {
    expect(segmentsAfterRise(8, 3.9)).toBe(256);
    expect(segmentsAfterRise(8, 4)).toBeLessThan(190);
    expect(segmentsAfterRise(400, 15.9)).toBe(256);
    expect(segmentsAfterRise(400, 16)).toBeLessThan(190);
  });

  test("is for the first slow start alone", () => {
    const clock = new AckClock(make(64), 80 * MILLISECOND);
    clock.rounds(1);
    clock.control.onTimeout(timeoutOf(clock.control.window, { srtt: clock.rtt, now: clock.now }));
    clock.rounds(4);
    clock.round({ latestRtt: 200 * MILLISECOND });
    expect(clock.control.window).toBe(32 * MSS);
  });

  test("adds eight segments per ACK at most, and whatever it covers where what leaves is paced", () => {
    const control = make(10);
    control.onAck(ack(20 * MSS));
    expect(control.window).toBe(18 * MSS);
    const free = paced(10);
    free.onAck(ack(20 * MSS));
    expect(free.window).toBe(30 * MSS);
  });

  test("ends slow start by a train of ACKs that is half a round trip long", () => {
    const clock = new AckClock(make(20), 40 * MILLISECOND);
    clock.rounds(1);
    // The train begins with the first of twenty ACKs that are 2 ms apart, and is longer than 20 ms with the twelfth.
    expect([clock.control.threshold, clock.control.window]).toEqual([32 * MSS, expect.closeTo(32 * MSS, -3)]);
  });

  test("a train counts from 16 segments on, without gaps of more than two milliseconds, and only while the window is the limit", () => {
    const few = new AckClock(make(7), 10 * MILLISECOND);
    few.round();
    expect(few.control.threshold).toBe(Number.POSITIVE_INFINITY);
    const gaps = new AckClock(make(20), 44 * MILLISECOND);
    gaps.round();
    expect(gaps.control.threshold).toBe(Number.POSITIVE_INFINITY);
    const idle = new AckClock(make(20), 20 * MILLISECOND);
    idle.round({ cwndLimited: false });
    expect(idle.control.threshold).toBe(Number.POSITIVE_INFINITY);
  });
});
