import { congestionControls, MILLISECOND, MptcpError, pathManagers, schedulers, SECOND } from "mptcp";
import type { DecisionEvent, Listener, Observer, PortSource } from "mptcp";
import { multiPath, Simulation } from "mptcp/sim";
import type { HostSettings, MultiPath, SimHost } from "mptcp/sim";
import type { IpAddress, Packet } from "mptcp/wire";
import { packetLength, TCP_FLAG } from "mptcp/wire";
import { excessOf, leftIn, noteHeld } from "../held.ts";
import type { HeldByConnection } from "../held.ts";
import { insideOfHost } from "./inside.ts";
import type { HostInside } from "./inside.ts";
import { Peer } from "./peer.ts";
import type { Readers } from "./peer.ts";
import type { ClosingPlan, ConnectionPlan, HostPlan, RunPlan } from "./plan.ts";

export type Side = "client" | "server";
export const SIDES: readonly Side[] = ["client", "server"];

/** What a run found that must not be. */
export class Violation extends Error {
  override readonly name = "Violation";
}

/** What hosts held at the most. */
export interface Extremes extends HeldByConnection {
  /** Packets that the hosts sent in one instant, and in answer to one injected packet. */
  instant: number;
  answer: number;
  connections: number;
  pendingJoins: number;
  tokens: number;
}

/** Sees packets on their way to a host, and may change them; false: the packet does not arrive. */
export type Tap = (packet: Packet, to: Side, path: number, now: number) => boolean;

/** The hosts, the network and the applications of a run. */
export class World implements Readers {
  readonly plan: RunPlan;
  readonly simulation: Simulation;
  readonly net: MultiPath;
  readonly hosts: Readonly<Record<Side, SimHost>>;
  readonly inside: Readonly<Record<Side, HostInside>>;
  readonly peers: Peer[] = [];
  readonly listener: Listener;
  /** The state of a TCP connection has changed since somebody reset this. */
  stateChanged = false;
  /** Packets that the hosts sent. */
  sent = 0;
  readonly most: Extremes = { instant: 0, answer: 0, connections: 0, pendingJoins: 0, tokens: 0, pathRows: 0, subflows: 0, mappings: 0, excess: 0 };
  onWrongByte: (peer: Peer, position: number) => void = () => {};
  tap: Tap | null = null;
  /** Sees what a host sends and what reaches it; injected: an attacker sent it. */
  onPacket: ((packet: Packet, side: Side, direction: "in" | "out", injected: boolean, now: number) => void) | null = null;
  private readonly deliveries: Readonly<Record<Side, (packet: Packet, port: number, now: number) => void>>;
  private readonly ports = { client: new CountedPorts(), server: new CountedPorts() };
  /** Connections that are to be opened, and those in reserve. */
  private begun = 0;
  private readonly spare: number[] = [];
  private instant = -1;
  private sentInInstant = 0;
  private firedInInstant = 0;

  constructor(plan: RunPlan, observers: readonly Observer[]) {
    this.plan = plan;
    const watch: Observer = { event: (event: DecisionEvent) => void (this.stateChanged ||= event.kind === "tcp_state") };
    this.simulation = new Simulation({ seed: plan.seed * 65_536 + plan.index, observers: [watch, ...observers] });
    this.net = multiPath(this.simulation, {
      paths: plan.paths.map(({ rate, delay, family, nat, loss, duplicate, detour }) => ({
        rate,
        delay: delay * MILLISECOND,
        family,
        loss,
        duplicate,
        queue: { packets: 100 },
        ...(detour === 0 ? {} : { detour: { probability: detour, extraDelay: 15 * MILLISECOND } }),
        ...(nat ? { nat: {} } : {}),
      })),
      serverAddresses: plan.serverAddresses,
      client: settings(plan.client),
      server: { ...settings(plan.server), synCookies: plan.synCookies },
    });
    this.hosts = { client: this.net.client, server: this.net.server };
    this.inside = { client: insideOfHost(this.net.client.host), server: insideOfHost(this.net.server.host) };
    if (plan.heldPorts) for (const side of SIDES) this.holdPorts(side);
    this.deliveries = { client: this.watch("client"), server: this.watch("server") };
    this.listener = this.net.server.listen(PORT, () => this.accepted(), { backlog: 256, halfOpen: plan.halfOpen });
    plan.connections.forEach((connection, id) => {
      if (connection.at >= 0) this.begin(id, connection.at * MILLISECOND);
      else this.spare.push(id);
    });
    this.simulation.computeRoutes();
  }

  get now(): number {
    return this.simulation.now;
  }

  // ---- applications

  downloadOf(id: number): { readonly bytes: number; readonly closing: ClosingPlan } | null {
    const plan = this.plan.connections[id];
    return plan === undefined ? null : { bytes: plan.download, closing: plan.server };
  }

  wrongByte(peer: Peer, position: number): void {
    this.onWrongByte(peer, position);
  }

  /** Connections that were not opened yet, or are not closed at one of their ends. */
  get busy(): boolean {
    return this.begun > 0 || this.peers.some((peer) => !peer.connection.closed);
  }

  /** Opens one connection more, of those in reserve. @returns false when there is none left */
  openSpare(): boolean {
    const id = this.spare.shift();
    if (id !== undefined) this.begin(id, this.now);
    return id !== undefined;
  }

  private begin(id: number, at: number): void {
    this.begun++;
    this.simulation.at(at, () => this.open(this.plan.connections[id] as ConnectionPlan, id, 0));
  }

  private open(plan: ConnectionPlan, id: number, attempts: number): void {
    const peer = Peer.client(id, this, { ...plan, piece: Math.max(plan.piece, Math.ceil(plan.upload / 50)) });
    const [local] = this.net.clientAddresses[0] as [IpAddress];
    const remote = this.net.serverAddresses[0]?.find((address) => address.family === local.family) as IpAddress;
    const options = { localAddress: local, localPort: plan.localPort, multipath: plan.multipath };
    try {
      this.hosts.client.connect(remote, PORT, peer, options);
    } catch (error) {
      if (!(error instanceof MptcpError)) throw error;
      // TIME-WAIT, or an address that is away: it may be there later.
      if (attempts < 30) this.simulation.after(10 * SECOND, () => this.open(plan, id, attempts + 1));
      else this.begun--;
      return;
    }
    this.begun--;
    this.peers.push(peer);
    this.proceed(peer, 0);
  }

  private proceed(peer: Peer, turn: number): void {
    if (turn > 60 || peer.connection.closed) return;
    this.simulation.after(20 * MILLISECOND, (now) => {
      peer.proceed(now);
      this.hosts[peer.side].poke();
      this.proceed(peer, turn + 1);
    });
  }

  private accepted(): Peer {
    const peer = Peer.server(this);
    this.peers.push(peer);
    return peer;
  }

  // ---- packets

  /** Gives a packet to a host as if the network had brought it. @returns how many packets the hosts sent for it */
  inject(packet: Packet, to: Side): number {
    packet.length = packetLength(packet);
    const before = this.sent;
    this.onPacket?.(packet, to, "in", true, this.now);
    this.deliveries[to](packet, this.portOf(packet, to), this.now);
    const answer = this.sent - before;
    if (answer > this.most.answer) this.most.answer = answer;
    return answer;
  }

  /** The path whose address of the client a packet names; 0 when none. */
  pathOf(packet: Packet): number {
    for (let i = 0; i < this.net.clientAddresses.length; i++) {
      const own = this.net.clientAddresses[i] as readonly IpAddress[];
      const outside = this.net.nats[i]?.external;
      for (const address of own) if (packet.source.equals(address) || packet.destination.equals(address)) return i;
      if (outside !== undefined && (packet.source.equals(outside) || packet.destination.equals(outside))) return i;
    }
    return 0;
  }

  private portOf(packet: Packet, to: Side): number {
    const addresses = to === "client" ? this.net.clientAddresses : this.net.serverAddresses;
    return Math.max(0, addresses.findIndex((all) => all.some((address) => address.equals(packet.destination))));
  }

  /** Puts itself between a host and its links. @returns what delivers to the host unseen */
  private watch(side: Side): (packet: Packet, port: number, now: number) => void {
    const host = this.hosts[side];
    const deliver = host.receive.bind(host);
    const send = host.send.bind(host);
    const { stripFrom } = this.plan;
    host.receive = (packet, port, now): void => {
      if (stripFrom >= 0 && now >= stripFrom * MILLISECOND && packet.tcp !== null && (packet.tcp.flags & TCP_FLAG.SYN) === 0 && packet.tcp.mptcp.length > 0) {
        packet.tcp.mptcp = [];
        packet.length = packetLength(packet);
      }
      if (this.tap !== null && !this.tap(packet, side, side === "client" ? port : this.pathOf(packet), now)) return;
      this.onPacket?.(packet, side, "in", false, now);
      deliver(packet, port, now);
    };
    host.send = (link, packet, now): void => {
      this.count(now);
      this.onPacket?.(packet, side, "out", false, now);
      send(link, packet, now);
    };
    return deliver;
  }

  private count(now: number): void {
    this.sent++;
    if (now !== this.instant) {
      this.instant = now;
      this.sentInInstant = 0;
      this.firedInInstant = 0;
    }
    if (++this.sentInInstant > this.most.instant) this.most.instant = this.sentInInstant;
    if (this.sentInInstant > MOST_IN_AN_INSTANT) throw new Violation(`a storm: ${this.sentInInstant} packets in one instant`);
  }

  // ---- time

  /** Lets virtual time pass until `until`, or with `eager` until the state of a connection changes. */
  advance(until: number, eager = false): void {
    const { queue } = this.simulation;
    this.stateChanged = false;
    while (queue.next <= until) {
      const at = queue.next;
      if (at !== this.instant) {
        this.instant = at;
        this.sentInInstant = 0;
        this.firedInInstant = 0;
      }
      if (++this.firedInInstant > MOST_EVENTS_IN_AN_INSTANT) throw new Violation("timers fire without end in one instant");
      queue.step();
      if (eager && this.stateChanged) return;
    }
    this.simulation.run(until);
  }

  // ---- what hosts hold

  measure(): void {
    const { most } = this;
    for (const side of SIDES) {
      const { connections, pendingJoins, tokens } = this.hosts[side].host.usage;
      most.connections = Math.max(most.connections, connections);
      most.pendingJoins = Math.max(most.pendingJoins, pendingJoins);
      most.tokens = Math.max(most.tokens, tokens);
      noteHeld(this.inside[side], most);
    }
    const room = MOST_CONNECTIONS_EACH * (this.peers.length + 1) + this.plan.halfOpen;
    if (most.connections > room) throw new Violation(`${most.connections} connections of ${this.peers.length} applications, with ${this.plan.halfOpen} half open`);
    if (most.tokens > this.peers.length + this.plan.halfOpen + 8) throw new Violation(`${most.tokens} tokens of ${this.peers.length} applications`);
    const excess = excessOf(most);
    if (excess !== null) throw new Violation(excess);
    if (this.listener.halfOpen > this.plan.halfOpen) throw new Violation(`${this.listener.halfOpen} half-open connections of at most ${this.plan.halfOpen}`);
  }

  /** What the hosts still hold when everything is over; nothing is what should be left. */
  left(): string[] {
    const found = SIDES.flatMap((side) => leftIn(side, this.hosts[side].host, this.inside[side], { portsOfLinks: this.ports[side].held }));
    if (this.listener.halfOpen !== 0) found.push(`server: ${this.listener.halfOpen} half open`);
    return found;
  }

  private holdPorts(side: Side): void {
    const { host } = this.hosts[side];
    const links = side === "client" ? this.net.clientAddresses : this.net.serverAddresses;
    links.forEach((addresses, link) => addresses.forEach((address) => host.addAddress(address, { link, mtu: 1500, ports: this.ports[side] }, 0)));
  }
}

/** Gives out ports as a link over UDP does, and knows how many are held. */
class CountedPorts implements PortSource {
  held = 0;
  private readonly byPort = new Map<string, number>();
  private last = 50_000;

  allocate(local: IpAddress, _remote: IpAddress, _remotePort: number, isFree: (port: number) => boolean): number {
    do this.last = this.last === 59_999 ? 50_000 : this.last + 1;
    while (!isFree(this.last));
    this.hold(local, this.last);
    return this.last;
  }

  hold(local: IpAddress, port: number): void {
    const key = `${local}:${port}`;
    this.byPort.set(key, (this.byPort.get(key) ?? 0) + 1);
    this.held++;
  }

  release(local: IpAddress, port: number): void {
    const key = `${local}:${port}`;
    const count = this.byPort.get(key) ?? 0;
    if (count === 0) throw new Violation(`${key} was let go of and not held`);
    if (count === 1) this.byPort.delete(key);
    else this.byPort.set(key, count - 1);
    this.held--;
  }
}

function settings(plan: HostPlan): HostSettings {
  const buffer = plan.buffer === 0 ? {} : { receiveBuffer: fixed(plan.buffer), sendBuffer: fixed(plan.buffer) };
  return {
    tcp: { ...buffer, timestamps: plan.timestamps, sack: plan.sack, noDelay: plan.noDelay, ...(plan.keepAlive ? { keepAliveIdle: 5 * SECOND, keepAliveInterval: SECOND } : {}) },
    mptcp: {
      dataSequenceLength: plan.dataSequenceLength,
      checksum: plan.checksum,
      fastclose: plan.fastclose,
      denyJoinInitialAddress: plan.denyJoinInitialAddress,
      scheduler: named(schedulers, plan.scheduler),
      congestion: named(congestionControls, plan.congestion),
      pathManager: named(pathManagers, plan.pathManager),
    },
  };
}

function fixed(bytes: number): { readonly initial: number; readonly max: number; readonly autoTune: boolean } {
  return { initial: bytes, max: bytes, autoTune: false };
}

/** A policy of that name. @throws RangeError when there is none */
export function named<T>(all: Readonly<Record<string, T>>, name: string): T {
  const found = all[name];
  if (found === undefined) throw new RangeError(`no policy ${name}`);
  return found;
}

export const PORT = 80;
/** A storm: more packets in one instant than the largest window of these runs has segments. */
export const MOST_IN_AN_INSTANT = 2000;
const MOST_EVENTS_IN_AN_INSTANT = 20_000;
/** TCP connections of one application's connection: subflows, joins under way, and those that wait for their last ACKs. */
const MOST_CONNECTIONS_EACH = 40;
