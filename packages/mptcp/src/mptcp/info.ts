import type { FallbackReason, PlainObject, PolicyLike } from "../core/index.ts";
import type { FourTuple, TcpConnection, TcpSummary } from "../tcp/index.ts";
import { summaryOfTcp } from "../tcp/index.ts";
import type { DataSequenceSpace, IpAddress } from "../wire/index.ts";
import type { MptcpConfig } from "./config.ts";
import type { PathControl } from "./path-manager.ts";

/**
 * The state of a connection as plain data, shaped after the kernel's `struct mptcp_info` (linux/mptcp.h, whose names are given). Times are
 * ns, sizes octets.
 */
export interface ConnectionInfo {
  /** Whether Multipath TCP is in use; false before the connection is open. */
  readonly multipath: boolean;
  readonly fallback: FallbackReason | null;
  /** 0 with regular TCP. `mptcpi_token` */
  readonly token: number;
  /** The peer's key is known. MPTCP_INFO_FLAG_REMOTE_KEY_RECEIVED */
  readonly remoteKeyReceived: boolean;
  /** DSS checksums are in use. `mptcpi_csum_enabled` */
  readonly checksumEnabled: boolean;
  /** A DSS came: subflows may be added (RFC 8684 §3.1). */
  readonly fullyEstablished: boolean;

  /** Every subflow that is open, or being opened; after fallback the TCP connection that is left. */
  readonly subflows: readonly SubflowInfo[];
  /** How many there are. `mptcpi_subflows_total` */
  readonly subflowsTotal: number;
  /** Subflows beside the first, and how many there may be. `mptcpi_subflows`, `mptcpi_subflows_max` */
  readonly extraSubflows: number;
  readonly extraSubflowsMax: number;
  /** Addresses announced to the peer, and that may be. `mptcpi_add_addr_signal`, `mptcpi_add_addr_signal_max` */
  readonly addAddrSignal: number;
  readonly addAddrSignalMax: number;
  /** The peer's announcements that were accepted, and how many may be. `mptcpi_add_addr_accepted`, `mptcpi_add_addr_accepted_max` */
  readonly addAddrAccepted: number;
  readonly addAddrAcceptedMax: number;
  /** Local addresses that subflows beside the first were opened from, and that they may be opened from. `mptcpi_local_addr_used`, `.._max` */
  readonly localAddrUsed: number;
  readonly localAddrMax: number;

  /** Data sequence numbers, 64 bits in hexadecimal as `ss -M` writes them: next to send, oldest not acknowledged, next expected. */
  readonly writeSequence: string;
  readonly sendUnacknowledged: string;
  readonly receiveNext: string;
  /** Data sent, without what was reinjected; data received in order; data that the peer acknowledged. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly bytesAcknowledged: number;
  /** Data reinjected: sent once more, on another subflow; and in how many segments. `mptcpi_bytes_retrans`, `mptcpi_retransmits` */
  readonly bytesRetransmitted: number;
  readonly retransmits: number;
  /** Bytes that wait in the connection's buffers: written and not acknowledged, arrived and not read. */
  readonly sendBuffered: number;
  readonly receiveBuffered: number;
  /** Whether the peer acknowledged everything written, the end included. */
  readonly endAcknowledged: boolean;
  /** Time since data was last sent, last arrived, and since the last Data ACK; since the connection was made where there was none. */
  readonly lastDataSent: number;
  readonly lastDataReceived: number;
  readonly lastAckReceived: number;
}

/** One subflow, after the kernel's `mptcp_subflow_info` and `tcp_info`; all of the latter is in {@link TcpInfo}. */
export interface SubflowInfo extends TcpSummary {
  /** Path index: 1 is the first subflow's. */
  readonly pathIndex: number;
  /** Whether it may carry data: verified by both hosts, and not closing. */
  readonly established: boolean;
  /** Whether it is used only when others cannot be. */
  readonly backup: boolean;
  /** Data that was sent before on another subflow, octets. */
  readonly bytesReinjected: number;
}

/** The addresses that a connection knows. */
export interface AddressesInfo {
  readonly local: readonly { readonly id: number; readonly address: IpAddress; readonly backup: boolean }[];
  readonly remote: readonly { readonly id: number; readonly address: IpAddress; readonly port: number }[];
}

/** A policy in use: its name, and its parameters where it says them. */
export interface PolicyInfo {
  readonly name: string;
  readonly parameters: PlainObject;
}

/** What decides in a connection. */
export interface PoliciesInfo {
  /** Null: regular TCP has none. */
  readonly scheduler: PolicyInfo | null;
  readonly congestion: PolicyInfo;
  /** Null: regular TCP has none. */
  readonly pathManager: PolicyInfo | null;
}

/** What {@link infoOfMultipath} reads of a connection in Multipath TCP. */
export interface InformedMultipath {
  readonly session: {
    readonly local: { readonly token: number };
    readonly remoteKnown: boolean;
    readonly checksums: boolean;
    readonly fullyEstablished: boolean;
    readonly localSpace: DataSequenceSpace;
    readonly remoteSpace: DataSequenceSpace;
  };
  readonly subflows: readonly SubflowView[];
  readonly paths: PathControl & { readonly acceptedAddresses: number; readonly signals: { readonly announcedIds: readonly number[] } };
  readonly sender: {
    readonly nxt: number;
    readonly una: number;
    readonly bytesReinjected: number;
    readonly reinjectedSegments: number;
    readonly buffered: number;
    readonly finAcknowledged: boolean;
    readonly lastSentAt: number;
    readonly lastAcknowledgedAt: number;
  };
  readonly receiver: { readonly nxt: number; readonly buffered: number; readonly lastReceivedAt: number };
}

/** A subflow as everybody may see it; after fallback the TCP connection that is left is one. */
export interface SubflowView {
  /** Path index: 1 is the first subflow's. */
  readonly pathIndex: number;
  /** Whether it began with MP_CAPABLE (else with MP_JOIN). */
  readonly first: boolean;
  /** Whether we sent the SYN. */
  readonly initiator: boolean;
  readonly localAddressId: number;
  readonly remoteAddressId: number;
  readonly tcp: TcpConnection;
  /** Verified by both ends. */
  readonly established: boolean;
  /** Whether data may be given to it: established, not being removed, not closing. */
  readonly mayCarryData: boolean;
  /** Whether it is used only when others cannot be: either end asked for that. */
  readonly backup: boolean;
  /** A retransmission timeout since the last new acknowledgment. */
  readonly stale: boolean;
  /** Bytes that were sent before on another subflow. */
  readonly bytesReinjected: number;
}

/** What {@link policiesOf} reads of a connection in Multipath TCP. */
export interface DecidingParts {
  readonly sender: { readonly carriers: { readonly scheduler: { readonly name: string } } };
  readonly paths: { readonly managerName: string };
}

/** What {@link infoOfRegular} reads of a connection that became regular TCP. */
export interface InformedRegular {
  readonly fallback: FallbackReason;
  readonly subflows: readonly SubflowView[];
  readonly sendBuffered: number;
  readonly receiveBuffered: number;
  readonly endAcknowledged: boolean;
  readonly progress: {
    readonly nxt: number;
    readonly una: number;
    readonly received: number;
    readonly lastSentAt: number;
    readonly lastReceivedAt: number;
    readonly lastAcknowledgedAt: number;
  };
}

export function infoOfMultipath(connection: InformedMultipath, openedAt: number, now: number): ConnectionInfo {
  const { session, subflows, paths, sender, receiver } = connection;
  const since = (at: number): number => (openedAt < 0 ? 0 : now - Math.max(at, openedAt));
  const joined = subflows.filter((subflow) => !subflow.first);
  return {
    multipath: openedAt >= 0,
    fallback: null,
    token: session.local.token,
    remoteKeyReceived: session.remoteKnown,
    checksumEnabled: session.checksums,
    fullyEstablished: session.fullyEstablished,
    subflows: subflows.map(infoOfSubflow),
    subflowsTotal: subflows.length,
    extraSubflows: joined.length,
    extraSubflowsMax: paths.limits.subflows,
    addAddrSignal: paths.signals.announcedIds.length,
    addAddrSignalMax: paths.local.length,
    addAddrAccepted: paths.acceptedAddresses,
    addAddrAcceptedMax: paths.limits.addAddrAccepted,
    localAddrUsed: new Set(joined.filter((subflow) => subflow.initiator).map((subflow) => subflow.localAddressId)).size,
    localAddrMax: paths.local.length,
    writeSequence: sequence(session.localSpace, sender.nxt),
    sendUnacknowledged: sequence(session.localSpace, sender.una),
    receiveNext: session.remoteKnown ? sequence(session.remoteSpace, receiver.nxt) : "0",
    bytesSent: sender.nxt,
    bytesReceived: receiver.nxt,
    bytesAcknowledged: Math.min(sender.una, sender.nxt),
    bytesRetransmitted: sender.bytesReinjected,
    retransmits: sender.reinjectedSegments,
    sendBuffered: sender.buffered,
    receiveBuffered: receiver.buffered,
    endAcknowledged: sender.finAcknowledged,
    lastDataSent: since(sender.lastSentAt),
    lastDataReceived: since(receiver.lastReceivedAt),
    lastAckReceived: since(sender.lastAcknowledgedAt),
  };
}

export function infoOfRegular(stream: InformedRegular, openedAt: number, now: number): ConnectionInfo {
  const { progress } = stream;
  const since = (at: number): number => (openedAt < 0 ? 0 : now - Math.max(at, openedAt));
  return {
    multipath: false,
    fallback: stream.fallback,
    token: 0,
    remoteKeyReceived: false,
    checksumEnabled: false,
    fullyEstablished: false,
    subflows: stream.subflows.map(infoOfSubflow),
    subflowsTotal: stream.subflows.length,
    extraSubflows: 0,
    extraSubflowsMax: 0,
    addAddrSignal: 0,
    addAddrSignalMax: 0,
    addAddrAccepted: 0,
    addAddrAcceptedMax: 0,
    localAddrUsed: 0,
    localAddrMax: 0,
    writeSequence: "0",
    sendUnacknowledged: "0",
    receiveNext: "0",
    bytesSent: progress.nxt,
    bytesReceived: progress.received,
    bytesAcknowledged: Math.min(progress.una, progress.nxt),
    bytesRetransmitted: 0,
    retransmits: 0,
    sendBuffered: stream.sendBuffered,
    receiveBuffered: stream.receiveBuffered,
    endAcknowledged: stream.endAcknowledged,
    lastDataSent: since(progress.lastSentAt),
    lastDataReceived: since(progress.lastReceivedAt),
    lastAckReceived: since(progress.lastAcknowledgedAt),
  };
}

export function infoOfSubflow(subflow: SubflowView): SubflowInfo {
  const { pathIndex, mayCarryData: established, backup, bytesReinjected } = subflow;
  return { pathIndex, established, backup, bytesReinjected, ...summaryOfTcp(subflow.tcp) };
}

/** Plain TCP as the one subflow that it is. */
export function infoOfPlain(tcp: TcpConnection): SubflowInfo {
  return { pathIndex: 1, established: tcp.established && !tcp.finSent, backup: false, bytesReinjected: 0, ...summaryOfTcp(tcp) };
}

/** What decides in a connection; `parts`: null with regular TCP. */
export function policiesOf(config: Pick<MptcpConfig, "scheduler" | "congestion" | "pathManager">, parts: DecidingParts | null): PoliciesInfo {
  const { congestion, pathManager, scheduler } = config;
  return {
    scheduler: parts === null ? null : { name: parts.sender.carriers.scheduler.name, parameters: parametersOf(scheduler) },
    congestion: { name: congestion.name, parameters: congestion.parameters },
    pathManager: parts === null ? null : { name: parts.paths.managerName, parameters: parametersOf(pathManager) },
  };
}

function parametersOf(policy: PolicyLike<unknown>): PlainObject {
  return typeof policy === "function" ? {} : policy.parameters;
}

/** The addresses of a connection; of one in regular TCP the pair that it was opened on. */
export function addressesOf(paths: PathControl | null, tuple: FourTuple): AddressesInfo {
  if (paths === null) {
    return { local: [{ id: 0, address: tuple.localAddress, backup: false }], remote: [{ id: 0, address: tuple.remoteAddress, port: tuple.remotePort }] };
  }
  return {
    local: paths.local.map(({ id, address, flags }) => ({ id, address, backup: flags.backup })),
    remote: paths.remote.map(({ id, address, port }) => ({ id, address, port })),
  };
}

/** The data sequence number at a position, as `ss -M` writes it. */
function sequence(space: DataSequenceSpace, position: number): string {
  return ((BigInt(space.high(position)) << 32n) | BigInt(space.low(position))).toString(16);
}
