import type { MptcpConnection } from "../mptcp/index.ts";
import type { TcpConnection } from "../tcp/index.ts";
import { ipHeaderLength, Packet, sequenceAdd, TCP_FLAG, tcpHeaderLength, TcpSegment } from "../wire/index.ts";

/**
 * The RST that the peer's TCP would have sent, had it outlived the process that spoke it: with the acknowledgment that a SYN's needs (RFC 9293 §3.10.7.3) and the
 * one sequence number that counts later (RFC 5961 §3.2).
 * @param fastcloseKey our key, where this was the last subflow of a connection: then all of it is over (RFC 8684 §3.5). Null: there are others
 */
export function resetFromClosedPort(tcp: TcpConnection, fastcloseKey: Uint8Array | null): Packet {
  const { receiver, sender, tuple } = tcp;
  const packet = new Packet(tuple.remoteAddress, tuple.localAddress);
  packet.tcp = new TcpSegment();
  packet.tcp.sourcePort = tuple.remotePort;
  packet.tcp.destinationPort = tuple.localPort;
  packet.tcp.flags = TCP_FLAG.RST | TCP_FLAG.ACK;
  packet.tcp.sequence = sequenceAdd(receiver.origin, receiver.nxt);
  packet.tcp.acknowledgment = sender.origin;
  if (fastcloseKey !== null) packet.tcp.mptcp = [{ kind: "mp_fastclose", receiverKey: fastcloseKey }];
  packet.length = ipHeaderLength(packet) + tcpHeaderLength(packet.tcp);
  return packet;
}

/** Whether the handshake of a connection is not over here. */
export function isOpening(tcp: TcpConnection): boolean {
  return tcp.state === "SYN-SENT" || tcp.state === "SYN-RECEIVED";
}

/**
 * What is over once the peer's process is gone for good, as a RST of its would have it.
 *
 * Nothing, where the peer has ended its direction and owes no acknowledgment: our end may still be to come, and is the next thing that nobody answers. Of a
 * Multipath TCP connection, whose last subflow it is, all, unless what has arrived is to be read before the loss of what was written is told.
 * @param last the connection that has no other subflow; null: there are others, or it is regular TCP
 */
export function endedBy(tcp: TcpConnection, last: MptcpConnection | null): "nothing" | "subflow" | "connection" {
  const { sender, state } = tcp;
  if (state === "TIME-WAIT") return "nothing";
  if (last === null) return state === "CLOSE-WAIT" && sender.una >= sender.nxt ? "nothing" : "subflow";
  if (!last.hasArrived || last.closed) return "connection";
  if (!last.isOwed) return "nothing";
  return last.receiveBuffered > 0 && last.sendBuffered > 0 ? "subflow" : "connection";
}
