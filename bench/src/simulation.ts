import { newReno, SECOND } from "mptcp";
import { BulkSender, chain, multiPath, Simulation, Sink } from "mptcp/sim";
import type { SimHost } from "mptcp/sim";
import type { IpAddress } from "mptcp/wire";
import { spread } from "./statistics.ts";

/**
 * Simulation speed: how much virtual traffic one core works through in a second of wall time, with both ends' full work and the
 * acknowledgments included, and whether memory stays where it is.
 */
export function measureSimulation(rounds: number): void {
  report("two-paths, 2 x 1 Gb/s, virtual payload", rounds, buildTwoPaths, 4);
  report("chain of 8 routers, 1 Gb/s, plain TCP", rounds, buildChain, 8);
  memory(Number(process.env["BENCH_MINUTES"] ?? 10));
}

interface Run {
  readonly simulation: Simulation;
  readonly sink: Sink;
  /** Data segments delivered to the server so far. */
  segments(): number;
}

function report(title: string, rounds: number, build: () => Run, seconds: number): void {
  const segmentRates: number[] = [];
  const hopRates: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const run = build();
    // Past slow start, and with the compiler warm.
    run.simulation.run(SECOND);
    const segments = run.segments();
    const hops = run.simulation.statistics.packetHops;
    const started = process.hrtime.bigint();
    run.simulation.run((1 + seconds) * SECOND);
    const wall = Number(process.hrtime.bigint() - started) / 1e9;
    segmentRates.push((run.segments() - segments) / wall);
    hopRates.push((run.simulation.statistics.packetHops - hops) / wall);
  }
  console.log(`${title}: ${spread(segmentRates, 0)} data segments/s, ${spread(hopRates, 0)} packet-hops/s (median [min..max] of ${rounds}, ${seconds} virtual s)`);
}

function buildTwoPaths(rate = 1e9): Run {
  const simulation = new Simulation({ seed: 1 });
  const link = { rate, delay: 10e6, queue: { packets: Math.round((rate * 0.02) / 12000) } };
  const network = multiPath(simulation, { paths: [link, link] });
  return start(simulation, network.client, network.server, network.serverAddresses[0]?.[0], true, () => network.access.reduce((sum, l) => sum + l.forward.statistics(simulation.now).packetsDelivered, 0));
}

function buildChain(): Run {
  const simulation = new Simulation({ seed: 1 });
  const tcp = { congestion: newReno };
  const network = chain(simulation, { routers: 8, link: { rate: 1e9, delay: 1e6, queue: { packets: 1500 } }, client: { tcp }, server: { tcp } });
  return start(simulation, network.client, network.server, network.serverAddresses[0], false, () => network.links[0]?.forward.statistics(simulation.now).packetsDelivered ?? 0);
}

function start(simulation: Simulation, client: SimHost, server: SimHost, address: IpAddress | undefined, multipath: boolean, segments: () => number): Run {
  if (address === undefined) throw new Error("the server has no address");
  const sink = new Sink();
  server.listen(80, () => sink, { multipath });
  client.connect(address, 80, new BulkSender(), { multipath });
  return { simulation, sink, segments };
}

/** Heap after a forced collection at virtual minutes 2 and `minutes`. */
function memory(minutes: number): void {
  const { gc } = globalThis;
  if (gc === undefined) {
    console.log("memory: skipped, run with node --expose-gc");
    return;
  }
  const { simulation } = buildTwoPaths(50e6);
  const heapAt = (minute: number): number => {
    simulation.run(minute * 60 * SECOND);
    gc();
    gc();
    return process.memoryUsage().heapUsed;
  };
  const early = heapAt(2);
  const late = heapAt(minutes);
  console.log(`memory, two paths of 50 Mb/s: heap ${(early / 1e6).toFixed(2)} MB at minute 2, ${(late / 1e6).toFixed(2)} MB at minute ${minutes} (${(((late - early) / early) * 100).toFixed(1)} %)`);
}
