import { SECOND } from "../core/index.ts";
import type { Observer } from "../core/index.ts";
import { icmpTimeExceeded, icmpTooBig, icmpUnreachable } from "../wire/index.ts";
import type { IpAddress, Packet } from "../wire/index.ts";
import type { Egress, SimNode } from "./node.ts";
import { NO_ROUTE, RouteTable } from "./route-table.ts";

/** Chooses among `choices` next hops of equal cost; returns an index below `choices`. */
export type NextHopChoice = (packet: Packet, choices: number) => number;

export interface RouterOptions {
  /** The router's own addresses: sources of its ICMP errors, one per family is enough. Without one it is silent. */
  readonly addresses?: readonly IpAddress[];
  /** Whether ICMP errors are sent (default true); without, packets that are too big vanish as in a black hole. */
  readonly icmp?: boolean;
  /** ICMP errors per second in the long run, and at once: a token bucket (RFC 4443 §2.4(f)). Default 1000 and 50. */
  readonly icmpRate?: number;
  readonly icmpBurst?: number;
  /** How next hops of equal cost share the packets. Default: {@link flowHash} with a salt from the router's name. */
  readonly nextHop?: NextHopChoice;
}

/**
 * Forwards packets by the longest matching prefix, lowers the hop limit, and reports to the source what it cannot
 * forward (RFC 1812 §5.2). It never fragments: every packet is treated as if it had the "don't fragment" bit.
 */
export class Router implements SimNode {
  readonly name: string;
  readonly addresses: readonly IpAddress[];
  readonly routes = new RouteTable();
  /** Packets dropped, by cause; ICMP errors sent. What is addressed to the router itself has no route. */
  droppedNoRoute = 0;
  droppedHopLimit = 0;
  droppedTooBig = 0;
  icmpSent = 0;
  private readonly observer: Observer | null;
  private readonly nextHop: NextHopChoice | null;
  private readonly salt: number;
  private readonly egresses: Egress[] = [];
  private readonly icmpInterval: number;
  private readonly icmpBurst: number;
  /** The token bucket as a time: when it would be full again. */
  private icmpFullAt = 0;

  constructor(name: string, options: RouterOptions = {}, observer: Observer | null = null) {
    this.name = name;
    this.addresses = options.icmp === false ? [] : (options.addresses ?? []);
    this.nextHop = options.nextHop ?? null;
    this.salt = hashOfText(name);
    this.icmpInterval = SECOND / (options.icmpRate ?? 1000);
    this.icmpBurst = options.icmpBurst ?? 50;
    this.observer = observer;
  }

  attach(egress: Egress): number {
    return this.egresses.push(egress) - 1;
  }

  addressesOn(): readonly IpAddress[] {
    return NO_ADDRESSES;
  }

  passes(): boolean {
    return true;
  }

  /** Sets a route to `prefix` of `length` bits over `ports`, which share by {@link RouterOptions.nextHop}. */
  addRoute(prefix: IpAddress, length: number, ...ports: number[]): void {
    this.routes.set(prefix, length, ports);
  }

  receive(packet: Packet, _port: number, now: number): void {
    if (packet.hopLimit <= 1) return this.expired(packet, now);
    packet.hopLimit--;
    this.forward(packet, now);
  }

  private forward(packet: Packet, now: number): void {
    let port = this.routes.lookUp(packet.destination);
    if (port < 0) {
      if (port === NO_ROUTE) return this.unroutable(packet, now);
      port = this.choose(packet, this.routes.group(port));
    }
    const egress = this.egresses[port] as Egress;
    if (packet.length > egress.maxPacket) return this.tooBig(packet, egress.mtu, now);
    egress.send(packet, now);
  }

  private choose(packet: Packet, ports: readonly number[]): number {
    const index = this.nextHop === null ? flowHash(packet, this.salt) % ports.length : this.nextHop(packet, ports.length);
    return ports[index] as number;
  }

  private expired(packet: Packet, now: number): void {
    this.droppedHopLimit++;
    this.lost(packet, "ttl", now);
    const own = this.reporter(packet, now);
    if (own !== null) this.sendError(icmpTimeExceeded(packet, own), now);
  }

  private unroutable(packet: Packet, now: number): void {
    this.droppedNoRoute++;
    this.lost(packet, "no_route", now);
    const own = this.reporter(packet, now);
    if (own !== null) this.sendError(icmpUnreachable(packet, own, "network"), now);
  }

  private tooBig(packet: Packet, mtu: number, now: number): void {
    this.droppedTooBig++;
    this.lost(packet, "mtu", now);
    const own = this.reporter(packet, now);
    if (own !== null) this.sendError(icmpTooBig(packet, own, mtu), now);
  }

  /** The address to report from; null where the router has none of that family, no route back, or has reported too often of late. */
  private reporter(packet: Packet, now: number): IpAddress | null {
    for (const address of this.addresses) {
      if (address.family !== packet.source.family) continue;
      if (this.routes.lookUp(packet.source) === NO_ROUTE) return null;
      return this.icmpFullAt - now <= (this.icmpBurst - 1) * this.icmpInterval ? address : null;
    }
    return null;
  }

  private sendError(error: Packet | null, now: number): void {
    if (error === null) return;
    this.icmpFullAt = Math.max(this.icmpFullAt, now) + this.icmpInterval;
    this.icmpSent++;
    this.forward(error, now);
  }

  private lost(packet: Packet, cause: "ttl" | "no_route" | "mtu", now: number): void {
    if (this.observer === null) return;
    this.observer.event({ kind: "packet_lost", at: now, host: this.name, connection: -1, subflow: -1, cause, length: packet.length });
  }
}

/** A hash of addresses, protocol and ports, the same for all packets of a flow; unsigned 32 bits. */
export function flowHash(packet: Packet, salt: number): number {
  const ports = packet.tcp === null ? 0 : (packet.tcp.sourcePort << 16) | packet.tcp.destinationPort;
  let h = Math.imul(packet.source.hash ^ salt, 0x9e3779b1);
  h = Math.imul(h ^ packet.destination.hash ^ (h >>> 15), 0x85ebca6b);
  h = Math.imul(h ^ ports ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function hashOfText(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h;
}

const NO_ADDRESSES: readonly IpAddress[] = [];
