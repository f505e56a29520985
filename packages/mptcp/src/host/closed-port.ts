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

/** Whether the peer has closed its direction of a connection, and nothing is on its way to it. */
export function hasAllOfIt({ sender, state }: TcpConnection): boolean {
  return state === "TIME-WAIT" || (state === "CLOSE-WAIT" && sender.una >= sender.nxt);
}
