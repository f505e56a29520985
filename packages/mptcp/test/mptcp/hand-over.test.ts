import { describe, expect, test } from "vitest";
import { MILLISECOND, SECOND } from "../../src/core/index.ts";
import type { MptcpConnection } from "../../src/mptcp/index.ts";
import { BulkSender, multiPath, Simulation, Sink } from "../../src/sim/index.ts";
import type { MultiPath } from "../../src/sim/index.ts";

/** Wi-Fi and LTE, a download, and something that happens to Wi-Fi at 3 s. */
function handOver(seed: number, options: { readonly backup?: boolean; readonly happens: (network: MultiPath, simulation: Simulation) => void }): { readonly sink: Sink; readonly wifiRto: number; readonly lteRtt: number; readonly lteBytes: number } {
  const simulation = new Simulation({ seed });
  const network = multiPath(simulation, {
    paths: [
      { name: "wifi", rate: 8e6, delay: 10 * MILLISECOND, queue: { packets: 80 } },
      { name: "lte", rate: 20e6, delay: 30 * MILLISECOND, queue: { packets: 100 } },
    ],
    serverAddresses: 1,
    client: { tcp: { minRto: 200 * MILLISECOND } },
    server: { tcp: { minRto: 200 * MILLISECOND } },
  });
  const sender = new BulkSender({ bytes: 16e6 });
  network.server.listen(80, () => sender);
  const sink = new Sink();
  const address = network.serverAddresses[0]?.[0];
  if (address === undefined) throw new Error("no server address");
  const lte = network.clientAddresses[1]?.[0];
  if (options.backup === true && lte !== undefined) network.client.addAddress(lte, { link: 1, flags: { backup: true } });
  network.client.connect(address, 80, sink);
  let wifiRto = 0;
  let lteRtt = 0;
  simulation.at(3 * SECOND, () => {
    const { subflows } = sender.connection as MptcpConnection;
    expect(subflows.map((subflow) => subflow.pathIndex)).toEqual([1, 2]);
    wifiRto = subflows[0]?.tcp.rto ?? 0;
    lteRtt = subflows[1]?.tcp.srtt ?? 0;
    options.happens(network, simulation);
  });
  simulation.run(60 * SECOND);
  expect(sink.bytesRead).toBe(16e6);
  expect(sink.error).toBeNull();
  return { sink, wifiRto, lteRtt, lteBytes: network.access[1]?.backward.bytesDelivered ?? 0 };
}

describe("hand-over", () => {
  test.each([1, 2, 3, 4, 5])("a path that dies silently costs less than twice its RTO (seed %i)", (seed) => {
    const { sink, wifiRto, lteBytes } = handOver(seed, { happens: (network, simulation) => network.access[0]?.down(simulation.now) });
    expect(wifiRto).toBeGreaterThanOrEqual(200 * MILLISECOND);
    expect(sink.maxStall).toBeLessThan(2 * wifiRto);
    expect(lteBytes).toBeGreaterThan(13e6);
  });

  test.each([1, 2, 3, 4, 5])("REMOVE_ADDR costs less than three round trips of the surviving path (seed %i)", (seed) => {
    const { sink, lteRtt } = handOver(seed, {
      happens: (network) => {
        const address = network.clientAddresses[0]?.[0];
        if (address !== undefined) network.client.removeAddress(address);
      },
    });
    expect(lteRtt).toBeGreaterThanOrEqual(60 * MILLISECOND);
    expect(sink.maxStall).toBeLessThan(3 * lteRtt);
  });

  test.each([1, 2, 3])("so it does when the other path is a backup, which carries nothing before (seed %i)", (seed) => {
    let before = -1;
    const { sink, wifiRto, lteBytes } = handOver(seed, {
      backup: true,
      happens: (network, simulation) => {
        before = network.access[1]?.backward.bytesDelivered ?? -1;
        network.access[0]?.down(simulation.now);
      },
    });
    expect(before).toBeLessThan(2000);
    expect(lteBytes).toBeGreaterThan(10e6);
    expect(sink.maxStall).toBeLessThan(2 * wifiRto);
  });

  test("the other path dies instead, and comes back", () => {
    const { sink } = handOver(1, {
      happens: (network, simulation) => {
        network.access[1]?.down(simulation.now);
        simulation.after(4 * SECOND, (now) => network.access[1]?.up(now));
      },
    });
    expect(sink.maxStall).toBeLessThan(1 * SECOND);
  });
});
