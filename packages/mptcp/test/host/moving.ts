import { createHash } from "node:crypto";
import { MILLISECOND, SECOND, SeededRandom } from "../../src/core/index.ts";
import type { ConnectionSnapshot, DecisionEvent } from "../../src/core/index.ts";
import { formatEvent, PcapngWriter } from "../../src/capture/index.ts";
import { congestionControls, MptcpConnection, pathManagers, schedulers } from "../../src/mptcp/index.ts";
import type { MptcpConfig } from "../../src/mptcp/index.ts";
import { CaptureRecorder, multiPath, optionStripper, Simulation } from "../../src/sim/index.ts";
import type { AccessPath, HostSettings, MultiPath, SimHost } from "../../src/sim/index.ts";
import type { StreamConnection, TcpConnection } from "../../src/tcp/index.ts";
import { CheckedPeer } from "../../src/testing/index.ts";
import { drawNetwork, scheduleChanges } from "../mptcp/random-network.ts";
import type { RandomNetwork } from "../mptcp/random-network.ts";

/** When a connection is interrupted: at whatever event, or while something is under way that is easily forgotten. */
export const MOMENTS = ["any", "loss", "join", "closing"] as const;
export type Moment = (typeof MOMENTS)[number];

/** A run whose connection is saved and restored once. */
export interface MovingCase {
  readonly seed: number;
  readonly network: RandomNetwork;
  readonly multipath: boolean;
  readonly congestion: string;
  readonly pathManager: string;
  /** From when on options vanish on the first path, ms; -1: never. */
  readonly stripAt: number;
  readonly backpressure: number;
  readonly moment: Moment;
  /** Which of the events of that moment, as a fraction. */
  readonly fraction: number;
  readonly ends: "client" | "server" | "both";
}

/** Draws a case from a seed. */
export function drawMoving(seed: number): MovingCase {
  const random = new SeededRandom(seed ^ 0x2545f491);
  const below = (n: number): number => Math.floor((random.uint32() / 2 ** 32) * n);
  const chance = (percent: number): boolean => below(100) < percent;
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const network = drawNetwork(seed);
  return {
    seed,
    network,
    multipath: chance(85),
    congestion: pick(Object.keys(congestionControls)),
    pathManager: pick(Object.keys(pathManagers)),
    stripAt: chance(25) ? below(3000) : -1,
    backpressure: chance(20) ? 1 + below(10) : 0,
    moment: chance(50) ? "any" : pick(MOMENTS.slice(1)),
    fraction: random.uint32() / 2 ** 32,
    ends: pick(["client", "server", "both"]),
  };
}

/** What is compared: all packets with their times, and all decisions. */
export interface Trace {
  readonly lines: readonly string[];
  readonly problems: readonly string[];
}

/** One run, built and begun; every event is one step. */
export class MovingRun {
  readonly simulation: Simulation;
  readonly built: MultiPath;
  readonly connection: StreamConnection;
  readonly client: CheckedPeer;
  readonly server: CheckedPeer;
  private readonly lines: string[] = [];
  private readonly finish: () => void;

  constructor(drawn: MovingCase, startAt = 0) {
    const { network } = drawn;
    const simulation = new Simulation({ seed: network.seed, observers: [{ event: (event: DecisionEvent) => void this.lines.push(formatEvent(event)) }] });
    this.simulation = simulation;
    const settings = settingsOf(drawn);
    this.built = multiPath(simulation, {
      paths: network.paths.map((path, i) => accessPath(path, i === 0 ? drawn.stripAt : -1, startAt)),
      client: { ...settings, backpressure: drawn.backpressure, mptcp: { ...settings.mptcp, checksum: network.checksum } },
      server: settings,
    });
    const writer = new PcapngWriter((chunk) => void this.lines.push(`packet ${lineOf(chunk)}`));
    const recorder = new CaptureRecorder(writer);
    for (const link of simulation.links) recorder.link(link);
    this.finish = (): void => writer.close(0);
    this.client = new CheckedPeer(network.upload, network.download);
    this.server = new CheckedPeer(network.download, network.upload);
    this.built.server.listen(80, () => this.server);
    const family = network.paths[0]?.ipv6 === true ? 6 : 4;
    const address = this.built.serverAddresses[0]?.find((candidate) => candidate.family === family);
    if (address === undefined) throw new Error("no server address");
    simulation.run(startAt);
    scheduleChanges(network, this.built, simulation);
    this.connection = this.built.client.connect(address, 80, this.client, { multipath: drawn.multipath });
  }

  /** Takes one step. @returns false when both ends have closed, or nothing is left to happen */
  step(): boolean {
    const { client, server, simulation } = this;
    if ((client.closedAt >= 0 && server.closedAt >= 0) || simulation.queue.next > LONGEST + this.simulation.queue.now) return false;
    simulation.queue.step();
    return simulation.now < LONGEST;
  }

  /** Runs to the end, through TIME-WAIT, and tells what was seen. */
  trace(): Trace {
    while (this.step());
    this.simulation.run(this.simulation.now + 300 * SECOND);
    this.finish();
    return { lines: this.lines, problems: [...this.client.problems("client"), ...this.server.problems("server")] };
  }

  /** The ends whose connection can be saved now. */
  ends(): readonly { readonly host: SimHost; readonly connection: StreamConnection; readonly name: "client" | "server" }[] {
    const both = [{ host: this.built.client, app: this.client, name: "client" as const }, { host: this.built.server, app: this.server, name: "server" as const }];
    return both.flatMap(({ host, app, name }) => (app.startedAt < 0 || app.connection.closed ? [] : [{ host, connection: app.connection, name }]));
  }

  /** Whether this is such a moment for one of the ends. */
  isMoment(moment: Moment): boolean {
    return this.ends().some(({ connection }) => {
      const tcps = tcpsOf(connection);
      switch (moment) {
        case "any":
          return true;
        case "loss":
          return tcps.some((tcp) => tcp.sender.phase !== 0);
        case "join":
          return connection instanceof MptcpConnection && connection.subflows.some((subflow) => subflow.pathIndex > 1 && !(subflow as { established?: boolean }).established);
        case "closing":
          return connection.ended || tcps.some((tcp) => tcp.closing || tcp.peerFinished);
      }
    });
  }

  /** Saves the connection of an end, lets go of it and restores it. */
  move(end: { readonly host: SimHost; readonly connection: StreamConnection }): ConnectionSnapshot {
    const snapshot = throughJson(end.connection.snapshot(this.simulation.now));
    const application = end.host.release(end.connection);
    if (application === null) throw new Error("nobody has that connection");
    end.host.restore(snapshot, application);
    return snapshot;
  }
}

/** Runs a case twice, once uninterrupted, and tells where the two differ; null: nowhere. */
export function compareMoved(drawn: MovingCase): { readonly difference: string | null; readonly moved: readonly string[] } {
  const whole = new MovingRun(drawn);
  const moments: number[] = [];
  const anyMoments: number[] = [];
  for (let i = 0; ; i++) {
    if (whole.isMoment("any")) anyMoments.push(i);
    if (drawn.moment !== "any" && whole.isMoment(drawn.moment)) moments.push(i);
    if (!whole.step()) break;
  }
  const candidates = moments.length > 0 ? moments : anyMoments;
  const at = candidates[Math.floor(drawn.fraction * candidates.length)] ?? 0;
  const expected = whole.trace();
  const run = new MovingRun(drawn);
  for (let i = 0; i < at; i++) run.step();
  const moved: string[] = [];
  for (const end of run.ends()) {
    if (drawn.ends !== "both" && drawn.ends !== end.name && run.ends().length > 1) continue;
    run.move(end);
    moved.push(end.name);
  }
  const got = run.trace();
  const line = got.lines.findIndex((text, i) => text !== expected.lines[i]);
  const problems = got.problems.join("; ");
  if (line < 0 && got.lines.length === expected.lines.length && problems === expected.problems.join("; ")) return { difference: null, moved };
  return { difference: `event ${at} (${moments.length > 0 ? drawn.moment : "any"}), ${moved.join("+")}: line ${line} of ${expected.lines.length}: ${got.lines[line]}, not ${expected.lines[line]}; ${problems}`, moved };
}

/** As another process would get it. */
export function throughJson(snapshot: ConnectionSnapshot): ConnectionSnapshot {
  return JSON.parse(JSON.stringify(snapshot)) as ConnectionSnapshot;
}

function tcpsOf(connection: StreamConnection): readonly TcpConnection[] {
  if (connection instanceof MptcpConnection) return connection.subflows.map((subflow) => subflow.tcp);
  return [(connection as unknown as { tcp: TcpConnection }).tcp];
}

function settingsOf({ congestion, network, pathManager }: MovingCase): HostSettings & { mptcp: Partial<MptcpConfig> } {
  const size = { initial: network.buffer, max: network.buffer, autoTune: false };
  const control = congestionControls[congestion] as MptcpConfig["congestion"];
  return {
    tcp: { congestion: control, ...(network.buffer === 0 ? {} : { receiveBuffer: size, sendBuffer: size }) },
    mptcp: {
      dataSequenceLength: network.dataSequenceLength,
      scheduler: schedulers[network.scheduler] as MptcpConfig["scheduler"],
      pathManager: pathManagers[pathManager] as MptcpConfig["pathManager"],
      congestion: control,
    },
  };
}

function accessPath(path: RandomNetwork["paths"][number], stripAt: number, startAt: number): AccessPath {
  return {
    family: path.ipv6 ? 6 : 4,
    rate: path.rate,
    delay: path.delayMs * MILLISECOND,
    queue: { packets: path.queuePackets },
    loss: path.loss,
    duplicate: path.duplicate,
    ...(path.detour === 0 ? {} : { detour: { probability: path.detour, extraDelay: 15 * MILLISECOND } }),
    ...(path.nat ? { nat: {} } : {}),
    ...(stripAt < 0 ? {} : { middleboxes: [optionStripper({ afterTime: startAt + stripAt * MILLISECOND })] }),
  };
}

function lineOf(chunk: Uint8Array): string {
  return `${chunk.length} ${createHash("sha1").update(chunk).digest("hex")}`;
}

/** Virtual time, ns, after which a run is over in any case. */
const LONGEST = 200 * SECOND;
