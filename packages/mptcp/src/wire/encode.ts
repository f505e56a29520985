import { checksumOf, foldSum, ipv4HeaderSum, partialSum, pseudoHeaderSum } from "./checksum.ts";
import { encodeTcpHeader } from "./encode-tcp.ts";
import { EncodeError } from "./errors.ts";
import { ICMP, IPV4, IPV4_DONT_FRAGMENT, IPV6, PROTOCOL, TCP } from "./layout.ts";
import { IPV6_HEADER_LENGTH, ipHeaderLength, tcpHeaderLength } from "./lengths.ts";
import { write16, write32, writeOctets } from "./octets.ts";
import type { Packet, TcpSegment } from "./packet.ts";

/** What {@link encodePacket} writes into a TCP checksum field. Pass the same object each time. */
export interface EncodeOptions {
  /**
   * "full" (default): the checksum. "partial": the folded sum of the pseudo-header, not inverted, which a device that
   * offloads checksums completes.
   */
  readonly tcpChecksum?: "full" | "partial";
}

/**
 * Octets of `packet` on the wire as the encoder writes it, IP header included. For a packet that was received this may
 * differ from `packet.length`: another stack pads its options in other ways.
 */
export function packetLength(packet: Packet): number {
  const ip = ipHeaderLength(packet);
  if (packet.tcp !== null) return ip + tcpHeaderLength(packet.tcp) + packet.tcp.payload.length;
  if (packet.icmp !== null) return ip + ICMP.body + packet.icmp.body.length;
  return ip + (packet.opaque === null ? 0 : packet.opaque.payload.length);
}

/**
 * Writes `packet` into `target` at `at`, with all lengths and checksums; `packet.length` is not consulted.
 *
 * @returns the octets written, {@link packetLength}
 * @throws EncodeError (a RangeError) with code `ERR_MPTCP_BUFFER_TOO_SMALL`; or `ERR_MPTCP_NOT_ENCODABLE` when the
 * options exceed 40 octets, the packet 65,535, or the addresses are of two families
 */
export function encodePacket(
  packet: Packet,
  target: Uint8Array,
  at: number,
  options: EncodeOptions = DEFAULTS,
): number {
  const segment = packet.tcp;
  const headerLength = segment === null ? 0 : tcpHeaderLength(segment);
  const length =
    segment === null ? packetLength(packet) : ipHeaderLength(packet) + headerLength + segment.payload.length;
  check(packet, length, headerLength, target, at);
  const bodyAt = packet.source.family === 4 ? encodeIpv4(packet, target, at, length) : encodeIpv6(packet, target, at, length);
  if (segment !== null) encodeTcp(packet, segment, headerLength, target, bodyAt, options);
  else if (packet.icmp !== null) encodeIcmp(packet, target, bodyAt, at + length);
  else if (packet.opaque !== null) packet.opaque.payload.copyTo(target, bodyAt);
  return length;
}

function check(packet: Packet, length: number, headerLength: number, target: Uint8Array, at: number): void {
  if (headerLength > 60) {
    throw new EncodeError("ERR_MPTCP_NOT_ENCODABLE", `TCP options need ${headerLength - 20} octets, 40 fit`);
  }
  if (packet.source.family !== packet.destination.family) {
    throw new EncodeError("ERR_MPTCP_NOT_ENCODABLE", "source and destination are of different families");
  }
  const limit = packet.source.family === 4 ? 65_535 : 65_535 + IPV6_HEADER_LENGTH;
  if (length > limit) throw new EncodeError("ERR_MPTCP_NOT_ENCODABLE", `a packet of ${length} octets is too long for IP`);
  if (at < 0 || at + length > target.length) {
    throw new EncodeError("ERR_MPTCP_BUFFER_TOO_SMALL", `${length} octets at ${at} do not fit into ${target.length}`);
  }
}

function protocolOf(packet: Packet): number {
  if (packet.tcp !== null) return PROTOCOL.tcp;
  if (packet.icmp !== null) return packet.source.family === 4 ? PROTOCOL.icmp : PROTOCOL.icmp6;
  return packet.opaque === null ? PROTOCOL.noNextHeader : packet.opaque.protocol;
}

function encodeIpv4(packet: Packet, target: Uint8Array, at: number, length: number): number {
  target[at] = 0x45;
  target[at + IPV4.trafficClass] = packet.trafficClass;
  write16(target, at + IPV4.totalLength, length);
  write16(target, at + IPV4.identification, packet.identification);
  write16(target, at + IPV4.fragment, packet.dontFragment ? IPV4_DONT_FRAGMENT : 0);
  target[at + IPV4.hopLimit] = packet.hopLimit;
  target[at + IPV4.protocol] = protocolOf(packet);
  write16(target, at + IPV4.checksum, 0);
  write32(target, at + IPV4.source, packet.source.w3);
  write32(target, at + IPV4.destination, packet.destination.w3);
  write16(target, at + IPV4.checksum, checksumOf(ipv4HeaderSum(target, at, 20)));
  return at + 20;
}

function encodeIpv6(packet: Packet, target: Uint8Array, at: number, length: number): number {
  const { source, destination } = packet;
  write32(target, at, (0x6000_0000 | (packet.trafficClass << 20) | (packet.flowLabel & 0xfffff)) >>> 0);
  write16(target, at + IPV6.payloadLength, length - IPV6_HEADER_LENGTH);
  target[at + IPV6.nextHeader] = protocolOf(packet);
  target[at + IPV6.hopLimit] = packet.hopLimit;
  write32(target, at + IPV6.source, source.w0);
  write32(target, at + IPV6.source + 4, source.w1);
  write32(target, at + IPV6.source + 8, source.w2);
  write32(target, at + IPV6.source + 12, source.w3);
  write32(target, at + IPV6.destination, destination.w0);
  write32(target, at + IPV6.destination + 4, destination.w1);
  write32(target, at + IPV6.destination + 8, destination.w2);
  write32(target, at + IPV6.destination + 12, destination.w3);
  return at + IPV6_HEADER_LENGTH;
}

function encodeTcp(
  packet: Packet,
  segment: TcpSegment,
  headerLength: number,
  target: Uint8Array,
  at: number,
  options: EncodeOptions,
): void {
  encodeTcpHeader(segment, target, at, headerLength);
  const payload = segment.payload;
  if (payload.length > 0) payload.copyTo(target, at + headerLength);
  const length = headerLength + payload.length;
  const pseudo = pseudoHeaderSum(packet.source, packet.destination, PROTOCOL.tcp, length);
  if (options.tcpChecksum === "partial") {
    write16(target, at + TCP.checksum, pseudo);
    return;
  }
  // Zeros add nothing, so a virtual payload costs no sum.
  const summed = payload.bytes === null ? headerLength : length;
  write16(target, at + TCP.checksum, checksumOf(foldSum(pseudo + partialSum(target, at, summed))));
}

function encodeIcmp(packet: Packet, target: Uint8Array, at: number, end: number): void {
  const message = packet.icmp;
  if (message === null) return;
  target[at + ICMP.type] = message.type;
  target[at + ICMP.code] = message.code;
  write16(target, at + ICMP.checksum, 0);
  write32(target, at + ICMP.word, message.word);
  writeOctets(target, at + ICMP.body, message.body, message.body.length);
  // RFC 4443 §2.3: ICMPv6 covers a pseudo-header, RFC 792: ICMPv4 does not.
  const pseudo =
    packet.source.family === 4
      ? 0
      : pseudoHeaderSum(packet.source, packet.destination, PROTOCOL.icmp6, end - at);
  write16(target, at + ICMP.checksum, checksumOf(foldSum(pseudo + partialSum(target, at, end - at))));
}

const DEFAULTS: EncodeOptions = {};
