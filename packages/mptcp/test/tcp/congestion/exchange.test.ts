import { describe, expect, test } from "vitest";
import { lia } from "../../../src/mptcp/index.ts";
import type { CongestionControlFactory } from "../../../src/tcp/index.ts";
import { cubic, newReno } from "../../../src/tcp/index.ts";
import { BulkWriter, MILLISECOND, Pair, readAll, SECOND } from "../harness.ts";
import { Script } from "../script.ts";
import { factoryOf, RecordingControl } from "./recording-control.ts";

const RTT = 40 * MILLISECOND;
const PLAIN = { timestamps: false, windowScaling: false };

describe("replaceCongestion", () => {
  test("the new controller goes on from the old one's window and threshold", () => {
    const s = new Script(PLAIN).establishedAfter(RTT).write(40_000).discard().advance(RTT).inject({ seq: 1, ack: 10_001 }).discard();
    expect([s.tcp.congestion.name, s.tcp.congestion.window, s.tcp.congestion.threshold]).toEqual(["reno", 12_000, Number.POSITIVE_INFINITY]);
    s.tcp.replaceCongestion(cubic, s.now);
    expect([s.tcp.congestion.name, s.tcp.congestion.window, s.tcp.congestion.threshold]).toEqual(["cubic", 12_000, Number.POSITIVE_INFINITY]);
    expect(s.tcp.congestionFactory).toBe(cubic);
    s.advance(RTT).inject({ seq: 1, ack: 10_001, sack: [11_001, 20_001] }).discard();
    s.tcp.replaceCongestion(newReno, s.now);
    // 70 % of what was in flight is CUBIC's answer, and recovery goes on down to it.
    expect([s.tcp.congestion.window, s.tcp.congestion.threshold]).toEqual([8400, 8400]);
    s.advance(RTT).inject({ seq: 1, ack: 1 + s.tcp.nextOffset });
    expect(s.tcp.congestionWindow).toBe(8400);
  });

  test("one that has no use for Proportional Rate Reduction has its own window at once", () => {
    const s = new Script(PLAIN).establishedAfter(RTT).write(40_000).discard().advance(RTT).inject({ seq: 1, ack: 1, sack: [1001, 9001] }).discard();
    const control = new RecordingControl(30_000, true);
    s.tcp.replaceCongestion(factoryOf(control), s.now);
    s.poll();
    expect(s.tcp.inFlight).toBe(30_000);
    // What left before it came has no stamp; what it sent has.
    s.discard().advance(RTT).inject({ seq: 1, ack: 1, sack: [1001, 10_001] });
    expect(control.of("ack").at(-1)?.sample).toMatchObject({ hasRate: false, newlyDelivered: 1000, totalDelivered: 1000 });
    s.inject({ seq: 1, ack: 20_001 });
    expect(control.of("ack").at(-1)?.sample).toMatchObject({ hasRate: true, interval: RTT });
    // And back: recovery ends in what the new one was given.
    s.tcp.replaceCongestion(newReno, s.now);
    expect(control.of("release")).toHaveLength(1);
    s.discard().inject({ seq: 1, ack: 1 + s.tcp.nextOffset });
    expect(s.tcp.congestionWindow).toBeGreaterThanOrEqual(30_000);
    expect(s.tcp.sender.rates).toBeNull();
  });

  test("before the handshake is complete it is what the connection begins with; after the end nothing happens", () => {
    const s = new Script(PLAIN).connect();
    s.tcp.replaceCongestion(cubic, s.now);
    expect(s.tcp.congestion.name).toBe("none");
    s.inject({ flags: "SA", seq: 0, ack: 1, mss: 1000 });
    expect(s.tcp.congestion.name).toBe("cubic");
    s.abort();
    s.tcp.replaceCongestion(newReno, s.now);
    expect([s.tcp.congestion.name, s.tcp.congestionFactory]).toEqual(["cubic", cubic]);
  });

  test("everything arrives, whatever is exchanged when", () => {
    const pair = new Pair({ forward: { delay: 10 * MILLISECOND, rate: 20e6, queue: 40_000, loss: 0.01 }, seed: 5 }).establish();
    const writer = new BulkWriter(3_000_000, true);
    const rate = new RecordingControl(60_000, true);
    rate.pacingRate = 1_500_000;
    const order: readonly CongestionControlFactory[] = [cubic, lia, factoryOf(rate), newReno, cubic];
    let received = 0;
    let exchanged = 0;
    pair.application = ({ now, a, b }) => {
      writer.run(a, now);
      received += readAll(b, now);
      const next = order[exchanged];
      if (next === undefined || received < (exchanged + 1) * 500_000) return;
      exchanged++;
      a.tcp.replaceCongestion(next, now);
    };
    expect(pair.runUntil(() => received === 3_000_000, 60 * SECOND)).toBe(true);
    expect(exchanged).toBe(5);
    expect(rate.of("ack").length).toBeGreaterThan(100);
    expect(rate.of("release")).toHaveLength(1);
  });
});
