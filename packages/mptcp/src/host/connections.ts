import { LIMITS } from "../core/index.ts";
import type { TcpConnection } from "../tcp/index.ts";
import type { IpAddress } from "../wire/index.ts";
import { FourTupleTable } from "./four-tuple-table.ts";

/** How many TCP connections, subflows included, a host has at the most: in all, and with one peer address. */
export interface ConnectionLimits {
  readonly connections: number;
  readonly connectionsPerPeer: number;
}

/** The TCP connections of a host, but joins that wait for their third ACK and those in TIME-WAIT; and how many there are with each peer address. */
export class Connections {
  private readonly limits: ConnectionLimits;
  private readonly table = new FourTupleTable();
  private readonly peers = new Map<string, number>();

  constructor(limits: ConnectionLimits) {
    this.limits = limits;
  }

  get size(): number {
    return this.table.size;
  }

  find(localAddress: IpAddress, localPort: number, remoteAddress: IpAddress, remotePort: number): TcpConnection | null {
    return this.table.find(localAddress, localPort, remoteAddress, remotePort);
  }

  /** All of them, in no particular order; safe against changes while the array is walked. */
  all(): TcpConnection[] {
    return this.table.all();
  }

  /** The limit that one more connection with a peer would pass; null: there is room. */
  limitFor(remote: IpAddress): (typeof LIMITS)["connections" | "connectionsPerPeer"] | null {
    const { connections, connectionsPerPeer } = this.limits;
    if (this.table.size >= connections) return LIMITS.connections;
    return this.table.size >= connectionsPerPeer && (this.peers.get(String(remote)) ?? 0) >= connectionsPerPeer ? LIMITS.connectionsPerPeer : null;
  }

  add(tcp: TcpConnection): void {
    this.table.add(tcp);
    const peer = String(tcp.tuple.remoteAddress);
    this.peers.set(peer, (this.peers.get(peer) ?? 0) + 1);
  }

  /** Whether it was there. */
  remove(tcp: TcpConnection): boolean {
    if (!this.table.remove(tcp)) return false;
    const peer = String(tcp.tuple.remoteAddress);
    const left = (this.peers.get(peer) ?? 0) - 1;
    if (left > 0) this.peers.set(peer, left);
    else this.peers.delete(peer);
    return true;
  }
}
