import { MptcpConnection } from "../mptcp/index.ts";
import type { Subflow } from "../mptcp/index.ts";
import { TcpSocket } from "../tcp/index.ts";
import type { StreamConnection, TcpConnection } from "../tcp/index.ts";
import type { DataSequenceSpace } from "../wire/index.ts";
import { NO_MPTCP_INFO } from "./mptcp-info.ts";
import type { MptcpInfo, SubflowInfo } from "./mptcp-info.ts";

/** The state of a connection of this library's engine; `now` in ns of its runtime. */
export function infoOf(connection: StreamConnection | null, now: number): MptcpInfo {
  if (connection instanceof MptcpConnection) return multipathInfo(connection, now);
  if (connection instanceof TcpSocket) return plainInfo(connection, now);
  return NOTHING;
}

/** The state of one subflow. */
export function subflowInfo(subflow: Subflow): SubflowInfo {
  return tcpInfo(subflow.tcp, subflow.id, subflow.mayCarryData, subflow.backup);
}

function multipathInfo(connection: MptcpConnection, now: number): MptcpInfo {
  const { multipath, fallback, sender, receiver, addresses, connectedAt } = connection;
  const { limits } = connection.config;
  const since = (at: number): number => (connectedAt < 0 ? 0 : now - Math.max(at, connectedAt));
  const joined = connection.subflows.filter((subflow) => !subflow.first);
  return {
    via: "userspace",
    multipath: multipath && connectedAt >= 0,
    fallback,
    token: multipath ? connection.localKeys.token : 0,
    remoteKeyReceived: connection.remoteKnown,
    checksumEnabled: connection.checksums && multipath,
    subflows: connection.subflows.map(subflowInfo),
    subflowsTotal: connection.subflows.length,
    extraSubflows: joined.length,
    extraSubflowsMax: limits.subflows,
    addAddrSignal: addresses.announcedIds.length,
    addAddrSignalMax: addresses.local.length,
    addAddrAccepted: addresses.acceptedAddresses,
    addAddrAcceptedMax: limits.addAddrAccepted,
    localAddrUsed: new Set(joined.filter((subflow) => subflow.initiator).map((subflow) => subflow.localAddressId)).size,
    localAddrMax: addresses.local.length,
    writeSequence: sequence(connection.localSpace, sender.next),
    sendUnacknowledged: sequence(connection.localSpace, sender.unacknowledged),
    receiveNext: connection.remoteKnown ? sequence(connection.remoteSpace, receiver.next) : "0",
    bytesSent: sender.next,
    bytesReceived: receiver.next,
    bytesAcknowledged: Math.min(sender.unacknowledged, sender.next),
    bytesRetransmitted: sender.bytesReinjected,
    retransmits: sender.reinjectedSegments,
    lastDataSent: since(sender.lastSentAt),
    lastDataReceived: since(connection.lastReceivedAt),
    lastAckReceived: since(sender.lastAcknowledgedAt),
  };
}

function plainInfo(socket: TcpSocket, now: number): MptcpInfo {
  const { tcp } = socket;
  const since = (at: number): number => (socket.connectedAt < 0 ? 0 : now - Math.max(at, socket.connectedAt));
  return {
    ...NOTHING,
    fallback: socket.fallback,
    subflows: socket.closed ? [] : [tcpInfo(tcp, 1, tcp.established && !tcp.finSent, false)],
    subflowsTotal: socket.closed ? 0 : 1,
    bytesSent: tcp.nextOffset,
    bytesReceived: tcp.receivedOffset,
    bytesAcknowledged: tcp.ackedOffset,
    lastDataSent: since(socket.lastSentAt),
    lastDataReceived: since(socket.lastReceivedAt),
    lastAckReceived: since(socket.lastAcknowledgedAt),
  };
}

function tcpInfo(tcp: TcpConnection, id: number, established: boolean, backup: boolean): SubflowInfo {
  const { tuple, congestion, rtt } = tcp;
  return {
    id,
    localAddress: String(tuple.localAddress),
    localPort: tuple.localPort,
    remoteAddress: String(tuple.remoteAddress),
    remotePort: tuple.remotePort,
    state: tcp.state,
    established,
    backup,
    rtt: rtt.srtt,
    rttVariation: rtt.variation,
    minRtt: rtt.min,
    rto: tcp.rto,
    congestionWindow: congestion.cwnd,
    slowStartThreshold: Number.isFinite(congestion.ssthresh) ? congestion.ssthresh : null,
    segmentSize: tcp.maxPayload,
    bytesInFlight: tcp.inFlight,
    bytesSent: tcp.bytesSent + tcp.bytesRetransmitted,
    bytesAcknowledged: tcp.ackedOffset,
    bytesReceived: tcp.receivedOffset,
    bytesRetransmitted: tcp.bytesRetransmitted,
    segmentsSent: tcp.segmentsSent,
    segmentsReceived: tcp.segmentsReceived,
  };
}

/** The data sequence number at a position, as `ss -M` writes it. */
function sequence(space: DataSequenceSpace, position: number): string {
  return ((BigInt(space.high(position)) << 32n) | BigInt(space.low(position))).toString(16);
}

const NOTHING: MptcpInfo = { via: "userspace", ...NO_MPTCP_INFO };
