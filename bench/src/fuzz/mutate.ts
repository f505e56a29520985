import { checksumOf, foldSum, IpAddress, ipv4HeaderSum, partialSum, pseudoHeaderSum } from "mptcp/wire";
import type { FuzzRandom } from "./random.ts";

/**
 * Damages the packet in the first `length` octets of `bytes` once.
 *
 * @param other a second packet, whose octets are spliced in
 * @returns the new length, at most that of `bytes`
 */
export function mutate(random: FuzzRandom, bytes: Uint8Array, length: number, other: Uint8Array): number {
  if (length === 0) return 0;
  switch (random.below(10)) {
    case 0:
      bytes[random.below(length)] ^= 1 << random.below(8);
      return length;
    case 1:
      bytes[random.below(length)] = INTERESTING[random.below(INTERESTING.length)] as number;
      return length;
    case 2:
      return random.below(length + 1);
    case 3:
      return extended(random, bytes, length);
    case 4:
    case 5:
      corruptLength(random, bytes, length);
      return length;
    case 6:
      corruptOption(random, bytes, length);
      return length;
    case 7:
      return spliced(random, bytes, length, other);
    case 8:
      return withoutChunk(random, bytes, length);
    default:
      // Headers are where the decisions are.
      bytes[random.below(Math.min(length, 100))] = random.below(256);
      return length;
  }
}

/** Makes the checksums right again wherever headers can be found, so that damage gets past their verification. */
export function repairChecksums(bytes: Uint8Array, length: number): void {
  const version = bytes[0] >>> 4;
  if (version === 4 && length >= 20) {
    const header = (bytes[0] & 0x0f) * 4;
    const end = (bytes[2] << 8) | bytes[3];
    if (header < 20 || header > length || end > length || end < header) return;
    write16(bytes, 10, 0);
    write16(bytes, 10, checksumOf(ipv4HeaderSum(bytes, 0, header)));
    const pseudo = pseudoHeaderSum(IpAddress.v4(read32(bytes, 12)), IpAddress.v4(read32(bytes, 16)), bytes[9], end - header);
    if (bytes[9] === 6) repairAt(bytes, header, end, 16, pseudo);
    else if (bytes[9] === 1) repairAt(bytes, header, end, 2, 0);
  } else if (version === 6 && length >= 40) {
    const end = 40 + ((bytes[4] << 8) | bytes[5]);
    if (end > length) return;
    const pseudo = pseudoHeaderSum(address6(bytes, 8), address6(bytes, 24), bytes[6], end - 40);
    if (bytes[6] === 6) repairAt(bytes, 40, end, 16, pseudo);
    else if (bytes[6] === 58) repairAt(bytes, 40, end, 2, pseudo);
  }
}

/** Makes the IP header's length that of the packet, so that damage gets past the first look. */
export function repairLength(bytes: Uint8Array, length: number): void {
  const version = bytes[0] >>> 4;
  if (version === 4 && length >= 20) write16(bytes, 2, length);
  else if (version === 6 && length >= 40) write16(bytes, 4, length - 40);
}

/** Random octets between the packet and its end, or a few more after it. */
function extended(random: FuzzRandom, bytes: Uint8Array, length: number): number {
  const end = Math.min(bytes.length, length + 1 + random.below(40));
  random.fill(bytes, length, end);
  return end;
}

/** Changes a field that says how long something is: IP version, header and total length, next header, TCP data offset. */
function corruptLength(random: FuzzRandom, bytes: Uint8Array, length: number): void {
  const tcpAt = bytes[0] >>> 4 === 6 ? 40 : 20;
  const fields = [0, 2, 3, 4, 5, 6, 7, 9, tcpAt + 12];
  const at = fields[random.below(fields.length)] as number;
  if (at >= length) return;
  const step = 1 + random.below(4);
  if (random.oneIn(2)) bytes[at] = INTERESTING[random.below(INTERESTING.length)] as number;
  else bytes[at] += random.oneIn(2) ? step : -step;
}

/** Walks the TCP options and changes kind, length or first octets of one of them. */
function corruptOption(random: FuzzRandom, bytes: Uint8Array, length: number): void {
  const tcpAt = bytes[0] >>> 4 === 6 ? 40 : 20;
  const end = Math.min(length, tcpAt + 60);
  let at = tcpAt + 20;
  for (let skip = random.below(8); skip > 0 && at + 1 < end; skip--) {
    at += bytes[at] <= 1 ? 1 : Math.max(2, bytes[at + 1]);
  }
  if (at + 4 > end) return;
  switch (random.below(4)) {
    case 0:
      bytes[at] = random.oneIn(2) ? 30 : random.below(40);
      return;
    case 1:
      bytes[at + 1] = random.below(44);
      return;
    case 2:
      bytes[at + 2] = random.below(256);
      return;
    default:
      bytes[at + 3] = random.below(256);
  }
}

/** Puts a run of octets of `other` over, or between, those of the packet. */
function spliced(random: FuzzRandom, bytes: Uint8Array, length: number, other: Uint8Array): number {
  if (other.length === 0) return length;
  const from = random.below(other.length);
  const count = 1 + random.below(Math.min(48, other.length - from));
  const at = random.below(length);
  if (random.oneIn(2)) {
    const end = Math.min(bytes.length, at + count);
    for (let i = at; i < end; i++) bytes[i] = other[from + i - at];
    return Math.max(length, end);
  }
  const grown = Math.min(bytes.length, length + count);
  bytes.copyWithin(Math.min(grown, at + count), at, grown - count > at ? grown - count : at);
  for (let i = at; i < Math.min(grown, at + count); i++) bytes[i] = other[from + i - at];
  return grown;
}

function withoutChunk(random: FuzzRandom, bytes: Uint8Array, length: number): number {
  const at = random.below(length);
  const count = Math.min(length - at, 1 + random.below(16));
  bytes.copyWithin(at, at + count, length);
  return length - count;
}

function repairAt(bytes: Uint8Array, at: number, end: number, field: number, pseudo: number): void {
  if (at + field + 2 > end) return;
  write16(bytes, at + field, 0);
  write16(bytes, at + field, checksumOf(foldSum(pseudo + partialSum(bytes, at, end - at))));
}

function address6(bytes: Uint8Array, at: number): IpAddress {
  return IpAddress.v6(read32(bytes, at), read32(bytes, at + 4), read32(bytes, at + 8), read32(bytes, at + 12));
}

function read32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

function write16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

const INTERESTING: readonly number[] = [0, 1, 2, 3, 4, 6, 8, 20, 30, 43, 44, 51, 58, 60, 0x45, 0x4f, 0x60, 0x7f, 0x80, 0xf0, 0xfe, 0xff];
