import { MptcpConnection } from "mptcp";
import type { Host } from "mptcp";
import { multipathOf } from "./connections/inside.ts";
import type { HostInside } from "./connections/inside.ts";

/** The most that one connection held. */
export interface HeldByConnection {
  pathRows: number;
  subflows: number;
  mappings: number;
  /** Bytes out of order beyond what a connection and its subflows may hold. */
  excess: number;
}

/** Takes note of what the connections of a host hold now. */
export function noteHeld(inside: HostInside, most: HeldByConnection): void {
  for (const connection of inside.tokens.all()) {
    const parts = multipathOf(connection);
    if (parts === null) continue;
    const { receiver, paths, subflows } = parts;
    most.pathRows = Math.max(most.pathRows, paths.paths.length + paths.remote.length);
    most.subflows = Math.max(most.subflows, subflows.length);
    most.excess = Math.max(most.excess, receiver.reorderedBytes - receiver.limit);
    for (const subflow of subflows) {
      most.mappings = Math.max(most.mappings, subflow.mappingsRemembered);
      most.excess = Math.max(most.excess, subflow.tcp.outOfOrderBytes - 2 * receiver.limit);
    }
  }
}

/** What one connection held beyond docs/limits.md: 8 subflows beside the first and 8 joins without their third ACK; rows of the path table; mappings; data out of order. */
export function excessOf({ subflows, pathRows, mappings, excess }: HeldByConnection): string | null {
  if (subflows > 17) return `${subflows} subflows of one connection`;
  if (pathRows > MOST_PATH_ROWS) return `${pathRows} rows in the path tables of one connection`;
  if (mappings > MOST_MAPPINGS) return `${mappings} mappings of one subflow`;
  return excess > 0 ? `${excess} bytes out of order beyond the buffer` : null;
}

/** What a host still holds when everything is over; nothing is what should be left. */
export function leftIn(side: string, host: Host, inside: HostInside, more: Readonly<Record<string, number>> = {}): string[] {
  const { listeners, timers, queues, linkless, strays, heldPorts } = inside;
  const held = {
    ...host.usage,
    embryos: listeners.embryos.size,
    // The host's own tables keep their entries.
    timerEntries: Array.from(timers.entries.keys()).filter((timed) => timed instanceof MptcpConnection).length,
    queued: queues.reduce((sum, queue) => sum + (queue?.size ?? 0), linkless.size),
    strays: strays.queues.reduce((sum, list) => sum + (list?.length ?? 0), 0),
    portOwners: heldPorts.held.size,
    ...more,
  };
  return Object.entries(held).flatMap(([what, count]) => (count === 0 ? [] : [`${side}: ${count} ${what}`]));
}

const MOST_PATH_ROWS = 200;
const MOST_MAPPINGS = 4096;
