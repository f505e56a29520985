import { MILLISECOND, randomBelow } from "../core/index.ts";
import type { RandomSource } from "../core/index.ts";
import { Dss, encodePacket, IpAddress, Packet, packetLength, Payload, TCP_FLAG, TcpSegment } from "../wire/index.ts";
import type { MptcpOption } from "../wire/index.ts";

/** A packet that goes into what is tested. */
export interface SentPacket {
  /** ns */
  readonly at: number;
  /** On which of the two sides: 0 or 1. */
  readonly side: 0 | 1;
  readonly packet: Packet;
}

/**
 * Made-up traffic between two sides, in order of time: TCP connections with Multipath TCP's options, IPv4 and IPv6, opened by either side, with a handshake, data in
 * both directions and an end; and now and then a packet that is not TCP. Each byte of each stream is sent once, and tells its place. What packets
 * share, their options, is frozen.
 */
export function madeUpTraffic(random: RandomSource, flows: number): SentPacket[] {
  const sent: SentPacket[] = [];
  for (let i = 0; i < flows; i++) connection(new FlowEnds(i, random), random, sent);
  for (let i = 0; i < flows; i++) sent.push(other(i, random));
  return sent.toSorted((x, y) => x.at - y.at);
}

/** SYN and first data of many connections, each of which is never heard of again. */
export function* manyConnections(from: number, to: number): Generator<SentPacket> {
  for (let i = from; i < to; i++) {
    const ends = new FlowEnds(i, null);
    const at = i * MILLISECOND;
    yield { at, side: 0, packet: ends.segment(0, { flags: TCP_FLAG.SYN, sequence: i }) };
    yield { at, side: 1, packet: ends.segment(1, { flags: TCP_FLAG.SYN | TCP_FLAG.ACK, sequence: i, acknowledgment: i + 1 }) };
    yield { at, side: 0, packet: ends.segment(0, { flags: TCP_FLAG.ACK, sequence: i + 1, acknowledgment: i + 1, payload: streamBytes(i + 1, 4) }) };
  }
}

/** Segments of one connection, of all lengths up to packets of `largest` octets: without end, and no two of them are the same. */
export function* streamOfSegments(random: RandomSource, largest: number): Generator<Packet, never> {
  const ends = new FlowEnds(1, null);
  for (let sequence = 0; ; ) {
    const room = largest - ends.segment(0, {}).length;
    const length = Math.max(1, randomBelow(random, 3) === 0 ? randomBelow(random, room + 1) : room);
    yield ends.segment(0, { flags: TCP_FLAG.ACK, sequence, payload: streamBytes(sequence, length) });
    sequence += length;
  }
}

/** The byte of every stream at a sequence number. */
export function streamByte(sequence: number): number {
  return (Math.imul(sequence, 0x9e3779b1) >>> 13) & 255;
}

/** Some bytes of every stream, from a sequence number on. */
export function streamBytes(sequence: number, length: number): Payload {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = streamByte((sequence + i) >>> 0);
  return Payload.of(bytes);
}

/** The whole packet as text, to tell whether it is the same. */
export function octetsOf(packet: Packet): string {
  const bytes = new Uint8Array(packetLength(packet));
  encodePacket(packet, bytes, 0);
  return textOf(bytes);
}

export function textOf(bytes: Uint8Array): string {
  // `apply` takes the array as it is; to spread it would walk it by its iterator, which is most of what a check of a link costs.
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}

/** Two ends of a TCP connection, one on each side. */
class FlowEnds {
  private readonly addresses: readonly [IpAddress, IpAddress];
  private readonly ports: readonly [number, number];

  constructor(i: number, random: RandomSource | null) {
    const isV6 = random !== null && randomBelow(random, 3) === 0;
    this.addresses = isV6 ? [IpAddress.v6(0xfd00_0000, 0, 0, i), IpAddress.v6(0xfd00_0001, 0, 0, 1)] : [IpAddress.v4(0x0a00_0000 + i), IpAddress.v4(0x0b00_0001)];
    this.ports = [1024 + (i % 60_000), 80];
  }

  segment(side: 0 | 1, fields: Partial<TcpSegment>): Packet {
    const [near, far] = side === 0 ? [0, 1] as const : [1, 0] as const;
    const packet = new Packet(this.addresses[near], this.addresses[far]);
    const segment = Object.assign(new TcpSegment(), { window: 500, sourcePort: this.ports[near], destinationPort: this.ports[far] }, fields);
    freezeShared(segment);
    packet.tcp = segment;
    packet.length = packetLength(packet);
    return packet;
  }
}

function connection(ends: FlowEnds, random: RandomSource, sent: SentPacket[]): void {
  const opener = randomBelow(random, 2) === 0 ? 0 : 1;
  const peer = opener === 0 ? 1 : 0;
  const next: [number, number] = [random.uint32(), random.uint32()];
  let at = randomBelow(random, 50) * MILLISECOND;
  const hasTimestamps = randomBelow(random, 2) === 0;
  const send = (side: 0 | 1, flags: number, length: number, mptcp: readonly MptcpOption[]): void => {
    const isSyn = (flags & TCP_FLAG.SYN) !== 0;
    const sequence = next[side];
    const acknowledgment = (flags & TCP_FLAG.ACK) === 0 ? 0 : next[side === 0 ? 1 : 0];
    const common = { hasTimestamps, timestampValue: Math.floor(at / MILLISECOND), payload: streamBytes(sequence, length), mptcp };
    const offer = isSyn ? { maximumSegmentSize: 1460, windowScale: 7, sackPermitted: true } : {};
    sent.push({ at, side, packet: ends.segment(side, { flags, sequence, acknowledgment, ...common, ...offer }) });
    next[side] = (sequence + length + (isSyn || (flags & TCP_FLAG.FIN) !== 0 ? 1 : 0)) >>> 0;
    at += randomBelow(random, 2 * MILLISECOND);
  };
  const { SYN, ACK, PSH, FIN } = TCP_FLAG;
  const key = (): Uint8Array => Uint8Array.from({ length: 8 }, () => randomBelow(random, 256));
  send(opener, SYN, 0, [capable(null, null)]);
  send(peer, SYN | ACK, 0, [capable(key(), null)]);
  send(opener, ACK, 0, [capable(key(), key())]);
  let mapped = 1;
  for (let i = 5 + randomBelow(random, 25); i > 0; i--) {
    const side = randomBelow(random, 4) === 0 ? peer : opener;
    const length = randomBelow(random, 5) === 0 ? 0 : 1 + randomBelow(random, 1440);
    const dss = Object.assign(new Dss(), { dataAckLength: 4, dataAckLow: random.uint32() });
    if (length > 0) Object.assign(dss, { dsnLength: 4, dsnLow: random.uint32(), subflowSequence: mapped, dataLength: length });
    mapped += length;
    send(side, length > 0 && randomBelow(random, 4) === 0 ? ACK | PSH : ACK, length, [dss]);
  }
  send(opener, ACK | FIN, randomBelow(random, 100), []);
  send(peer, ACK | FIN, 0, []);
}

function capable(senderKey: Uint8Array | null, receiverKey: Uint8Array | null): MptcpOption {
  return { kind: "mp_capable", version: 1, flags: 1, senderKey, receiverKey, dataLength: -1, checksum: -1 };
}

function other(i: number, random: RandomSource): SentPacket {
  const packet = new Packet(IpAddress.v4(0x0a00_0000 + i), IpAddress.v4(0x0b00_0001));
  if (randomBelow(random, 2) === 0) packet.icmp = { type: 8, code: 0, word: i, body: Uint8Array.of(1, 2, 3, 4) };
  else packet.opaque = { protocol: 17, payload: streamBytes(i, 20) };
  packet.length = packetLength(packet);
  return { at: randomBelow(random, 100) * MILLISECOND, side: 0, packet };
}

/** What clones share must not be changed by whoever holds one. */
function freezeShared(segment: TcpSegment): void {
  for (const option of segment.mptcp) Object.freeze(option);
  for (const option of segment.otherOptions) Object.freeze(option);
  Object.freeze(segment.mptcp);
  Object.freeze(segment.otherOptions);
  Object.freeze(segment.sackBlocks);
}
