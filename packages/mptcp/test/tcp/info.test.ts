import { describe, expect, test } from "vitest";
import { linuxTcpInfo } from "../../src/tcp/index.ts";
import type { TcpInfo } from "../../src/tcp/index.ts";
import { Payload } from "../../src/wire/index.ts";
import { MILLISECOND, SECOND } from "./harness.ts";
import { Script } from "./script.ts";

const MS = MILLISECOND;

function info(script: Script): TcpInfo {
  return script.socket.tcpInfo(1, script.now)!;
}

describe("what is told of a TCP connection", () => {
  test("before anything was sent: the state, the options and the windows that were agreed on", () => {
    const s = new Script({ receiveBuffer: { initial: 65_536, max: 1 << 20, autoTune: false } }).establishedAfter(20 * MS, { ws: 7, ts: [100, 0] }, 1000);
    expect(info(s)).toMatchObject({
      state: "ESTABLISHED", recovery: "open", timestamps: true, sack: true, peerWindowScale: 7, windowScale: 4, peerWindow: 128_000, segmentSize: 988, announcedSegmentSize: 1460,
      pathMtu: 1500, rtt: 20 * MS, rttVariation: 10 * MS, minRtt: 20 * MS, rto: 200 * MS, congestionWindow: 9880, slowStartThreshold: null, segmentsUnacknowledged: 0, window: 65_535,
      sendBufferSize: 131_072, receiveBufferSize: 65_536, bytesUnsent: 0, busyTime: 0, segmentsSent: 1, segmentsReceived: 2, dataSegmentsSent: 0, pacingRate: null, deliveryRate: null,
    });
    expect(s.socket.tcpInfo(2, s.now)).toBeNull();
  });

  test("what is outstanding is counted in segments: sent, selectively acknowledged, lost, and sent again", () => {
    const s = new Script().establishedAfter(20 * MS, {});
    s.write(8000);
    s.discard();
    expect(info(s)).toMatchObject({ segmentsUnacknowledged: 8, segmentsSacked: 0, segmentsLost: 0, bytesInFlight: 8000, bytesUnsent: 0, dataSegmentsSent: 8, sinceDataSent: 0 });
    s.advance(20 * MS).inject({ seq: 1, ack: 1, sack: [1001, 2001] });
    expect(info(s)).toMatchObject({ recovery: "disorder", segmentsSacked: 1, bytesDelivered: 1000, bytesAcknowledged: 0 });
    s.inject({ seq: 1, ack: 1, sack: [1001, 4001] });
    expect(info(s)).toMatchObject({ recovery: "recovery", segmentsUnacknowledged: 8, segmentsSacked: 3, segmentsRepeated: 1, retransmissions: 1, bytesRetransmitted: 1000, bytesDelivered: 3000 });
    // The first one was only late: what was sent again is reported as a duplicate.
    s.advance(10 * MS).inject({ seq: 1, ack: 4001 }).inject({ seq: 1, ack: 4001, sack: [1, 1001] });
    expect(info(s)).toMatchObject({ segmentsUnacknowledged: 4, duplicateSacks: 1, bytesAcknowledged: 4000, timeoutsTotal: 0 });
  });

  test("timeouts are counted, with their series and how long these took", () => {
    const s = new Script().establishedAfter(20 * MS, {});
    s.write(500).advance(3 * SECOND);
    expect(info(s)).toMatchObject({ recovery: "loss", timeoutSeries: 1, timeoutTime: 0 });
    const { timeouts, timeoutsTotal, backoff, retransmissions } = info(s);
    expect([timeouts, backoff, retransmissions >= timeouts]).toEqual([timeoutsTotal, timeoutsTotal, true]);
    expect(timeoutsTotal).toBeGreaterThan(1);
    s.inject({ seq: 1, ack: 501 });
    expect(info(s)).toMatchObject({ timeouts: 0, timeoutsTotal, timeoutSeries: 1, segmentsUnacknowledged: 0 });
    expect(info(s).timeoutTime / SECOND).toBeCloseTo(2.75, 1);
    expect(info(s).busyTime).toBe(3 * SECOND);
  });

  test("a SYN that was lost is a timeout, too", () => {
    const s = new Script().connect();
    s.advance(1500 * MS).inject({ flags: "SA", seq: 0, ack: 1, mss: 1000 });
    expect(info(s)).toMatchObject({ state: "ESTABLISHED", synRetransmissions: 1, retransmissions: 1, timeoutsTotal: 1, timeoutSeries: 1, timeoutTime: 500 * MS });
  });

  test("time in which the peer's window held data back", () => {
    const s = new Script().establishedAfter(20 * MS, {}, 2000);
    s.write(5000).advance(30 * MS).inject({ seq: 1, ack: 2001, win: 0 }).advance(70 * MS);
    expect(info(s)).toMatchObject({ busyTime: 100 * MS, windowLimitedTime: 100 * MS, bytesUnsent: 3000, peerWindow: 0 });
    s.inject({ seq: 1, ack: 2001, win: 10_000 }).advance(10 * MS);
    expect(info(s)).toMatchObject({ busyTime: 110 * MS, windowLimitedTime: 100 * MS, bytesUnsent: 0 });
    s.inject({ seq: 1, ack: 5001, win: 10_000 }).advance(50 * MS);
    expect(info(s)).toMatchObject({ busyTime: 110 * MS });
  });

  test("time in which the send buffer was too small for what the application would write", () => {
    const s = new Script({ sendBuffer: { initial: 3000, max: 3000, autoTune: false } }).establishedAfter(20 * MS, {});
    s.socket.write(Payload.virtual(5000), true, s.now);
    s.poll();
    s.advance(40 * MS);
    expect(info(s)).toMatchObject({ bufferLimitedTime: 40 * MS, busyTime: 40 * MS, windowLimitedTime: 0 });
    s.inject({ seq: 1, ack: 3001 }).advance(40 * MS);
    expect(info(s)).toMatchObject({ bufferLimitedTime: 40 * MS, busyTime: 40 * MS });
  });

  test("what arrives: segments, those behind a gap, and when", () => {
    const s = new Script().establishedAfter(20 * MS, {});
    s.inject({ seq: 1, ack: 1, len: 1000 }).inject({ seq: 2001, ack: 1, len: 700 }).advance(60 * MS);
    expect(info(s)).toMatchObject({ dataSegmentsReceived: 2, outOfOrderSegments: 1, bytesReceived: 1000, receivedSegmentSize: 1000, sinceDataReceived: 60 * MS, sinceHeard: 60 * MS });
  });
});

describe("the same under Linux's names", () => {
  test("is in Linux's units: microseconds, milliseconds, segments", () => {
    const s = new Script().establishedAfter(20 * MS, { ws: 7 }, 1000);
    s.write(4000).advance(5 * MS);
    expect(linuxTcpInfo(info(s))).toMatchObject({
      tcpi_state: 1, tcpi_ca_state: 0, tcpi_options: 6, tcpi_snd_wscale: 7, tcpi_rtt: 20_000, tcpi_rttvar: 10_000, tcpi_snd_cwnd: 10, tcpi_snd_ssthresh: 0x7fff_ffff, tcpi_unacked: 4,
      tcpi_last_data_sent: 5, tcpi_rto: 200_000, tcpi_snd_mss: 1000, tcpi_advmss: 1460, tcpi_min_rtt: 20_000, tcpi_data_segs_out: 4, tcpi_busy_time: 5000, tcpi_bytes_sent: 4000,
    });
  });

  test("has no rate where none is measured", () => {
    const s = new Script().establishedAfter(20 * MS, {});
    expect(Object.keys(linuxTcpInfo(info(s))).filter((name) => name.endsWith("_rate"))).toEqual([]);
    expect(linuxTcpInfo({ ...info(s), pacingRate: 1e6, deliveryRate: 2e6 })).toMatchObject({ tcpi_pacing_rate: 1e6, tcpi_delivery_rate: 2e6 });
  });
});
