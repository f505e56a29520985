import { isAccurateEcn } from "./accurate-ecn.ts";
import { encodeMptcpOption } from "./encode-mptcp.ts";
import { isFastOpen } from "./fast-open.ts";
import { TCP, TCP_OPTION } from "./layout.ts";
import { countersPadding, optionsArePacked } from "./lengths.ts";
import type { MptcpOption } from "./mptcp-options.ts";
import { write16, write32, writeOctets } from "./octets.ts";
import type { RawTcpOption, TcpSegment } from "./packet.ts";

/**
 * Writes the TCP header of `segment` at `at` with a checksum of 0.
 *
 * The order is MSS, SACK-permitted, timestamps, window scale, SACK, Fast Open where it is the first of the others, MPTCP, others. Timestamps, window scale and SACK are
 * aligned by NOPs before them, as is usual on the wire (RFC 7323 Appendix A), unless the options fit only without. With `alignsOptions` they always are,
 * NOPs follow Fast Open and each MPTCP option too, and the counters of accurate ECN stand behind the timestamps, and take the place of NOPs behind them where they fill it.
 *
 * @param headerLength what `tcpHeaderLength` says of the segment, at most 60
 */
export function encodeTcpHeader(segment: TcpSegment, target: Uint8Array, at: number, headerLength: number): void {
  write16(target, at + TCP.sourcePort, segment.sourcePort);
  write16(target, at + TCP.destinationPort, segment.destinationPort);
  write32(target, at + TCP.sequence, segment.sequence);
  write32(target, at + TCP.acknowledgment, segment.acknowledgment);
  target[at + TCP.dataOffset] = ((headerLength >>> 2) << 4) | (segment.flags >>> 8);
  target[at + TCP.flags] = segment.flags;
  write16(target, at + TCP.window, segment.window);
  write16(target, at + TCP.checksum, 0);
  write16(target, at + TCP.urgentPointer, segment.urgentPointer);
  if (headerLength > TCP.options) encodeTcpOptions(segment, target, at + TCP.options, at + headerLength);
}

/** Writes the options of `segment`, and what fills them up, from `at` to `end`. */
export function encodeTcpOptions(segment: TcpSegment, target: Uint8Array, at: number, end: number): void {
  // Packing saves five octets at most, so fewer than 36 octets of options are never packed.
  const aligned = !optionsArePacked(segment);
  let i = encodeStandardOptions(segment, target, at, aligned);
  const others = segment.otherOptions;
  let ahead = 0;
  for (; ahead < others.length && isFastOpen(others[ahead] as RawTcpOption); ahead++) {
    const option = others[ahead] as RawTcpOption;
    i = encodeRawOption(option, target, i);
    if (segment.alignsOptions) i = encodeNoOperations(target, i, -(2 + option.data.length) & 3);
  }
  const mptcp = segment.mptcp;
  for (let j = 0; j < mptcp.length; j++) {
    const length = encodeMptcpOption(mptcp[j] as MptcpOption, target, i);
    i += length;
    if (segment.alignsOptions) i = encodeNoOperations(target, i, -length & 3);
  }
  for (let j = ahead; j < others.length; j++) {
    const option = others[j] as RawTcpOption;
    if (!segment.alignsOptions || !isAccurateEcn(option)) i = encodeRawOption(option, target, i);
  }
  while (i < end) target[i++] = TCP_OPTION.noOperation;
}

/** Writes every option that has a field of its own; returns where the next one goes. */
function encodeStandardOptions(segment: TcpSegment, target: Uint8Array, at: number, aligned: boolean): number {
  let i = at;
  if (segment.maximumSegmentSize !== 0) {
    i = encodeOptionHead(target, i, TCP_OPTION.maximumSegmentSize, 4);
    write16(target, i, segment.maximumSegmentSize);
    i += 2;
  }
  if (segment.hasTimestamps) {
    // SACK-permitted, where it is there, takes the place of the two NOPs.
    if (segment.sackPermitted) i = encodeOptionHead(target, i, TCP_OPTION.sackPermitted, 2);
    else if (aligned) i = encodeNoOperations(target, i, 2);
    i = encodeOptionHead(target, i, TCP_OPTION.timestamps, 10);
    write32(target, i, segment.timestampValue);
    write32(target, i + 4, segment.timestampEcho);
    i += 8;
  }
  // NOPs of the next option that the counters take the place of.
  let saved = 0;
  if (segment.alignsOptions) {
    for (const option of segment.otherOptions) {
      if (!isAccurateEcn(option)) continue;
      const padding = countersPadding(segment, option);
      i = encodeNoOperations(target, encodeRawOption(option, target, i), padding);
      if (padding < 0) saved = -padding;
    }
  }
  if (segment.sackPermitted && !segment.hasTimestamps) {
    if (aligned) i = encodeNoOperations(target, i, 2 - saved);
    saved = 0;
    i = encodeOptionHead(target, i, TCP_OPTION.sackPermitted, 2);
  }
  if (segment.windowScale >= 0) {
    if (aligned) i = encodeNoOperations(target, i, 1 - saved);
    saved = 0;
    i = encodeOptionHead(target, i, TCP_OPTION.windowScale, 3);
    target[i++] = segment.windowScale;
  }
  const blocks = segment.sackBlocks;
  if (blocks.length > 0) {
    if (aligned) i = encodeNoOperations(target, i, 2 - saved);
    i = encodeOptionHead(target, i, TCP_OPTION.sack, 2 + 4 * blocks.length);
    for (let j = 0; j < blocks.length; j++) {
      write32(target, i, blocks[j] as number);
      i += 4;
    }
  }
  return i;
}

function encodeRawOption(option: RawTcpOption, target: Uint8Array, at: number): number {
  target[at] = option.kind;
  target[at + 1] = 2 + option.data.length;
  writeOctets(target, at + 2, option.data, option.data.length);
  return at + 2 + option.data.length;
}

function encodeOptionHead(target: Uint8Array, at: number, kind: number, length: number): number {
  target[at] = kind;
  target[at + 1] = length;
  return at + 2;
}

/** @param count none where it is less than 0 */
function encodeNoOperations(target: Uint8Array, at: number, count: number): number {
  if (count <= 0) return at;
  for (let i = at; i < at + count; i++) target[i] = TCP_OPTION.noOperation;
  return at + count;
}
