import { Packet, sequenceAdd, TCP_FLAG, tcpHeaderLength, TcpSegment, ipHeaderLength } from "../wire/index.ts";

/**
 * The RST that answers a segment for which there is no connection (RFC 9293 §3.10.7.1); null when it must not be answered.
 * @param why what an MP_TCPRST is to say (RFC 8684 §3.6); null for none
 * @param isStamped whether the timestamp of the segment is echoed (RFC 7323 §5.2)
 */
export function resetFor(packet: Packet, why: ResetReason | null, isStamped = true): Packet | null {
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
  if (isStamped && tcp.hasTimestamps) {
    segment.hasTimestamps = true;
    segment.timestampEcho = tcp.timestampValue;
  }
  if (why !== null) segment.mptcp = [{ kind: "mp_tcprst", transient: why.transient, reserved: 0, reason: why.code }];
  const reset = new Packet(packet.destination, packet.source);
  reset.tcp = segment;
  reset.length = ipHeaderLength(reset) + tcpHeaderLength(segment);
  return reset;
}

/** Why a host resets what is no connection: the code of an MP_TCPRST, and whether the condition passes (flag T). */
export interface ResetReason {
  readonly code: number;
  readonly transient: boolean;
}
