import { infoOfPlain, MptcpConnection } from "../mptcp/index.ts";
import type { SubflowInfo as EngineSubflowInfo } from "../mptcp/index.ts";
import { TcpSocket } from "../tcp/index.ts";
import type { StreamConnection } from "../tcp/index.ts";
import type { IpAddress } from "../wire/index.ts";
import { NO_MPTCP_INFO } from "./mptcp-info.ts";
import type { MptcpInfo, SubflowInfo } from "./mptcp-info.ts";

/** The state of a connection of this library's engine; `now` in ns of its runtime. */
export function infoOf(connection: StreamConnection | null, now: number): MptcpInfo {
  if (connection instanceof MptcpConnection) return multipathInfo(connection, now);
  if (connection instanceof TcpSocket) return plainInfo(connection, now);
  return NOTHING;
}

/** The state of one subflow, with addresses as text. */
export function subflowInfo(subflow: EngineSubflowInfo): SubflowInfo {
  const { tuple } = subflow;
  return {
    id: subflow.pathIndex,
    localAddress: String(tuple.localAddress),
    localPort: tuple.localPort,
    remoteAddress: String(tuple.remoteAddress),
    remotePort: tuple.remotePort,
    state: subflow.state,
    established: subflow.established,
    backup: subflow.backup,
    rtt: subflow.rtt,
    rttVariation: subflow.rttVariation,
    minRtt: subflow.minRtt,
    rto: subflow.rto,
    congestionWindow: subflow.congestionWindow,
    slowStartThreshold: subflow.slowStartThreshold,
    segmentSize: subflow.segmentSize,
    bytesInFlight: subflow.bytesInFlight,
    bytesSent: subflow.bytesSent,
    bytesAcknowledged: subflow.bytesAcknowledged,
    bytesReceived: subflow.bytesReceived,
    bytesRetransmitted: subflow.bytesRetransmitted,
    segmentsSent: subflow.segmentsSent,
    segmentsReceived: subflow.segmentsReceived,
  };
}

function multipathInfo(connection: MptcpConnection, now: number): MptcpInfo {
  const info = connection.info(now);
  return {
    via: "userspace",
    multipath: info.multipath,
    fallback: info.fallback,
    token: info.token,
    remoteKeyReceived: info.remoteKeyReceived,
    checksumEnabled: info.checksumEnabled,
    subflows: info.subflows.map(subflowInfo),
    subflowsTotal: info.subflowsTotal,
    extraSubflows: info.extraSubflows,
    extraSubflowsMax: info.extraSubflowsMax,
    addAddrSignal: info.addAddrSignal,
    addAddrSignalMax: info.addAddrSignalMax,
    addAddrAccepted: info.addAddrAccepted,
    addAddrAcceptedMax: info.addAddrAcceptedMax,
    localAddrUsed: info.localAddrUsed,
    localAddrMax: info.localAddrMax,
    writeSequence: info.writeSequence,
    sendUnacknowledged: info.sendUnacknowledged,
    receiveNext: info.receiveNext,
    bytesSent: info.bytesSent,
    bytesReceived: info.bytesReceived,
    bytesAcknowledged: info.bytesAcknowledged,
    bytesRetransmitted: info.bytesRetransmitted,
    retransmits: info.retransmits,
    lastDataSent: info.lastDataSent,
    lastDataReceived: info.lastDataReceived,
    lastAckReceived: info.lastAckReceived,
  };
}

function plainInfo(socket: TcpSocket, now: number): MptcpInfo {
  const { tcp } = socket;
  const since = (at: number): number => (socket.connectedAt < 0 ? 0 : now - Math.max(at, socket.connectedAt));
  return {
    ...NOTHING,
    fallback: socket.fallback,
    subflows: socket.closed ? [] : [subflowInfo(infoOfPlain(tcp))],
    subflowsTotal: socket.closed ? 0 : 1,
    bytesSent: tcp.nextOffset,
    bytesReceived: tcp.receivedOffset,
    bytesAcknowledged: tcp.ackedOffset,
    lastDataSent: since(socket.lastSentAt),
    lastDataReceived: since(socket.lastReceivedAt),
    lastAckReceived: since(socket.lastAcknowledgedAt),
  };
}

/** "IPv4" or "IPv6", as in Node. */
export function familyOf(address: IpAddress): "IPv4" | "IPv6" {
  return address.family === 4 ? "IPv4" : "IPv6";
}

const NOTHING: MptcpInfo = { via: "userspace", ...NO_MPTCP_INFO };
