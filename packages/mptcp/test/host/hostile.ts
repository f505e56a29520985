import { SeededRandom } from "../../src/core/index.ts";
import type { Listener } from "../../src/host/index.ts";
import { addAddressHmac, joinHmac, MptcpConnection, roundRobin } from "../../src/mptcp/index.ts";
import type { Multipath } from "../../src/mptcp/multipath.ts";
import { Subflow } from "../../src/mptcp/subflow.ts";
import type { TcpConnection } from "../../src/tcp/index.ts";
import type { MptcpOption } from "../../src/wire/index.ts";
import { Dss, IpAddress, Packet, packetLength, Payload, TCP_FLAG, TCP_OPTION_SPACE, tcpHeaderLength, TcpSegment } from "../../src/wire/index.ts";
import { engineOf, Pair } from "../mptcp/pair.ts";
import type { App, Side } from "../mptcp/pair.ts";

/** What a host remembers at the most, over a run. */
export interface Extremes {
  injected: number;
  connections: number;
  pendingJoins: number;
  tokens: number;
  /** Of one connection. */
  paths: number;
  subflows: number;
  mappings: number;
  /** Out-of-order bytes beyond the receive buffer, of one connection and of one subflow. */
  excess: number;
  /** Packets that left in answer to one event. */
  burst: number;
}

/**
 * Two hosts with applications, and an attacker on the path who knows everything, keys included: replayed, changed and made-up segments for
 * live four-tuples go to both. Throws what a host throws. At the end the applications abort, and nobody may remember anything.
 */
export class Hostile {
  readonly most: Extremes = { injected: 0, connections: 0, pendingJoins: 0, tokens: 0, paths: 0, subflows: 0, mappings: 0, excess: 0, burst: 0 };
  readonly pair: Pair;
  private readonly random: SeededRandom;
  private readonly apps: App[] = [];
  private readonly ended = new Set<App>();
  /** Packets that the hosts sent lately. */
  private readonly seen: Packet[] = [];
  private burst = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    const buffer = this.of(4000, 30_000, 300_000);
    const limits = { initial: buffer, max: buffer, autoTune: false };
    const mptcp = {
      dataSequenceLength: this.of<4 | 8>(4, 8),
      fastclose: this.of("reset" as const, "ack" as const),
      denyJoinInitialAddress: this.below(8) === 0,
      checksum: this.below(2) === 0,
      ...(this.below(2) === 0 ? { scheduler: roundRobin } : {}),
    };
    const options = { tcp: { receiveBuffer: limits, sendBuffer: limits, timestamps: this.below(2) === 0, sack: this.below(4) > 0 }, mptcp, observer: null };
    this.pair = new Pair({ seed, clientAddresses: 1 + this.below(3), serverAddresses: 1 + this.below(2), client: options, server: options, listen: { backlog: 16, halfOpen: seed % 2 === 0 ? 1 : 16 } });
    for (const host of Object.values(this.pair.hosts)) {
      const handle = host.handleTimeout.bind(host);
      let calls = 0;
      let since = 0;
      host.handleTimeout = (now) => {
        if (now - since > 1_000_000) {
          calls = 0;
          since = now;
        } else if (++calls > MOST_TIMEOUTS) throw new Error("a timer fires for ever");
        handle(now);
      };
    }
    this.pair.interfere((packet) => {
      if (this.seen.length < SEEN) this.seen.push(packet.clone());
      else this.seen[this.below(SEEN)] = packet.clone();
      if (++this.burst > LARGEST_BURST) throw new Error("the hosts answer each other without end");
      return this.below(50) === 0 ? null : packet;
    });
  }

  run(steps: number): void {
    for (let i = 0; i < steps; i++) {
      this.step();
      this.measure();
    }
  }

  /** The applications give up, and everything may time out. @returns what the hosts still remember, which should be nothing */
  end(): { client: object; server: object; halfOpen: number } {
    for (const app of this.apps) app.abort();
    this.pair.listener.close(this.pair.now);
    this.pair.accepted.forEach((app) => app.abort());
    this.pair.run(3_600_000);
    const { client, server } = this.pair.hosts;
    return { client: client.usage, server: server.usage, halfOpen: (this.pair.listener as Listener).halfOpen };
  }

  private step(): void {
    const { pair } = this;
    this.burst = 0;
    pair.sent.length = 0;
    const kind = this.below(100);
    if (kind < 80) this.inject();
    else if (kind < 92) pair.run(this.of(0, 1, 5, 20, 100));
    else if (kind < 93) pair.run(this.of(1000, 5000, 70_000));
    else this.act();
    this.most.burst = Math.max(this.most.burst, this.burst);
  }

  /** An application does something. */
  private act(): void {
    const { pair } = this;
    const living = [...this.apps, ...pair.accepted].filter((app) => !app.connection.closed);
    const app = living[this.below(living.length + 1)];
    if (app === undefined) {
      if (living.length < 6) this.apps.push(pair.connect({ multipath: this.below(8) > 0 }));
      return;
    }
    switch (this.below(8)) {
      case 0:
        this.ended.add(app);
        app.end();
        return;
      case 1:
        if (this.below(3) === 0) app.abort();
        return;
      case 2:
        app.reading = !app.reading;
        app.look();
        return;
      case 3: {
        const side = this.of("client" as const, "server" as const);
        const index = this.below(pair.addresses[side].length);
        pair.removeAddress(side, index);
        pair.run(this.of(0, 10, 1000));
        pair.addAddress(side, String(pair.address(side, index)), { backup: this.below(2) === 0 });
        return;
      }
      default:
        if (!this.ended.has(app)) app.write(this.below(60_000));
    }
  }

  private inject(): void {
    const { pair } = this;
    const to: Side = this.of("client", "server");
    const tcp = this.connectionOf(to);
    const packet = tcp === null || this.below(3) === 0 ? this.replayed() : this.made(tcp);
    if (packet === null) return;
    const target: Side = pair.addresses.client.some((address) => address.equals(packet.destination)) ? "client" : "server";
    if (packet.tcp !== null && tcpHeaderLength(packet.tcp) > 20 + TCP_OPTION_SPACE) packet.tcp.mptcp = [];
    packet.length = packetLength(packet);
    this.most.injected++;
    pair.inject(target, packet);
  }

  /** A packet of before, with something changed. */
  private replayed(): Packet | null {
    const original = this.seen[this.below(SEEN)];
    const segment = original?.tcp;
    if (original === undefined || segment === null || segment === undefined) return null;
    let packet = original.clone();
    if (this.below(8) === 0) {
      // To whoever sent it.
      const back = original.clone();
      packet = new Packet(original.destination, original.source);
      packet.tcp = Object.assign(back.tcp as TcpSegment, { sourcePort: segment.destinationPort, destinationPort: segment.sourcePort });
    }
    const changed = packet.tcp as TcpSegment;
    for (let n = this.below(4); n > 0; n--) {
      switch (this.below(9)) {
        case 0:
          changed.sequence = (changed.sequence + this.near()) >>> 0;
          break;
        case 1:
          changed.acknowledgment = (changed.acknowledgment + this.near()) >>> 0;
          break;
        case 2:
          changed.flags ^= 1 << this.below(8);
          break;
        case 3:
          changed.window = this.of(0, 1, 65535, this.below(65536));
          break;
        case 4:
          changed.mptcp = this.options(null);
          break;
        case 5:
          changed.payload = this.payload();
          break;
        case 6:
          changed.mptcp = changed.mptcp.filter(() => this.below(2) === 0);
          break;
        case 7:
          changed.sourcePort = this.of(changed.sourcePort, 1 + this.below(65535));
          break;
        default:
          changed.timestampValue = (changed.timestampValue + this.near()) >>> 0;
      }
    }
    return packet;
  }

  /** A new segment that `tcp` should find plausible. */
  private made(tcp: TcpConnection): Packet {
    const { localAddress, localPort, remoteAddress, remotePort } = tcp.tuple;
    const { sender, receiver } = tcp;
    const segment = new TcpSegment();
    segment.sourcePort = remotePort;
    segment.destinationPort = localPort;
    segment.sequence = (receiver.origin + receiver.nxt + this.of(0, 0, 0, this.near())) >>> 0;
    segment.acknowledgment = (sender.origin + this.of(sender.una, sender.nxt, sender.nxt, sender.una + this.near())) >>> 0;
    segment.flags = this.of(ACK, ACK, ACK, ACK, ACK | TCP_FLAG.PSH, ACK | TCP_FLAG.FIN, TCP_FLAG.SYN, TCP_FLAG.SYN | ACK, TCP_FLAG.RST, TCP_FLAG.RST | ACK, this.below(256));
    if ((segment.flags & (TCP_FLAG.RST | TCP_FLAG.FIN)) !== 0 && this.below(4) > 0) segment.flags = ACK;
    segment.window = this.of(0, 10, 500, 65535);
    segment.payload = this.payload();
    if (tcp.timestamps && this.below(8) > 0) {
      segment.hasTimestamps = true;
      segment.timestampValue = (receiver.recentTimestamp + this.of(0, 0, 1, this.near())) >>> 0;
      segment.timestampEcho = tcp.timestampAt(this.pair.now);
    }
    if (this.below(6) === 0) segment.sackBlocks = [this.near(), this.near(), this.near(), this.near()].map((n) => (sender.origin + sender.una + n) >>> 0);
    segment.mptcp = this.options(tcp.owner instanceof Subflow ? tcp.owner : null);
    const packet = new Packet(remoteAddress, localAddress);
    packet.tcp = segment;
    return packet;
  }

  /** Options for a segment that goes to `subflow`, or to anybody. */
  private options(subflow: Subflow | null): MptcpOption[] {
    const options: MptcpOption[] = [];
    for (let n = this.of(0, 1, 1, 1, 2, 3); n > 0; n--) options.push(this.option(subflow));
    return options;
  }

  private option(subflow: Subflow | null): MptcpOption {
    const inside = insideOf(subflow);
    const connection = inside?.context ?? null;
    const known = connection !== null && connection.session.remoteKnown && this.below(4) > 0;
    const ours = known ? connection.session.local.key : this.octets(8);
    const theirs = known ? connection.session.remote.key : this.octets(8);
    const addressId = this.of(0, 1, 2, 3, this.below(256));
    switch (this.below(16)) {
      case 0:
        return { kind: "mp_capable", version: this.of(1, 1, 1, 0, 2), flags: this.of(1, 1, 0x21, this.below(256)), senderKey: this.of(theirs, null), receiverKey: this.of(ours, null), dataLength: this.of(-1, 0, 1, 1000, 65535), checksum: -1 };
      case 1:
        return { kind: "mp_join_syn", backup: this.below(2) === 0, addressId, token: known ? connection.session.local.token : this.random.uint32(), nonce: this.random.uint32() };
      case 2: {
        const hmac = joinHmac(theirs, ours, this.below(9), inside?.localNonce ?? 0);
        return { kind: "mp_join_synack", backup: false, addressId, hmac: hmac.slice(0, 8), nonce: this.below(9) };
      }
      case 3:
        return { kind: "mp_join_ack", hmac: joinHmac(theirs, ours, inside?.remoteNonce ?? 0, inside?.localNonce ?? 0).slice(0, 20) };
      case 4:
      case 5: {
        const address = this.of(this.pair.address("client", 0), this.pair.address("server", 0), IpAddress.from(`10.9.${this.below(256)}.${this.below(256)}`), IpAddress.from(`fd00::${this.below(9999)}`));
        const named = { addressId, address, port: this.of(0, 0, 80, this.below(65536)) };
        return { kind: "add_addr", version: 1, echo: this.below(4) === 0, ...named, hmac: this.of(addAddressHmac(theirs, ours, named), null, this.octets(8)) };
      }
      case 6:
        return { kind: "remove_addr", addressIds: Array.from({ length: 1 + this.below(4) }, () => this.of(0, 1, 2, this.below(256))) };
      case 7:
        return { kind: "mp_prio", backup: this.below(2) === 0, addressId: this.of(-1, -1, addressId) };
      case 8:
        return { kind: "mp_fail", dsnHigh: this.random.uint32(), dsnLow: this.random.uint32() };
      case 9:
        return this.below(20) === 0 ? { kind: "mp_fastclose", receiverKey: ours } : { kind: "mp_fastclose", receiverKey: this.octets(8) };
      case 10:
        return { kind: "mp_tcprst", transient: this.below(2) === 0, reserved: 0, reason: this.below(256) };
      case 11:
        return { kind: "mptcp_unknown", data: this.octets(this.below(20)) };
      default:
        return this.dss(subflow);
    }
  }

  private dss(subflow: Subflow | null): Dss {
    const dss = new Dss();
    const connection = insideOf(subflow)?.context ?? null;
    const receiver = connection?.receiver;
    const sender = connection?.sender;
    const at = (receiver?.next ?? 0) + this.of(0, 0, this.near(), this.of(-1, 1) * this.below(2 ** 31) * this.of(1, 2 ** 18));
    const acknowledged = this.of(sender?.unacknowledged ?? 0, sender?.sentEnd ?? 0, (sender?.next ?? 0) + this.near());
    dss.dataAckLength = this.of(0, 4, 8);
    dss.dataAckLow = connection?.session.localSpace.low(acknowledged) ?? 0;
    dss.dataAckHigh = connection?.session.localSpace.high(acknowledged) ?? 0;
    dss.dsnLength = this.of(0, 4, 8);
    dss.dsnLow = connection?.session.remoteSpace.low(at) ?? 0;
    dss.dsnHigh = connection?.session.remoteSpace.high(at) ?? 0;
    dss.subflowSequence = ((subflow?.tcp.receivedOffset ?? 0) + 1 + this.of(0, 0, this.near())) >>> 0;
    dss.dataLength = this.of(0, 1, 100, 1000, 1000, 1400, 65535);
    dss.dataFin = this.below(10) === 0;
    if (this.below(10) > 0 && dss.dataLength === 0) dss.dataLength = 1000;
    return dss;
  }

  private connectionOf(side: Side): TcpConnection | null {
    const host = this.pair.hosts[side];
    const all = [...host["connections"].all(), ...host["pendingJoins"].all()];
    return all[this.below(all.length)] ?? null;
  }

  private measure(): void {
    const { most } = this;
    for (const side of ["client", "server"] as const) {
      const { connections, pendingJoins, tokens } = this.pair.hosts[side].usage;
      most.connections = Math.max(most.connections, connections);
      most.pendingJoins = Math.max(most.pendingJoins, pendingJoins);
      most.tokens = Math.max(most.tokens, tokens);
      for (const connection of this.pair.hosts[side]["tokens"].values()) this.measureConnection(connection);
    }
  }

  private measureConnection(connection: MptcpConnection): void {
    const { most } = this;
    if (!connection.multipath) return;
    const { receiver, paths, subflows } = engineOf(connection);
    most.paths = Math.max(most.paths, paths.paths.length + paths.remote.length);
    most.subflows = Math.max(most.subflows, subflows.length);
    most.excess = Math.max(most.excess, receiver.reorderedBytes - receiver.limit);
    for (const { mappingsRemembered, tcp } of subflows) {
      most.mappings = Math.max(most.mappings, mappingsRemembered);
      most.excess = Math.max(most.excess, tcp.outOfOrderBytes - 2 * receiver.limit);
    }
  }

  private payload(): Payload {
    const length = this.of(0, 0, 1, 10, 1000, 1400, 20_000);
    return length === 0 ? Payload.EMPTY : Payload.virtual(length);
  }

  /** A small distance, most of the time. */
  private near(): number {
    return this.of(0, 1, -1, this.below(3000) - 1500, this.below(140_000) - 70_000, this.random.uint32() - 2 ** 31);
  }

  private octets(length: number): Uint8Array {
    const octets = new Uint8Array(length);
    this.random.fill(octets);
    return octets;
  }

  private below(bound: number): number {
    return this.random.uint32() % bound;
  }

  private of<T>(...choices: T[]): T {
    return choices[this.below(choices.length)] as T;
  }
}

const { ACK } = TCP_FLAG;
const SEEN = 64;
const LARGEST_BURST = 20_000;
/** In one millisecond. */
const MOST_TIMEOUTS = 1000;

/** What an attacker on the path, who saw the handshake, knows of a subflow. */
function insideOf(subflow: Subflow | null): { readonly context: Multipath; readonly localNonce: number; readonly remoteNonce: number } | null {
  return subflow as unknown as { readonly context: Multipath; readonly localNonce: number; readonly remoteNonce: number } | null;
}
