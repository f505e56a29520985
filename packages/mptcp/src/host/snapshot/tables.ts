import type { StreamConnection, TcpConnection } from "../../tcp/index.ts";
import type { AddressBook } from "../address-book.ts";
import type { Connections } from "../connections.ts";
import type { HeldPorts } from "../held-ports.ts";
import type { Host } from "../host.ts";
import type { Orphans } from "../orphans.ts";
import type { PendingJoins } from "../pending-joins.ts";
import type { PortAllocator } from "../ports.ts";
import type { TimerHeap } from "../timer-heap.ts";
import type { Tokens } from "../tokens.ts";
import type { TransmitQueue } from "../transmit-queue.ts";

/** Where a host keeps what belongs to a connection. */
export interface Tables {
  readonly host: Host;
  readonly addresses: AddressBook;
  readonly connections: Connections;
  readonly pendingJoins: PendingJoins;
  readonly tokens: Tokens;
  readonly heldPorts: HeldPorts;
  readonly ports: PortAllocator;
  readonly orphans: Orphans;
  readonly timers: TimerHeap;
  /** By link; and of connections without one. */
  readonly queues: readonly (TransmitQueue | undefined)[];
  readonly linkless: TransmitQueue;
  /** Whether the driver is to look at the connection. */
  isReady(connection: StreamConnection): boolean;
  /** A number for one more connection. */
  nextId(): number;
  /** Gives a TCP connection its link. */
  place(tcp: TcpConnection): void;
}

/** What a connection has of its host, by name: it is not saved, and another host has its own. */
export function partsOf(host: Host): Readonly<Record<string, unknown>> {
  const { counters, notify, observer, random, segments } = host;
  return { host, counters, notify, observer, random, segments };
}

/** The TCP connections of a connection that the host knows: those that only wait for the end of TIME-WAIT, or to send a RST, too. */
export function tcpsOf(tables: Tables, connection: StreamConnection): readonly TcpConnection[] {
  return [...tables.connections.all(), ...tables.pendingJoins.all()].filter((tcp) => tcp.connectionId === connection.id);
}
