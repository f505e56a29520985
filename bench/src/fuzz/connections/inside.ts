import type { Host, Listener, MptcpConnection, StreamConnection, TcpConnection } from "mptcp";
import type { DataSequenceSpace } from "mptcp/wire";

/**
 * What a fuzzer looks at inside a host, and nobody else: its tables, to see whether anything is left, and the state of connections, to
 * choose numbers that are plausible, or that are surely not.
 */
export interface HostInside {
  readonly connections: Table;
  readonly pendingJoins: { readonly size: number; all(): Iterable<TcpConnection>; find: Table["find"] };
  readonly timeWaits: { readonly table: { all(): { readonly tuple: TcpConnection["tuple"] }[] }; find(...place: Parameters<Table["find"]>): object | null };
  readonly tokens: { all(): Iterable<MptcpConnection> };
  readonly listeners: { readonly embryos: ReadonlyMap<StreamConnection, Listener> };
  readonly timers: { readonly size: number; readonly entries: ReadonlyMap<unknown, unknown> };
  readonly queues: readonly ({ readonly size: number } | undefined)[];
  readonly linkless: { readonly size: number };
  readonly strays: { readonly queues: readonly (readonly unknown[] | undefined)[] };
  readonly heldPorts: { readonly held: ReadonlyMap<object, unknown> };
  /** Octets in buffers. */
  readonly memory: { readonly held: number };
}

interface Table {
  readonly size: number;
  all(): TcpConnection[];
  find(localAddress: TcpConnection["tuple"]["localAddress"], localPort: number, remoteAddress: TcpConnection["tuple"]["remoteAddress"], remotePort: number): TcpConnection | null;
}

/** The parts behind a connection while it is Multipath TCP. */
export interface MultipathInside {
  readonly session: {
    readonly local: Keys;
    readonly remoteKnown: boolean;
    readonly remote: Keys;
    readonly checksums: boolean;
    readonly localSpace: DataSequenceSpace;
    readonly remoteSpace: DataSequenceSpace;
  };
  readonly sender: { readonly una: number; readonly nxt: number; readonly sentEnd: number };
  readonly receiver: { readonly nxt: number; readonly limit: number; readonly reorderedBytes: number };
  readonly paths: { readonly paths: readonly unknown[]; readonly remote: readonly unknown[] };
  readonly subflows: readonly SubflowInside[];
}

export interface SubflowInside {
  readonly pathIndex: number;
  readonly first: boolean;
  readonly initiator: boolean;
  readonly established: boolean;
  readonly mappingsRemembered: number;
  /** Of a join: the nonces of its handshake. */
  readonly opening: { readonly localNonce?: number; readonly remoteNonce?: number };
  readonly tcp: TcpConnection;
  readonly context: MultipathInside;
}

interface Keys {
  readonly key: Uint8Array;
  readonly token: number;
}

/** @throws RangeError when a host has no such tables any more: then this file is to follow */
export function insideOfHost(host: Host): HostInside {
  const inside = host as unknown as HostInside;
  const names: readonly (keyof HostInside)[] = ["connections", "pendingJoins", "timeWaits", "tokens", "listeners", "timers", "queues", "linkless", "strays", "heldPorts", "memory"];
  for (const name of names) if (inside[name] === undefined) throw new RangeError(`a host has no ${name}`);
  return inside;
}

/** The subflow that a TCP connection belongs to; null where it is regular TCP. */
export function subflowOf(tcp: TcpConnection): SubflowInside | null {
  return "mappingsRemembered" in tcp.owner ? (tcp.owner as unknown as SubflowInside) : null;
}

/** The parts behind a connection; null when it has become regular TCP. */
export function multipathOf(connection: MptcpConnection): MultipathInside | null {
  const { stream } = connection as unknown as { readonly stream: Partial<MultipathInside> };
  return stream.session === undefined || stream.receiver === undefined || stream.paths === undefined ? null : (stream as MultipathInside);
}

/** A TCP connection's state and its role, as rows of the coverage table name them. */
export function stateOf(tcp: TcpConnection): string {
  const subflow = subflowOf(tcp);
  if (subflow !== null) return subflow.first ? tcp.state : `${tcp.state} join`;
  return tcp.subflowId === 0 ? `${tcp.state} plain` : `${tcp.state} regular`;
}
