/**
 * mptcp/: one Multipath TCP connection (RFC 8684) over several TCP connections: handshake, data, fallback, closing. Schedulers,
 * coupled congestion controllers and path managers each stand behind a small interface, one file each in a folder of their own.
 *
 * @module
 */
export { DEFAULT_MPTCP_CONFIG } from "./config.ts";
export type { MptcpConfig } from "./config.ts";
export * from "./congestion/index.ts";
export { MptcpConnection } from "./connection.ts";
export type { DecisionListener } from "./decision-log.ts";
export type { EndpointId, MptcpEnvironment, SubflowTcpConfig, Timed } from "./environment.ts";
export { acceptJoin } from "./joins.ts";
export { addAddressHmac, deriveKeyMaterial, joinHmac } from "./keys.ts";
export type { KeyMaterial } from "./keys.ts";
export { capableRefusal } from "./options-in.ts";
export type { EndpointFlags, LocalAddress, Path, PathControl, PathLimits, PathManager, PathManagerFactory, RemoteAddress } from "./path-manager.ts";
export * from "./path-managers/index.ts";
export { fallBack } from "./regular-tcp.ts";
export type { SchedulableSubflow, Scheduler, SchedulerFactory, ScheduleRequest } from "./scheduler.ts";
export * from "./schedulers/index.ts";
export { Subflow } from "./subflow.ts";
export type { SubflowPhase } from "./subflow.ts";
