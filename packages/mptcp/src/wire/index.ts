/**
 * wire/: bytes <-> packets. IPv4, IPv6, TCP with its options, every MPTCP option, ICMP errors, checksums and
 * sequence arithmetic. Decoding never throws; encoding writes into the caller's buffer.
 *
 * @module
 */
export { IpAddress } from "./address.ts";
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
export { Payload } from "./payload.ts";
export {
  DataSequenceSpace,
  positionNear,
  sequenceAdd,
  sequenceDifference,
  sequenceLess,
  sequenceLessOrEqual,
} from "./sequence.ts";
