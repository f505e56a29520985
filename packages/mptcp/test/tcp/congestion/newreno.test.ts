import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { newReno } from "../../../src/tcp/congestion/newreno.ts";
import type { CongestionControl } from "../../../src/tcp/congestion/control.ts";
import { ack, AckClock, avoidingContext, contextOf, lossOf, MILLISECOND, MSS, timeoutOf } from "./ack-clock.ts";

const make = (segments = 10): CongestionControl => newReno.create(contextOf(segments));

const inAvoidance = (segments: number): CongestionControl => newReno.create(avoidingContext(segments));

describe("slow start", () => {
  test("doubles the window per round trip, with an ACK per segment and with delayed ones", () => {
    for (const perAck of [1, 2]) {
      const clock = new AckClock(make(10), 100 * MILLISECOND, perAck);
      clock.rounds(3);
      expect(clock.control.window).toBe(80 * MSS);
    }
  });

  test("counts bytes, at most two segments of an ACK", () => {
    const control = make(10);
    control.onAck(ack(300));
    expect(control.window).toBe(10 * MSS + 300);
    control.onAck(ack(7 * MSS));
    expect(control.window).toBe(12 * MSS + 300);
  });

  test("adds one segment per ACK at most after a timeout, until ssthresh", () => {
    const control = make(100);
    control.onTimeout(timeoutOf(10 * MSS));
    expect(control.threshold).toBe(5 * MSS);
    expect(control.window).toBe(MSS);
    control.onAck(ack(2 * MSS));
    expect(control.window).toBe(2 * MSS);
    for (let i = 0; i < 3; i++) control.onAck(ack(MSS));
    expect(control.window).toBe(5 * MSS);
    // Five segments in congestion avoidance: one ACK of a whole window adds one.
    control.onAck(ack(5 * MSS));
    expect(control.window).toBe(6 * MSS);
  });

  test("ends at ssthresh; the rest of the ACK counts for congestion avoidance", () => {
    const control = newReno.create(contextOf(10, { handOver: { window: 10 * MSS, threshold: 10 * MSS + 500 } }));
    control.onAck(ack(MSS));
    expect(control.window).toBe(10 * MSS + 500);
    control.onAck(ack(10 * MSS - 1));
    expect(control.window).toBe(10 * MSS + 500);
    control.onAck(ack(1));
    expect(control.window).toBe(11 * MSS + 500);
  });
});

describe("congestion avoidance", () => {
  test("adds one segment per window of acknowledged bytes", () => {
    const control = inAvoidance(10);
    for (let i = 0; i < 9; i++) control.onAck(ack(MSS));
    expect(control.window).toBe(10 * MSS);
    control.onAck(ack(MSS));
    expect(control.window).toBe(11 * MSS);
  });

  test("grows alike however the bytes are spread over ACKs", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 200 }), (sizes) => {
        const many = inAvoidance(10);
        const one = inAvoidance(10);
        for (const size of sizes) many.onAck(ack(size));
        one.onAck(ack(sizes.reduce((sum, size) => sum + size, 0)));
        expect(many.window).toBe(one.window);
      }),
      { seed: 1 },
    );
  });

  test("leaves a window alone that was not the limit", () => {
    for (const control of [make(10), inAvoidance(10)]) {
      for (let i = 0; i < 100; i++) control.onAck(ack(MSS, { cwndLimited: false }));
      expect(control.window).toBe(10 * MSS);
    }
  });
});

describe("decrease", () => {
  test("halves what is in flight, not the window, and never below two segments", () => {
    const control = make(100);
    control.onLoss(lossOf(30_001));
    expect(control.threshold).toBe(15_000);
    expect(control.window).toBe(15_000);
    control.onLoss(lossOf(MSS));
    expect(control.threshold).toBe(2 * MSS);
    control.onTimeout(timeoutOf(0));
    expect(control.threshold).toBe(2 * MSS);
  });

  test("a timeout leaves one segment as it is sent now, and lowers ssthresh once for the same data", () => {
    const control = make(100);
    control.onTimeout(timeoutOf(40 * MSS, { segment: 980 }));
    expect([control.window, control.threshold]).toEqual([980, 20 * MSS]);
    control.onTimeout(timeoutOf(20 * MSS, { segment: 500, consecutive: 2 }));
    expect([control.window, control.threshold]).toEqual([500, 20 * MSS]);
  });

  test("what would leave in a burst after a recovery without SACK is taken back by slow start", () => {
    const control = make(40);
    control.onLoss(lossOf(40 * MSS));
    control.onRecovered(3 * MSS, 0);
    expect([control.window, control.threshold]).toEqual([3 * MSS, 20 * MSS]);
    control.onAck(ack(2 * MSS));
    expect(control.window).toBe(5 * MSS);
  });

  test("a penalty sets window and ssthresh", () => {
    const control = make(40);
    control.onPenalty(20 * MSS, 0);
    expect([control.window, control.threshold]).toEqual([20 * MSS, 20 * MSS]);
  });

  test("starts from what another controller left", () => {
    const control = newReno.create(contextOf(10, { handOver: { window: 33 * MSS, threshold: 44 * MSS } }));
    expect([control.window, control.threshold]).toEqual([33 * MSS, 44 * MSS]);
  });

  test("forgets what had been acknowledged before the loss", () => {
    const control = inAvoidance(20);
    control.onAck(ack(20 * MSS - 1));
    control.onLoss(lossOf(20 * MSS));
    control.onRecovered(Number.POSITIVE_INFINITY, 0);
    control.onAck(ack(MSS));
    expect(control.window).toBe(10 * MSS);
  });

  test("is one, however much seems to be in flight where there is no SACK", () => {
    const control = inAvoidance(10);
    control.onLoss(lossOf(40 * MSS, { window: 10 * MSS }));
    expect([control.window, control.threshold]).toEqual([5 * MSS, 5 * MSS]);
  });

  test("oscillates between a half and the whole of a path's capacity", () => {
    const clock = new AckClock(inAvoidance(50), 50 * MILLISECOND);
    const capacity = 100 * MSS;
    const peaks: number[] = [];
    for (let round = 0; round < 1000; round++) {
      clock.round();
      if (clock.control.window > capacity) {
        peaks.push(round);
        clock.lose();
      }
    }
    // From 50 to just above 100 segments, one per round trip.
    const gaps = peaks.slice(1).map((at, i) => at - (peaks[i] as number));
    for (const gap of gaps) expect(gap).toBeGreaterThanOrEqual(50);
    for (const gap of gaps) expect(gap).toBeLessThanOrEqual(52);
  });
});
