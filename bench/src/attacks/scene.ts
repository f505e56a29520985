import { MILLISECOND, SECOND, version1 } from "mptcp";
import type { Listener, MptcpConnection, StreamConnection, TcpConnection, Version } from "mptcp";
import { multiPath, PacedSender, Simulation, Sink } from "mptcp/sim";
import type { HostSettings, MultiPath, SimHost } from "mptcp/sim";
import { IpAddress, packetLength } from "mptcp/wire";
import type { Packet } from "mptcp/wire";
import { insideOfHost, multipathOf } from "../fuzz/connections/inside.ts";
import type { HostInside } from "../fuzz/connections/inside.ts";
import { FuzzRandom } from "../fuzz/random.ts";

export type Side = "client" | "server";

/** What an attack made the attacked host do and hold. */
export interface Measures {
  /** Packets of the attack, and their octets. */
  packets: number;
  octets: number;
  /** What the attacked host sent for it: answers, and what follows on them later. */
  drawn: number;
  drawnOctets: number;
  /** Hashes of Multipath TCP (keys, HMACs) that its packets cost. */
  hashes: number;
  /** Held at the most beyond what friends hold: half-open connections, pending joins, TCP connections, tokens, octets in buffers. */
  halfOpen: number;
  pendingJoins: number;
  connections: number;
  tokens: number;
  memory: number;
  /** Addresses and pairs of them that one connection remembers, and its subflows. */
  pathRows: number;
  subflows: number;
  /** Entries of all tables, and octets, that are left when friends have ended and the times of docs/limits.md have passed. */
  left: number;
  /** What friends' connections moved during the attack, as a share of what they did before; and how many of them ended or fell back. */
  kept: number;
  broken: number;
}

export interface SceneOptions {
  readonly server?: HostSettings;
  readonly client?: HostSettings;
  /** Connections that go on while others attack; 10 unless given. */
  readonly friends?: number;
  /** Who is attacked; the server unless given. */
  readonly victim?: Side;
  readonly seed?: number;
}

/**
 * A server, friends with connections over two paths, 2 Mb/s to it in all, and a stranger: the place of an attack, in virtual time. The stranger is a
 * host of its own with a link of 5 Mb/s, for attackers that need answers; what is sent from made-up addresses goes to {@link Scene.strike}.
 */
export class Scene {
  readonly simulation: Simulation;
  readonly net: MultiPath;
  readonly hosts: Readonly<Record<Side, SimHost>>;
  readonly stranger: SimHost;
  readonly inside: Readonly<Record<Side, HostInside>>;
  readonly random = new FuzzRandom();
  readonly measures: Measures = { packets: 0, octets: 0, drawn: 0, drawnOctets: 0, hashes: 0, halfOpen: 0, pendingJoins: 0, connections: 0, tokens: 0, memory: 0, pathRows: 0, subflows: 0, left: 0, kept: 0, broken: 0 };
  readonly victim: Side;
  /** Friends' connections, as the client and the server have them. */
  readonly friends: readonly StreamConnection[];
  readonly accepted: StreamConnection[] = [];
  /** Sees, and may change, what comes from the stranger. */
  tap: ((packet: Packet) => void) | null = null;
  /** Sees what the victim sends to an address that is nobody's. */
  onAnswer: ((packet: Packet) => void) | null = null;
  private readonly senders: readonly PacedSender[];
  private readonly sinks: Sink[] = [];
  private readonly deliver: (packet: Packet, port: number, now: number) => void;
  private readonly known: ReadonlySet<string>;
  private readonly hashing: { count: number };
  private readonly listener: Listener;
  private isStriking = false;
  private baseline: Record<string, number> = {};

  constructor(options: SceneOptions = {}) {
    const { friends = 10, victim = "server", seed = 1 } = options;
    this.victim = victim;
    this.random.start(seed, 0);
    this.simulation = new Simulation({ seed });
    this.hashing = { count: 0 };
    const counted = countedVersion(this.hashing);
    const settings = (own: HostSettings = {}): HostSettings => ({ ...own, mptcp: { versions: [counted], ...own.mptcp } });
    const path = { rate: 20e6, delay: 10 * MILLISECOND, queue: { packets: 1000 } };
    this.net = multiPath(this.simulation, { paths: [path, path], client: settings(options.client), server: settings(options.server) });
    this.stranger = this.simulation.addHost("stranger");
    this.simulation.connect(this.stranger, this.net.core, { rate: STRANGER_RATE, delay: 10 * MILLISECOND, queue: { packets: 100 } });
    this.stranger.addAddress(STRANGER);
    this.hosts = { client: this.net.client, server: this.net.server };
    this.inside = { client: insideOfHost(this.net.client.host), server: insideOfHost(this.net.server.host) };
    this.known = new Set([...this.net.clientAddresses.flat(), ...this.net.serverAddresses.flat()].map(String));
    this.deliver = this.watch();
    this.listener = this.net.server.listen(PORT, (connection) => {
      const sink = new Sink();
      if (this.isFriend(connection)) {
        this.sinks.push(sink);
        this.accepted.push(connection);
      }
      return sink;
    });
    this.senders = Array.from({ length: friends }, () => new PacedSender({ size: 1000, interval: Math.min(100, 4 * friends) * MILLISECOND }));
    this.friends = this.senders.map((sender) => this.net.client.connect(this.serverAddress, PORT, sender));
    this.simulation.computeRoutes();
    this.simulation.run(2 * SECOND);
  }

  get serverAddress(): IpAddress {
    return this.net.serverAddresses[0][0];
  }

  get now(): number {
    return this.simulation.now;
  }

  /** The addresses of the attacked host. */
  get ownAddress(): IpAddress {
    return this.victim === "server" ? this.serverAddress : this.net.clientAddresses[0][0];
  }

  /** The attacked end of a friend's connection. */
  attacked(friend = 0): MptcpConnection {
    return (this.victim === "server" ? this.accepted : this.friends)[friend] as MptcpConnection;
  }

  /** The TCP connection of a subflow of the attacked end, in the order in which they came. */
  subflow(friend: number, which: number): TcpConnection {
    const found = multipathOf(this.attacked(friend))?.subflows[which];
    if (found === undefined) throw new RangeError(`friend ${friend} has no subflow ${which}`);
    return found.tcp;
  }

  /** A packet of the attack reaches the attacked host, from nowhere in particular. */
  strike(packet: Packet): void {
    packet.length = packetLength(packet);
    const { measures } = this;
    const hashes = this.hashing.count;
    measures.packets++;
    measures.octets += packet.length;
    this.isStriking = true;
    this.deliver(packet, 0, this.now);
    this.isStriking = false;
    measures.hashes += this.hashing.count - hashes;
    if ((measures.packets & 63) === 0) this.look();
  }

  /** Goes through an attack, between a time without and a time after it. */
  play(attack: (scene: Scene) => void): Measures {
    const { measures } = this;
    this.baseline = this.entries();
    const before = this.moved();
    this.simulation.run(this.now + ATTACK);
    const usual = this.moved() - before;
    const from = this.moved();
    const began = this.now;
    attack(this);
    this.look();
    this.simulation.run(Math.max(this.now, began + ATTACK));
    measures.kept = (this.moved() - from) / usual / ((this.now - began) / ATTACK);
    measures.broken = [...this.friends, ...this.accepted].filter((connection) => connection.closed || connection.fallback !== null).length;
    this.tap = null;
    for (const sender of this.senders) sender.stop();
    this.simulation.run(this.now + REST);
    const { memory, ...entries } = this.entries();
    measures.left = Object.values(entries).reduce((sum, count) => sum + count, memory);
    return measures;
  }

  /** Lets time pass between two packets of an attack. */
  pass(time: number): void {
    this.simulation.run(this.now + time);
  }

  private look(): void {
    const { measures, baseline } = this;
    for (const [name, count] of Object.entries(this.entries()) as ["halfOpen", number][]) {
      if (name in measures) measures[name] = Math.max(measures[name], count - (baseline[name] ?? 0));
    }
    for (const connection of this.inside[this.victim].tokens.all()) {
      const parts = multipathOf(connection);
      if (parts === null) continue;
      measures.pathRows = Math.max(measures.pathRows, parts.paths.paths.length + parts.paths.remote.length);
      measures.subflows = Math.max(measures.subflows, parts.subflows.length);
    }
  }

  private entries(): Record<string, number> {
    const { host } = this.hosts[this.victim];
    const { connections, pendingJoins, tokens, timeWaits, lingering, orphans } = host.usage;
    return { halfOpen: this.victim === "server" ? this.listener.halfOpen : 0, connections, pendingJoins, tokens, timeWaits, lingering, orphans, memory: heldBy(this.inside[this.victim]) };
  }

  private moved(): number {
    return this.sinks.reduce((sum, sink) => sum + sink.bytesRead, 0);
  }

  private isFriend(connection: StreamConnection): boolean {
    return this.known.has(String(connection.tuple.remoteAddress));
  }

  private watch(): (packet: Packet, port: number, now: number) => void {
    const host = this.hosts[this.victim];
    const deliver = host.receive.bind(host);
    const send = host.send.bind(host);
    const { measures } = this;
    host.receive = (packet, port, now): void => {
      const isStrange = packet.source.equals(STRANGER);
      if (isStrange) {
        this.tap?.(packet);
        measures.packets++;
        measures.octets += packet.length;
        if ((measures.packets & 63) === 0) this.look();
      }
      deliver(packet, port, now);
    };
    host.send = (link, packet, now): void => {
      const isKnown = this.known.has(String(packet.destination));
      if (this.isStriking || !isKnown) {
        measures.drawn++;
        measures.drawnOctets += packet.length;
      }
      if (!isKnown) this.onAnswer?.(packet);
      send(link, packet, now);
    };
    return deliver;
  }
}

/** Octets in the buffers of a host. */
function heldBy(inside: HostInside): number {
  let held = 0;
  for (const connection of inside.tokens.all()) held += connection.sendBuffered + connection.receiveBuffered;
  for (const tcp of inside.connections.all()) held += tcp.outOfOrderMemory;
  return held;
}

/** Version 1, with a count of what it hashes. */
function countedVersion(hashing: { count: number }): Version {
  const counted = Object.create(version1) as { -readonly [K in keyof Version]: Version[K] };
  const { acceptsAddress, addAddress, deriveKeys, joinAckHmac, joinSynAckHmac } = version1;
  counted.deriveKeys = (key) => (hashing.count++, deriveKeys.call(version1, key));
  counted.joinSynAckHmac = (...from) => (hashing.count++, joinSynAckHmac.apply(version1, from));
  counted.joinAckHmac = (...from) => (hashing.count++, joinAckHmac.apply(version1, from));
  counted.addAddress = (...from) => (hashing.count++, addAddress.apply(version1, from));
  counted.acceptsAddress = (...from) => (hashing.count++, acceptsAddress.apply(version1, from));
  return counted;
}

/** The port that friends speak to. */
export const PORT = 80;
export const STRANGER = IpAddress.from("203.0.113.77");
/** bit/s */
export const STRANGER_RATE = 5e6;
/** How long an attack lasts at least, ns. */
export const ATTACK = 2 * SECOND;
/** After that half-open connections, joins and TIME-WAIT are over. */
const REST = 200 * SECOND;
