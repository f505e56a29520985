import { decodePacket, encodePacket, ipHeaderLength, IpAddress, Packet, Payload, TcpSegment, tcpHeaderLength, updateChecksum } from "mptcp/wire";
import type { OpaqueBody } from "mptcp/wire";
import { WHOLE } from "../system/device.ts";
import type { DeviceFrame, Offload } from "../system/device.ts";

/**
 * A packet on its way across a simulation, from one kernel to another. It can be read and changed like any other, and remembers the octets that it came as: where nothing but its hop limit
 * and its traffic class was changed, it leaves as these, with whatever this library does not read: options of IP, reserved bits, the order and padding of options, fragments.
 */
export class CrossingPacket extends Packet {
  /** What came; nobody writes to it, copies of the packet share it. */
  readonly octets: Uint8Array;
  readonly offload: Offload;
  private readonly came: Packet;

  /** @param came the packet as it was decoded, which this one takes over */
  constructor(came: Packet, { octets, offload }: DeviceFrame) {
    super(came.source, came.destination);
    this.octets = octets;
    this.offload = offload;
    this.came = came;
    this.hopLimit = came.hopLimit;
    this.trafficClass = came.trafficClass;
    this.dontFragment = came.dontFragment;
    this.identification = came.identification;
    this.flowLabel = came.flowLabel;
    this.icmp = came.icmp;
    this.opaque = came.opaque;
    this.length = came.length;
    this.tcp = ownSegment(came.tcp);
  }

  override clone(): CrossingPacket {
    const copy = new CrossingPacket(this.came, this);
    return Object.assign(copy, this, { tcp: ownSegment(this.tcp) });
  }

  /** Whether all but hop limit and traffic class is as it came. */
  get isAsItCame(): boolean {
    const { came } = this;
    return (
      this.source === came.source && this.destination === came.destination && this.identification === came.identification && this.dontFragment === came.dontFragment &&
      this.flowLabel === came.flowLabel && this.icmp === came.icmp && this.opaque === came.opaque && isSame(this.tcp, came.tcp)
    );
  }
}

/** One that can be changed by itself; payload and options are shared. */
const ownSegment = (segment: TcpSegment | null): TcpSegment | null => (segment === null ? null : Object.assign(new TcpSegment(), segment));

/** @returns null for octets that are no packet of IP */
export function crossingPacket(frame: DeviceFrame): CrossingPacket | null {
  const { octets, offload } = frame;
  const decoded = decodePacket(octets, 0, octets.length, offload.checksumFrom < 0 ? CHECKED : UNCHECKED);
  const came = typeof decoded === "string" ? unreadPacket(octets) : decoded;
  if (came === null) return null;
  if (came.tcp !== null && offload.kind !== 0) came.tcp.segmentSize = offload.segmentSize;
  return new CrossingPacket(came, frame);
}

/** Writes a packet as it is to arrive, at the beginning of `target`. @returns its octets, and what is left to do */
export function writeCrossing(packet: Packet, target: Uint8Array): { readonly length: number; readonly offload: Offload } {
  if (packet instanceof CrossingPacket && packet.isAsItCame) {
    target.set(packet.octets);
    writeHopLimit(packet, target);
    return { length: packet.octets.length, offload: packet.offload };
  }
  const { tcp } = packet;
  const length = encodePacket(packet, target, 0, tcp === null ? {} : PARTIAL);
  if (tcp === null) return { length, offload: WHOLE };
  const ip = ipHeaderLength(packet);
  const headerLength = ip + tcpHeaderLength(tcp);
  // What the engine sends, or a box has joined, may leave it open how it is to be cut.
  const segmentSize = tcp.segmentSize > 0 ? tcp.segmentSize : packet instanceof CrossingPacket ? tcp.payload.length : USUAL_MTU - headerLength;
  const isSuper = tcp.payload.length > segmentSize;
  const kind = isSuper ? (packet.source.family === 4 ? GSO_TCP4 : GSO_TCP6) : 0;
  return { length, offload: { checksumFrom: ip, checksumOffset: TCP_CHECKSUM, kind, headerLength: isSuper ? headerLength : 0, segmentSize: isSuper ? segmentSize : 0 } };
}

/** What cannot be read crosses like the packets of other protocols: a fragment, a segment with a wrong checksum. */
function unreadPacket(octets: Uint8Array): Packet | null {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  const version = octets.length < IPV4_HEADER ? 0 : view.getUint8(0) >>> 4;
  if (version === 4) {
    const packet = new Packet(IpAddress.v4(view.getUint32(12)), IpAddress.v4(view.getUint32(16)));
    packet.trafficClass = view.getUint8(1);
    packet.hopLimit = view.getUint8(8);
    return opaque(packet, view.getUint8(9), octets, IPV4_HEADER);
  }
  if (version !== 6 || octets.length < IPV6_HEADER) return null;
  const address = (at: number): IpAddress => IpAddress.v6(view.getUint32(at), view.getUint32(at + 4), view.getUint32(at + 8), view.getUint32(at + 12));
  const packet = new Packet(address(8), address(24));
  packet.trafficClass = (view.getUint16(0) >>> 4) & 0xff;
  packet.hopLimit = view.getUint8(7);
  return opaque(packet, view.getUint8(6), octets, IPV6_HEADER);
}

function opaque(packet: Packet, protocol: number, octets: Uint8Array, from: number): Packet {
  packet.opaque = { protocol, payload: Payload.of(octets.subarray(from)) } satisfies OpaqueBody;
  packet.length = octets.length;
  return packet;
}

/** The two fields that routers and queues change on the way, in octets that are otherwise as they came. */
function writeHopLimit({ hopLimit, trafficClass, source }: Packet, octets: Uint8Array): void {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  if (source.family === 6) {
    view.setUint16(0, (view.getUint16(0) & 0xf00f) | (trafficClass << 4));
    view.setUint8(7, hopLimit);
    return;
  }
  const before = [view.getUint16(0), view.getUint16(8)] as const;
  view.setUint8(1, trafficClass);
  view.setUint8(8, hopLimit);
  const sum = updateChecksum(view.getUint16(10), before[0], view.getUint16(0));
  view.setUint16(10, updateChecksum(sum, before[1], view.getUint16(8)));
}

function isSame(a: TcpSegment | null, b: TcpSegment | null): boolean {
  if (a === null || b === null) return a === b;
  for (const name of TCP_FIELDS) if (a[name] !== b[name]) return false;
  return true;
}

/** Lists and payload are never changed, but replaced. */
const TCP_FIELDS = [
  "sourcePort", "destinationPort", "sequence", "acknowledgment", "flags", "window", "urgentPointer", "maximumSegmentSize", "windowScale", "sackPermitted", "hasTimestamps", "timestampValue",
  "timestampEcho", "sackBlocks", "mptcp", "otherOptions", "payload",
] as const satisfies readonly (keyof TcpSegment)[];
const CHECKED = { verifyTransportChecksum: true } as const;
const UNCHECKED = { verifyTransportChecksum: false } as const;
const PARTIAL = { tcpChecksum: "partial" } as const;
const USUAL_MTU = 1500;
const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
/** Of the checksum in a TCP header. */
const TCP_CHECKSUM = 16;
/** Of virtio_net_hdr. */
const GSO_TCP4 = 1;
const GSO_TCP6 = 4;
