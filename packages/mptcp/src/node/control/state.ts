import type { PolicyLike } from "../../core/index.ts";
import type { Host } from "../../host/index.ts";
import { infoOfPlain, MptcpConnection } from "../../mptcp/index.ts";
import type { LocalAddress, PathLimits, PolicyInfo, SubflowInfo, SubflowView } from "../../mptcp/index.ts";
import { TcpSocket } from "../../tcp/index.ts";
import type { StreamConnection } from "../../tcp/index.ts";
import type { Runtime } from "../runtime.ts";
import { tokenText } from "./protocol.ts";
import type { ConnectionStatus, ControlStatus, EndpointStatus, PolicyStatus, SubflowStatus } from "./protocol.ts";

/** µs since 1970. */
export function wallClock(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1000);
}

/** The state of a host. @param connections those to be told of */
export function statusOf(runtime: Runtime, connections: readonly StreamConnection[], counters: boolean): ControlStatus {
  const { host, now } = runtime;
  const { congestion, limits, pathManager, scheduler } = host.mptcpDefaults;
  return {
    atMicroseconds: wallClock(),
    name: host.name,
    endpoints: endpointsOf(runtime),
    links: runtime.linkAddresses.map(({ driver, addresses }) => ({ name: driver.name, mtuBytes: driver.mtu, addresses: addresses.map(String) })),
    limits: limitsOf(limits),
    scheduler: chosen(scheduler),
    congestion: chosenOf(congestion),
    pathManager: chosen(pathManager),
    usage: { ...host.usage },
    ...(counters ? { counters: host.counters.snapshot() } : {}),
    connections: connections.map((connection) => connectionStatus(connection, now)),
  };
}

/** The connections of a host that are not over. */
export function livingConnections(host: Host): readonly StreamConnection[] {
  return host.streams().filter((connection) => !connection.closed);
}

export function endpointsOf(runtime: Runtime): readonly EndpointStatus[] {
  const links = runtime.linkAddresses;
  return runtime.host.localAddresses().map((entry) => {
    const link = links.find(({ addresses }) => addresses.some((address) => address.equals(entry.address)));
    return endpointStatus(entry, link?.driver.name ?? null);
  });
}

export function endpointStatus({ address, flags, id }: LocalAddress, link: string | null): EndpointStatus {
  const { backup, fullmesh, port, signal, subflow } = flags;
  return { id, address: String(address), link, port: port ?? null, subflow, signal, backup, fullmesh };
}

/** Our token; null for regular TCP, which has none. */
export function tokenOf(connection: StreamConnection): string | null {
  return connection instanceof MptcpConnection && connection.multipath ? tokenText(connection.session.local.token) : null;
}

export function limitsOf({ addAddrAccepted, subflows }: PathLimits): { readonly subflows: number; readonly addAddrAccepted: number } {
  return { subflows, addAddrAccepted };
}

function connectionStatus(connection: StreamConnection, now: number): ConnectionStatus {
  return connection instanceof MptcpConnection ? multipathStatus(connection, now) : plainStatus(connection, now);
}

function multipathStatus(connection: MptcpConnection, now: number): ConnectionStatus {
  const info = connection.info(now);
  const { addresses, policies } = connection;
  return {
    ...common(connection),
    initiator: connection.initiator,
    // A connection that is being opened asks for Multipath TCP.
    multipath: connection.multipath,
    fallback: info.fallback,
    established: connection.connectedAt >= 0,
    fullyEstablished: info.fullyEstablished,
    checksum: info.checksumEnabled,
    scheduler: policies.scheduler === null ? null : chosenOf(policies.scheduler),
    congestion: chosenOf(policies.congestion),
    pathManager: policies.pathManager === null ? null : chosenOf(policies.pathManager),
    limits: connection.multipath ? limitsOf(connection.config.limits) : null,
    localAddresses: addresses.local.map(({ id, address, backup }) => ({ id, address: String(address), backup })),
    remoteAddresses: addresses.remote.map(({ id, address, port }) => ({ id, address: String(address), port })),
    addressesAnnounced: info.addAddrSignal,
    addressesAccepted: info.addAddrAccepted,
    bytesSent: info.bytesSent,
    bytesReceived: info.bytesReceived,
    bytesAcknowledged: info.bytesAcknowledged,
    bytesReinjected: info.bytesRetransmitted,
    sendBufferedBytes: info.sendBuffered,
    receiveBufferedBytes: info.receiveBuffered,
    sinceSentMicroseconds: microseconds(info.lastDataSent),
    sinceReceivedMicroseconds: microseconds(info.lastDataReceived),
    sinceAcknowledgedMicroseconds: microseconds(info.lastAckReceived),
    subflows: connection.subflows.map((view, index) => subflowStatus(info.subflows[index] as SubflowInfo, view)),
  };
}

function plainStatus(connection: StreamConnection, now: number): ConnectionStatus {
  const socket = connection as TcpSocket;
  const { tcp, tuple } = socket;
  const since = (at: number): number => (socket.connectedAt < 0 ? 0 : microseconds(now - Math.max(at, socket.connectedAt)));
  return {
    ...common(connection),
    initiator: tcp.active,
    multipath: false,
    fallback: connection.fallback,
    established: socket.connectedAt >= 0,
    fullyEstablished: false,
    checksum: false,
    scheduler: null,
    congestion: { name: tcp.congestion.name, parameters: {} },
    pathManager: null,
    limits: null,
    localAddresses: [{ id: 0, address: String(tuple.localAddress), backup: false }],
    remoteAddresses: [{ id: 0, address: String(tuple.remoteAddress), port: tuple.remotePort }],
    addressesAnnounced: 0,
    addressesAccepted: 0,
    bytesSent: tcp.nextOffset,
    bytesReceived: tcp.receivedOffset,
    bytesAcknowledged: tcp.ackedOffset,
    bytesReinjected: 0,
    sendBufferedBytes: connection.sendBuffered,
    receiveBufferedBytes: connection.receiveBuffered,
    sinceSentMicroseconds: since(socket.lastSentAt),
    sinceReceivedMicroseconds: since(socket.lastReceivedAt),
    sinceAcknowledgedMicroseconds: since(socket.lastAcknowledgedAt),
    subflows: [subflowStatus(infoOfPlain(tcp), { localAddressId: 0, remoteAddressId: 0, initiator: tcp.active, stale: false, tcp })],
  };
}

function common(connection: StreamConnection): Pick<ConnectionStatus, "connection" | "token" | "localAddress" | "localPort" | "remoteAddress" | "remotePort"> {
  return { connection: connection.id, token: tokenOf(connection), ...pairOf(connection.tuple) };
}

/** A pair of addresses as text. */
export function pairOf(tuple: StreamConnection["tuple"]): { readonly localAddress: string; readonly localPort: number; readonly remoteAddress: string; readonly remotePort: number } {
  return { localAddress: String(tuple.localAddress), localPort: tuple.localPort, remoteAddress: String(tuple.remoteAddress), remotePort: tuple.remotePort };
}

function subflowStatus(info: SubflowInfo, view: Pick<SubflowView, "localAddressId" | "remoteAddressId" | "initiator" | "stale" | "tcp">): SubflowStatus {
  const { pacingRate } = view.tcp.congestion;
  return {
    subflow: info.pathIndex,
    ...pairOf(info.tuple),
    localAddressId: view.localAddressId,
    remoteAddressId: view.remoteAddressId,
    initiator: view.initiator,
    state: info.state,
    established: info.established,
    backup: info.backup,
    stale: view.stale,
    rttMicroseconds: microseconds(info.rtt),
    rttVariationMicroseconds: microseconds(info.rttVariation),
    minRttMicroseconds: microseconds(info.minRtt),
    rtoMicroseconds: microseconds(info.rto),
    congestionWindowBytes: Math.floor(info.congestionWindow),
    slowStartThresholdBytes: info.slowStartThreshold === null ? null : Math.floor(info.slowStartThreshold),
    pacingRateBitsPerSecond: pacingRate === null || !Number.isFinite(pacingRate) ? null : Math.round(8 * pacingRate),
    segmentBytes: info.segmentSize,
    bytesInFlight: info.bytesInFlight,
    bytesSent: info.bytesSent,
    bytesAcknowledged: info.bytesAcknowledged,
    bytesReceived: info.bytesReceived,
    bytesRetransmitted: info.bytesRetransmitted,
    bytesReinjected: info.bytesReinjected,
    segmentsSent: info.segmentsSent,
    segmentsReceived: info.segmentsReceived,
  };
}

/** A policy that is chosen by a function tells its name when it makes one. */
function chosen(policy: PolicyLike<{ readonly name: string }>): PolicyStatus {
  return typeof policy === "function" ? { name: policy().name, parameters: {} } : chosenOf(policy);
}

function chosenOf({ name, parameters }: PolicyInfo): PolicyStatus {
  return { name, parameters };
}

/** @param nanoseconds at most 2^53 of them; one that is not finite counts as 0 */
function microseconds(nanoseconds: number): number {
  return Number.isFinite(nanoseconds) ? Math.max(0, Math.round(nanoseconds / 1000)) : 0;
}
