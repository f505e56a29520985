import { randomBelow, SECOND } from "../core/index.ts";
import type { Observer, RandomSource } from "../core/index.ts";
import { icmpErrorOf, IpAddress, PROTOCOL, TCP_FLAG, updateChecksum, updateChecksum32 } from "../wire/index.ts";
import type { Packet, TcpSegment } from "../wire/index.ts";
import type { Egress, SimNode } from "./node.ts";

export interface NatOptions {
  /** The one IPv4 address that the inside shares. */
  readonly external: IpAddress;
  /** Idle time after which an established mapping goes, ns. Default 2 h 4 min (RFC 5382 §5, REQ-5). */
  readonly establishedTimeout?: number;
  /** The same before both ends have spoken and after FIN or RST. Default 4 min. */
  readonly transitoryTimeout?: number;
  /** Who may send to a mapping from outside: everybody (default; RFC 5382 §4.3), or only whom the inside has addressed. */
  readonly filtering?: "endpoint-independent" | "address-and-port-dependent";
  /** Whether a segment without SYN opens a mapping (default true), as after an expiry or a restart of the box. */
  readonly midstream?: boolean;
  /** Mappings held at once (default 16384). */
  readonly maxMappings?: number;
  /** Which external port a mapping gets: that of the inside where it is free (default; RFC 4787 §4.2.1), or any. */
  readonly ports?: "preserved" | "random";
}

/**
 * A NAT for TCP over IPv4 with endpoint-independent mapping and port preservation (RFC 4787 §4.1, RFC 5382). Port 0 is its inside, port
 * 1 its outside. It is a bump in the wire: the hop limit stays, IPv6 passes. ICMP errors are translated with the packet they
 * quote; everything else over IPv4 is dropped.
 */
export class Nat implements SimNode {
  readonly name: string;
  readonly external: IpAddress;
  /** Packets without a mapping, not let in by the filter, or of a kind that is not translated. */
  dropped = 0;
  private readonly externalAddresses: readonly IpAddress[];
  private readonly observer: Observer | null;
  private readonly random: RandomSource;
  private readonly establishedTimeout: number;
  private readonly transitoryTimeout: number;
  private readonly filters: boolean;
  private readonly midstream: boolean;
  private readonly maxMappings: number;
  private readonly preservesPorts: boolean;
  private readonly egresses: Egress[] = [];
  /** By inside endpoint, and by external port. */
  private readonly inside = new Map<number, Mapping>();
  private readonly outside = new Map<number, Mapping>();
  private nextSweep = 0;

  constructor(name: string, options: NatOptions, random: RandomSource, observer: Observer | null = null) {
    this.name = name;
    this.external = options.external;
    this.externalAddresses = [options.external];
    this.random = random;
    this.observer = observer;
    this.establishedTimeout = options.establishedTimeout ?? 7440 * SECOND;
    this.transitoryTimeout = options.transitoryTimeout ?? 240 * SECOND;
    this.filters = options.filtering === "address-and-port-dependent";
    this.midstream = options.midstream ?? true;
    this.preservesPorts = options.ports !== "random";
    this.maxMappings = Math.min(options.maxMappings ?? 16384, 65536 - FIRST_PORT);
  }

  attach(egress: Egress): number {
    return this.egresses.push(egress) - 1;
  }

  addressesOn(port: number): readonly IpAddress[] {
    return port === OUTSIDE ? this.externalAddresses : [];
  }

  /** Inside addresses mean nothing outside. */
  passes(from: number, to: number): boolean {
    return from === INSIDE && to === OUTSIDE;
  }

  /** Mappings held, expired ones that nobody has asked for included. */
  get mappings(): number {
    return this.inside.size;
  }

  /** Forgets all mappings, as a box that restarts does. */
  restart(): void {
    this.inside.clear();
    this.outside.clear();
  }

  receive(packet: Packet, port: number, now: number): void {
    const isV4 = packet.source.family === 4;
    if (!isV4) return this.pass(packet, port === INSIDE ? OUTSIDE : INSIDE, now);
    if (port === INSIDE) this.outbound(packet, now);
    else this.inbound(packet, now);
  }

  private outbound(packet: Packet, now: number): void {
    const segment = packet.tcp;
    if (segment === null) return this.outboundIcmp(packet, now);
    const mapping = this.mappingFor(packet.source, segment, now);
    if (mapping === null) return this.drop(packet, now);
    this.track(mapping, segment, FROM_INSIDE, now);
    if (this.filters) mapping.admit(endpointKey(packet.destination, segment.destinationPort));
    packet.source = this.external;
    segment.sourcePort = mapping.externalPort;
    // RFC 5382 §7.2, REQ-8: two hosts inside reach each other by the external address, and see external sources.
    if (packet.destination.equals(this.external)) this.inbound(packet, now);
    else this.pass(packet, OUTSIDE, now);
  }

  private inbound(packet: Packet, now: number): void {
    const segment = packet.tcp;
    if (segment === null) return this.inboundIcmp(packet, now);
    const mapping = packet.destination.equals(this.external) ? this.byExternalPort(segment.destinationPort, now) : null;
    if (mapping === null) return this.drop(packet, now);
    if (this.filters && !mapping.admits(endpointKey(packet.source, segment.sourcePort))) return this.drop(packet, now);
    this.track(mapping, segment, FROM_OUTSIDE, now);
    packet.destination = mapping.insideAddress;
    segment.destinationPort = mapping.insidePort;
    this.pass(packet, INSIDE, now);
  }

  /** An error about a packet that went out: the quoted source is ours. RFC 5508 §4.2. */
  private inboundIcmp(packet: Packet, now: number): void {
    const error = packet.icmp === null ? null : icmpErrorOf(packet.icmp, 4);
    if (error === null || packet.icmp === null || error.quoted.protocol !== PROTOCOL.tcp) return this.drop(packet, now);
    const mapping = error.quoted.source.equals(this.external) ? this.byExternalPort(error.quoted.sourcePort, now) : null;
    if (mapping === null) return this.drop(packet, now);
    const body = rewriteQuoted(packet.icmp.body, QUOTED_SOURCE, mapping.insideAddress, mapping.insidePort);
    packet.icmp = { type: packet.icmp.type, code: packet.icmp.code, word: packet.icmp.word, body };
    packet.destination = mapping.insideAddress;
    this.pass(packet, INSIDE, now);
  }

  /** An error about a packet that came in: the quoted destination is inside. */
  private outboundIcmp(packet: Packet, now: number): void {
    const error = packet.icmp === null ? null : icmpErrorOf(packet.icmp, 4);
    if (error === null || packet.icmp === null || error.quoted.protocol !== PROTOCOL.tcp) return this.drop(packet, now);
    const mapping = this.fresh(this.inside.get(endpointKey(error.quoted.destination, error.quoted.destinationPort)), now);
    if (mapping === null) return this.drop(packet, now);
    const body = rewriteQuoted(packet.icmp.body, QUOTED_DESTINATION, this.external, mapping.externalPort);
    packet.icmp = { type: packet.icmp.type, code: packet.icmp.code, word: packet.icmp.word, body };
    packet.source = this.external;
    this.pass(packet, OUTSIDE, now);
  }

  private mappingFor(address: IpAddress, segment: TcpSegment, now: number): Mapping | null {
    const key = endpointKey(address, segment.sourcePort);
    const known = this.fresh(this.inside.get(key), now);
    if (known !== null) return known;
    if (!this.midstream && (segment.flags & TCP_FLAG.SYN) === 0) return null;
    if (this.inside.size >= this.maxMappings && !this.sweep(now)) return null;
    const externalPort = this.freePort(segment.sourcePort, now);
    if (externalPort < 0) return null;
    const mapping = new Mapping(key, address, segment.sourcePort, externalPort);
    this.inside.set(key, mapping);
    this.outside.set(externalPort, mapping);
    return mapping;
  }

  /** The same port as inside when it is free (RFC 4787 §4.2.1), where that is asked for; else the first free one from a random start on; -1 for none. */
  private freePort(wanted: number, now: number): number {
    if (this.preservesPorts && this.byExternalPort(wanted, now) === null) return wanted;
    const count = 65536 - FIRST_PORT;
    const start = randomBelow(this.random, count);
    for (let i = 0; i < count; i++) {
      const port = FIRST_PORT + ((start + i) % count);
      if (this.byExternalPort(port, now) === null) return port;
    }
    return -1;
  }

  private byExternalPort(port: number, now: number): Mapping | null {
    return this.fresh(this.outside.get(port), now);
  }

  /** `mapping` unless it has expired: then it is removed. */
  private fresh(mapping: Mapping | undefined, now: number): Mapping | null {
    if (mapping === undefined) return null;
    if (mapping.expires > now) return mapping;
    this.remove(mapping);
    return null;
  }

  private remove(mapping: Mapping): void {
    this.inside.delete(mapping.key);
    this.outside.delete(mapping.externalPort);
  }

  /** Makes room in a full table; at most once a second, so that a flood does not make every packet dear. */
  private sweep(now: number): boolean {
    if (now < this.nextSweep) return false;
    this.nextSweep = now + SECOND;
    for (const mapping of this.inside.values()) if (mapping.expires <= now) this.remove(mapping);
    return this.inside.size < this.maxMappings;
  }

  /** As much of the TCP state as the two timeouts need. */
  private track(mapping: Mapping, segment: TcpSegment, side: number, now: number): void {
    const flags = segment.flags;
    if ((flags & TCP_FLAG.SYN) !== 0) {
      mapping.finished = 0;
      if (side === FROM_INSIDE) mapping.spoken = 0;
    }
    mapping.spoken |= side;
    if ((flags & TCP_FLAG.FIN) !== 0) mapping.finished |= side;
    if ((flags & TCP_FLAG.RST) !== 0) mapping.finished = BOTH_SIDES;
    const isEstablished = mapping.spoken === BOTH_SIDES && mapping.finished !== BOTH_SIDES;
    mapping.expires = now + (isEstablished ? this.establishedTimeout : this.transitoryTimeout);
  }

  private pass(packet: Packet, port: number, now: number): void {
    this.egresses[port]?.send(packet, now);
  }

  /** Loses a packet that is not translated. */
  protected drop(packet: Packet, now: number): void {
    this.dropped++;
    if (this.observer === null) return;
    this.observer.event({ kind: "packet_lost", at: now, host: this.name, connection: -1, subflow: -1, cause: "nat", length: packet.length });
  }
}

class Mapping {
  readonly key: number;
  readonly insideAddress: IpAddress;
  readonly insidePort: number;
  readonly externalPort: number;
  expires = Number.POSITIVE_INFINITY;
  /** Which sides have sent since the last SYN from inside, and which have sent FIN. */
  spoken = 0;
  finished = 0;
  private peers: Set<number> | null = null;

  constructor(key: number, insideAddress: IpAddress, insidePort: number, externalPort: number) {
    this.key = key;
    this.insideAddress = insideAddress;
    this.insidePort = insidePort;
    this.externalPort = externalPort;
  }

  admits(peer: number): boolean {
    return this.peers !== null && this.peers.has(peer);
  }

  admit(peer: number): void {
    this.peers ??= new Set();
    if (this.peers.has(peer)) return;
    if (this.peers.size >= MAX_PEERS) for (const oldest of this.peers) if (this.peers.delete(oldest)) break;
    this.peers.add(peer);
  }
}

/** An IPv4 endpoint as a number below 2^48. */
function endpointKey(address: IpAddress, port: number): number {
  return address.w3 * 65536 + port;
}

/** A copy of the IPv4 packet quoted in an ICMP error with one endpoint replaced and its checksums updated (RFC 1624). */
function rewriteQuoted(body: Uint8Array, which: typeof QUOTED_SOURCE, address: IpAddress, port: number): Uint8Array {
  const copy = new Uint8Array(body);
  const view = new DataView(copy.buffer);
  const transport = (view.getUint8(0) & 0x0f) * 4;
  const addressBefore = view.getUint32(which.address);
  const portBefore = view.getUint16(transport + which.port);
  view.setUint32(which.address, address.w3);
  view.setUint16(transport + which.port, port);
  view.setUint16(IPV4_CHECKSUM, updateChecksum32(view.getUint16(IPV4_CHECKSUM), addressBefore, address.w3));
  const tcpChecksum = transport + TCP_CHECKSUM;
  if (copy.length >= tcpChecksum + 2) {
    const withAddress = updateChecksum32(view.getUint16(tcpChecksum), addressBefore, address.w3);
    view.setUint16(tcpChecksum, updateChecksum(withAddress, portBefore, port));
  }
  return copy;
}

const INSIDE = 0;
const OUTSIDE = 1;
const FROM_INSIDE = 1;
const FROM_OUTSIDE = 2;
const BOTH_SIDES = 3;
const FIRST_PORT = 1024;
const MAX_PEERS = 64;
/** Offsets in the quoted packet: of the address in the IPv4 header, of the port in the TCP header. */
const QUOTED_SOURCE = { address: 12, port: 0 };
const QUOTED_DESTINATION = { address: 16, port: 2 };
const IPV4_CHECKSUM = 10;
const TCP_CHECKSUM = 16;
