import { decodeMptcpOption, decodePacket, IPV6_HEADER_LENGTH, PROTOCOL, TCP_OPTION, type IpAddress, type MptcpOption, type Packet, type Payload } from "../../wire/index.ts";
import type { LeftPacket } from "../system/index.ts";

/** A TCP option as it left, in its place. */
export interface LiveOption {
  readonly kind: number;
  /** After kind and length. */
  readonly octets: Uint8Array;
  readonly mptcp: MptcpOption | null;
}

/** A TCP segment that left, with what `wire/` does not keep, the order of the options. */
export interface LiveTcp {
  readonly kind: "tcp";
  readonly flags: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly window: number;
  readonly urgent: number;
  readonly options: readonly LiveOption[];
  readonly payload: Payload;
}

export interface LiveUdp {
  readonly kind: "udp";
  readonly length: number;
}

export interface LiveIcmp {
  readonly kind: "icmp";
  readonly type: number;
  readonly code: number;
  readonly word: number;
  readonly body: Uint8Array;
}

/** A packet that left the stack. */
export interface LivePacket {
  /** When, ns of the stack. */
  readonly at: number;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** 0 where there are none. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly trafficClass: number;
  readonly hopLimit: number;
  readonly flowLabel: number;
  readonly body: LiveTcp | LiveUdp | LiveIcmp;
  /** Payload octets of each segment that a super-segment stands for; 0 for a packet that is one. */
  readonly segmentSize: number;
}

/** Messages that hosts of IPv6 send by themselves: multicast listeners (RFC 2710, RFC 3810) and neighbours (RFC 4861). */
const NEIGHBOURS = [130, 131, 132, 133, 134, 135, 136, 137, 143];

/** The packet; null for one that no script is about; or why its octets are none. */
export function readLeft(left: LeftPacket): LivePacket | null | string {
  const isWhole = left.segmentSize === 0;
  const octets = isWhole ? left.octets : withLength(left.octets);
  // A device that segments writes lengths and checksums itself.
  const packet = decodePacket(octets, 0, octets.length, isWhole ? {} : { verifyIpChecksum: false, verifyTransportChecksum: false });
  if (typeof packet === "string") return packet;
  const body = bodyOf(packet, octets);
  if (body === null) return null;
  const [sourcePort, destinationPort] = portsOf(packet);
  const { source, destination, trafficClass, hopLimit, flowLabel } = packet;
  return { at: left.at, source, destination, sourcePort, destinationPort, trafficClass, hopLimit, flowLabel, body, segmentSize: left.segmentSize };
}

/** A super-segment of IPv4 or IPv6 whose length field is that of its octets. */
function withLength(octets: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(octets);
  const isV4 = copy.length > 0 && copy[0]! >>> 4 === 4;
  const length = isV4 ? copy.length : copy.length - 40;
  const at = isV4 ? 2 : 4;
  if (length < 0 || length > 0xffff || copy.length < 40) return copy;
  copy[at] = length >>> 8;
  copy[at + 1] = length & 0xff;
  return copy;
}

function bodyOf(packet: Packet, octets: Uint8Array): LivePacket["body"] | null {
  const { tcp, icmp, opaque } = packet;
  if (tcp !== null) return tcpOf(packet, octets);
  if (icmp !== null) return packet.source.family === 6 && NEIGHBOURS.includes(icmp.type) ? null : { kind: "icmp", type: icmp.type, code: icmp.code, word: icmp.word, body: icmp.body };
  return opaque?.protocol === PROTOCOL.udp && opaque.payload.length >= 8 ? { kind: "udp", length: opaque.payload.length - 8 } : null;
}

function tcpOf(packet: Packet, octets: Uint8Array): LiveTcp {
  const tcp = packet.tcp!;
  const end = packet.length - tcp.payload.length;
  // Stacks under test send no extension headers of IPv6.
  const header = packet.source.family === 4 ? (octets[0]! & 0x0f) * 4 : IPV6_HEADER_LENGTH;
  return {
    kind: "tcp",
    flags: tcp.flags,
    sequence: tcp.sequence,
    acknowledgment: tcp.acknowledgment,
    window: tcp.window,
    urgent: tcp.urgentPointer,
    options: readOptions(octets, header + 20, end),
    payload: tcp.payload,
  };
}

/** Options in their order. What comes behind an impossible length is left out. */
export function readOptions(octets: Uint8Array, from: number, end: number): LiveOption[] {
  const options: LiveOption[] = [];
  for (let at = from; at < end; ) {
    const kind = octets[at]!;
    if (kind === TCP_OPTION.noOperation || kind === TCP_OPTION.end) {
      options.push({ kind, octets: NONE, mptcp: null });
      at++;
      continue;
    }
    const length = at + 1 < end ? octets[at + 1]! : 0;
    if (length < 2 || at + length > end) break;
    options.push({ kind, octets: octets.slice(at + 2, at + length), mptcp: kind === TCP_OPTION.mptcp ? decodeMptcpOption(octets, at, length) : null });
    at += length;
  }
  return options;
}

function portsOf({ tcp, opaque }: Packet): [number, number] {
  if (tcp !== null) return [tcp.sourcePort, tcp.destinationPort];
  if (opaque?.protocol !== PROTOCOL.udp) return [0, 0];
  const octets = opaque.payload.toUint8Array();
  return [(octets[0]! << 8) | octets[1]!, (octets[2]! << 8) | octets[3]!];
}

const NONE = new Uint8Array(0);
