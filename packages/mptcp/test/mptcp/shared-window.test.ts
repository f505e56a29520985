import { describe, expect, test } from "vitest";
import { MILLISECOND, SECOND } from "../../src/core/index.ts";
import { roundRobin } from "../../src/mptcp/index.ts";
import type { MptcpConfig } from "../../src/mptcp/index.ts";
import { BulkSender, multiPath, Simulation, Sink } from "../../src/sim/index.ts";
import type { AccessPath } from "../../src/sim/index.ts";
import { newReno } from "../../src/tcp/index.ts";

/**
 * Wi-Fi and 3G with fixed buffers (NSDI'12, figure "goodput against receive buffer"): data that waits for 3G blocks the shared window,
 * unless it is resent over Wi-Fi and 3G is penalised.
 */
const WIFI: AccessPath = { rate: 8e6, delay: 10 * MILLISECOND, queue: { packets: 80 } };
const UMTS: AccessPath = { rate: 2e6, delay: 75 * MILLISECOND, queue: { packets: 500 } };

/** Application Mb/s over virtual seconds 20 to 80. */
function goodput(paths: readonly AccessPath[], buffer: number, mptcp: Partial<MptcpConfig> | null): number {
  const simulation = new Simulation({ seed: 1 });
  const fixed = { initial: buffer, max: buffer, autoTune: false };
  const settings = { tcp: { receiveBuffer: fixed, sendBuffer: fixed, ...(mptcp === null ? { congestion: newReno } : {}) }, mptcp: mptcp ?? {} };
  const network = multiPath(simulation, { paths, client: settings, server: settings });
  const sink = new Sink();
  const multipath = mptcp !== null;
  network.server.listen(80, () => sink, { multipath });
  const address = network.serverAddresses[0]?.[0];
  if (address === undefined) throw new Error("no server address");
  network.client.connect(address, 80, new BulkSender(), { multipath });
  simulation.run(20 * SECOND);
  const before = sink.bytesRead;
  simulation.run(80 * SECOND);
  return ((sink.bytesRead - before) * 8) / 60 / 1e6;
}

const alone = new Map<number, number>();

/** TCP over Wi-Fi with that buffer. */
function tcpOverWifi(kilobytes: number): number {
  const known = alone.get(kilobytes) ?? goodput([WIFI], kilobytes * 1000, null);
  alone.set(kilobytes, known);
  return known;
}

const NEITHER: Partial<MptcpConfig> = { opportunisticRetransmission: false, penalisation: false };

describe("the shared window over Wi-Fi and 3G", () => {
  test.each([50, 100, 200, 300, 500, 700, 1000])("with both mechanisms, %i KB of buffer are worth at least 0.97 of TCP over Wi-Fi", (kilobytes) => {
    const tcp = tcpOverWifi(kilobytes);
    expect(tcp).toBeGreaterThan(7.5);
    expect(goodput([WIFI, UMTS], kilobytes * 1000, {})).toBeGreaterThanOrEqual(0.97 * tcp);
  });

  test.each([200, 300])("without them, %i KB are worth clearly less", (kilobytes) => {
    const tcp = tcpOverWifi(kilobytes);
    expect(goodput([WIFI, UMTS], kilobytes * 1000, NEITHER)).toBeLessThan(0.85 * tcp);
  });

  // At 100 KB Wi-Fi's window takes all that the buffer holds, and the default scheduler gives 3G nothing. One that uses every path shows it.
  test.each([100, 200, 300])("without them, and a scheduler that fills both paths, %i KB are worth clearly less", (kilobytes) => {
    const tcp = tcpOverWifi(kilobytes);
    expect(goodput([WIFI, UMTS], kilobytes * 1000, { ...NEITHER, scheduler: roundRobin })).toBeLessThan(0.85 * tcp);
  });
});
