import { isAccurateEcn } from "./accurate-ecn.ts";
import { isFastOpen } from "./fast-open.ts";
import { Dss } from "./mptcp-options.ts";
import type { MptcpOption } from "./mptcp-options.ts";
import type { Packet, RawTcpOption, TcpSegment } from "./packet.ts";

/** Octets of an IPv4 header without options (RFC 791 §3.1). */
export const IPV4_HEADER_LENGTH = 20;
/** Octets of the fixed IPv6 header (RFC 8200 §3). */
export const IPV6_HEADER_LENGTH = 40;
/** Octets of a TCP header without options (RFC 9293 §3.1). */
export const TCP_MINIMUM_HEADER_LENGTH = 20;
/** Octets that the 4-bit data offset leaves for options (RFC 9293 §3.1). */
export const TCP_OPTION_SPACE = 40;

/** Octets of the IP header that the encoder writes for `packet`: 20 or 40, since it writes no IP options. */
export function ipHeaderLength(packet: Packet): number {
  return packet.source.family === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH;
}

/** Octets of `option` on the wire, kind and length included, padding excluded. */
export function mptcpOptionLength(option: MptcpOption): number {
  switch (option.kind) {
    case "dss":
      return dssLength(option);
    case "mp_capable":
      return (
        4 +
        (option.senderKey === null ? 0 : 8) +
        (option.receiverKey === null ? 0 : 8) +
        (option.dataLength < 0 ? 0 : 2) +
        (option.checksum < 0 ? 0 : 2)
      );
    case "mp_join_syn":
      return 12;
    case "mp_join_synack":
      return 16;
    case "mp_join_ack":
      return 24;
    case "add_addr":
      return (
        (option.address.family === 4 ? 8 : 20) + (option.port === 0 ? 0 : 2) + (option.hmac === null ? 0 : 8)
      );
    case "remove_addr":
      return 3 + option.addressIds.length;
    case "mp_prio":
      return option.addressId < 0 ? 3 : 4;
    case "mp_fail":
      return 12;
    case "mp_fastclose":
      return 12;
    case "mp_tcprst":
      return 4;
    case "mptcp_unknown":
      return 2 + option.data.length;
  }
}

/**
 * Octets of the TCP header with all options, a multiple of 4, exactly as the encoder writes it.
 *
 * A result above 60 cannot be encoded (RFC 9293 §3.1): the caller put too many options on the segment.
 */
export function tcpHeaderLength(segment: TcpSegment): number {
  const options = segment.alignsOptions ? alignedOptionsLength(segment) : optionsLength(segment);
  return TCP_MINIMUM_HEADER_LENGTH + ((options + 3) & ~3);
}

/** Whether leaving out the aligning NOPs before timestamps, window scale, SACK and SACK-permitted makes the header shorter. */
export function optionsArePacked(segment: TcpSegment): boolean {
  if (segment.alignsOptions) return false;
  const packed = optionsLength(segment);
  return ((packed + aligningOctets(segment) + 3) & ~3) > ((packed + 3) & ~3);
}

/** Octets of all options without any padding. */
function optionsLength(segment: TcpSegment): number {
  // The usual segment: timestamps and one DSS. `instanceof` is a map check here, against a megamorphic `kind`.
  let options = segment.hasTimestamps ? 10 : 0;
  const mptcp = segment.mptcp;
  for (let i = 0; i < mptcp.length; i++) {
    const option = mptcp[i] as MptcpOption;
    options += option instanceof Dss ? dssLength(option) : mptcpOptionLength(option);
  }
  if (segment.sackBlocks.length > 0) options += 2 + 4 * segment.sackBlocks.length;
  if (segment.maximumSegmentSize !== 0) options += 4;
  if (segment.windowScale >= 0) options += 3;
  if (segment.sackPermitted) options += 2;
  if (segment.otherOptions.length > 0) options += otherOptionsLength(segment);
  return options;
}

/** Octets of all options when each begins at a multiple of four. */
function alignedOptionsLength(segment: TcpSegment): number {
  let options = optionsLength(segment) + aligningOctets(segment);
  for (const option of segment.mptcp) options += -mptcpOptionLength(option) & 3;
  let isAhead = true;
  for (const option of segment.otherOptions) {
    isAhead &&= isFastOpen(option);
    if (isAhead) options += -(2 + option.data.length) & 3;
    else if (isAccurateEcn(option)) options += countersPadding(segment, option);
  }
  return options;
}

/** NOPs behind the counters of accurate ECN where options are aligned; less than 0: so many of those before the next option are left out, since the counters fill their place. */
export function countersPadding(segment: TcpSegment, { data }: RawTcpOption): number {
  const over = (2 + data.length) & 3;
  const next = segment.sackPermitted && !segment.hasTimestamps ? 2 : segment.windowScale >= 0 ? 1 : segment.sackBlocks.length > 0 ? 2 : 0;
  return over <= next ? -over : 4 - over;
}

/** NOPs that put timestamps, window scale, SACK and SACK-permitted on their usual alignment (RFC 7323 Appendix A). */
function aligningOctets(segment: TcpSegment): number {
  // SACK-permitted and the timestamps take each other's place of NOPs.
  let octets = segment.hasTimestamps === segment.sackPermitted ? 0 : 2;
  if (segment.sackBlocks.length > 0) octets += 2;
  if (segment.windowScale >= 0) octets += 1;
  return octets;
}

function dssLength(option: Dss): number {
  const mapping = option.dsnLength === 0 ? 0 : option.dsnLength + (option.checksum < 0 ? 6 : 8);
  return 4 + option.dataAckLength + mapping;
}

function otherOptionsLength(segment: TcpSegment): number {
  let length = 0;
  const others = segment.otherOptions;
  for (let i = 0; i < others.length; i++) length += 2 + (others[i] as RawTcpOption).data.length;
  return length;
}
