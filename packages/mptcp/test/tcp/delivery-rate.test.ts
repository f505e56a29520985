import { describe, expect, test } from "vitest";
import { factoryOf, RecordingControl } from "./congestion/recording-control.ts";
import type { Told } from "./congestion/recording-control.ts";
import { MILLISECOND, SECOND } from "./harness.ts";
import { Script } from "./script.ts";
import type { Spec } from "./script.ts";

const RTT = 40 * MILLISECOND;
const PLAIN = { timestamps: false, windowScaling: false };

/** A connection with a controller that wants samples, a round-trip time, and a window of ten segments of 1000 bytes unless said otherwise. */
function listening(config: ConstructorParameters<typeof Script>[0] = PLAIN, window = 10_000, syn: Spec = {}): { s: Script; control: RecordingControl } {
  const control = new RecordingControl(window, true);
  const s = new Script({ congestion: factoryOf(control), ...config }).establishedAfter(RTT, syn);
  return { s, control };
}

function lastAck(control: RecordingControl): Extract<Told, { what: "ack" }> {
  return control.of("ack").at(-1) as Extract<Told, { what: "ack" }>;
}

describe("delivery-rate samples", () => {
  test("a window in each round trip is its rate", () => {
    const { s, control } = listening();
    s.write(60_000).discard();
    for (let round = 0; round < 3; round++) {
      s.advance(RTT).inject({ seq: 1, ack: 1 + (round + 1) * 10_000 }).discard();
      expect(lastAck(control)).toMatchObject({
        acked: 10_000, recovery: "none", latestRtt: RTT,
        sample: { hasRate: true, rate: 10_000 / 0.04, delivered: 10_000, interval: RTT, priorDelivered: round * 10_000, totalDelivered: (round + 1) * 10_000, newlyDelivered: 10_000, newlyLost: 0, lost: 0, inFlight: 0 },
      });
    }
  });

  test("acknowledgments in a bunch are no faster than what was sent", () => {
    const { s, control } = listening(PLAIN, 2000);
    s.write(30_000).discard();
    s.advance(RTT).inject({ seq: 1, ack: 1001 }).advance(20 * MILLISECOND).inject({ seq: 1, ack: 2001 }).discard();
    s.advance(RTT).inject({ seq: 1, ack: 4001 });
    // The ACK comes 40 ms after the one before the last segment; but the two that it covers were sent in the course of 60 ms.
    expect(lastAck(control).sample).toMatchObject({ delivered: 2000, interval: 60 * MILLISECOND, rate: 2000 / 0.06 });
  });

  test("SACKed bytes count when they are SACKed, and losses when they are found", () => {
    const { s, control } = listening();
    s.write(30_000).discard().advance(RTT);
    s.inject({ seq: 1, ack: 1, sack: [1001, 2001] }).inject({ seq: 1, ack: 1, sack: [1001, 3001] }).discard();
    expect(lastAck(control)).toMatchObject({ acked: 0, recovery: "none", sample: { newlyDelivered: 1000, totalDelivered: 2000, newlyLost: 0 } });
    s.inject({ seq: 1, ack: 1, sack: [1001, 4001] }).expect({ seq: 1, len: 1000 });
    expect(lastAck(control)).toMatchObject({ acked: 0, recovery: "fast", sample: { newlyDelivered: 1000, totalDelivered: 3000, newlyLost: 1000, lost: 1000, inFlightThen: 4000 } });
    expect(control.of("segment lost")).toEqual([{ what: "segment lost", bytes: 1000, lost: 1000, inFlightThen: 1000, appLimited: true, totalDelivered: 2000 }]);
    // The segment is told of first, then the loss, then the ACK.
    expect(control.told.filter(({ what }) => what !== "sent").map(({ what }) => what).slice(-3)).toEqual(["segment lost", "loss", "ack"]);
    s.discard().advance(RTT).inject({ seq: 1, ack: 10_001 });
    expect(control.told.slice(-1)[0]).toMatchObject({ what: "sent" });
    expect(lastAck(control)).toMatchObject({ acked: 10_000, recovery: "fast", sample: { newlyDelivered: 7000, totalDelivered: 10_000 } });
  });

  test("without Proportional Rate Reduction the window holds in recovery", () => {
    const { s, control } = listening();
    s.write(30_000).discard().advance(RTT).inject({ seq: 1, ack: 1, sack: [1001, 9001] });
    expect(control.of("loss")).toMatchObject([{ inFlight: 10_000, window: 10_000, consecutive: 0 }]);
    // One segment of the ten is in flight still; the lost one goes, and eight new ones.
    s.expect({ seq: 1, len: 1000 }).expectData(10_001, 8).silent();
    expect(s.tcp.congestionWindow).toBe(10_000);
    control.window = 12_000;
    s.tcp.wake();
    s.poll();
    s.expectData(18_001, 2).silent();
  });

  test("an interval below the smallest round-trip time gives no rate", () => {
    const { s, control } = listening();
    s.write(3000).discard().advance(RTT).inject({ seq: 1, ack: 3001 });
    s.write(1000).discard().advance(10 * MILLISECOND).inject({ seq: 1, ack: 4001 });
    expect(s.tcp.minRtt).toBe(10 * MILLISECOND);
    s.write(5000).discard().advance(RTT).inject({ seq: 1, ack: 5001 }).inject({ seq: 1, ack: 6001 });
    expect(lastAck(control).sample).toMatchObject({ hasRate: true, interval: RTT });
    // Sent again by the probe, acknowledged a millisecond later: that was the first transmission.
    s.advance(2 * RTT).discard().advance(MILLISECOND).inject({ seq: 1, ack: 9001 });
    expect(lastAck(control).sample).toMatchObject({ newlyDelivered: 3000, totalDelivered: 9000 });
    expect(lastAck(control).sample?.rate ?? 0).toBeLessThan(9000 / 0.04);
  });

  test("the time in which the application had nothing to send is marked", () => {
    const { s, control } = listening();
    // There was nothing to send before the first write.
    s.write(30_000).discard();
    expect(control.of("sent").map(({ appLimited }) => appLimited)).toEqual(new Array(10).fill(true));
    const limited = (ack: number): boolean | undefined => {
      s.advance(RTT).inject({ seq: 1, ack }).discard();
      return lastAck(control).sample?.appLimited;
    };
    expect([limited(10_001), limited(20_001)]).toEqual([true, false]);
    // All is sent, and there is room: what follows is limited by the application until the gap has left the path.
    expect([limited(30_001), s.write(40_000).discard() === s && limited(40_001), limited(50_001)]).toEqual([false, true, false]);
  });

  test("what is sent again after a timeout is told, with what was in flight", () => {
    const { s, control } = listening({ ...PLAIN, sack: false });
    s.write(4000).discard().advance(250 * MILLISECOND);
    expect(control.of("segment lost")).toHaveLength(4);
    expect(control.of("timeout")).toMatchObject([{ inFlight: 4000, window: 10_000, segment: 1000, consecutive: 1 }]);
    expect(control.of("sent").at(-1)).toMatchObject({ retransmission: true, bytes: 1000 });
    for (const [ack, recovery] of [[1001, "timeout"], [4001, "none"]] as const) {
      s.discard().inject({ seq: 1, ack });
      expect(lastAck(control)).toMatchObject({ recovery });
    }
  });

  test("halves of a super-segment are of the same transmission", () => {
    const { s, control } = listening({ ...PLAIN, segmentationLimit: 64_000 });
    s.write(10_000).expect({ len: 10_000 }).advance(RTT).inject({ seq: 1, ack: 1, sack: [2001, 6001] });
    expect(lastAck(control).sample).toMatchObject({ newlyDelivered: 4000, delivered: 4000, priorDelivered: 0, interval: RTT, inFlightThen: 10_000 });
    s.inject({ seq: 1, ack: 10_001 });
    expect(lastAck(control).sample).toMatchObject({ newlyDelivered: 6000, totalDelivered: 10_000, priorDelivered: 0 });
  });
});

describe("a controller that wants no samples", () => {
  test("hears of the acknowledgments that may let the window grow, and nothing is kept", () => {
    const control = new RecordingControl(10_000, false);
    const s = new Script({ congestion: factoryOf(control), ...PLAIN }).establishedAfter(RTT).write(30_000).discard().advance(RTT);
    s.inject({ seq: 1, ack: 1, sack: [1001, 9001] }).discard().advance(RTT).inject({ seq: 1, ack: 10_001 }).discard();
    expect(control.told.map(({ what }) => what)).toEqual(["idle", "loss", "recovered"]);
    expect(s.tcp.sender.board.at(0).stamp).toBeNull();
    s.advance(RTT).inject({ seq: 1, ack: 18_001 });
    expect(control.told.map(({ what }) => what)).toEqual(["idle", "loss", "recovered", "ack"]);
    expect(control.of("ack")).toMatchObject([{ acked: 8000, recovery: "none", sample: null }]);
  });

  test("hears of idle times, of penalties and of another segment size", () => {
    const control = new RecordingControl(10_000, false);
    const s = new Script({ congestion: factoryOf(control), ...PLAIN }).establishedAfter(RTT);
    s.advance(SECOND).write(2000).discard().advance(RTT).inject({ seq: 1, ack: 2001 }).advance(3 * SECOND).write(500).write(500).discard();
    expect(control.of("idle").map(({ idle }) => idle)).toEqual([SECOND, 3 * SECOND]);
    s.tcp.reduceWindow(s.now);
    expect(control.of("penalty").map(({ window }) => window)).toEqual([5000]);
    s.tcp.handleIcmp({ kind: "packet_too_big", code: 4, mtu: 800, sequence: (s.iss + 2001) >>> 0 }, s.now);
    expect(control.of("mss").map(({ mss }) => mss)).toEqual([760]);
  });
});
