import { packetLength, sequenceAdd, TCP_FLAG } from "../../wire/index.ts";
import type { Packet, TcpSegment } from "../../wire/index.ts";

/**
 * The part of a segment from one octet of its payload to another, as a segment with the same headers and options. FIN and PSH go to the part that has the last octet, CWR to that
 * with the first.
 */
export function pieceOf(packet: Packet, whole: TcpSegment, from: number, to: number): Packet {
  const piece = packet.clone();
  const segment = piece.tcp as TcpSegment;
  if (from > 0) {
    segment.sequence = sequenceAdd(whole.sequence, from);
    segment.flags &= ~TCP_FLAG.CWR;
  }
  if (to < whole.payload.length) segment.flags &= ~(TCP_FLAG.FIN | TCP_FLAG.PSH);
  segment.payload = whole.payload.slice(from, to);
  if (segment.segmentSize >= to - from) segment.segmentSize = 0;
  piece.length = packetLength(piece);
  return piece;
}
