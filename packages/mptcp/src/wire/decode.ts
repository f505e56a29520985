import { IpAddress } from "./address.ts";
import { foldSum, ipv4HeaderSum, partialSum, pseudoHeaderSum } from "./checksum.ts";
import { decodeTcp } from "./decode-tcp.ts";
import { ICMP, IPV4, IPV4_DONT_FRAGMENT, IPV4_FRAGMENT_MASK, IPV6, PROTOCOL } from "./layout.ts";
import { IPV4_HEADER_LENGTH, IPV6_HEADER_LENGTH } from "./lengths.ts";
import { copyOctets, read16, read32 } from "./octets.ts";
import { Packet } from "./packet.ts";
import { payloadOf } from "./payload.ts";

/** Why octets are no packet that this library can handle. The names are stable: counters and logs use them. */
export const DROP_REASONS = [
  /** Fewer octets than a header or a length field promises. */
  "truncated",
  /** Neither IPv4 nor IPv6. */
  "bad_version",
  /** An IPv4 header length or TCP data offset below the minimum, or an IPv4 total length below the header's. */
  "bad_header_length",
  "bad_ip_checksum",
  "bad_tcp_checksum",
  "bad_icmp_checksum",
  /** A fragment of a larger packet; fragments are not reassembled. */
  "fragment",
  /** IPv6 extension headers in excess, or one that promises more than the packet holds. */
  "bad_extension_header",
  /** An IPv6 routing header with segments left: this host is not the destination. */
  "source_routed",
] as const;

/** One of {@link DROP_REASONS}. */
export type DropReason = (typeof DROP_REASONS)[number];

/** How {@link decodePacket} treats what it reads. Pass the same object each time: its shape is then known to V8. */
export interface DecodeOptions {
  /** Whether the IPv4 header checksum is verified. Default true. */
  readonly verifyIpChecksum?: boolean;
  /** Whether TCP and ICMP checksums are verified. Default true; false where a device has done it already. */
  readonly verifyTransportChecksum?: boolean;
  /** Whether the payload is copied. Default false: it is a window on `bytes`, which must then not be reused. */
  readonly copy?: boolean;
}

/**
 * Decodes one IP packet: the `length` octets of `bytes` from `offset` on.
 *
 * IPv4 options and IPv6 extension headers are checked and skipped. Octets after the IP length (link padding) are
 * ignored. Keys, HMACs, raw options and ICMP bodies are copies; only a payload shares `bytes`.
 *
 * @returns the packet, its `length` that of the wire, or the reason why there is none. Never throws.
 *
 * @example
 * ```ts
 * import { decodePacket } from "mptcp/wire";
 *
 * const bytes = new Uint8Array(40);
 * const packet = decodePacket(bytes, 0, bytes.length);
 * const text = typeof packet === "string" ? `dropped: ${packet}` : `from ${packet.source}`;
 * ```
 */
export function decodePacket(
  bytes: Uint8Array,
  offset: number,
  length: number,
  options: DecodeOptions = DEFAULTS,
): Packet | DropReason {
  if (offset < 0 || length < 1 || !(offset + length <= bytes.length)) return "truncated";
  switch (bytes[offset] >>> 4) {
    case 4:
      return decodeIpv4(bytes, offset, length, options);
    case 6:
      return decodeIpv6(bytes, offset, length, options);
    default:
      return "bad_version";
  }
}

function decodeIpv4(bytes: Uint8Array, at: number, available: number, options: DecodeOptions): Packet | DropReason {
  if (available < IPV4_HEADER_LENGTH) return "truncated";
  const headerLength = (bytes[at] & 0x0f) * 4;
  const totalLength = read16(bytes, at + IPV4.totalLength);
  if (headerLength < IPV4_HEADER_LENGTH || totalLength < headerLength) return "bad_header_length";
  if (totalLength > available) return "truncated";
  if (options.verifyIpChecksum !== false && ipv4HeaderSum(bytes, at, headerLength) !== VALID) return "bad_ip_checksum";
  const fragment = read16(bytes, at + IPV4.fragment);
  if ((fragment & IPV4_FRAGMENT_MASK) !== 0) return "fragment";
  const packet = new Packet(
    IpAddress.v4(read32(bytes, at + IPV4.source)),
    IpAddress.v4(read32(bytes, at + IPV4.destination)),
  );
  packet.trafficClass = bytes[at + IPV4.trafficClass];
  packet.identification = read16(bytes, at + IPV4.identification);
  packet.dontFragment = (fragment & IPV4_DONT_FRAGMENT) !== 0;
  packet.hopLimit = bytes[at + IPV4.hopLimit];
  packet.length = totalLength;
  return decodeBody(packet, bytes[at + IPV4.protocol], bytes, at + headerLength, at + totalLength, options);
}

function decodeIpv6(bytes: Uint8Array, at: number, available: number, options: DecodeOptions): Packet | DropReason {
  if (available < IPV6_HEADER_LENGTH) return "truncated";
  const totalLength = IPV6_HEADER_LENGTH + read16(bytes, at + IPV6.payloadLength);
  if (totalLength > available) return "truncated";
  const end = at + totalLength;
  const upper = findUpperLayer(bytes, bytes[at + IPV6.nextHeader], at + IPV6_HEADER_LENGTH, end);
  if (typeof upper === "string") return upper;
  const packet = new Packet(ipv6At(bytes, at + IPV6.source), ipv6At(bytes, at + IPV6.destination));
  packet.trafficClass = ((bytes[at] & 0x0f) << 4) | (bytes[at + 1] >>> 4);
  packet.flowLabel = read32(bytes, at) & 0xfffff;
  packet.hopLimit = bytes[at + IPV6.hopLimit];
  packet.length = totalLength;
  // The protocol is in the low octet, since a pair would be an allocation per packet.
  const protocol = upper & 0xff;
  return decodeBody(packet, protocol, bytes, (upper - protocol) / 256, end, options);
}

/**
 * Walks IPv6 extension headers (RFC 8200 §4) from the header of type `nextHeader` at `at`.
 *
 * @returns where the upper layer begins times 256, plus its protocol number; or a reason to drop the packet
 */
export function findUpperLayer(bytes: Uint8Array, nextHeader: number, at: number, end: number): number | DropReason {
  let protocol = nextHeader;
  let i = at;
  for (let count = 0; isExtensionHeader(protocol); count++) {
    if (count === MAXIMUM_EXTENSION_HEADERS || end - i < 8) return "bad_extension_header";
    // RFC 8200 §4.5: an "atomic fragment" (offset 0, nothing follows) is a whole packet.
    if (protocol === PROTOCOL.fragment && (read16(bytes, i + 2) & 0xfff9) !== 0) return "fragment";
    // RFC 8200 §4.4: with segments left, the packet is for somebody else first.
    if (protocol === PROTOCOL.routing && bytes[i + 3] !== 0) return "source_routed";
    const length = extensionHeaderLength(protocol, bytes[i + 1]);
    if (length > end - i) return "bad_extension_header";
    protocol = bytes[i];
    i += length;
  }
  return i * 256 + protocol;
}

/** Octets of the IPv6 extension header of type `protocol` whose second octet is `field`. */
export function extensionHeaderLength(protocol: number, field: number): number {
  if (protocol === PROTOCOL.fragment) return 8;
  // RFC 4302 §2.2: counted in 4-octet units, less two; RFC 8200 §4.3: in those of 8, less one.
  return protocol === PROTOCOL.authentication ? 4 * (field + 2) : 8 * (field + 1);
}

/** Whether `protocol` is that of an IPv6 extension header that can be stepped over. */
export function isExtensionHeader(protocol: number): boolean {
  return (
    protocol === PROTOCOL.hopByHop ||
    protocol === PROTOCOL.routing ||
    protocol === PROTOCOL.fragment ||
    protocol === PROTOCOL.authentication ||
    protocol === PROTOCOL.destinationOptions
  );
}

function decodeBody(
  packet: Packet,
  protocol: number,
  bytes: Uint8Array,
  at: number,
  end: number,
  options: DecodeOptions,
): Packet | DropReason {
  const isV4 = packet.source.family === 4;
  if (protocol === PROTOCOL.tcp) {
    const segment = decodeTcp(bytes, at, end, options.copy === true);
    if (typeof segment === "string") return segment;
    if (options.verifyTransportChecksum !== false && transportSum(packet, protocol, bytes, at, end) !== VALID) {
      return "bad_tcp_checksum";
    }
    packet.tcp = segment;
  } else if (protocol === (isV4 ? PROTOCOL.icmp : PROTOCOL.icmp6)) {
    if (end - at < ICMP.body) return "truncated";
    if (options.verifyTransportChecksum !== false) {
      // RFC 792: no pseudo-header; RFC 4443 §2.3: with one.
      const sum = isV4 ? partialSum(bytes, at, end - at) : transportSum(packet, protocol, bytes, at, end);
      if (sum !== VALID) return "bad_icmp_checksum";
    }
    packet.icmp = {
      type: bytes[at + ICMP.type],
      code: bytes[at + ICMP.code],
      word: read32(bytes, at + ICMP.word),
      body: copyOctets(bytes, at + ICMP.body, end - at - ICMP.body),
    };
  } else {
    packet.opaque = { protocol, payload: payloadOf(bytes, at, end, options.copy === true) };
  }
  return packet;
}

/** Sum over pseudo-header and octets `at` to `end`: 0xffff when the checksum in them is right. */
export function transportSum(packet: Packet, protocol: number, bytes: Uint8Array, at: number, end: number): number {
  const pseudo = pseudoHeaderSum(packet.source, packet.destination, protocol, end - at);
  return foldSum(pseudo + partialSum(bytes, at, end - at));
}

/** The IPv6 address in the 16 octets at `at`. */
export function ipv6At(bytes: Uint8Array, at: number): IpAddress {
  return IpAddress.v6(read32(bytes, at), read32(bytes, at + 4), read32(bytes, at + 8), read32(bytes, at + 12));
}

const DEFAULTS: DecodeOptions = {};
/** A right checksum makes the whole sum negative zero (RFC 1071 §1). */
export const VALID = 0xffff;
/** More than any real packet has (each of RFC 8200's once, destination options twice). */
export const MAXIMUM_EXTENSION_HEADERS = 8;
