/**
 * mptcp/schedulers/: which subflow takes the next segment.
 *
 * To write your own: an object with a `name` and a method `select` that gets the usable subflows, in order of path index, and returns
 * the one to send on, or null to wait. It is called once per segment at the moment of transmission, so it should not allocate.
 * Pass a function that makes one as the connection's `scheduler`; here, add a file and a line in {@link schedulers}.
 *
 * @example
 * ```ts
 * // Fills path 1 first, the others only when it is full.
 * const firstPathFirst: SchedulerFactory = () => ({
 *   name: "first-path-first",
 *   select: (subflows) => subflows.find((subflow) => subflow.hasRoom) ?? null,
 * });
 * ```
 *
 * @module
 */
import type { Policy } from "../../core/index.ts";
import type { Scheduler } from "../scheduler.ts";
import { lowestTimeDistance } from "./lowest-time-distance.ts";
import { roundRobin } from "./round-robin.ts";
import { shortestQueue } from "./shortest-queue.ts";

export { lowestTimeDistance } from "./lowest-time-distance.ts";
export { roundRobin } from "./round-robin.ts";
export { shortestQueue } from "./shortest-queue.ts";

/** All of them by name, as configuration files and commands spell it. */
export const schedulers: Readonly<Record<string, Policy<Scheduler>>> = {
  "lowest-time-distance": { name: "lowest-time-distance", parameters: {}, create: lowestTimeDistance },
  "round-robin": { name: "round-robin", parameters: {}, create: roundRobin },
  "shortest-queue": { name: "shortest-queue", parameters: {}, create: shortestQueue },
};
