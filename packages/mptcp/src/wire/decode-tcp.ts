import { decodeMptcpOption } from "./decode-mptcp.ts";
import { TCP, TCP_OPTION } from "./layout.ts";
import { TCP_MINIMUM_HEADER_LENGTH } from "./lengths.ts";
import type { MptcpOption } from "./mptcp-options.ts";
import { copyOctets, read16, read32 } from "./octets.ts";
import { TcpSegment } from "./packet.ts";
import type { RawTcpOption } from "./packet.ts";
import { payloadOf } from "./payload.ts";

/**
 * The TCP segment in octets `at` to `end` of `bytes`, without looking at its checksum.
 *
 * @returns the segment, or why it cannot be one
 */
export function decodeTcp(
  bytes: Uint8Array,
  at: number,
  end: number,
  copy: boolean,
): TcpSegment | "truncated" | "bad_header_length" {
  if (end - at < TCP_MINIMUM_HEADER_LENGTH) return "truncated";
  const dataAt = at + (bytes[at + TCP.dataOffset] >>> 4) * 4;
  if (dataAt < at + TCP_MINIMUM_HEADER_LENGTH) return "bad_header_length";
  if (dataAt > end) return "truncated";
  const segment = decodeTcpHeader(bytes, at, dataAt);
  if (dataAt < end) {
    segment.payload = payloadOf(bytes, dataAt, end, copy);
  }
  return segment;
}

/** The header at `at`, of which 20 octets are there, with those of its options that lie before `end`; no payload. */
export function decodeTcpHeader(bytes: Uint8Array, at: number, end: number): TcpSegment {
  const segment = new TcpSegment();
  segment.sourcePort = read16(bytes, at + TCP.sourcePort);
  segment.destinationPort = read16(bytes, at + TCP.destinationPort);
  segment.sequence = read32(bytes, at + TCP.sequence);
  segment.acknowledgment = read32(bytes, at + TCP.acknowledgment);
  segment.flags = bytes[at + TCP.flags] | ((bytes[at + TCP.dataOffset] & 1) << 8);
  segment.window = read16(bytes, at + TCP.window);
  segment.urgentPointer = read16(bytes, at + TCP.urgentPointer);
  if (end > at + TCP.options) decodeOptions(segment, bytes, at + TCP.options, end);
  return segment;
}

/** Fills in the options between `at` and `end`. Of an option that is there twice the last counts, as in Linux. */
export function decodeOptions(segment: TcpSegment, bytes: Uint8Array, at: number, end: number): void {
  let mptcp: MptcpOption[] | null = null;
  let others: RawTcpOption[] | null = null;
  let i = at;
  while (i < end) {
    const kind = bytes[i];
    if (kind === TCP_OPTION.noOperation) {
      i++;
      continue;
    }
    if (kind === TCP_OPTION.end || i + 1 >= end) break;
    const length = bytes[i + 1];
    // RFC 9293 §3.1 (MUST-7): an impossible length is survived; what follows it cannot be told apart and is ignored.
    if (length < 2 || i + length > end) break;
    if (kind === TCP_OPTION.mptcp) {
      const option = decodeMptcpOption(bytes, i, length);
      if (mptcp === null) mptcp = [option];
      else mptcp.push(option);
    } else if (!decodeStandardOption(segment, bytes, i, kind, length)) {
      const raw: RawTcpOption = { kind, data: copyOctets(bytes, i + 2, length - 2) };
      if (others === null) others = [raw];
      else others.push(raw);
    }
    i += length;
  }
  if (mptcp !== null) segment.mptcp = mptcp;
  if (others !== null) segment.otherOptions = others;
}

/** Whether the option is one that {@link TcpSegment} has a field for, of its right length. */
function decodeStandardOption(
  segment: TcpSegment,
  bytes: Uint8Array,
  at: number,
  kind: number,
  length: number,
): boolean {
  switch (kind) {
    case TCP_OPTION.timestamps:
      if (length !== 10) return false;
      segment.hasTimestamps = true;
      segment.timestampValue = read32(bytes, at + 2);
      segment.timestampEcho = read32(bytes, at + 6);
      return true;
    case TCP_OPTION.sack:
      return decodeSack(segment, bytes, at, length);
    case TCP_OPTION.maximumSegmentSize:
      if (length !== 4) return false;
      segment.maximumSegmentSize = read16(bytes, at + 2);
      return true;
    case TCP_OPTION.windowScale:
      if (length !== 3) return false;
      segment.windowScale = bytes[at + 2];
      return true;
    case TCP_OPTION.sackPermitted:
      if (length !== 2) return false;
      segment.sackPermitted = true;
      return true;
    default:
      return false;
  }
}

function decodeSack(segment: TcpSegment, bytes: Uint8Array, at: number, length: number): boolean {
  // RFC 2018 §3: 8 octets per block.
  if (length < 10 || (length & 7) !== 2) return false;
  const blocks: number[] = [];
  for (let i = at + 2; i < at + length; i += 4) blocks.push(read32(bytes, i));
  segment.sackBlocks = blocks;
  return true;
}
