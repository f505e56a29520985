import { MptcpConnection } from "../../mptcp/index.ts";
import type { StreamConnection } from "../../tcp/index.ts";
import type { Tables } from "./tables.ts";
import { tcpsOf } from "./tables.ts";

/** Takes a connection out of the tables of its host; see `Host.release`. */
export function release(tables: Tables, connection: StreamConnection): void {
  for (const tcp of tcpsOf(tables, connection)) {
    tables.heldPorts.release(tcp);
    if (tables.connections.remove(tcp)) tables.ports.release(tcp.tuple);
    else tables.pendingJoins.remove(tcp);
    tables.orphans.remove(tcp);
    tables.timers.remove(tcp);
    for (const queue of [...tables.queues, tables.linkless]) queue?.remove(tcp);
    tcp.queued = false;
    tcp.onMovedAway();
  }
  if (!(connection instanceof MptcpConnection)) return;
  tables.orphans.remove(connection);
  tables.tokens.remove(connection);
  tables.timers.removeFor(connection);
  connection.onMovedAway();
}
