import { MptcpConnection } from "../mptcp/index.ts";
import type { Subflow } from "../mptcp/index.ts";
import type { StreamConnection } from "../tcp/index.ts";
import { IpAddress } from "../wire/index.ts";
import type { Runtime } from "./runtime.ts";

/** What a socket knows of Multipath TCP, shaped after the kernel's MPTCP_INFO. */
export interface MptcpInfo {
  /** Whether Multipath TCP is in use. */
  readonly multipath: boolean;
  /** Why it is not although it was asked for; null when it is, or was not asked for. */
  readonly fallback: string | null;
  /** Token that names the connection to this host; 0 with plain TCP. */
  readonly token: number;
  readonly subflows: readonly SubflowInfo[];
}

export interface SubflowInfo {
  /** Path index: 1 is the first subflow. */
  readonly id: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly established: boolean;
  readonly backup: boolean;
  /** Smoothed round-trip time, ns; 0 before the first sample. */
  readonly rtt: number;
  /** Octets. */
  readonly congestionWindow: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly bytesRetransmitted: number;
}

/** A pair of addresses for one more subflow. */
export interface SubflowRequest {
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** To be used only when others cannot. */
  readonly backup?: boolean;
}

/** Multipath TCP as seen from one socket, after RFC 6897 §5: which subflows there are, one more, one fewer. */
export class SocketMptcp {
  private readonly runtime: () => Runtime | null;
  private readonly connection: () => StreamConnection | null;

  constructor(runtime: () => Runtime | null, connection: () => StreamConnection | null) {
    this.runtime = runtime;
    this.connection = connection;
  }

  info(): MptcpInfo {
    const connection = this.connection();
    if (!(connection instanceof MptcpConnection)) return { multipath: false, fallback: connection?.fallback ?? null, token: 0, subflows: [] };
    const { multipath, fallback } = connection;
    return { multipath, fallback, token: multipath ? connection.localKeys.token : 0, subflows: connection.subflows.map(infoOf) };
  }

  /**
   * Opens a subflow between two addresses that both hosts know of, RFC 6897's TCP_MULTIPATH_ADD.
   * @returns false when they are not known, the subflow is there already, or a limit forbids it
   */
  addSubflow(request: SubflowRequest): boolean {
    const connection = this.connection();
    const runtime = this.runtime();
    const local = IpAddress.parse(request.localAddress);
    const remote = IpAddress.parse(request.remoteAddress);
    if (!(connection instanceof MptcpConnection) || runtime === null || local === null || remote === null) return false;
    const { addresses } = connection;
    const path = addresses.paths.find((row) => !row.open && row.present && row.localAddress.equals(local) && row.remoteAddress.equals(remote));
    const done = path !== undefined && addresses.open(path.index, request.backup ?? false, runtime.now);
    runtime.poke();
    return done;
  }

  /** Ends one subflow, RFC 6897's TCP_MULTIPATH_REMOVE. @returns false when there is none of that id */
  removeSubflow(id: number): boolean {
    const connection = this.connection();
    const runtime = this.runtime();
    if (!(connection instanceof MptcpConnection) || runtime === null || !connection.subflows.some((subflow) => subflow.id === id)) return false;
    connection.addresses.close(id, runtime.now);
    runtime.poke();
    return true;
  }
}

function infoOf(subflow: Subflow): SubflowInfo {
  const { tcp } = subflow;
  const { tuple } = tcp;
  return {
    id: subflow.id,
    localAddress: String(tuple.localAddress),
    localPort: tuple.localPort,
    remoteAddress: String(tuple.remoteAddress),
    remotePort: tuple.remotePort,
    established: subflow.phase === "established",
    backup: subflow.backup,
    rtt: tcp.srtt,
    congestionWindow: tcp.congestion.cwnd,
    bytesSent: tcp.bytesSent,
    bytesReceived: tcp.bytesReceived,
    bytesRetransmitted: tcp.bytesRetransmitted,
  };
}
