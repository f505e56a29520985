import { IpAddress } from "./address.ts";
import { findUpperLayer, ipv6At } from "./decode.ts";
import { encodePacket, packetLength } from "./encode.ts";
import { ICMP, IPV4, IPV6, PROTOCOL, TCP } from "./layout.ts";
import { IPV4_HEADER_LENGTH, IPV6_HEADER_LENGTH } from "./lengths.ts";
import { read16, read32 } from "./octets.ts";
import { Packet } from "./packet.ts";
import type { IcmpMessage } from "./packet.ts";

/** Types of ICMPv4 messages (RFC 792). */
export const ICMP4_TYPE = {
  echoReply: 0,
  unreachable: 3,
  redirect: 5,
  echoRequest: 8,
  timeExceeded: 11,
  parameterProblem: 12,
} as const;

/** Types of ICMPv6 messages (RFC 4443); those below 128 are errors. */
export const ICMP6_TYPE = {
  unreachable: 1,
  packetTooBig: 2,
  timeExceeded: 3,
  parameterProblem: 4,
  echoRequest: 128,
  echoReply: 129,
} as const;

/** What was not reachable; {@link icmpUnreachable} turns it into the code of the family. */
export type UnreachableCause = "network" | "host" | "protocol" | "port" | "prohibited";

/** What an ICMP error says about the packet that it quotes. */
export interface QuotedPacket {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly protocol: number;
  /** Total length that the quoted IP header claims, in octets. */
  readonly length: number;
  /** The first 8 octets of the transport header, read as TCP's; 0 for other protocols. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
}

/** An ICMP error, the two families made alike. */
export interface IcmpError {
  readonly kind: "unreachable" | "too_big" | "time_exceeded" | "parameter_problem";
  readonly code: number;
  /** Next-hop MTU in octets, with `too_big`; 0 from a router that does not tell (RFC 1191 §4). */
  readonly mtu: number;
  /** Whether the error will not go away by itself: protocol or port unreachable (RFC 1122 §4.2.3.9, RFC 4443 §3.1). */
  readonly hard: boolean;
  readonly quoted: QuotedPacket;
}

/** Reads an ICMP error; null when `message` is no error, or quotes too little to tell a connection from it. */
export function icmpErrorOf(message: IcmpMessage, family: 4 | 6): IcmpError | null {
  const kind = family === 4 ? kindOfV4(message) : kindOfV6(message);
  if (kind === null) return null;
  const quoted = quotedPacket(message.body);
  if (quoted === null || quoted.source.family !== family) return null;
  const mtu = kind === "too_big" ? (family === 4 ? message.word & 0xffff : message.word) : 0;
  const hard =
    kind === "unreachable" && (family === 4 ? message.code === 2 || message.code === 3 : message.code === 4);
  return { kind, code: message.code, mtu, hard, quoted };
}

/** Reads the packet quoted in `body`, which may be cut short after 8 octets of its transport header; null when less is there. */
export function quotedPacket(body: Uint8Array): QuotedPacket | null {
  const version = body.length === 0 ? 0 : body[0] >>> 4;
  if (version === 4) return quotedIpv4(body);
  if (version === 6) return quotedIpv6(body);
  return null;
}

/**
 * The "destination unreachable" that `router` sends about `packet`; null where none may be sent.
 *
 * @param router address of the node that reports, of the packet's family
 */
export function icmpUnreachable(packet: Packet, router: IpAddress, cause: UnreachableCause): Packet | null {
  // RFC 792, RFC 1812 §5.2.7.1: codes 0 to 3, 13; RFC 4443 §3.1: no protocol code, that is a parameter problem.
  if (packet.source.family === 4) return icmpError(packet, router, ICMP4_TYPE.unreachable, UNREACHABLE_V4[cause], 0);
  if (cause === "protocol") return icmpError(packet, router, ICMP6_TYPE.parameterProblem, 1, IPV6.nextHeader);
  return icmpError(packet, router, ICMP6_TYPE.unreachable, UNREACHABLE_V6[cause], 0);
}

/** The "fragmentation needed" (RFC 1191 §4) or "packet too big" (RFC 4443 §3.2) about `packet`; `mtu` in octets. */
export function icmpTooBig(packet: Packet, router: IpAddress, mtu: number): Packet | null {
  return packet.source.family === 4
    ? icmpError(packet, router, ICMP4_TYPE.unreachable, FRAGMENTATION_NEEDED, mtu & 0xffff)
    : icmpError(packet, router, ICMP6_TYPE.packetTooBig, 0, mtu);
}

/** The "time exceeded in transit" about `packet` (RFC 792; RFC 4443 §3.3). */
export function icmpTimeExceeded(packet: Packet, router: IpAddress): Packet | null {
  const type = packet.source.family === 4 ? ICMP4_TYPE.timeExceeded : ICMP6_TYPE.timeExceeded;
  return icmpError(packet, router, type, 0, 0);
}

function icmpError(packet: Packet, router: IpAddress, type: number, code: number, word: number): Packet | null {
  const isV4 = packet.source.family === 4;
  if (!mayBeReported(packet, !isV4 && type === ICMP6_TYPE.packetTooBig)) return null;
  const whole = new Uint8Array(packetLength(packet));
  encodePacket(packet, whole, 0);
  // RFC 1812 §4.3.2.3: no more than 576 octets in all; RFC 4443 §2.4(c): no more than the minimum MTU of 1280.
  const limit = isV4 ? 576 - IPV4_HEADER_LENGTH - ICMP.body : 1280 - IPV6_HEADER_LENGTH - ICMP.body;
  const body = whole.length <= limit ? whole : new Uint8Array(whole.subarray(0, limit));
  const error = new Packet(router, packet.source);
  error.dontFragment = false;
  error.icmp = { type, code, word, body };
  error.length = packetLength(error);
  return error;
}

/** RFC 1122 §3.2.2, RFC 4443 §2.4(e): no error about an error, to or about a group, or from nobody in particular. */
function mayBeReported(packet: Packet, isPacketTooBig: boolean): boolean {
  if (packet.icmp !== null && isError(packet.icmp, packet.source.family)) return false;
  if (!isSingleNode(packet.source)) return false;
  return isPacketTooBig || isSingleNode(packet.destination);
}

function isError(message: IcmpMessage, family: 4 | 6): boolean {
  if (family === 6) return message.type < 128;
  const type = message.type;
  return type === 3 || type === 4 || type === 5 || type === 11 || type === 12;
}

function isSingleNode(address: IpAddress): boolean {
  if (address.family === 4) return address.w3 !== 0 && address.w3 >>> 28 < 14;
  if (address.w0 >>> 24 === 0xff) return false;
  return (address.w0 | address.w1 | address.w2 | address.w3) !== 0;
}

function kindOfV4(message: IcmpMessage): IcmpError["kind"] | null {
  switch (message.type) {
    case ICMP4_TYPE.unreachable:
      return message.code === FRAGMENTATION_NEEDED ? "too_big" : "unreachable";
    case ICMP4_TYPE.timeExceeded:
      return "time_exceeded";
    case ICMP4_TYPE.parameterProblem:
      return "parameter_problem";
    default:
      return null;
  }
}

function kindOfV6(message: IcmpMessage): IcmpError["kind"] | null {
  switch (message.type) {
    case ICMP6_TYPE.unreachable:
      return "unreachable";
    case ICMP6_TYPE.packetTooBig:
      return "too_big";
    case ICMP6_TYPE.timeExceeded:
      return "time_exceeded";
    case ICMP6_TYPE.parameterProblem:
      return "parameter_problem";
    default:
      return null;
  }
}

function quotedIpv4(body: Uint8Array): QuotedPacket | null {
  const headerLength = (body[0] & 0x0f) * 4;
  if (headerLength < IPV4_HEADER_LENGTH || body.length < headerLength + 8) return null;
  // Only a first fragment begins with the transport header.
  if ((read16(body, IPV4.fragment) & 0x1fff) !== 0) return null;
  return quotedTransport(
    body,
    IpAddress.v4(read32(body, IPV4.source)),
    IpAddress.v4(read32(body, IPV4.destination)),
    body[IPV4.protocol],
    read16(body, IPV4.totalLength),
    headerLength,
  );
}

function quotedIpv6(body: Uint8Array): QuotedPacket | null {
  if (body.length < IPV6_HEADER_LENGTH + 8) return null;
  const upper = findUpperLayer(body, body[IPV6.nextHeader], IPV6_HEADER_LENGTH, body.length);
  if (typeof upper === "string") return null;
  const protocol = upper & 0xff;
  const at = (upper - protocol) / 256;
  if (body.length < at + 8) return null;
  const length = IPV6_HEADER_LENGTH + read16(body, IPV6.payloadLength);
  return quotedTransport(body, ipv6At(body, IPV6.source), ipv6At(body, IPV6.destination), protocol, length, at);
}

function quotedTransport(
  body: Uint8Array,
  source: IpAddress,
  destination: IpAddress,
  protocol: number,
  length: number,
  at: number,
): QuotedPacket {
  const isTcp = protocol === PROTOCOL.tcp;
  return {
    source,
    destination,
    protocol,
    length,
    sourcePort: isTcp ? read16(body, at + TCP.sourcePort) : 0,
    destinationPort: isTcp ? read16(body, at + TCP.destinationPort) : 0,
    sequence: isTcp ? read32(body, at + TCP.sequence) : 0,
  };
}

/** RFC 1191 §4: the code of "destination unreachable" that carries the next-hop MTU. */
const FRAGMENTATION_NEEDED = 4;
const UNREACHABLE_V4 = { network: 0, host: 1, protocol: 2, port: 3, prohibited: 13 } as const;
const UNREACHABLE_V6 = { network: 0, host: 3, port: 4, prohibited: 1 } as const;
