import { MptcpConnection } from "mptcp";
import type { StreamConnection, SubflowView, TcpConnection } from "mptcp";
import type { IpAddress } from "mptcp/wire";

/** One subflow as both ends see it; for plain TCP, the connection. */
export interface RosterEntry {
  /** The client's path index; 0 for plain TCP. */
  readonly id: number;
  /** The client's interface, with a number when it has several subflows. */
  readonly name: string;
  readonly client: TcpConnection;
  readonly clientSubflow: SubflowView | null;
  /** The other end, once it is known. */
  server: TcpConnection | null;
  serverSubflow: SubflowView | null;
  /** ns; -1 until then. */
  establishedAt: number;
  closedAt: number;
  closeReason: string | null;
}

/** Remembers every subflow that a connection ever had, and which one at the server belongs to it. */
export class Roster {
  readonly entries: RosterEntry[] = [];
  private readonly interfaceName: (address: IpAddress) => string;
  private client: StreamConnection | null = null;
  private server: StreamConnection | null = null;

  constructor(interfaceName: (address: IpAddress) => string) {
    this.interfaceName = interfaceName;
  }

  setClient(connection: StreamConnection): void {
    this.client = connection;
  }

  setServer(connection: StreamConnection): void {
    this.server = connection;
  }

  /** Looks for subflows that are new since the last look. */
  refresh(now: number): void {
    for (const { id, tcp, subflow } of tcpsOf(this.client)) {
      if (!this.entries.some((entry) => entry.client === tcp)) this.add(id, tcp, subflow);
    }
    for (const { tcp, subflow } of tcpsOf(this.server)) {
      if (this.entries.some((entry) => entry.server === tcp)) continue;
      const match = this.matchFor(tcp);
      if (match === undefined) continue;
      match.server = tcp;
      match.serverSubflow = subflow;
    }
    for (const entry of this.entries) {
      if (entry.establishedAt < 0 && entry.client.established) entry.establishedAt = now;
      if (entry.closedAt < 0 && entry.client.state === "CLOSED") entry.closedAt = now;
    }
  }

  /** The newest subflow with that path index at the client. */
  byId(id: number): RosterEntry | undefined {
    return this.entries.findLast((entry) => entry.id === id);
  }

  /** The newest subflow with that path index at the server. */
  byServerId(id: number): RosterEntry | undefined {
    return this.entries.findLast((entry) => (entry.serverSubflow?.pathIndex ?? 0) === id && entry.server !== null);
  }

  private add(id: number, tcp: TcpConnection, subflow: SubflowView | null): void {
    const base = this.interfaceName(tcp.tuple.localAddress);
    const others = this.entries.filter((entry) => entry.name === base || entry.name.startsWith(`${base} #`)).length;
    const name = others === 0 ? base : `${base} #${others + 1}`;
    this.entries.push({ id, name, client: tcp, clientSubflow: subflow, server: null, serverSubflow: null, establishedAt: -1, closedAt: -1, closeReason: null });
  }

  /** A translator changes addresses but, as a rule, keeps the port. */
  private matchFor(tcp: TcpConnection): RosterEntry | undefined {
    const free = this.entries.filter((entry) => entry.server === null && entry.client.tuple.localPort === tcp.tuple.remotePort);
    return free.find((entry) => entry.client.tuple.localAddress.equals(tcp.tuple.remoteAddress)) ?? free[0];
  }
}

function tcpsOf(connection: StreamConnection | null): { id: number; tcp: TcpConnection; subflow: SubflowView | null }[] {
  if (connection === null) return [];
  if (connection instanceof MptcpConnection) {
    return connection.subflows.map((subflow) => ({ id: subflow.pathIndex, tcp: subflow.tcp, subflow }));
  }
  const { tcp } = connection as StreamConnection & { readonly tcp?: TcpConnection };
  return tcp === undefined ? [] : [{ id: 0, tcp, subflow: null }];
}
