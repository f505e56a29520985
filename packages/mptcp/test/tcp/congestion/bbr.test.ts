import { describe, expect, test } from "vitest";
import { Bbr, bbr } from "../../../src/tcp/index.ts";
import type { AckEvent, CongestionContext, RateSample } from "../../../src/tcp/index.ts";
import { CycleMaximum, RoundMaximum } from "../../../src/tcp/congestion/bbr/filters.ts";
import { ack, contextOf, lossOf, MILLISECOND, MSS, SECOND, timeoutOf } from "./ack-clock.ts";
import { runFlows } from "./flows.ts";

const RTT = 100 * MILLISECOND;
/** 20 segments fill the path. */
const RATE = 200_000;
const BDP = 20 * MSS;

interface Round {
  /** Bytes per second that ACKs show, RTT, and what is in flight after each. */
  readonly rate?: number;
  readonly rtt?: number;
  readonly inFlight?: number;
  readonly appLimited?: boolean;
  readonly cwndLimited?: boolean;
  /** Found lost by the first ACK, each ... */
  readonly lost?: number;
  /** ... and by so many of them. */
  readonly lossyAcks?: number;
  readonly recovery?: AckEvent["recovery"];
}

/** A BBR that is told of whole round trips, five ACKs each. */
class Stepped {
  readonly control: Bbr;
  now = SECOND;
  delivered = 0;
  lost = 0;

  constructor(fields: Partial<CongestionContext> = {}) {
    this.control = new Bbr(contextOf(10, { srtt: RTT, now: this.now, ...fields }));
  }

  get state(): string {
    return this.control.state;
  }

  round({ rate = RATE, rtt = RTT, inFlight = BDP, appLimited = false, cwndLimited = true, lost = 0, lossyAcks = 1, recovery = "none" }: Round = {}): this {
    const atStart = { delivered: this.delivered, lost: this.lost };
    const bytes = Math.round((rate * rtt) / SECOND / ACKS);
    for (let i = 0; i < ACKS; i++) {
      this.now += rtt / ACKS;
      const newlyLost = i < lossyAcks ? lost : 0;
      if (newlyLost > 0) {
        this.lost += newlyLost;
        this.control.onSegmentLost({ bytes: newlyLost, lost: this.lost - atStart.lost, inFlightThen: inFlight, appLimited, totalDelivered: this.delivered });
      }
      this.delivered += bytes;
      const sample: RateSample = {
        hasRate: true, rate, delivered: bytes * ACKS, interval: rtt, priorDelivered: atStart.delivered, totalDelivered: this.delivered, appLimited,
        newlyDelivered: bytes, newlyLost, lost: this.lost - atStart.lost, inFlightThen: inFlight, inFlight,
      };
      this.control.onAck(ack(bytes, { now: this.now, srtt: rtt, minRtt: rtt, latestRtt: rtt, priorInFlight: inFlight + bytes, cwndLimited, recovery, sample }));
    }
    return this;
  }

  rounds(count: number, fields: Round = {}): this {
    for (let i = 0; i < count; i++) this.round(fields);
    return this;
  }

  /** Round trips until a state is there. */
  until(state: string, fields: Round = {}, most = 200): this {
    for (let i = 0; this.state !== state; i++) {
      if (i === most) throw new Error(`it stays in ${this.state}`);
      this.round(fields);
    }
    return this;
  }

  /** Startup is over, and the queue drained. */
  cruising(): this {
    return this.until("drain", { inFlight: 3 * BDP }).until("cruise", { inFlight: BDP - MSS });
  }
}
const ACKS = 5;

describe("filters", () => {
  test("a cycle's maximum is forgotten a whole cycle later; a cycle without samples takes nothing away", () => {
    const filter = new CycleMaximum();
    const seen: number[] = [];
    for (const sample of [30, 20, 10, 0, 0, 5]) {
      filter.take(sample);
      seen.push(filter.value);
      filter.advance();
    }
    expect(seen).toEqual([30, 30, 20, 10, 10, 10]);
  });

  test("a maximum over ten round trips", () => {
    const filter = new RoundMaximum();
    filter.take(100, 0, 10);
    for (let round = 1; round <= 10; round++) filter.take(50 - round, round, 10);
    expect(filter.value).toBe(100);
    filter.take(30, 11, 10);
    expect(filter.value).toBeLessThan(50);
    filter.take(60, 12, 10);
    expect(filter.value).toBe(60);
    filter.take(20, 13, 1);
    filter.take(10, 15, 1);
    expect(filter.value).toBeLessThanOrEqual(20);
  });
});

describe("Startup and Drain", () => {
  test("begins with 2.77 initial windows per round trip, and doubles as long as the bandwidth does", () => {
    const step = new Stepped();
    expect(step.control.pacingRate).toBeCloseTo((2.77 * 10 * MSS * SECOND) / RTT, 6);
    step.round({ rate: 100_000 }).round({ rate: 200_000 }).round({ rate: 400_000 });
    expect([step.state, step.control.pacingRate]).toEqual(["startup", expect.closeTo(2.77 * 400_000 * 0.99, 6)]);
    expect(step.control.threshold).toBe(Number.POSITIVE_INFINITY);
  });

  test("without a round-trip time the first rate follows from the first one", () => {
    const step = new Stepped({ srtt: 0 });
    expect(step.control.pacingRate).toBeCloseTo(2.77 * 10 * MSS * 1000, 6);
    step.control.onAck(ack(MSS, { now: step.now, srtt: RTT }));
    expect(step.control.pacingRate).toBeCloseTo((2.77 * 10 * MSS * SECOND) / RTT, 6);
  });

  test("ends after three round trips of less than a quarter's growth, in Drain at half of the rate", () => {
    const step = new Stepped().round().rounds(2, { inFlight: 2 * BDP });
    expect(step.state).toBe("startup");
    step.round({ rate: 1.24 * RATE, inFlight: 2 * BDP });
    expect([step.state, step.control.pacingRate]).toEqual(["drain", expect.closeTo(0.5 * 1.24 * RATE * 0.99, 6)]);
  });

  test("growth by a quarter, or an application that is the limit, begins the count anew or leaves it", () => {
    const step = new Stepped().rounds(3).round({ rate: 1.25 * RATE }).rounds(2, { rate: 1.25 * RATE });
    expect(step.state).toBe("startup");
    expect(new Stepped().round().rounds(50, { appLimited: true, rate: RATE / 2, rtt: RTT - MILLISECOND }).state).toBe("startup");
  });

  test("ends on losses of more than two percent on six ACKs of a round trip of fast recovery, whoever is the limit", () => {
    const lossy: Round = { appLimited: true, lost: MSS / 2, lossyAcks: ACKS, recovery: "fast", inFlight: 2 * BDP };
    const step = new Stepped().round({ inFlight: 2 * BDP });
    step.control.onLoss(lossOf(BDP, { now: step.now }));
    step.rounds(2, lossy);
    expect(step.state).toBe("startup");
    const wide = new Stepped().round({ inFlight: 2 * BDP });
    wide.control.onLoss(lossOf(BDP, { now: wide.now }));
    // Six ACKs of one round trip: the sixth is the one that ends it.
    for (let i = 0; i < 4 && wide.state === "startup"; i++) wide.rounds(1, lossy);
    expect(wide.state).toBe("startup");
    const without = new Stepped({ sack: false }).round({ inFlight: 2 * BDP });
    without.control.onLoss(lossOf(BDP, { now: without.now }));
    without.rounds(2, { ...lossy, lossyAcks: 1 });
    expect(without.state).not.toBe("startup");
  });

  test("Drain ends when no more is in flight than fills the path, or after three round trips", () => {
    const drained = new Stepped().until("drain", { inFlight: 2 * BDP });
    drained.round({ inFlight: BDP + MSS });
    expect(drained.state).toBe("drain");
    drained.round({ inFlight: BDP });
    expect(["down", "cruise"]).toContain(drained.state);
    const stuck = new Stepped().until("drain", { inFlight: 2 * BDP });
    stuck.rounds(3, { inFlight: 2 * BDP });
    expect(stuck.state).toBe("drain");
    expect(stuck.round({ inFlight: 2 * BDP }).state).toBe("down");
  });
});

describe("ProbeBW", () => {
  test("goes from DOWN to CRUISE once the queue is drained, and from there by REFILL to UP and back, at 0.9, 1, 1 and 1.25 of the bandwidth", () => {
    const step = new Stepped().until("drain", { inFlight: 2 * BDP }).until("down", { inFlight: 2 * BDP });
    expect(step.control.pacingRate).toBeCloseTo(0.9 * 0.99 * RATE, 6);
    step.until("cruise", { inFlight: BDP - MSS });
    expect(step.control.pacingRate).toBeCloseTo(0.99 * RATE, 6);
    step.until("refill", { inFlight: BDP - MSS });
    expect(step.control.pacingRate).toBeCloseTo(0.99 * RATE, 6);
    step.until("up");
    expect(step.control.pacingRate).toBeCloseTo(1.25 * 0.99 * RATE, 6);
    expect(step.control.window).toBeGreaterThan(2 * BDP);
    step.until("down", { cwndLimited: false, inFlight: 1.25 * BDP });
    expect(step.control.window).toBeLessThan(2.3 * BDP);
  });

  test("looks for bandwidth again after two to three seconds, or as many round trips as the path holds segments, 63 at the most", () => {
    const far = new Stepped().cruising();
    const since = far.now;
    far.until("refill", { inFlight: BDP - MSS });
    expect(far.now - since).toBeGreaterThan(1.5 * SECOND);
    expect(far.now - since).toBeLessThan(3.2 * SECOND);
    // RTT 1 ms, 20 segments: some 20 round trips, long before two seconds.
    const near = new Stepped({ srtt: MILLISECOND });
    const fields: Round = { rate: 100 * RATE, rtt: MILLISECOND, inFlight: BDP };
    near.until("drain", { ...fields, inFlight: 20 * BDP }).until("cruise", fields);
    const before = near.now;
    near.until("refill", fields);
    expect(near.now - before).toBeGreaterThanOrEqual(15 * MILLISECOND);
    expect(near.now - before).toBeLessThan(25 * MILLISECOND);
  });

  test("losses beyond two percent while it probes end the probe, and bound what may be in flight: 15 % less while it cruises", () => {
    const step = new Stepped().cruising().until("up");
    step.round({ lost: MSS, inFlight: 1.2 * BDP });
    expect(step.state).not.toBe("up");
    step.until("cruise", { inFlight: 0.8 * BDP });
    expect(step.control.window).toBeLessThanOrEqual(0.85 * 1.2 * BDP + 1);
    const few = new Stepped().cruising().until("up");
    few.round({ lost: 0.02 * 1.2 * BDP, inFlight: 1.2 * BDP });
    expect(few.state).toBe("up");
  });

  test("the next probe after such losses is cautious: it stops at the bound, and goes on at once when that was safe", () => {
    const step = new Stepped().cruising().until("up").round({ lost: MSS, inFlight: 1.2 * BDP });
    step.until("up", { inFlight: BDP - 2 * MSS }).round({ inFlight: 1.25 * BDP });
    expect(step.state).not.toBe("up");
    const since = step.now;
    step.until("up", { inFlight: 0.8 * BDP });
    expect(step.now - since).toBeLessThan(4 * RTT);
  });

  test("losses while it cruises lower rate and inflight to what is delivered, by 0.7 at the most, until it looks for bandwidth again", () => {
    const step = new Stepped().cruising().rounds(2, { inFlight: BDP - MSS });
    step.round({ lost: MSS, rate: RATE / 4, inFlight: BDP - MSS }).round({ rate: RATE / 4, inFlight: BDP - MSS });
    expect(step.control.pacingRate).toBeGreaterThanOrEqual(0.7 * 0.99 * RATE);
    step.round({ lost: MSS, rate: RATE / 4, inFlight: BDP / 4 }).round({ rate: RATE / 4, inFlight: BDP / 4 });
    expect(step.state).toBe("cruise");
    expect(step.control.pacingRate).toBeLessThan(0.71 * RATE);
    expect(step.control.window).toBeLessThan(BDP * 2);
    step.until("refill", { rate: RATE / 4, inFlight: BDP / 4 });
    expect(step.control.pacingRate).toBeCloseTo(0.99 * RATE, 6);
  });

  test("a round trip that lost no more than two percent of it lowers nothing", () => {
    const step = new Stepped().cruising();
    step.rounds(10, { lost: 0.02 * BDP, rate: 0.97 * RATE, inFlight: BDP });
    expect([step.state, step.control.pacingRate]).toEqual(["cruise", expect.closeTo(0.99 * RATE, 6)]);
  });

  test("each lossy round trip takes off what it lost, not the pacing margin besides", () => {
    const step = new Stepped().cruising().rounds(2, { inFlight: BDP - MSS });
    const rates: number[] = [];
    for (let i = 0; i < 8; i++) {
      // Of what leaves three packets in a hundred are lost.
      step.round({ lost: 0.03 * BDP, rate: 0.97 * step.control.pacingRate, inFlight: BDP - MSS });
      rates.push(step.control.pacingRate);
    }
    expect(step.state).toBe("cruise");
    const ratios = rates.slice(1).map((rate, i) => rate / (rates[i] as number));
    // The model looks back by a round trip, so that not each of them counts.
    for (const ratio of ratios) expect(ratio).toBeGreaterThan(0.9699);
    expect(Math.min(...ratios)).toBeLessThan(0.9701);
  });

  test("what is sent less while a queue drains is no loss of bandwidth", () => {
    const step = new Stepped().until("drain", { inFlight: 2 * BDP }).until("down", { inFlight: 2 * BDP });
    for (let i = 0; i < 3; i++) step.round({ lost: 0.03 * BDP, rate: 0.9 * 0.99 * 0.97 * RATE, inFlight: 1.1 * BDP });
    expect([step.state, step.control.pacingRate > 0.9 * 0.99 * 0.94 * RATE]).toEqual(["down", true]);
  });

  test("a bandwidth that falls is forgotten with the second cycle after it", () => {
    const slower = new Stepped().cruising();
    const fields: Round = { rate: RATE / 10, rtt: RTT, inFlight: 4 * MSS, cwndLimited: false };
    for (let cycle = 0; cycle < 4; cycle++) slower.until("up", fields).until("cruise", fields);
    expect(slower.control.pacingRate).toBeLessThan(0.11 * RATE);
  });

  test("samples of an application that sends little do not lower the bandwidth, larger ones raise it", () => {
    const step = new Stepped().cruising().until("refill", { inFlight: BDP - MSS });
    step.rounds(40, { appLimited: true, rate: RATE / 3, inFlight: MSS, cwndLimited: false });
    expect(step.control.pacingRate).toBeGreaterThan(0.85 * RATE);
    step.round({ appLimited: true, rate: 2 * RATE, inFlight: MSS });
    expect(step.control.pacingRate).toBeGreaterThan(1.7 * RATE);
  });
});

describe("ProbeRTT", () => {
  test("comes after five seconds without a smaller round-trip time, halves what is in flight for 200 ms and a round trip, and then cruises", () => {
    const step = new Stepped().cruising();
    step.until("probe-rtt", { inFlight: BDP - MSS, rtt: RTT + MILLISECOND });
    expect(step.now - SECOND).toBeGreaterThan(5 * SECOND);
    expect(step.control.window).toBeLessThanOrEqual(0.51 * BDP);
    const since = step.now;
    step.until("cruise", { inFlight: BDP / 2, rtt: RTT + MILLISECOND, rate: RATE / 2 });
    expect(step.now - since).toBeGreaterThanOrEqual(200 * MILLISECOND);
    expect(step.now - since).toBeLessThan(600 * MILLISECOND);
    expect(step.control.window).toBeGreaterThan(1.5 * BDP);
    // What it held down did not lower the bandwidth.
    expect(step.control.pacingRate).toBeCloseTo(0.99 * RATE, 6);
  });

  test("in Startup leads back to Startup", () => {
    const step = new Stepped();
    step.until("probe-rtt", { appLimited: true, rtt: RTT + MILLISECOND, inFlight: BDP });
    expect(step.until("startup", { appLimited: true, inFlight: 4 * MSS }).state).toBe("startup");
  });

  test("is left out after a pause, in which the queue drained by itself", () => {
    const step = new Stepped().cruising();
    step.now += 6 * SECOND;
    step.control.onIdleRestart(6 * SECOND, step.now, Number.POSITIVE_INFINITY);
    expect(step.control.pacingRate).toBeCloseTo(0.99 * RATE, 6);
    step.round({ inFlight: MSS });
    expect(step.state).not.toBe("probe-rtt");
  });
});

describe("recovery", () => {
  test("fast recovery leaves the window; a timeout leaves one segment, and what was before is back at its end", () => {
    const step = new Stepped().cruising();
    const { window } = step.control;
    step.control.onLoss(lossOf(BDP, { now: step.now }));
    expect(step.control.window).toBe(window);
    step.control.onRecovered(Number.POSITIVE_INFINITY, step.now);
    step.control.onTimeout(timeoutOf(BDP, { now: step.now }));
    expect(step.control.window).toBe(MSS);
    step.round({ recovery: "timeout", inFlight: MSS, rate: RATE / 10 });
    expect(step.control.window).toBeLessThan(window / 2);
    step.round({ inFlight: MSS });
    expect(step.control.window).toBeGreaterThanOrEqual(window);
  });

  test("a recovery that was for nothing gives back what it took, and the probe that it ended", () => {
    const step = new Stepped().cruising().until("up");
    const { window } = step.control;
    step.round({ lost: 2 * MSS, inFlight: 1.2 * BDP });
    expect(["down", "cruise"]).toContain(step.state);
    step.control.onSpurious(false, step.now);
    expect(step.state).toBe("refill");
    step.until("up", { inFlight: BDP });
    expect(step.round({ inFlight: 1.2 * BDP }).control.window).toBeGreaterThanOrEqual(window);
  });

  test("a penalty holds until bandwidth is looked for again", () => {
    const step = new Stepped().cruising();
    step.control.onPenalty(BDP / 2, step.now);
    expect(step.round({ inFlight: BDP / 2 }).control.window).toBeLessThanOrEqual(BDP / 2);
    step.until("up", { inFlight: BDP / 2 });
    expect(step.round().control.window).toBeGreaterThan(BDP);
  });
});

describe("the window", () => {
  test("is four segments at the least, however little the path holds", () => {
    const step = new Stepped();
    step.until("cruise", { rate: 5000, inFlight: 4 * MSS });
    // Three times two segments are the budget of offload engines.
    expect(step.control.window).toBeGreaterThanOrEqual(4 * MSS);
    expect(step.control.pacingRate).toBeCloseTo(0.99 * 5000, 6);
  });

  test("is larger by what ACKs bring at once", () => {
    const plain = new Stepped().cruising().rounds(5, { inFlight: BDP - MSS });
    const lumpy = new Stepped().cruising();
    // All ACKs of a round trip at its end.
    for (let i = 0; i < 5; i++) {
      lumpy.now += (RTT * 4) / 5;
      const { delivered } = lumpy;
      lumpy.delivered += BDP;
      lumpy.now += RTT / 5;
      lumpy.control.onAck(ack(BDP, {
        now: lumpy.now, latestRtt: RTT, srtt: RTT, sample: { hasRate: true, rate: RATE, delivered: BDP, interval: RTT, priorDelivered: delivered, totalDelivered: lumpy.delivered, appLimited: false, newlyDelivered: BDP, newlyLost: 0, lost: 0, inFlightThen: BDP, inFlight: BDP - MSS },
      }));
    }
    expect(lumpy.control.window).toBeGreaterThan(plain.control.window);
  });

  test("follows the segment size", () => {
    const step = new Stepped().cruising();
    step.control.onMss(500);
    step.until("cruise", { rate: 100, inFlight: MSS });
    expect(bbr.name).toBe("bbr");
    expect(step.control.window).toBeGreaterThanOrEqual(4 * 500);
  });
});

describe("in virtual time, 20 Mb/s with 100 ms", () => {
  const path = { congestion: bbr, rate: 20e6, rtt: 100 } as const;

  test("fills the link with a queue of 1.5 of what it holds at the most, and loses nothing where there is room for two", () => {
    const { share, mostQueued, overflowed } = runFlows({ ...path, queue: 2, seed: 1, from: 5, to: 35 });
    expect(share).toBeGreaterThan(0.92);
    expect(mostQueued).toBeLessThan(1.5 * 250_000);
    expect(overflowed).toBe(0);
  });

  test("with one packet in a hundred lost", () => {
    const runs = [1, 2, 3, 4, 5].map((seed) => runFlows({ ...path, queue: 2, loss: 0.01, seed, from: 5, to: 65 }));
    const shares = runs.map(({ share }) => share).toSorted((a, b) => a - b);
    // Of what headers leave of the link for payload; losses and the pacing margin take one percent each, ProbeRTT two.
    const most = 1448 / 1500;
    expect(shares[2]! / most).toBeGreaterThan(0.9);
    expect(shares[0]! / most).toBeGreaterThan(0.87);
    for (const { mostQueued } of runs) expect(mostQueued).toBeLessThan(1.5 * 250_000);
  });

  test.each([[20e6, 40, 1], [20e6, 100, 3], [50e6, 40, 3], [100e6, 20, 3]])("two flows have alike: %i b/s, %i ms, queue %i", (rate, rtt, queue) => {
    const { jain, share } = runFlows({ congestion: bbr, flows: 2, rate, rtt, queue, seed: 1, from: 20, to: 60 });
    expect(jain).toBeGreaterThan(0.9);
    expect(share).toBeGreaterThan(0.9);
  });
});
