import { describe, expect, test } from "vitest";
import { BulkSender, multiPath, Simulation, Sink } from "../../../src/sim/index.ts";
import type { SimHost } from "../../../src/sim/index.ts";
import { cubic, newReno } from "../../../src/tcp/index.ts";
import { Payload } from "../../../src/wire/index.ts";
import { MILLISECOND, SECOND } from "./ack-clock.ts";
import { runFlows } from "./flows.ts";

/** Seconds that a transfer of three times what the paths hold takes, with a queue of as much. */
function transfer(rate: number, rtt: number, paths: number, segmentation: boolean): number {
  const simulation = new Simulation({ seed: 1 });
  const bdp = (rate * rtt) / 8000;
  const path = { rate, delay: (rtt / 2) * MILLISECOND, queue: { packets: Math.max(50, Math.ceil(bdp / 1500)) }, segmentation };
  const { client, server, serverAddresses } = multiPath(simulation, { paths: Array.from({ length: paths }, () => path) });
  const sink = new Sink();
  const bytes = Math.ceil(3 * bdp * paths);
  server.listen(80, () => sink, { multipath: paths > 1 });
  client.connect(serverAddresses[0]![0]!, 80, new BulkSender({ bytes }), { multipath: paths > 1 });
  simulation.runUntil(() => sink.bytesRead === bytes, 60 * SECOND);
  expect(sink.bytesRead).toBe(bytes);
  return simulation.now / SECOND;
}

describe("slow start over super-segments", () => {
  const grid = [20, 50, 100, 200, 300].flatMap((rtt) => [50e6, 500e6].flatMap((rate) => [1, 2].map((paths) => [rate, rtt, paths] as const)));

  test.each(grid)("%i b/s, %i ms, %i paths: takes no more than 1.1 of the time without", (rate, rtt, paths) => {
    expect(transfer(rate, rtt, paths, true) / transfer(rate, rtt, paths, false)).toBeLessThan(1.1);
  });
});

describe("the end of the first slow start", () => {
  test.each([[20e6, 40], [100e6, 20], [50e6, 100], [200e6, 50]])("%i b/s, %i ms: loses eight packets at the most where the queue holds as much as the path", (rate, rtt) => {
    for (const queue of [1, 2]) {
      const { overflowed, share } = runFlows({ congestion: cubic, rate, rtt, queue, seed: 1, from: 1, to: 3 });
      expect(overflowed).toBeLessThanOrEqual(8);
      expect(share).toBeGreaterThan(0.9);
    }
  });
});

describe("after ten seconds of silence", () => {
  /** A path of 20 Mb/s and 40 ms whose queue has 20 packets, after a transfer, a pause, and another transfer. */
  function afterPause(pacing: "off" | "bursts"): { readonly dropped: number; readonly time: number } {
    const simulation = new Simulation({ seed: 1 });
    const tcp = { pacing, congestion: newReno };
    const { access, client, server, serverAddresses } = multiPath(simulation, { paths: [{ rate: 20e6, delay: 20 * MILLISECOND, queue: { packets: 20 } }], client: { tcp }, server: { tcp } });
    const sink = new Sink();
    server.listen(80, () => sink, { multipath: false });
    const connection = client.connect(serverAddresses[0]![0]!, 80, new BulkSender({ bytes: 2_000_000, end: false }), { multipath: false });
    simulation.run(12 * SECOND);
    const before = access[0]!.forward.statistics(simulation.now).droppedQueue;
    write(client, connection, 100_000, simulation.now);
    const start = simulation.now;
    simulation.runUntil(() => sink.bytesRead === 2_100_000, 30 * SECOND);
    return { dropped: access[0]!.forward.statistics(simulation.now).droppedQueue - before, time: simulation.now - start };
  }

  function write(client: SimHost, connection: ReturnType<SimHost["connect"]>, bytes: number, now: number): void {
    connection.write(Payload.virtual(bytes), true, now);
    client.poke();
  }

  test("a window that no ACKs pace overflows the queue, unless it is spread over the round trip, as it is by default", () => {
    const burst = afterPause("off");
    const paced = afterPause("bursts");
    expect(burst.dropped).toBeGreaterThan(0);
    expect(paced.dropped).toBe(0);
    expect(paced.time).toBeLessThan(burst.time);
  });
});
