import { MILLISECOND, SECOND } from "../core/index.ts";
import { BulkSender, dumbbell, multiPath, queueDisciplines, RequestClient, RequestServer, Simulation, Sink } from "../sim/index.ts";
import type { AccessPath, Application, MultiPath } from "../sim/index.ts";
import type { CongestionControlFactory, TcpConfig } from "../tcp/index.ts";
import { cubic, TcpSocket } from "../tcp/index.ts";
import type { Problem } from "./congestion-rules.ts";
import { Watch, watched } from "./watched-control.ts";

/** Buffers at both ends, bytes: they bound what an unbounded window does. */
const BUFFER = 1_000_000;
/** A window beyond this is never in use: slow start goes on up to twice what is in flight. */
export const MOST_WINDOW = 4 * BUFFER;

/** What a run saw. */
export interface RunResult {
  readonly watch: Watch;
  readonly problems: readonly Problem[];
}

/** A run of a controller in a small network of virtual time. */
export interface CongestionRun {
  readonly name: string;
  readonly run: (factory: CongestionControlFactory) => RunResult;
}

/** 20 Mb/s, 40 ms there and back, and a queue of as much as the path holds: 70 packets. */
const PATH: AccessPath = { rate: 20e6, delay: 20 * MILLISECOND, queue: { packets: 70 } };

/** All of them. Each ends by itself, whatever the controller does, as long as that returns. */
export const CONGESTION_RUNS: readonly CongestionRun[] = [
  {
    name: "a clean path",
    run: (factory) => {
      const bulk = new Bulk(factory, { paths: [PATH] });
      // Just after the handshake.
      const initial = bulk.windowAt(45 * MILLISECOND);
      bulk.simulation.run(4 * SECOND);
      const problems: Problem[] = [];
      const share = bulk.rate(8 * SECOND) / (PATH.rate as number);
      if (bulk.mostWindow <= initial) problems.push({ rule: "growth", problem: `the window does not grow: ${initial} bytes in the beginning, never more than ${bulk.mostWindow}` });
      if (share < FILLS) problems.push({ rule: "growth", problem: `it fills ${percent(share)} of the link, and should fill ${percent(FILLS)}` });
      return bulk.result(problems);
    },
  },
  {
    name: "random loss of 1 %",
    run: (factory) => {
      const bulk = new Bulk(factory, { paths: [{ ...PATH, loss: 0.01 }] });
      bulk.simulation.run(3 * SECOND);
      const share = bulk.rate(15 * SECOND) / (PATH.rate as number);
      // Standard TCP comes to some 16 % there (RFC 5348's equation).
      return bulk.result(share < SURVIVES ? [{ rule: "random loss", problem: `it gets ${percent(share)} of the link, and should get ${percent(SURVIVES)}` }] : []);
    },
  },
  {
    name: "an outage of two seconds",
    run: (factory) => {
      const bulk = new Bulk(factory, { paths: [PATH], bytes: 8_000_000 });
      bulk.link(SECOND, (network, now) => network.access[0]?.down(now));
      bulk.link(3 * SECOND, (network, now) => network.access[0]?.up(now));
      return bulk.result(bulk.unfinished(30 * SECOND), "onTimeout");
    },
  },
  {
    name: "reordering",
    run: (factory) => {
      const bulk = new Bulk(factory, { paths: [{ ...PATH, detour: { probability: 0.005, extraDelay: 30 * MILLISECOND }, duplicate: 0.01 }], bytes: 5_000_000 });
      return bulk.result(bulk.unfinished(30 * SECOND), "onSpurious");
    },
  },
  {
    name: "no SACK, no timestamps",
    run: (factory) => {
      const bulk = new Bulk(factory, { paths: [{ ...PATH, loss: 0.003 }], bytes: 4_000_000, tcp: { sack: false, timestamps: false } });
      return bulk.result(bulk.unfinished(60 * SECOND), "onLoss", "onRecovered");
    },
  },
  {
    name: "super-segments, many segments to an ACK",
    run: (factory) => {
      const bulk = new Bulk(factory, { paths: [{ ...PATH, segmentation: true, loss: 0.002 }], bytes: 8_000_000 });
      return bulk.result(bulk.unfinished(30 * SECOND));
    },
  },
  {
    name: "a path MTU that shrinks",
    run: (factory) => {
      const bulk = new Bulk(factory, { paths: [PATH], bytes: 6_000_000 });
      bulk.link(SECOND, (network, now) => network.serverLinks[0]?.change({ mtu: 900 }, now));
      return bulk.result(bulk.unfinished(30 * SECOND), "onMss");
    },
  },
  {
    name: "requests with pauses",
    run: (factory) => {
      const request = { request: 3000, response: 200 };
      const client = new RequestClient({ ...request, count: REQUESTS, thinkTime: 300 * MILLISECOND });
      const bulk = new Bulk(factory, { paths: [PATH], applications: [client, new RequestServer(request)] });
      bulk.simulation.run(60 * SECOND);
      return bulk.result(client.durations.length === REQUESTS ? [] : [{ rule: "progress", problem: "the requests do not come to an end" }], "onIdleRestart");
    },
  },
  {
    name: "two subflows",
    run: (factory) => {
      const bulk = new Bulk(factory, { paths: [PATH, { ...PATH, rate: 8e6, delay: 40 * MILLISECOND, loss: 0.002 }], bytes: 10_000_000, multipath: true });
      return bulk.result(bulk.unfinished(60 * SECOND));
    },
  },
  ...(["on", "accurate"] as const).map((ecn): CongestionRun => ({
    name: ecn === "on" ? "a queue that marks" : "a queue that marks, and accurate ECN",
    run: (factory) => {
      const bulk = new Bulk(factory, { paths: [{ ...PATH, discipline: queueDisciplines.threshold({ packets: 35 }) }], tcp: { ecn } });
      bulk.simulation.run(6 * SECOND);
      const lost = bulk.lost;
      const share = bulk.rate(12 * SECOND) / (PATH.rate as number);
      const problems: Problem[] = [];
      if (share < FILLS) problems.push({ rule: "marks", problem: `it fills ${percent(share)} of the link, and should fill ${percent(FILLS)}` });
      if (bulk.lost > lost && !bulk.watch.isPaced) problems.push({ rule: "marks", problem: `${bulk.lost - lost} packets found the queue full, though all could be marked` });
      return bulk.result(problems, "onMarked");
    },
  })),
  {
    name: "two connections that share a link",
    run: sharing,
  },
  {
    name: "an exchange while data flows",
    run: (factory) => {
      const bulk = new Bulk(cubic, { paths: [{ ...PATH, loss: 0.002 }], bytes: 8_000_000 });
      const watch = new Watch(MOST_WINDOW);
      bulk.exchange(SECOND, watched(factory, watch));
      bulk.exchange(2 * SECOND, cubic);
      bulk.exchange(2500 * MILLISECOND, watched(factory, watch));
      const problems = bulk.unfinished(60 * SECOND);
      if (!watch.called.has("onAck")) problems.push({ rule: "events", problem: "it was never told of an ACK" });
      return { watch, problems };
    },
  },
];

/** The run whose calls are played again: growth, losses, an outage, a pause. */
export function tracedRun(factory: CongestionControlFactory): Watch {
  const bulk = new Bulk(factory, { paths: [PATH], bytes: 8_000_000, keep: true });
  bulk.link(1500 * MILLISECOND, (network, now) => network.access[0]?.change({ loss: 0.01 }, now));
  bulk.link(3 * SECOND, (network, now) => network.access[0]?.down(now));
  bulk.link(4 * SECOND, (network, now) => network.access[0]?.up(now));
  bulk.simulation.run(30 * SECOND);
  return bulk.watch;
}

interface BulkOptions {
  readonly paths: readonly AccessPath[];
  /** Bytes to transfer; without end unless given. */
  readonly bytes?: number;
  readonly tcp?: Partial<TcpConfig>;
  readonly multipath?: boolean;
  /** Instead of a bulk transfer. */
  readonly applications?: readonly [client: Application, server: Application];
  readonly keep?: boolean;
}

/** A transfer from a client to a server. */
class Bulk {
  readonly simulation = new Simulation({ seed: 3 });
  readonly watch = new Watch(MOST_WINDOW);
  /** The largest window that {@link Bulk.rate} saw, bytes. */
  mostWindow = 0;
  private readonly network: MultiPath;
  private readonly sink = new Sink();
  private readonly bytes: number;
  private readonly socket: TcpSocket | null;

  constructor(factory: CongestionControlFactory, options: BulkOptions) {
    const fixed = { initial: BUFFER, max: BUFFER, autoTune: false };
    const congestion = watched(factory, this.watch, options.keep ?? false);
    const tcp = { sendBuffer: fixed, receiveBuffer: fixed, ...options.tcp };
    const multipath = options.multipath ?? false;
    this.bytes = options.bytes ?? Number.POSITIVE_INFINITY;
    this.network = multiPath(this.simulation, { paths: options.paths, client: { tcp: { ...tcp, congestion }, mptcp: { congestion } }, server: { tcp } });
    const [client, server] = options.applications ?? [new BulkSender({ bytes: this.bytes }), this.sink];
    this.network.server.listen(80, () => server, { multipath });
    const address = this.network.serverAddresses[0]?.[0];
    if (address === undefined) throw new Error("the server has no address");
    const connection = this.network.client.connect(address, 80, client, { multipath });
    this.socket = connection instanceof TcpSocket ? connection : null;
  }

  /** Runs on; the window then, bytes. */
  windowAt(time: number): number {
    this.simulation.run(time);
    return this.socket === null ? 0 : this.socket.tcp.congestion.window;
  }

  /** Runs for a while; bits of payload per second that arrived in it. */
  rate(duration: number): number {
    const before = this.sink.bytesRead;
    const start = this.simulation.now;
    for (let at = start; at < start + duration; at += 100 * MILLISECOND) this.mostWindow = Math.max(this.mostWindow, this.windowAt(at));
    this.simulation.run(start + duration);
    return ((this.sink.bytesRead - before) * 8 * SECOND) / duration;
  }

  /** Packets that found the queue of the first path full. */
  get lost(): number {
    return this.network.access[0]?.forward.statistics(this.simulation.now).droppedQueue ?? 0;
  }

  /** Something happens to a link. */
  link(at: number, change: (network: MultiPath, now: number) => void): void {
    this.simulation.at(at, (now) => change(this.network, now));
  }

  /** The connection gets another congestion control. */
  exchange(at: number, factory: CongestionControlFactory): void {
    this.simulation.at(at, (now) => {
      this.socket?.tcp.replaceCongestion(factory, now);
      this.network.client.poke();
    });
  }

  /** Runs until all has arrived, and says so if it does not. */
  unfinished(limit: number): Problem[] {
    this.simulation.runUntil(() => this.sink.bytesRead === this.bytes, limit);
    return this.sink.bytesRead === this.bytes ? [] : [{ rule: "progress", problem: `${this.sink.bytesRead} of ${this.bytes} bytes arrived in ${limit / SECOND} s` }];
  }

  /** @param calls what a controller must have heard of, so that the run is about what it says */
  result(problems: readonly Problem[], ...calls: readonly string[]): RunResult {
    const missing = calls.filter((name) => !this.watch.called.has(name)).map((name): Problem => ({ rule: "events", problem: `the run has no ${name}` }));
    return { watch: this.watch, problems: [...problems, ...missing] };
  }
}

/** Two connections of the same kind at one bottleneck: neither may starve. */
function sharing(factory: CongestionControlFactory): RunResult {
  const simulation = new Simulation({ seed: 5 });
  const watch = new Watch(MOST_WINDOW);
  const fixed = { initial: BUFFER, max: BUFFER, autoTune: false };
  const { left, right, rightAddresses } = dumbbell(simulation, {
    pairs: 2,
    bottleneck: PATH,
    access: { jitter: 2 * MILLISECOND },
    hosts: { tcp: { congestion: watched(factory, watch), sendBuffer: fixed, receiveBuffer: fixed } },
  });
  const sinks = right.map((host, i) => {
    const sink = new Sink();
    const address = rightAddresses[i]?.[0];
    if (address === undefined) throw new Error("a host has no address");
    host.listen(80, () => sink, { multipath: false });
    simulation.at(i * SECOND, () => {
      left[i]?.connect(address, 80, new BulkSender(), { multipath: false });
      left[i]?.poke();
    });
    return sink;
  });
  simulation.run(SETTLED);
  const before = sinks.map((sink) => sink.bytesRead);
  simulation.run(SETTLED + SHARED);
  const gained = sinks.map((sink, i) => sink.bytesRead - (before[i] ?? 0));
  const total = gained.reduce((sum, bytes) => sum + bytes, 0);
  const problems: Problem[] = [];
  const share = (total * 8 * SECOND) / SHARED / (PATH.rate as number);
  if (share < FILLS) problems.push({ rule: "sharing", problem: `together they fill ${percent(share)} of the link, and should fill ${percent(FILLS)}` });
  for (const bytes of gained) if (bytes < STARVES * total) problems.push({ rule: "sharing", problem: `one gets ${percent(bytes / total)} of what both get` });
  return { watch, problems };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

const REQUESTS = 40;
/** When two connections have found their parts, and how long these are measured then, ns. */
const SETTLED = 8 * SECOND;
const SHARED = 16 * SECOND;
/** Share of a link that a controller fills when it is alone, and that two fill together. */
const FILLS = 0.75;
/** Share that is left to a controller where chance loses one packet of a hundred. */
const SURVIVES = 0.05;
/** Share of what two of a kind get that either gets at least. */
const STARVES = 0.15;
