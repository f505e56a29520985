import { IpAddress } from "./address.ts";
import { ipv4HeaderSum, partialSum } from "./checksum.ts";
import { decodeTcpHeader } from "./decode-tcp.ts";
import { extensionHeaderLength, ipv6At, isExtensionHeader, MAXIMUM_EXTENSION_HEADERS, transportSum, VALID } from "./decode.ts";
import type { DropReason } from "./decode.ts";
import { ICMP, IPV4, IPV4_DONT_FRAGMENT, IPV6, PROTOCOL, TCP } from "./layout.ts";
import { IPV4_HEADER_LENGTH, IPV6_HEADER_LENGTH, TCP_MINIMUM_HEADER_LENGTH } from "./lengths.ts";
import { copyOctets, read16, read32 } from "./octets.ts";
import { Packet } from "./packet.ts";
import { payloadOf } from "./payload.ts";

/** Which part of a larger packet a fragment is (RFC 791 §3.2, RFC 8200 §4.5). */
export interface CapturedFragment {
  /** The same in all fragments of a packet. */
  readonly identification: number;
  /** Octets of the larger packet's body before this one's; 0 in the first fragment, which alone has the transport's header. */
  readonly offset: number;
  /** Whether others follow. */
  readonly more: boolean;
}

/** An IP packet as a capture has it, which need not be all of it. What the capture does not tell is null. */
export interface CapturedPacket {
  /**
   * Headers and options; of the payload what is there, which may be less than the packet had. `length` is that of the wire. A body that is not the
   * beginning of a TCP segment or an ICMP message, or has not so much of one as a header without options, is `opaque`.
   */
  readonly packet: Packet;
  /** Octets of payload that the packet carried behind the headers, whether they are there or not; null when a header in between is not whole. */
  readonly payloadLength: number | null;
  /** Octets of the packet that the capture does not have. */
  readonly missing: number;
  /** Whether TCP options are among what is missing: the segment has those that are there as a whole. */
  readonly optionsCut: boolean;
  /** Whether IPv4's header checksum is right; null over IPv6, which has none, and when the header is not whole. */
  readonly ipChecksum: boolean | null;
  /**
   * Whether the checksum of TCP or ICMP is right. Null when it cannot be known: an octet is missing, the packet is a fragment or routed by its source, its
   * length is the frame's (a super-segment, whose checksums the device makes), or the protocol is another.
   */
  readonly checksum: boolean | null;
  /** Whether the IP header gives no length, as that of a super-segment (TSO, BIG TCP) may: `packet.length` is then the frame's. */
  readonly lengthOfFrame: boolean;
  readonly fragment: CapturedFragment | null;
  /** The protocol of what follows the IP headers, or that of an IPv6 extension header of which the capture has only a part. */
  readonly protocol: number;
  /** Where in the frame that begins. At the end of what is there, or beyond it, when nothing of it is there. */
  readonly bodyAt: number;
}

/**
 * Decodes an IP packet of a capture: the `length` octets of `bytes` from `offset` on, of which some may be missing at the end.
 *
 * Where {@link decodePacket} drops what a host must not handle, this reads what is there: packets cut short, fragments, wrong checksums, lengths of 0. Octets
 * are shared with `bytes` as `decodePacket` shares them.
 *
 * @param wireLength octets that the frame had from `offset` on; the packet's length where its header gives none
 * @returns the packet; or why there is none: `truncated` (less than IP's fixed header, or a TCP header longer than its packet), `bad_version`,
 * `bad_header_length`, `bad_extension_header`. Never throws.
 */
export function decodeCaptured(bytes: Uint8Array, offset: number, length: number, wireLength = length): CapturedPacket | DropReason {
  if (offset < 0 || length < 1 || !(offset + length <= bytes.length)) return "truncated";
  const frame = { bytes, at: offset, end: offset + length, wireLength: Math.max(length, wireLength) };
  const version = bytes[offset] >>> 4;
  const head = version === 4 ? readIpv4(frame) : version === 6 ? readIpv6(frame) : "bad_version";
  return typeof head === "string" ? head : readBody(frame, head);
}

/** Octets of a frame from an IP header on. */
interface Frame {
  readonly bytes: Uint8Array;
  readonly at: number;
  /** Where what was captured ends. */
  readonly end: number;
  readonly wireLength: number;
}

/** What the IP headers say. */
interface Head {
  readonly packet: Packet;
  readonly protocol: number;
  readonly bodyAt: number;
  readonly ipChecksum: boolean | null;
  readonly lengthOfFrame: boolean;
  readonly fragment: CapturedFragment | null;
  /** Whether `bodyAt` is where the transport begins, and its pseudo-header has the destination of this header. */
  readonly isReached: boolean;
  readonly isRouted: boolean;
}

function readIpv4({ bytes, at, end, wireLength }: Frame): Head | DropReason {
  if (end - at < IPV4_HEADER_LENGTH) return "truncated";
  const headerLength = (bytes[at] & 0x0f) * 4;
  const totalLength = read16(bytes, at + IPV4.totalLength);
  const lengthOfFrame = totalLength === 0;
  const length = lengthOfFrame ? wireLength : totalLength;
  if (headerLength < IPV4_HEADER_LENGTH || length < headerLength) return "bad_header_length";
  const isWhole = at + headerLength <= end;
  const field = read16(bytes, at + IPV4.fragment);
  const packet = new Packet(IpAddress.v4(read32(bytes, at + IPV4.source)), IpAddress.v4(read32(bytes, at + IPV4.destination)));
  packet.trafficClass = bytes[at + IPV4.trafficClass];
  packet.identification = read16(bytes, at + IPV4.identification);
  packet.dontFragment = (field & IPV4_DONT_FRAGMENT) !== 0;
  packet.hopLimit = bytes[at + IPV4.hopLimit];
  packet.length = length;
  return {
    packet,
    protocol: bytes[at + IPV4.protocol],
    bodyAt: at + headerLength,
    ipChecksum: isWhole ? ipv4HeaderSum(bytes, at, headerLength) === VALID : null,
    lengthOfFrame,
    fragment: fragmentOf(packet.identification, (field & 0x1fff) * 8, (field & 0x2000) !== 0),
    isReached: isWhole,
    isRouted: false,
  };
}

function readIpv6({ bytes, at, end, wireLength }: Frame): Head | DropReason {
  if (end - at < IPV6_HEADER_LENGTH) return "truncated";
  const packet = new Packet(ipv6At(bytes, at + IPV6.source), ipv6At(bytes, at + IPV6.destination));
  packet.trafficClass = ((bytes[at] & 0x0f) << 4) | (bytes[at + 1] >>> 4);
  packet.flowLabel = read32(bytes, at) & 0xfffff;
  packet.hopLimit = bytes[at + IPV6.hopLimit];
  const payloadLength = read16(bytes, at + IPV6.payloadLength);
  let protocol = bytes[at + IPV6.nextHeader];
  const hasLength = payloadLength !== 0 || protocol === PROTOCOL.noNextHeader || wireLength === IPV6_HEADER_LENGTH;
  const jumbo = hasLength || protocol !== PROTOCOL.hopByHop ? 0 : jumboLength(bytes, at + IPV6_HEADER_LENGTH, end);
  const lengthOfFrame = !hasLength && jumbo === 0;
  packet.length = lengthOfFrame ? wireLength : IPV6_HEADER_LENGTH + (jumbo === 0 ? payloadLength : jumbo);
  const wireEnd = at + packet.length;
  let bodyAt = at + IPV6_HEADER_LENGTH;
  let fragment: CapturedFragment | null = null;
  let isReached = true;
  let isRouted = false;
  for (let count = 0; isExtensionHeader(protocol) && (fragment === null || fragment.offset === 0); count++) {
    if (count === MAXIMUM_EXTENSION_HEADERS || wireEnd - bodyAt < 8) return "bad_extension_header";
    // Eight octets hold all that is read of any of them.
    isReached = end - bodyAt >= 8;
    if (!isReached) break;
    const length = extensionHeaderLength(protocol, bytes[bodyAt + 1]);
    if (length > wireEnd - bodyAt) return "bad_extension_header";
    if (protocol === PROTOCOL.fragment) {
      const field = read16(bytes, bodyAt + 2);
      fragment = fragmentOf(read32(bytes, bodyAt + 4), field & 0xfff8, (field & 1) !== 0);
    } else if (protocol === PROTOCOL.routing && bytes[bodyAt + 3] !== 0) {
      isRouted = true;
    }
    protocol = bytes[bodyAt];
    bodyAt += length;
  }
  return { packet, protocol, bodyAt, ipChecksum: null, lengthOfFrame, fragment, isReached, isRouted };
}

/** The octets behind the IPv6 header that a Jumbo Payload option (RFC 2675 §2) gives; 0 without one. Linux puts it first. */
function jumboLength(bytes: Uint8Array, at: number, end: number): number {
  return end - at >= 8 && bytes[at + 2] === JUMBO_PAYLOAD && bytes[at + 3] === 4 ? read32(bytes, at + 4) : 0;
}

/** Null for what is whole (RFC 6946: an "atomic fragment", too). */
function fragmentOf(identification: number, offset: number, more: boolean): CapturedFragment | null {
  return offset === 0 && !more ? null : { identification, offset, more };
}

function readBody(frame: Frame, head: Head): CapturedPacket | DropReason {
  const { packet, protocol, bodyAt } = head;
  const wireEnd = frame.at + packet.length;
  const end = Math.min(frame.end, wireEnd);
  const isTransport = head.isReached && (head.fragment === null || head.fragment.offset === 0);
  const facts = {
    packet,
    missing: wireEnd - end,
    optionsCut: false,
    ipChecksum: head.ipChecksum,
    checksum: null,
    lengthOfFrame: head.lengthOfFrame,
    fragment: head.fragment,
    protocol,
    bodyAt,
  };
  const isV4 = packet.source.family === 4;
  if (isTransport && protocol === PROTOCOL.tcp) {
    const dataAt = readTcp(frame, packet, bodyAt, end, wireEnd);
    if (typeof dataAt === "string") return dataAt;
    if (packet.tcp !== null) {
      const checksum = checksumOf(frame, head, end, wireEnd);
      return { ...facts, payloadLength: wireEnd - dataAt, optionsCut: dataAt > end, checksum };
    }
  } else if (isTransport && protocol === (isV4 ? PROTOCOL.icmp : PROTOCOL.icmp6)) {
    if (wireEnd - bodyAt < ICMP.body) return "truncated";
    if (end - bodyAt >= ICMP.body) {
      readIcmp(frame, packet, bodyAt, end);
      return { ...facts, payloadLength: wireEnd - bodyAt - ICMP.body, checksum: checksumOf(frame, head, end, wireEnd) };
    }
  }
  const from = Math.min(bodyAt, end);
  packet.opaque = { protocol, payload: payloadOf(frame.bytes, from, end, false) };
  // Behind a TCP or ICMP header of which a part is there, or a chain of extension headers, there may be a payload of any length.
  const isKnown = head.isReached && (!isTransport || (protocol !== PROTOCOL.tcp && protocol !== (isV4 ? PROTOCOL.icmp : PROTOCOL.icmp6)));
  return { ...facts, payloadLength: isKnown ? wireEnd - bodyAt : null };
}

/** Puts the segment at `at` into `packet` when its fixed header is there; returns where its payload begins. */
function readTcp({ bytes }: Frame, packet: Packet, at: number, end: number, wireEnd: number): number | DropReason {
  if (wireEnd - at < TCP_MINIMUM_HEADER_LENGTH) return "truncated";
  if (end - at < TCP_MINIMUM_HEADER_LENGTH) return -1;
  const dataAt = at + (bytes[at + TCP.dataOffset] >>> 4) * 4;
  if (dataAt < at + TCP_MINIMUM_HEADER_LENGTH) return "bad_header_length";
  if (dataAt > wireEnd) return "truncated";
  packet.tcp = decodeTcpHeader(bytes, at, Math.min(dataAt, end));
  if (dataAt < end) packet.tcp.payload = payloadOf(bytes, dataAt, end, false);
  return dataAt;
}

function readIcmp({ bytes }: Frame, packet: Packet, at: number, end: number): void {
  packet.icmp = {
    type: bytes[at + ICMP.type],
    code: bytes[at + ICMP.code],
    word: read32(bytes, at + ICMP.word),
    body: copyOctets(bytes, at + ICMP.body, end - at - ICMP.body),
  };
}

function checksumOf({ bytes }: Frame, head: Head, end: number, wireEnd: number): boolean | null {
  if (end < wireEnd || head.fragment !== null || head.lengthOfFrame || head.isRouted) return null;
  const { packet, protocol, bodyAt } = head;
  // RFC 792: ICMPv4 has no pseudo-header.
  const sum = protocol === PROTOCOL.icmp ? partialSum(bytes, bodyAt, end - bodyAt) : transportSum(packet, protocol, bytes, bodyAt, end);
  return sum === VALID;
}

/** Type of the Jumbo Payload option. */
const JUMBO_PAYLOAD = 0xc2;
