import { MILLISECOND, pathManagers, schedulers, SECOND, version0, version1 } from "mptcp";
import type { Listener, Observer, StreamConnection } from "mptcp";
import { middleboxes, multiPath, Simulation } from "mptcp/sim";
import type { AccessPath, HostSettings, Middlebox, MiddleboxFactory, MultiPath, SimHost } from "mptcp/sim";
import type { Packet } from "mptcp/wire";
import { insideOfHost } from "../connections/inside.ts";
import type { HostInside } from "../connections/inside.ts";
import { MOST_IN_AN_INSTANT, named, PORT, SIDES, Violation } from "../connections/world.ts";
import type { Side } from "../connections/world.ts";
import { excessOf, leftIn, noteHeld } from "../held.ts";
import type { HeldByConnection } from "../held.ts";
import { End } from "./end.ts";
import type { BoxPlan, ChainPlan, PathPlan, ProtocolPlan } from "./plan.ts";

/** What a run had of everything at the most. */
export interface ChainExtremes extends HeldByConnection {
  /** Packets that the hosts sent in one virtual second. */
  second: number;
  /** Events in one virtual second. */
  events: number;
}

/** The hosts, the chains of boxes and the applications of a run. */
export class ChainWorld {
  readonly plan: ChainPlan;
  readonly simulation: Simulation;
  readonly net: MultiPath;
  readonly hosts: Readonly<Record<Side, SimHost>>;
  readonly ends: Readonly<Record<Side, End>>;
  /** Further connections that the server has accepted, of packets that boxes kept or made. */
  readonly others: End[] = [];
  readonly most: ChainExtremes = { pathRows: 0, subflows: 0, mappings: 0, excess: 0, second: 0, events: 0 };
  /** Packets that the hosts sent. */
  sent = 0;
  /** Whether there was ever more than one subflow, or may have been, at either end. */
  hadCompany = false;
  /** Sees what a host sends and what reaches it. */
  onPacket: ((packet: Packet, side: Side, direction: "in" | "out", now: number) => void) | null = null;
  private readonly inside: Readonly<Record<Side, HostInside>>;
  private readonly listener: Listener;
  private second = -1;
  private sentInSecond = 0;
  private firedInSecond = 0;
  private instant = -1;
  private firedInInstant = 0;

  constructor(plan: ChainPlan, observers: readonly Observer[]) {
    this.plan = plan;
    this.simulation = new Simulation({ seed: plan.seed * 65_536 + plan.index, observers });
    this.net = multiPath(this.simulation, { paths: plan.paths.map(accessPath), client: settings(plan.speaks.client), server: settings(plan.speaks.server) });
    this.hosts = { client: this.net.client, server: this.net.server };
    this.inside = { client: insideOfHost(this.net.client.host), server: insideOfHost(this.net.server.host) };
    this.ends = { client: new End(plan.client, STREAMS.client), server: new End(plan.server, STREAMS.server) };
    for (const side of SIDES) this.watch(side);
    plan.paths.forEach((path, i) => path.boxes.forEach((box, j) => this.arrange(box, (this.net.middleboxes[i] as readonly Middlebox[])[j] as Middlebox)));
    this.listener = this.net.server.listen(PORT, () => this.accepted());
    this.net.client.connect(this.net.serverAddresses[0][0], PORT, this.ends.client);
    this.simulation.computeRoutes();
  }

  get now(): number {
    return this.simulation.now;
  }

  /** Whether the connection is closed at both ends; an end that never had one has nothing to close. */
  get isOver(): boolean {
    const { client, server } = this.ends;
    return client.stands.closed && (!server.started || server.stands.closed);
  }

  /** All connections that there are. */
  get all(): readonly End[] {
    return [...SIDES.map((side) => this.ends[side]).filter((end) => end.started), ...this.others];
  }

  connectionOf(side: Side): StreamConnection | null {
    const end = this.ends[side];
    return end.started ? end.stands : null;
  }

  /** Lets virtual time pass until `until`, or until both ends are closed. */
  advance(until: number, stopsWhenOver = false): void {
    const { queue } = this.simulation;
    for (let steps = 0; queue.next <= until; steps++) {
      if (stopsWhenOver && (steps & 31) === 0 && this.isOver) return;
      this.count(queue.next);
      queue.step();
      if ((steps & 63) === 0) this.measure();
    }
    this.simulation.run(until);
  }

  measure(): void {
    for (const side of SIDES) noteHeld(this.inside[side], this.most);
    this.hadCompany ||= this.most.subflows > 1;
    const excess = excessOf(this.most);
    if (excess !== null) throw new Violation(excess);
  }

  stopListening(): void {
    this.listener.close(this.now);
    this.hosts.server.poke();
  }

  /** What the hosts still hold when everything is over. */
  left(): string[] {
    return SIDES.flatMap((side) => leftIn(side, this.hosts[side].host, this.inside[side]));
  }

  private accepted(): End {
    if (!this.ends.server.started) return this.ends.server;
    const other = new End({ ...this.plan.server, bytes: 0, closing: "late", reads: 0 }, STREAMS.server);
    this.others.push(other);
    return other;
  }

  private arrange({ switches }: BoxPlan, box: Middlebox): void {
    switches.forEach((at, i) => this.simulation.at(at * MILLISECOND, (now) => box.switch(i % 2 === 1, now)));
  }

  private watch(side: Side): void {
    const host = this.hosts[side];
    const deliver = host.receive.bind(host);
    const send = host.send.bind(host);
    host.receive = (packet, port, now): void => {
      this.onPacket?.(packet, side, "in", now);
      deliver(packet, port, now);
    };
    host.send = (link, packet, now): void => {
      this.sent++;
      this.onPacket?.(packet, side, "out", now);
      if (++this.sentInSecond > this.most.second) this.most.second = this.sentInSecond;
      if (this.sentInSecond > MOST_IN_A_SECOND) throw new Violation(`a storm: ${this.sentInSecond} packets in one second`);
      send(link, packet, now);
    };
  }

  private count(at: number): void {
    const second = Math.floor(at / SECOND);
    if (second !== this.second) {
      this.second = second;
      this.sentInSecond = 0;
      this.firedInSecond = 0;
    }
    if (at !== this.instant) {
      this.instant = at;
      this.firedInInstant = 0;
    }
    if (++this.firedInSecond > this.most.events) this.most.events = this.firedInSecond;
    if (this.firedInSecond > MOST_EVENTS_IN_A_SECOND) throw new Violation(`${this.firedInSecond} events in one second`);
    if (++this.firedInInstant > 10 * MOST_IN_AN_INSTANT) throw new Violation("timers fire without end in one instant");
  }
}

function accessPath({ rate, delay, loss, duplicate, detour, boxes }: PathPlan): AccessPath {
  return {
    rate,
    delay: delay * MILLISECOND,
    loss,
    duplicate,
    queue: { packets: 100 },
    ...(detour === 0 ? {} : { detour: { probability: detour, extraDelay: 15 * MILLISECOND } }),
    middleboxes: boxes.map(factoryOf),
  };
}

function factoryOf({ kind, parameters }: BoxPlan): MiddleboxFactory {
  return named(middleboxes, kind)(parameters);
}

function settings({ versions, checksum, timestamps, sack, buffer, scheduler, pathManager }: ProtocolPlan): HostSettings {
  const fixed = { initial: buffer, max: buffer, autoTune: false };
  return {
    multipath: versions.length > 0,
    tcp: { timestamps, sack, ...(buffer === 0 ? {} : { receiveBuffer: fixed, sendBuffer: fixed }) },
    mptcp: {
      ...(versions.length > 0 ? { versions: versions.map((version) => (version === 0 ? version0 : version1)) } : {}),
      checksum,
      scheduler: named(schedulers, scheduler),
      pathManager: named(pathManagers, pathManager),
    },
  };
}

/** What each end writes. */
export const STREAMS: Readonly<Record<Side, number>> = { client: 2, server: 3 };
/** All that the largest connections of these runs have to send in segments of 100 octets is 3,000 of them, in a second or in several. */
const MOST_IN_A_SECOND = 8000;
const MOST_EVENTS_IN_A_SECOND = 100_000;
