import { TCP_FLAG } from "../../wire/index.ts";

/** A run of TCP segments, as TCP in UDP one after another in memory, that mean the same as one. */
export interface Run {
  /** Segments. */
  count: number;
  /** Octets of the header of each, 12 and the options. */
  headerLength: number;
  /** Octets of payload in all. */
  payloadLength: number;
  /** The flags of the last. */
  flags: number;
}

/**
 * Finds how many of the segments from octet `from` to `end` of `bytes`, each `length` octets long but for a shorter last one, are one segment that was cut: they
 * follow each other without a gap, and but for PSH and FIN on the last all else is the same. That includes all options, so it is one
 * mapping of RFC 8684 §3.3.1, and what it adds up to is what a device that segments for its host was given.
 *
 * @param run is filled in
 */
export function findRun(bytes: Uint8Array, from: number, end: number, length: number, run: Run): void {
  const first = Math.min(length, end - from);
  const headerLength = ((bytes[from] as number) >>> 4) * 4 - UDP_HEADER_LENGTH;
  run.count = 1;
  run.headerLength = headerLength;
  run.payloadLength = first - headerLength;
  run.flags = bytes[from + 1] as number;
  if (headerLength < MINIMUM_LENGTH || run.payloadLength <= 0 || run.flags !== TCP_FLAG.ACK) return;
  let sequence = sequenceAt(bytes, from);
  for (let at = from + length; at + headerLength < end; at += length) {
    const flags = bytes[at + 1] as number;
    sequence = (sequence + length - headerLength) | 0;
    if ((flags & ~(TCP_FLAG.PSH | TCP_FLAG.FIN)) !== TCP_FLAG.ACK || sequenceAt(bytes, at) !== sequence || !headersAreEqual(bytes, from, at, headerLength)) return;
    run.count++;
    run.payloadLength += Math.min(length, end - at) - headerLength;
    run.flags = flags;
    if (flags !== TCP_FLAG.ACK) return;
  }
}

/** Copies the payloads of `run`, which begins at `from`, to `target` at `at`. */
export function copyRun(bytes: Uint8Array, from: number, length: number, run: Run, target: Uint8Array, at: number): void {
  const { headerLength, count, payloadLength } = run;
  const most = length - headerLength;
  for (let i = 0, source = from + headerLength, left = payloadLength; i < count; i++, source += length, at += most, left -= most) {
    target.set(bytes.subarray(source, source + Math.min(most, left)), at);
  }
}

/** Data offset, window, acknowledgment number and options; flags and sequence number are looked at by themselves. */
function headersAreEqual(bytes: Uint8Array, a: number, b: number, length: number): boolean {
  if (bytes[a] !== bytes[b] || bytes[a + 2] !== bytes[b + 2] || bytes[a + 3] !== bytes[b + 3]) return false;
  for (let i = 8; i < length; i++) if (bytes[a + i] !== bytes[b + i]) return false;
  return true;
}

/** Signed, since it is only compared. */
function sequenceAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at + 4] as number) << 24) | ((bytes[at + 5] as number) << 16) | ((bytes[at + 6] as number) << 8) | (bytes[at + 7] as number);
}

const UDP_HEADER_LENGTH = 8;
/** A TCP header without options, less what the UDP header stands for. */
const MINIMUM_LENGTH = 12;
