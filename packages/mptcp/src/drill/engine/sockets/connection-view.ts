import { MptcpConnection } from "../../../mptcp/index.ts";
import { TcpSocket } from "../../../tcp/index.ts";
import type { StreamConnection, TcpConnection, TcpState } from "../../../tcp/index.ts";

/** Whether the handshake is complete, or was. */
export function isConnected(connection: StreamConnection): boolean {
  return (connection instanceof MptcpConnection || connection instanceof TcpSocket) && connection.connectedAt >= 0;
}

/** Whether the peer has said all that it has to say, its end included; some of it may still have to be read. */
export function hasPeerEnded(connection: StreamConnection): boolean {
  if (connection instanceof MptcpConnection) return connection.hasArrived && !(connection.closed && connection.error !== null);
  return connection instanceof TcpSocket && connection.tcp.peerFinished;
}

/**
 * Whether Linux says nothing of why it ended: over Multipath TCP a peer that is silent, or gone from all paths, is no error of the socket, which is not connected any more.
 */
export function isUntold(connection: StreamConnection): boolean {
  return connection instanceof MptcpConnection && connection.multipath && isConnected(connection) && connection.error === "ETIMEDOUT";
}

/** The TCP connection beneath, of several the first; null when there is none any more. */
export function tcpOf(connection: StreamConnection | null): TcpConnection | null {
  if (connection instanceof TcpSocket) return connection.tcp;
  return connection instanceof MptcpConnection ? (connection.subflows[0]?.tcp ?? null) : null;
}

/** Every TCP connection beneath. */
export function tcpsOf(connection: StreamConnection | null): readonly TcpConnection[] {
  if (connection instanceof TcpSocket) return [connection.tcp];
  return connection instanceof MptcpConnection ? connection.subflows.map(({ tcp }) => tcp) : [];
}

/** The state in the words of TCP. Over Multipath TCP it is that of the connection, not that of a subflow. */
export function stateOf(connection: StreamConnection, hasEnded: boolean): TcpState {
  if (connection.closed) return "CLOSED";
  if (connection instanceof TcpSocket) return connection.tcp.state;
  if (!isConnected(connection)) return "SYN-SENT";
  if (hasPeerEnded(connection)) return hasEnded ? "LAST-ACK" : "CLOSE-WAIT";
  if (!hasEnded) return "ESTABLISHED";
  return connection instanceof MptcpConnection && !connection.isOwed ? "FIN-WAIT-2" : "FIN-WAIT-1";
}
