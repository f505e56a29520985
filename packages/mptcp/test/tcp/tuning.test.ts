import { describe, expect, test } from "vitest";
import { ReceiveBufferTuner, ReceiverRtt, SendBufferTuner } from "../../src/tcp/index.ts";
import { RttEstimator, WindowedMinimum } from "../../src/tcp/recovery/rtt.ts";
import { BulkWriter, MILLISECOND, Pair, readAll, SECOND } from "./harness.ts";

const auto = { initial: 10_000, max: 1_000_000, autoTune: true };

describe("receive buffer (dynamic right-sizing)", () => {
  test("has room for twice what the application reads per round trip, within its limits", () => {
    const tuner = new ReceiveBufferTuner(auto, 10_000);
    const rtt = 100 * MILLISECOND;
    let now = 0;
    const round = (bytes: number): void => {
      for (let i = 0; i < 10; i++) tuner.onRead(bytes / 10, rtt, 1000, (now += rtt / 10));
    };
    round(8000);
    round(8000);
    expect(tuner.size).toBe(10_000);
    for (let i = 0; i < 6; i++) round(40_000);
    expect(tuner.size).toBeGreaterThanOrEqual(2 * 40_000);
    for (let i = 0; i < 6; i++) round(5_000_000);
    expect(tuner.size).toBe(1_000_000);
  });

  test("stays put when fixed", () => {
    const tuner = new ReceiveBufferTuner({ initial: 5000, max: 1_000_000, autoTune: false }, 1000);
    for (let i = 1; i < 100; i++) tuner.onRead(100_000, MILLISECOND, 1000, i * MILLISECOND);
    expect(tuner.size).toBe(5000);
  });

  test("lets a connection fill a path of 5 MB bandwidth-delay product, timestamps or not", () => {
    for (const timestamps of [true, false]) {
      const pair = new Pair({ client: { timestamps }, forward: { delay: 100 * MILLISECOND, rate: 200e6, queue: 5e6 }, backward: { delay: 100 * MILLISECOND } }).establish();
      const writer = new BulkWriter(Number.MAX_SAFE_INTEGER, false);
      let total = 0;
      let early = 0;
      pair.application = ({ now, a, b }) => {
        writer.run(a, now);
        total += readAll(b, now);
        if (now < 8 * SECOND) early = total;
      };
      pair.runTo(12 * SECOND);
      expect(((total - early) * 8) / 4).toBeGreaterThan(0.9 * 200e6 * (1448 / 1500));
    }
  });

  test("does not grow when nobody reads", () => {
    const pair = new Pair({ forward: { delay: 10 * MILLISECOND, rate: 100e6 } }).establish();
    const writer = new BulkWriter(Number.MAX_SAFE_INTEGER, false);
    pair.application = ({ now, a }) => writer.run(a, now);
    pair.runTo(10 * SECOND);
    expect(pair.b.readable).toBeLessThanOrEqual(131_072 + 1024);
    expect(pair.b.readable).toBeGreaterThan(120_000);
  });
});

test("the send buffer follows the windows up, not down, and not beyond its limit", () => {
  const tuner = new SendBufferTuner(auto);
  expect(tuner.onWindow(4000, false, MILLISECOND, MILLISECOND)).toBe(false);
  expect(tuner.onWindow(20_000, false, MILLISECOND, MILLISECOND)).toBe(true);
  expect(tuner.size).toBe(40_000);
  expect(tuner.onWindow(20_000, true, MILLISECOND, MILLISECOND)).toBe(true);
  expect(tuner.size).toBe(80_000);
  tuner.onWindow(10, false, MILLISECOND, MILLISECOND);
  expect(tuner.size).toBe(80_000);
  tuner.require(10_000_000);
  expect(tuner.size).toBe(1_000_000);
});

test("a large send buffer is made for what the path carries, not for what stands in queues", () => {
  const tuner = new SendBufferTuner({ initial: 100_000, max: 64 << 20, autoTune: true });
  // A queue as long as the path itself is usual.
  tuner.onWindow(10e6, false, 40 * MILLISECOND, 20 * MILLISECOND);
  expect(tuner.size).toBe(20e6);
  const bloated = new SendBufferTuner({ initial: 100_000, max: 64 << 20, autoTune: true });
  bloated.onWindow(3e6, false, 400 * MILLISECOND, MILLISECOND);
  expect(bloated.size).toBe(6e6);
  bloated.onWindow(10e6, false, 400 * MILLISECOND, MILLISECOND);
  expect(bloated.size).toBe(8 << 20);
  bloated.onWindow(10e6, false, 40 * MILLISECOND, 15 * MILLISECOND);
  expect(bloated.size).toBe(15e6);
});

describe("round-trip times", () => {
  test("RFC 6298 §2: first sample, then the moving averages; bounds", () => {
    const rtt = new RttEstimator(SECOND, 200 * MILLISECOND, 60 * SECOND);
    expect(rtt.rto).toBe(SECOND);
    rtt.sample(100 * MILLISECOND, 1, 0);
    expect([rtt.srtt, rtt.variation, rtt.rto]).toEqual([100e6, 50e6, 300e6]);
    rtt.sample(180 * MILLISECOND, 1, 0);
    expect([rtt.srtt, rtt.variation]).toEqual([110e6, 57.5e6]);
    for (let i = 0; i < 200; i++) rtt.sample(MILLISECOND, 1, 0);
    expect(rtt.rto).toBe(200 * MILLISECOND);
    for (let i = 0; i < 200; i++) rtt.sample(90 * SECOND, 1, 0);
    expect(rtt.rto).toBe(60 * SECOND);
    expect(rtt.min).toBe(MILLISECOND);
  });

  test("RFC 7323 §4.2: many samples per round count less each", () => {
    const many = new RttEstimator(SECOND, 0, 60 * SECOND);
    many.sample(100 * MILLISECOND, 1, 0);
    for (let i = 0; i < 10; i++) many.sample(200 * MILLISECOND, 10, 0);
    expect(many.srtt).toBeGreaterThan(111e6);
    expect(many.srtt).toBeLessThan(113e6);
  });

  test("a windowed minimum forgets", () => {
    const minimum = new WindowedMinimum();
    minimum.update(5, 0);
    // A window is five minutes, thirty steps.
    for (let t = 1; t <= 60; t++) minimum.update(20 + t, t * 10 * SECOND);
    expect(minimum.value).toBeGreaterThan(20);
    expect(minimum.value).toBeLessThanOrEqual(75);
    minimum.update(3, 610 * SECOND);
    expect(minimum.value).toBe(3);
  });

  test("a receiver measures by a window's worth", () => {
    const rtt = new ReceiverRtt();
    for (let i = 0; i <= 40; i++) rtt.onData(i * 1000, 10_000, i * 5 * MILLISECOND);
    expect(rtt.value).toBe(50 * MILLISECOND);
  });

  test("and by timestamps, which cannot come out too small by much", () => {
    const pair = new Pair({ forward: { delay: 30 * MILLISECOND, rate: 10e6 }, backward: { delay: 30 * MILLISECOND } }).establish();
    const writer = new BulkWriter(Number.MAX_SAFE_INTEGER, false);
    pair.application = ({ now, a, b }) => {
      writer.run(a, now);
      readAll(b, now);
    };
    pair.runTo(SECOND);
    expect(pair.b.tcp.receiverRtt).toBeGreaterThanOrEqual(60 * MILLISECOND);
  });
});
