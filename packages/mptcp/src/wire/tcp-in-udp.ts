import type { IpAddress } from "./address.ts";
import { decodeOptions } from "./decode-tcp.ts";
import { encodeTcpOptions } from "./encode-tcp.ts";
import { EncodeError } from "./errors.ts";
import { IPV4_HEADER_LENGTH, IPV6_HEADER_LENGTH, TCP_MINIMUM_HEADER_LENGTH, tcpHeaderLength } from "./lengths.ts";
import { read16, read32, write16, write32 } from "./octets.ts";
import { Packet, TCP_FLAG, TcpSegment } from "./packet.ts";
import { Payload } from "./payload.ts";

/**
 * TCP in UDP as draft-cheshire-tcp-over-udp-00 lays it out. The ports of the UDP header stand for those of TCP, the UDP checksum and
 * length take the place of the TCP checksum and the urgent pointer, and the rest follows in this order: data offset, flags and window;
 * sequence number; acknowledgment number; options; data. So the datagram is as long as the TCP segment, and the data offset counts as in TCP.
 * Its first nibble is 5 or more, which tells it from STUN, whose messages begin with two zero bits.
 */

/** Octets of the UDP payload that carries `packet`. */
export function tcpInUdpLength(packet: Packet): number {
  const { tcp } = packet;
  return tcp === null ? 0 : tcpHeaderLength(tcp) - UDP_HEADER_LENGTH + tcp.payload.length;
}

/**
 * Writes the UDP payload that carries the TCP segment of `packet` into `target` at `at`. URG does not pass.
 *
 * @returns the octets written, {@link tcpInUdpLength}
 * @throws EncodeError ERR_MPTCP_NOT_ENCODABLE when it is no TCP segment, or its options do not fit; ERR_MPTCP_BUFFER_TOO_SMALL
 */
export function encodeTcpInUdp(packet: Packet, target: Uint8Array, at: number): number {
  const { tcp } = packet;
  if (tcp === null) throw new EncodeError("ERR_MPTCP_NOT_ENCODABLE", "only TCP travels in UDP");
  const headerLength = tcpHeaderLength(tcp);
  if (headerLength > 60) throw new EncodeError("ERR_MPTCP_NOT_ENCODABLE", `TCP options need ${headerLength - 20} octets, 40 fit`);
  const length = headerLength - UDP_HEADER_LENGTH + tcp.payload.length;
  if (at < 0 || at + length > target.length) throw new EncodeError("ERR_MPTCP_BUFFER_TOO_SMALL", `${length} octets at ${at} do not fit into ${target.length}`);
  const dataAt = at + encodeTcpInUdpHeader(tcp, target, at);
  if (tcp.payload.length > 0) tcp.payload.copyTo(target, dataAt);
  return length;
}

/**
 * Writes what precedes the data: 12 octets and the options. The options must fit, as {@link encodeTcpInUdp} checks.
 *
 * @returns the octets written, 52 at the most
 */
export function encodeTcpInUdpHeader(tcp: TcpSegment, target: Uint8Array, at: number): number {
  const length = tcpHeaderLength(tcp) - UDP_HEADER_LENGTH;
  target[at] = (((length + UDP_HEADER_LENGTH) >>> 2) << 4) | (tcp.flags >>> 8);
  target[at + 1] = tcp.flags & ~TCP_FLAG.URG;
  write16(target, at + 2, tcp.window);
  write32(target, at + 4, tcp.sequence);
  write32(target, at + 8, tcp.acknowledgment);
  if (length > OPTIONS) encodeTcpOptions(tcp, target, at + OPTIONS, at + length);
  return length;
}

/**
 * Reads the UDP payload in octets `from` to `end` of `bytes` as a TCP segment. The payload of the segment is a window on `bytes`.
 *
 * @returns the packet, or why there is none: "not_tcp" for STUN, keep-alives of NAT bindings and the like. Never throws.
 */
export function decodeTcpInUdp(
  bytes: Uint8Array,
  from: number,
  end: number,
  source: IpAddress,
  sourcePort: number,
  destination: IpAddress,
  destinationPort: number,
): Packet | "not_tcp" | "truncated" {
  const length = end - from;
  if (length === 0 || bytes[from]! >>> 4 < TCP_MINIMUM_HEADER_LENGTH / 4) return "not_tcp";
  const headerLength = (bytes[from]! >>> 4) * 4;
  if (length + UDP_HEADER_LENGTH < headerLength) return "truncated";
  const dataAt = from + headerLength - UDP_HEADER_LENGTH;
  const segment = new TcpSegment();
  segment.sourcePort = sourcePort;
  segment.destinationPort = destinationPort;
  segment.flags = (bytes[from + 1]! & ~TCP_FLAG.URG) | ((bytes[from]! & 1) << 8);
  segment.window = read16(bytes, from + 2);
  segment.sequence = read32(bytes, from + 4);
  segment.acknowledgment = read32(bytes, from + 8);
  if (dataAt > from + OPTIONS) decodeOptions(segment, bytes, from + OPTIONS, dataAt);
  if (dataAt < end) segment.payload = new Payload(bytes, dataAt, end - dataAt);
  const packet = new Packet(source, destination);
  packet.tcp = segment;
  packet.length = (source.family === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH) + UDP_HEADER_LENGTH + length;
  return packet;
}

/** RFC 768. */
const UDP_HEADER_LENGTH = 8;
/** Where the options are. */
const OPTIONS = 12;
