import { describe, expect, test } from "vitest";
import { factoryOf, RecordingControl } from "./congestion/recording-control.ts";
import { MILLISECOND, SECOND } from "./harness.ts";
import { Script } from "./script.ts";

const RTT = 40 * MILLISECOND;

/** Ten segments of 1000 bytes in flight, sent one RTT ago. */
function flight(timestamps: boolean): { s: Script; control: RecordingControl; spurious: () => boolean[] } {
  const control = new RecordingControl(10_000, false);
  const s = new Script({ congestion: factoryOf(control), windowScaling: false, timestamps, sendBuffer: { initial: 50_000, max: 50_000, autoTune: false } });
  s.establishedAfter(RTT, timestamps ? { ts: [1, 0] } : {}).write(30_000);
  return { s, control, spurious: () => control.of("spurious").map(({ timeout }) => timeout) };
}

describe("by timestamps (RFC 3522)", () => {
  test("the original of what a timeout sent again arrived", () => {
    const { s, spurious } = flight(true);
    const echo = s.take().timestampValue;
    s.discard().advance(SECOND).discard();
    expect(s.tcp.backoff).toBeGreaterThan(1);
    s.inject({ seq: 1, ack: 989, ts: [2, echo] });
    expect(spurious()).toEqual([true]);
    // Once is enough.
    s.inject({ seq: 1, ack: 1977, ts: [3, echo] });
    expect(spurious()).toEqual([true]);
  });

  test("the retransmission is what arrived", () => {
    const { s, spurious } = flight(true);
    const old = s.take().timestampValue;
    s.discard().advance(240 * MILLISECOND);
    const echo = s.take().timestampValue;
    s.discard().inject({ seq: 1, ack: 989, ts: [2, echo] });
    // Only the first acknowledgment decides.
    s.inject({ seq: 1, ack: 1977, ts: [3, old] });
    expect(spurious()).toEqual([]);
  });

  test("a segment that was late, and no loss", () => {
    const { s, spurious } = flight(true);
    const echo = s.take().timestampValue;
    s.discard().advance(RTT).inject({ seq: 1, ack: 1, ts: [2, echo], sack: [989, 5929] });
    expect(s.tcp.retransmissions).toBe(1);
    s.discard().advance(5 * MILLISECOND).inject({ seq: 1, ack: 5929, ts: [3, echo] });
    expect(spurious()).toEqual([false]);
  });
});

describe("by D-SACKs (RFC 3708)", () => {
  test("all that was sent again was there, even when recovery is over", () => {
    const { s, control, spurious } = flight(false);
    s.discard().advance(RTT).inject({ seq: 1, ack: 1, sack: [2001, 9001] });
    expect(s.tcp.retransmissions).toBe(2);
    s.discard().inject({ seq: 1, ack: 10_001 });
    expect(control.of("recovered")).toHaveLength(1);
    s.inject({ seq: 1, ack: 10_001, sack: [1, 1001] });
    expect(spurious()).toEqual([]);
    s.inject({ seq: 1, ack: 10_001, sack: [1001, 2001] });
    expect(spurious()).toEqual([false]);
    s.inject({ seq: 1, ack: 10_001, sack: [1, 1001] });
    expect(spurious()).toEqual([false]);
  });

  test("a round trip later no sign can come any more", () => {
    const { s, spurious } = flight(false);
    s.discard().advance(RTT).inject({ seq: 1, ack: 1, sack: [1001, 9001] }).inject({ seq: 1, ack: 10_001 });
    expect(s.tcp.sender.spurious.watching).toBe(true);
    s.advance(RTT).inject({ seq: 1, ack: 1 + s.tcp.nextOffset }).advance(RTT).inject({ seq: 1, ack: 1 + s.tcp.nextOffset });
    expect(s.tcp.sender.spurious.watching).toBe(false);
    s.inject({ seq: 1, ack: 1 + s.tcp.nextOffset, sack: [1, 1001] });
    expect(spurious()).toEqual([]);
  });

  test("duplicates of other data, or without a recovery, say nothing", () => {
    const { s, spurious } = flight(false);
    s.discard().advance(RTT).inject({ seq: 1, ack: 5001 }).discard().inject({ seq: 1, ack: 5001, sack: [1, 1001] });
    s.inject({ seq: 1, ack: 5001, sack: [6001, 9001] });
    expect(s.tcp.retransmissions).toBe(1);
    s.discard().inject({ seq: 1, ack: 9001, sack: [2001, 3001] });
    expect(spurious()).toEqual([]);
  });

  test("a tail loss probe is no recovery", () => {
    const { s, control, spurious } = flight(false);
    s.discard().advance(RTT).inject({ seq: 1, ack: 10_001 }).advance(RTT).inject({ seq: 1, ack: 20_001 }).discard();
    s.advance(2 * RTT + MILLISECOND);
    expect(s.tcp.retransmissions).toBe(1);
    s.inject({ seq: 1, ack: 30_001 }).inject({ seq: 1, ack: 30_001, sack: [29_001, 30_001] });
    expect([spurious(), control.of("loss")]).toEqual([[], []]);
  });
});
