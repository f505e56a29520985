import { Packet, sequenceAdd, TCP_FLAG, tcpHeaderLength, TcpSegment, ipHeaderLength } from "../wire/index.ts";

/**
 * The RST that answers a segment for which there is no connection (RFC 9293 §3.10.7.1); null when it must not be answered.
 * @param reason code of an MP_TCPRST option to add (RFC 8684 §3.6); -1 for none
 */
export function resetFor(packet: Packet, reason: number): Packet | null {
  const { tcp } = packet;
  if (tcp === null || (tcp.flags & TCP_FLAG.RST) !== 0) return null;
  const segment = new TcpSegment();
  segment.sourcePort = tcp.destinationPort;
  segment.destinationPort = tcp.sourcePort;
  if ((tcp.flags & TCP_FLAG.ACK) !== 0) {
    segment.flags = TCP_FLAG.RST;
    segment.sequence = tcp.acknowledgment;
  } else {
    segment.flags = TCP_FLAG.RST | TCP_FLAG.ACK;
    const length = tcp.payload.length + ((tcp.flags & TCP_FLAG.SYN) !== 0 ? 1 : 0) + ((tcp.flags & TCP_FLAG.FIN) !== 0 ? 1 : 0);
    segment.acknowledgment = sequenceAdd(tcp.sequence, length);
  }
  if (reason >= 0) segment.mptcp = [{ kind: "mp_tcprst", transient: false, reserved: 0, reason }];
  const reset = new Packet(packet.destination, packet.source);
  reset.tcp = segment;
  reset.length = ipHeaderLength(reset) + tcpHeaderLength(segment);
  return reset;
}
