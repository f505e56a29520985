import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { newReno } from "../../../src/tcp/congestion/newreno.ts";
import type { CongestionControl } from "../../../src/tcp/congestion/control.ts";
import { ack, AckClock, MILLISECOND, MSS } from "./ack-clock.ts";

const make = (segments = 10): CongestionControl => newReno({ mss: MSS, initialWindow: segments * MSS });

function inAvoidance(segments: number): CongestionControl {
  const control = make(segments);
  control.ssthresh = control.cwnd;
  return control;
}

describe("slow start", () => {
  test("doubles the window per round trip, with an ACK per segment and with delayed ones", () => {
    for (const perAck of [1, 2]) {
      const clock = new AckClock(make(10), 100 * MILLISECOND, perAck);
      clock.rounds(3);
      expect(clock.control.cwnd).toBe(80 * MSS);
    }
  });

  test("counts bytes, at most two segments of an ACK", () => {
    const control = make(10);
    control.onAck(ack(300));
    expect(control.cwnd).toBe(10 * MSS + 300);
    control.onAck(ack(7 * MSS));
    expect(control.cwnd).toBe(12 * MSS + 300);
  });

  test("adds one segment per ACK at most after a timeout, until ssthresh", () => {
    const control = make(10);
    control.onTimeout({ inFlight: 10 * MSS, srtt: 0, now: 0 });
    expect(control.ssthresh).toBe(5 * MSS);
    expect(control.cwnd).toBe(MSS);
    control.onAck(ack(2 * MSS));
    expect(control.cwnd).toBe(2 * MSS);
    for (let i = 0; i < 3; i++) control.onAck(ack(MSS));
    expect(control.cwnd).toBe(5 * MSS);
    control.ssthresh = 100 * MSS;
    control.onAck(ack(2 * MSS));
    expect(control.cwnd).toBe(7 * MSS);
  });

  test("ends at ssthresh; the rest of the ACK counts for congestion avoidance", () => {
    const control = make(10);
    control.ssthresh = 10 * MSS + 500;
    control.onAck(ack(MSS));
    expect(control.cwnd).toBe(10 * MSS + 500);
    control.onAck(ack(10 * MSS - 1));
    expect(control.cwnd).toBe(10 * MSS + 500);
    control.onAck(ack(1));
    expect(control.cwnd).toBe(11 * MSS + 500);
  });
});

describe("congestion avoidance", () => {
  test("adds one segment per window of acknowledged bytes", () => {
    const control = inAvoidance(10);
    for (let i = 0; i < 9; i++) control.onAck(ack(MSS));
    expect(control.cwnd).toBe(10 * MSS);
    control.onAck(ack(MSS));
    expect(control.cwnd).toBe(11 * MSS);
  });

  test("grows alike however the bytes are spread over ACKs", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 200 }), (sizes) => {
        const many = inAvoidance(10);
        const one = inAvoidance(10);
        for (const size of sizes) many.onAck(ack(size));
        one.onAck(ack(sizes.reduce((sum, size) => sum + size, 0)));
        expect(many.cwnd).toBe(one.cwnd);
      }),
      { seed: 1 },
    );
  });

  test("leaves a window alone that was not the limit", () => {
    for (const control of [make(10), inAvoidance(10)]) {
      for (let i = 0; i < 100; i++) control.onAck(ack(MSS, { cwndLimited: false }));
      expect(control.cwnd).toBe(10 * MSS);
    }
  });
});

describe("decrease", () => {
  test("halves what is in flight, not the window, and never below two segments", () => {
    const control = make(100);
    control.onLoss({ inFlight: 30_001, srtt: 0, now: 0 });
    expect(control.ssthresh).toBe(15_000);
    expect(control.cwnd).toBe(100 * MSS);
    control.onLoss({ inFlight: MSS, srtt: 0, now: 0 });
    expect(control.ssthresh).toBe(2 * MSS);
    control.onTimeout({ inFlight: 0, srtt: 0, now: 0 });
    expect(control.ssthresh).toBe(2 * MSS);
  });

  test("forgets what had been acknowledged before the loss", () => {
    const control = inAvoidance(10);
    control.onAck(ack(10 * MSS - 1));
    control.onLoss({ inFlight: 20 * MSS, srtt: 0, now: 0 });
    control.cwnd = control.ssthresh;
    control.onRecovered(0);
    control.onAck(ack(MSS));
    expect(control.cwnd).toBe(10 * MSS);
  });

  test("oscillates between a half and the whole of a path's capacity", () => {
    const clock = new AckClock(inAvoidance(50), 50 * MILLISECOND);
    const capacity = 100 * MSS;
    const peaks: number[] = [];
    for (let round = 0; round < 1000; round++) {
      clock.round();
      if (clock.control.cwnd > capacity) {
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
