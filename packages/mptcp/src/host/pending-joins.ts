import type { TcpConnection } from "../tcp/index.ts";
import type { IpAddress } from "../wire/index.ts";
import { FourTupleTable } from "./four-tuple-table.ts";

/**
 * Joins whose third ACK is missing: found by four-tuple, since that ACK carries no token (draft-barre-mptcp-impl §3.2).
 *
 * Nobody has proven anything yet, and a SYN may come from a made-up address. So there is room for a few, of a host and of one peer address,
 * and the oldest makes room for the newest: who answers within a round trip gets through.
 */
export class PendingJoins {
  private readonly table = new FourTupleTable();
  /** In order of arrival. */
  private readonly waiting = new Map<TcpConnection, PendingJoin>();
  private readonly limit: number;
  private readonly limitPerPeer: number;

  constructor(limit: number, limitPerPeer: number) {
    this.limit = limit;
    this.limitPerPeer = limitPerPeer;
  }

  get size(): number {
    return this.waiting.size;
  }

  find(localAddress: IpAddress, localPort: number, remoteAddress: IpAddress, remotePort: number): TcpConnection | null {
    return this.table.find(localAddress, localPort, remoteAddress, remotePort);
  }

  all(): Iterable<TcpConnection> {
    return this.waiting.keys();
  }

  /** Takes a join in; where there is no room, the oldest one, of the same peer address if that has too many, is dropped for it. */
  add(tcp: TcpConnection, join: PendingJoin, now: number): void {
    const displaced = this.inTheWayOf(tcp.tuple.remoteAddress);
    if (displaced !== null) {
      const dropped = this.waiting.get(displaced);
      this.remove(displaced);
      dropped?.displace(now);
    }
    this.table.add(tcp);
    this.waiting.set(tcp, join);
  }

  /** Whether it was there. */
  remove(tcp: TcpConnection): boolean {
    if (!this.waiting.delete(tcp)) return false;
    return this.table.remove(tcp);
  }

  private inTheWayOf(remote: IpAddress): TcpConnection | null {
    let oldest: TcpConnection | null = null;
    let ofPeer = 0;
    for (const tcp of this.waiting.keys()) {
      if (!tcp.tuple.remoteAddress.equals(remote)) continue;
      oldest ??= tcp;
      ofPeer++;
    }
    if (ofPeer >= this.limitPerPeer) return oldest;
    if (this.waiting.size < this.limit) return null;
    for (const tcp of this.waiting.keys()) return tcp;
    return null;
  }
}

/** A join, to whoever keeps it. */
export interface PendingJoin {
  /** A newer join needs its room: ends it. */
  displace(now: number): void;
}
