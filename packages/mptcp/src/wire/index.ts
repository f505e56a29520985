/**
 * wire/: bytes <-> packets. IPv4, IPv6, TCP with its options, every MPTCP option, ICMP errors, checksums and
 * sequence arithmetic. Decoding never throws; encoding writes into the caller's buffer.
 *
 * @module mptcp/wire
 */
export { accurateEcnOption, ACE, aceFlags, aceOf, readAccurateEcn } from "./accurate-ecn.ts";
export type { AccurateEcnCounters } from "./accurate-ecn.ts";
export { IpAddress } from "./address.ts";
export {
  checksumOf,
  combineSums,
  dssChecksum,
  dssChecksumMatches,
  foldSum,
  ipv4HeaderSum,
  partialSum,
  payloadSum,
  pseudoHeaderSum,
  updateChecksum,
  updateChecksum32,
} from "./checksum.ts";
export { decodeCaptured } from "./decode-captured.ts";
export type { CapturedFragment, CapturedPacket } from "./decode-captured.ts";
export { decodePacket, DROP_REASONS } from "./decode.ts";
export type { DecodeOptions, DropReason } from "./decode.ts";
export { decodeMptcpOption } from "./decode-mptcp.ts";
export { encodePacket, packetLength } from "./encode.ts";
export type { EncodeOptions } from "./encode.ts";
export { encodeMptcpOption } from "./encode-mptcp.ts";
export { EncodeError } from "./errors.ts";
export { addFastOpen, isCookieLength, isFastOpen, readFastOpen } from "./fast-open.ts";
export type { FastOpenOption } from "./fast-open.ts";
export {
  ICMP4_TYPE,
  ICMP6_TYPE,
  icmpErrorOf,
  icmpTimeExceeded,
  icmpTooBig,
  icmpUnreachable,
  quotedPacket,
} from "./icmp.ts";
export type { IcmpError, QuotedPacket, UnreachableCause } from "./icmp.ts";
export { MPTCP_SUBTYPE, PROTOCOL, TCP_OPTION } from "./layout.ts";
export {
  IPV4_HEADER_LENGTH,
  IPV6_HEADER_LENGTH,
  ipHeaderLength,
  mptcpOptionLength,
  TCP_MINIMUM_HEADER_LENGTH,
  TCP_OPTION_SPACE,
  tcpHeaderLength,
} from "./lengths.ts";
export * from "./mptcp-options.ts";
export { Packet, TCP_FLAG, TcpSegment } from "./packet.ts";
export type { IcmpMessage, OpaqueBody, RawTcpOption } from "./packet.ts";
export { joinedPayload, Payload } from "./payload.ts";
export { decodeTcpInUdp, encodeTcpInUdp, encodeTcpInUdpHeader, tcpInUdpLength } from "./tcp-in-udp.ts";
export {
  DataSequenceSpace,
  positionNear,
  sequenceAdd,
  sequenceDifference,
  sequenceLess,
  sequenceLessOrEqual,
} from "./sequence.ts";
