/**
 * mptcp/: one Multipath TCP connection (RFC 8684) over several TCP connections: handshake, data, fallback, closing. Schedulers,
 * coupled congestion controllers and path managers each stand behind a small interface, one file each in a folder of their own.
 *
 * @module
 */
export { DEFAULT_MPTCP_CONFIG } from "./config.ts";
export type { MptcpConfig, PolicyExchange } from "./config.ts";
export * from "./congestion/index.ts";
export { MptcpConnection } from "./connection.ts";
export type { DecisionListener } from "./decision-log.ts";
export type { EndpointId, MptcpEnvironment, SubflowTcpConfig, Timed, Versioned } from "./environment.ts";
export { answerFlags, readCapableAck, readCapableSyn } from "./handshake/capable.ts";
export type { CapableSyn } from "./handshake/capable.ts";
export { readJoinSyn } from "./handshake/join.ts";
export type { AddressesInfo, ConnectionInfo, PoliciesInfo, PolicyInfo, SubflowInfo, SubflowView } from "./info.ts";
export { infoOfPlain } from "./info.ts";
export type { EndpointFlags, LocalAddress, Path, PathControl, PathLimits, PathManager, PathManagerFactory, RemoteAddress } from "./path-manager.ts";
export * from "./path-managers/index.ts";
export { DEFAULT_PATH_TABLE_LIMITS, PathTable } from "./paths/table.ts";
export type { PathTableLimits } from "./paths/table.ts";
export { MPTCP_CLASSES, MPTCP_CONSTANTS } from "./saved.ts";
export type { SchedulableSubflow, Scheduler, SchedulerFactory, ScheduleRequest } from "./scheduler.ts";
export * from "./schedulers/index.ts";
export { addAddressHmac, deriveKeyMaterial, joinHmac } from "./version/keys.ts";
export { version0 } from "./version/v0.ts";
export { version1 } from "./version/v1.ts";
export { answerTo, highestOf } from "./version/version.ts";
export type { KeyMaterial, KeyPair, NamedAddress, Version } from "./version/version.ts";
