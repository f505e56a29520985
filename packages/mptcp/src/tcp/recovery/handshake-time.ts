import { MILLISECOND, NEVER } from "../../core/index.ts";
import type { TcpSegment } from "../../wire/index.ts";
import type { TcpConnection } from "../connection.ts";

/**
 * How long the answer to our SYN, or SYN+ACK, took, ns; -1 where nothing tells. One that left again because the peer's SYN came again is known by its timestamp (RFC 6298 §3,
 * RFC 7323 §4.1).
 *
 * @param segment what completes the handshake
 */
export function handshakeTime(tcp: TcpConnection, segment: TcpSegment, now: number): number {
  const { measuresHandshake, synRetries, synSentAt, timestamps } = tcp;
  if (!measuresHandshake) return -1;
  if (synSentAt >= 0 && synSentAt !== NEVER) return now - synSentAt;
  if (synRetries > 0 || !timestamps || !segment.hasTimestamps) return -1;
  const time = ((tcp.timestampAt(now) - segment.timestampEcho) | 0) * MILLISECOND;
  // The timer has not fired since the first one left: what is longer ago was never sent.
  return time > 0 && time <= tcp.rtt.rto ? time : -1;
}
