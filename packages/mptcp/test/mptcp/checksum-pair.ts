import { expect } from "vitest";
import type { DataSequenceSpace, Dss, MpCapable } from "../../src/wire/index.ts";
import { packetLength, Payload, sequenceAdd } from "../../src/wire/index.ts";
import type { App, Interference, PairOptions, Sent, Side } from "./pair.ts";
import { byteAt, isSyn, option, Pair } from "./pair.ts";

/** Options of a host that requires checksums. */
export const ON = { mptcp: { checksum: true } } as const;
/** Payload of a full segment beside timestamps and a DSS with checksum. */
export const MSS = 1428;

/** A pair whose client requires checksums. */
export function checkedPair(options: PairOptions = {}): Pair {
  return new Pair({ ...options, client: { ...options.client, mptcp: { ...options.client?.mptcp, checksum: true } } });
}

/** The MP_CAPABLE of a packet. */
export const capableOf = (sent: Sent): MpCapable | null => option(sent.segment, "mp_capable");
/** The DSS of a packet if it has a mapping. */
export const mappingOf = (sent: Sent): Dss | null => {
  const dss = option(sent.segment, "dss");
  return dss !== null && dss.dsnLength !== 0 ? dss : null;
};

/** The Internet checksum, octet by octet (RFC 1071), of a pseudo-header (RFC 8684 Figure 10) and data. */
export function checksumByHand(space: DataSequenceSpace, position: number, subflowSequence: number, dataLength: number, bytes: number): number {
  const dsn = (BigInt(space.idsnHigh) << 32n) + BigInt(space.idsnLow) + 1n + BigInt(position);
  const octets: number[] = [];
  for (let shift = 56n; shift >= 0n; shift -= 8n) octets.push(Number((dsn >> shift) & 255n));
  for (const shift of [24, 16, 8, 0]) octets.push((subflowSequence >>> shift) & 255);
  octets.push(dataLength >> 8, dataLength & 255, 0, 0);
  for (let i = 0; i < bytes; i++) octets.push(byteAt(position + i));
  if (octets.length % 2 === 1) octets.push(0);
  let sum = 0;
  for (let i = 0; i < octets.length; i += 2) sum = (sum + (octets[i] as number) * 256 + (octets[i + 1] as number)) % 65535;
  return 65535 - sum;
}

/** Recomputes the checksum of every mapping that was sent; fails on a wrong or missing one. @returns how many there were */
export function verifyAll(pair: Pair, spaces: Readonly<Record<Side, DataSequenceSpace>>): number {
  let count = 0;
  for (const sent of pair.sent) {
    const space = spaces[sent.from];
    const capable = capableOf(sent);
    if (capable !== null && capable.dataLength >= 0) {
      expect(capable.checksum % 65535).toBe(checksumByHand(space, 0, 1, capable.dataLength, capable.dataLength) % 65535);
      count++;
    }
    const dss = mappingOf(sent);
    if (dss === null) continue;
    const position = dss.dsnLength === 8 ? space.position(dss.dsnHigh, dss.dsnLow) : space.positionNear(dss.dsnLow, 1 << 30);
    const wanted = checksumByHand(space, position, dss.subflowSequence, dss.dataLength, dss.dataLength - (dss.dataFin ? 1 : 0));
    expect(dss.checksum, "a checksum is there").toBeGreaterThanOrEqual(0);
    expect(dss.checksum % 65535).toBe(wanted % 65535);
    count++;
  }
  return count;
}

/** The sequence spaces of what either end sends. */
export const spacesOf = (client: App, server: App): Record<Side, DataSequenceSpace> => ({ client: client.mptcp.session.localSpace, server: server.mptcp.session.localSpace });

/** Changes one byte of a segment, as a middlebox does that corrects the TCP checksum afterwards. */
export function flip(payload: Payload, at: number): Payload {
  const bytes = payload.toUint8Array().slice();
  bytes[at] = (bytes[at] as number) ^ 0x20;
  return Payload.of(bytes);
}

/** Changes a byte of the first segment that a test picks, every time that it is sent. */
export function corruptOnce(pair: Pair, which: (sent: Sent) => boolean, at = 10): void {
  let sequence = -1;
  pair.alter((segment, sent) => {
    if (!which(sent) || sent.segment.payload.length <= at) return;
    if (sequence < 0) sequence = sent.segment.sequence;
    if (sent.segment.sequence === sequence) segment.payload = flip(segment.payload, at);
  });
}

/** An application-level gateway on one path: replaces `remove` bytes of what one side sends there by `insert`, and corrects all numbers. */
export function gateway(pair: Pair, from: Side, at: number, remove: number, insert: string, client = 0): void {
  const inserted = new TextEncoder().encode(insert);
  const delta = inserted.length - remove;
  let first = -1;
  const back = (acknowledgment: number): number => {
    const offset = (acknowledgment - first) | 0;
    return offset <= at ? acknowledgment : sequenceAdd(acknowledgment, -Math.min(delta, offset - at));
  };
  pair.alter((segment, sent) => {
    if (sent.client !== client) return;
    if (sent.from === from) {
      if (isSyn(sent)) first = sequenceAdd(segment.sequence, 1);
      const start = (segment.sequence - first) | 0;
      if (isSyn(sent)) return;
      if (start > at) segment.sequence = sequenceAdd(segment.sequence, delta);
      else if (start + segment.payload.length >= at + remove && start + segment.payload.length > at) {
        const bytes = segment.payload.toUint8Array();
        segment.payload = Payload.of(Uint8Array.from([...bytes.subarray(0, at - start), ...inserted, ...bytes.subarray(at - start + remove)]));
      }
    } else if (first >= 0) {
      segment.acknowledgment = back(segment.acknowledgment);
      segment.sackBlocks = segment.sackBlocks.map(back);
    }
  });
}

/** Delivers data segments in two halves, both with all options. */
export const splitInHalves: Interference = (packet) => {
  const segment = packet.tcp;
  if (segment === null || segment.payload.length < 2) return packet;
  const second = packet.clone();
  const tail = second.tcp;
  if (tail === null) return packet;
  const half = segment.payload.length >> 1;
  tail.payload = segment.payload.slice(half, segment.payload.length);
  tail.sequence = sequenceAdd(segment.sequence, half);
  segment.payload = segment.payload.slice(0, half);
  packet.length = packetLength(packet);
  second.length = packetLength(second);
  return [packet, second];
};

/** All that an application has read since it began to keep it. */
export function readAll(app: App): Uint8Array {
  return Uint8Array.from((app.kept ?? []).flatMap((part) => [...part]));
}

/** The first bytes of every stream. */
export function stream(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => byteAt(i));
}

/** The index of the first byte that differs; -1 when there is none. */
export function difference(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) if (a[i] !== b[i]) return i;
  return -1;
}
