import { describe, expect, test } from "vitest";
import { BulkWriter, MILLISECOND, Pair, readAll, SECOND } from "./harness.ts";
import type { PairOptions } from "./harness.ts";

const FIXED = { initial: 16e6, max: 16e6, autoTune: false };

/** Bits per second that arrived between `from` and `to`. */
function goodput(options: PairOptions, from: number, to: number): { bps: number; pair: Pair } {
  const pair = new Pair(options).establish();
  const writer = new BulkWriter(Number.MAX_SAFE_INTEGER, false);
  let early = 0;
  let total = 0;
  pair.application = ({ now, a, b }) => {
    writer.run(a, now);
    total += readAll(b, now);
    if (now < from) early = total;
  };
  pair.runTo(to);
  return { bps: ((total - early) * 8 * SECOND) / (to - from), pair };
}

describe("bulk throughput", () => {
  test("fills a 10 Mb/s, 40 ms link with one bandwidth-delay product of buffer", () => {
    const { bps, pair } = goodput(
      { forward: { delay: 20 * MILLISECOND, rate: 10e6, queue: 50_000 }, backward: { delay: 20 * MILLISECOND } },
      5 * SECOND, 65 * SECOND,
    );
    // Of the link's bits a share of 1448/1500 is payload.
    expect(bps / (10e6 * (1448 / 1500))).toBeGreaterThan(0.97);
    expect(pair.a.tcp.backoff).toBe(0);
    expect(pair.client.environment.counters.value("TcpExtTCPTimeouts")).toBeLessThanOrEqual(1);
  });

  test("fills it without SACK and timestamps, too", () => {
    const { bps } = goodput(
      { client: { sack: false, timestamps: false }, forward: { delay: 20 * MILLISECOND, rate: 10e6, queue: 50_000 }, backward: { delay: 20 * MILLISECOND } },
      5 * SECOND, 65 * SECOND,
    );
    expect(bps / (10e6 * (1460 / 1500))).toBeGreaterThan(0.9);
  });

  test("fills a fast link with super-segments", () => {
    const { bps } = goodput(
      {
        client: { segmentationLimit: 65000 }, server: { segmentationLimit: 65000 },
        forward: { delay: 5 * MILLISECOND, rate: 1e9, queue: 1_250_000 }, backward: { delay: 5 * MILLISECOND },
      },
      2 * SECOND, 5 * SECOND,
    );
    expect(bps).toBeGreaterThan(0.95e9);
  });

  test("fills it, too, when the link cuts super-segments and drops pieces", () => {
    const { bps, pair } = goodput(
      { client: { segmentationLimit: 65000 }, forward: { delay: 5 * MILLISECOND, rate: 200e6, queue: 250_000, cut: 1448 }, backward: { delay: 5 * MILLISECOND } },
      2 * SECOND, 8 * SECOND,
    );
    expect(bps).toBeGreaterThan(0.93 * 200e6 * (1448 / 1500));
    expect(pair.client.environment.counters.value("TcpExtTCPTimeouts")).toBe(0);
    // Only the pieces that were lost are sent again.
    expect(pair.a.tcp.bytesRetransmitted).toBeLessThanOrEqual(pair.forward.dropped * 1448 * 1.1);
  });

  test("crosses 4 GiB", () => {
    const pair = new Pair({ client: { segmentationLimit: 65000, sendBuffer: FIXED }, server: { receiveBuffer: FIXED }, forward: { delay: MILLISECOND, rate: 100e9, drop: (_, i) => i % 5000 === 4999 } }).establish();
    const total = 4.4e9;
    const writer = new BulkWriter(total, true);
    let received = 0;
    pair.application = ({ now, a, b }) => {
      writer.run(a, now);
      received += readAll(b, now);
      if (b.ended) b.end(now);
    };
    expect(pair.runUntil(() => pair.b.closed, 100 * SECOND)).toBe(true);
    expect(received).toBe(total);
    expect(pair.a.tcp.ackedOffset).toBe(total);
    expect(pair.client.environment.counters.value("TcpExtTCPTimeouts")).toBe(0);
  });

  test("under random loss it follows the square-root model", () => {
    // Mathis et al.: MSS/RTT * sqrt(3/2)/sqrt(p) with an ACK per segment; delayed ACKs make it sqrt(3/4) without byte counting.
    const loss = 0.01;
    const { bps } = goodput(
      { forward: { delay: 25 * MILLISECOND, loss }, backward: { delay: 25 * MILLISECOND }, seed: 7 }, 10 * SECOND, 310 * SECOND,
    );
    const model = ((1448 * 8) / 0.05) * Math.sqrt(1.5 / loss);
    expect(bps / model).toBeGreaterThan(0.75);
    expect(bps / model).toBeLessThan(1.35);
  });
});
