import {
  checksumOf, encodePacket, EncodeError, foldSum, IPV4_HEADER_LENGTH, IPV6_HEADER_LENGTH, Packet, packetLength, partialSum, Payload, PROTOCOL, pseudoHeaderSum, sequenceAdd, TCP_FLAG, TCP_OPTION, TcpSegment,
  updateChecksum,
} from "../../wire/index.ts";
import type { IcmpPlan, IpPlan, OptionPlan, TcpPlan } from "../plan/index.ts";
import type { Flow } from "./flow.ts";
import { mptcpOctets, resolveMptcp, type OptionContext } from "./mptcp-options.ts";
import type { Variables } from "./multipath.ts";

/** Makes the packets that the script's end sends. */

/** Octets of a TCP header without options, and the most that fit into it. */
const TCP_HEADER = 20;
const OPTION_SPACE = 40;

export interface Composed {
  readonly octets: Uint8Array;
  /** Keys that the line gave names. */
  readonly bound: ReadonlyMap<string, bigint>;
  /** The option that each option of Multipath TCP became. */
  readonly segment: TcpSegment;
}

/** A segment of a flow, with all lengths and checksums. @returns a text where the line cannot become a packet */
export function composeTcp(plan: TcpPlan, ip: IpPlan, flow: Flow, variables: Variables): Composed | string {
  const payload = payloadOf(plan.from, plan.length);
  const bound = new Map<string, bigint>();
  const segment = new TcpSegment();
  const options = plan.options === "any" ? [] : plan.options;
  const context: OptionContext = { flow, variables, side: "remote", payload, sequence: plan.from, live: null, bound };
  const octets = optionOctets(options, context, segment);
  if (octets.length > OPTION_SPACE) return `the options have ${octets.length} octets, and ${OPTION_SPACE} fit`;
  segment.sourcePort = flow.remotePort;
  segment.destinationPort = flow.localPort;
  segment.sequence = remoteNumber(plan, flow);
  segment.acknowledgment = ackNumber(plan, flow);
  segment.flags = plan.flags;
  segment.window = plan.window ?? 0;
  segment.urgentPointer = plan.urgent ?? 0;
  segment.payload = payload;
  const packet = packetOf(flow, ip);
  packet.tcp = segment;
  return encoded(packet, octets, bound, segment);
}

/**
 * The octets of a segment whose options stand in the order of the script. `wire/` encodes the segment as one without options whose data begins with them; then the header is
 * said to be longer, which changes one word.
 */
function encoded(packet: Packet, options: Uint8Array, bound: ReadonlyMap<string, bigint>, segment: TcpSegment): Composed | string {
  const data = segment.payload.toUint8Array();
  const both = new Uint8Array(options.length + data.length);
  both.set(options);
  both.set(data, options.length);
  packet.tcp = Object.assign(new TcpSegment(), { ...segment, mptcp: [], payload: Payload.of(both) });
  const octets = encodedPacket(packet);
  if (typeof octets === "string") return octets;
  const at = octets.length - both.length - TCP_HEADER;
  const before = (octets[at + 12]! << 8) | octets[at + 13]!;
  octets[at + 12] = ((TCP_HEADER + options.length) << 2) | (octets[at + 12]! & 1);
  const checksum = updateChecksum((octets[at + 16]! << 8) | octets[at + 17]!, before, (octets[at + 12]! << 8) | octets[at + 13]!);
  octets[at + 16] = checksum >>> 8;
  octets[at + 17] = checksum & 0xff;
  return { octets, bound, segment };
}

function encodedPacket(packet: Packet): Uint8Array | string {
  const octets = new Uint8Array(packetLength(packet));
  try {
    encodePacket(packet, octets, 0);
  } catch (error) {
    if (error instanceof EncodeError) return error.message;
    throw error;
  }
  return octets;
}

/** The number of a segment of the script's end: that of a SYN is written as it is, all others count from it. */
function remoteNumber({ flags, from }: TcpPlan, flow: Flow): number {
  const isSyn = (flags & TCP_FLAG.SYN) !== 0;
  return sequenceAdd(flow.remoteInitial ?? 0, isSyn ? from - flow.remoteWritten : from);
}

/** What a segment of the script's end acknowledges; that of a SYN is written as it is. */
function ackNumber({ flags, ack }: TcpPlan, flow: Flow): number {
  if (ack === undefined) return (flags & TCP_FLAG.ACK) === 0 ? 0 : (flow.localInitial ?? 0);
  const isSyn = (flags & TCP_FLAG.SYN) !== 0;
  return sequenceAdd(flow.localInitial ?? 0, isSyn ? ack - (flow.localWritten ?? 0) : ack);
}

/** Options one behind the other, filled up to a multiple of four with no-operations. Those of Multipath TCP are noted in `segment`, too. */
function optionOctets(options: readonly OptionPlan[], context: OptionContext, segment: TcpSegment): Uint8Array {
  const octets: number[] = [];
  for (const option of options) octets.push(...oneOption(option, context, segment));
  while (octets.length % 4 !== 0) octets.push(TCP_OPTION.noOperation);
  return Uint8Array.from(octets);
}

function oneOption(option: OptionPlan, context: OptionContext, segment: TcpSegment): Iterable<number> {
  switch (option.type) {
    case "octets":
      return isBare(option.kind) ? [option.kind] : [option.kind, option.octets.length + 2, ...option.octets.map((octet) => octet ?? 0)];
    case "timestamps":
      return [TCP_OPTION.timestamps, 10, ...word(option.value ?? 0), ...word(context.flow.timestamps.liveOf(option.echo ?? 0))];
    case "sack":
      return [TCP_OPTION.sack, 2 + 4 * option.edges.length, ...option.edges.flatMap((edge) => word(sequenceAdd(context.flow.localInitial ?? 0, edge)))];
    default: {
      const resolved = resolveMptcp(option, context);
      segment.mptcp = [...segment.mptcp, resolved];
      return mptcpOctets(resolved);
    }
  }
}

/** Options without a length. */
export function isBare(kind: number): boolean {
  return kind === TCP_OPTION.noOperation || kind === TCP_OPTION.end;
}

const word = (value: number): number[] => [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];

/** Data of the script's end: each octet says where in the stream it is, so that what is mixed up is seen. */
function payloadOf(from: number, length: number): Payload {
  return length === 0 ? Payload.EMPTY : Payload.of(Uint8Array.from({ length }, (_, index) => (from + index) & 0xff));
}

/** A datagram of a flow. @returns a text where the line cannot become a packet */
export function composeUdp(length: number, ip: IpPlan, flow: Flow): Uint8Array | string {
  const octets = new Uint8Array(8 + length);
  const view = new DataView(octets.buffer);
  view.setUint16(0, flow.remotePort);
  view.setUint16(2, flow.localPort);
  view.setUint16(4, octets.length);
  const sum = checksumOf(foldSum(pseudoHeaderSum(flow.remote, flow.local, PROTOCOL.udp, octets.length) + partialSum(octets, 0, octets.length)));
  // RFC 768: a checksum of 0 is sent as its other form.
  view.setUint16(6, sum === 0 ? 0xffff : sum);
  const packet = packetOf(flow, ip);
  packet.opaque = { protocol: PROTOCOL.udp, payload: Payload.of(octets) };
  return encodedPacket(packet);
}

/** An ICMP message about a packet of a flow that the stack sent. @returns a text where the line cannot become a packet */
export function composeIcmp(plan: IcmpPlan, ip: IpPlan, flow: Flow): Uint8Array | string {
  const packet = packetOf(flow, ip);
  packet.icmp = { type: plan.type, code: plan.code, word: plan.mtu ?? 0, body: quoted(plan, flow) };
  return encodedPacket(packet);
}

/** The IP header and the beginning of what the message is about (RFC 792, RFC 4443 §2.4). */
function quoted({ quotes }: IcmpPlan, flow: Flow): Uint8Array {
  const packet = new Packet(flow.local, flow.remote);
  const header = flow.local.family === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH;
  if (flow.protocol === "tcp" && quotes?.kind !== "udp") {
    const segment = new TcpSegment();
    segment.sourcePort = flow.localPort;
    segment.destinationPort = flow.remotePort;
    segment.sequence = sequenceAdd(flow.localInitial ?? 0, quotes?.from ?? 0);
    segment.acknowledgment = flow.remoteInitial ?? 0;
    segment.flags = TCP_FLAG.ACK;
    segment.payload = Payload.virtual(Math.min(quotes?.length ?? 0, 60_000));
    packet.tcp = segment;
    return encodedOr(packet).subarray(0, header + TCP_HEADER);
  }
  const datagram = new Uint8Array(8 + Math.min(quotes?.length ?? 0, 60_000));
  const view = new DataView(datagram.buffer);
  view.setUint16(0, flow.localPort);
  view.setUint16(2, flow.remotePort);
  view.setUint16(4, datagram.length);
  packet.opaque = { protocol: PROTOCOL.udp, payload: Payload.of(datagram) };
  return encodedOr(packet).subarray(0, header + 8);
}

function encodedOr(packet: Packet): Uint8Array {
  const octets = encodedPacket(packet);
  return typeof octets === "string" ? new Uint8Array(0) : octets;
}

/** A packet of the script's end with the fields of its IP header. */
function packetOf(flow: Flow, ip: IpPlan): Packet {
  const packet = new Packet(flow.remote, flow.local);
  packet.hopLimit = ip.ttl ?? DEFAULT_TTL;
  packet.trafficClass = ((ip.trafficClass ?? 0) & ~(ip.ecn === undefined ? 0 : 3)) | (ip.ecn?.[0] ?? 0);
  packet.flowLabel = ip.flowLabel ?? 0;
  return packet;
}

/** As far as hosts are from one another in scripts that do not say: far enough for options that want few hops to matter. */
const DEFAULT_TTL = 255;
