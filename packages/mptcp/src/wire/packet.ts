import type { IpAddress } from "./address.ts";
import type { MptcpOption } from "./mptcp-options.ts";
import { Payload } from "./payload.ts";

/** Flag bits of the TCP header (RFC 9293 §3.1, RFC 3168, RFC 9768 §3.1.1). */
export const TCP_FLAG = {
  FIN: 0x01,
  SYN: 0x02,
  RST: 0x04,
  PSH: 0x08,
  ACK: 0x10,
  URG: 0x20,
  ECE: 0x40,
  CWR: 0x80,
  /** The lowest bit of the octet before the other flags. */
  AE: 0x100,
} as const;

/** A TCP option that this library does not interpret: kind and the octets after the length. */
export interface RawTcpOption {
  readonly kind: number;
  readonly data: Uint8Array;
}

/**
 * One TCP segment in canonical form (RFC 9293 §3.1). Numbers are unsigned and in host form.
 *
 * Every field is assigned at construction so that all segments share one shape.
 */
export class TcpSegment {
  sourcePort = 0;
  destinationPort = 0;
  /** 32-bit sequence and acknowledgment numbers as on the wire. */
  sequence = 0;
  acknowledgment = 0;
  /** Union of {@link TCP_FLAG} bits. */
  flags = 0;
  /** The 16-bit window field, unscaled. */
  window = 0;
  urgentPointer = 0;
  /** Maximum segment size option; 0 when absent. */
  maximumSegmentSize = 0;
  /** Window scale option, the shift count; -1 when absent. */
  windowScale = -1;
  sackPermitted = false;
  hasTimestamps = false;
  timestampValue = 0;
  timestampEcho = 0;
  /** SACK blocks as [left, right, left, right, ...], 32-bit numbers (RFC 2018). */
  sackBlocks: readonly number[] = NO_BLOCKS;
  /** MPTCP options in the order of the wire. */
  mptcp: readonly MptcpOption[] = NO_MPTCP;
  /** Every other option, in the order of the wire. */
  otherOptions: readonly RawTcpOption[] = NO_OPTIONS;
  payload: Payload = Payload.EMPTY;
  /** Payload octets of each segment that a link which segments for us is to make of this super-segment; 0: as many as fit. Not on the wire. */
  segmentSize = 0;
  /**
   * Every option begins at a multiple of four octets, whatever that costs: NOPs go before those of TCP (RFC 7323 Appendix A) and after each of MPTCP's.
   * Otherwise as few NOPs as possible are written where room is short. Not on the wire.
   */
  alignsOptions = false;
}

/** An ICMPv4 or ICMPv6 message; the IP version of the packet tells which (RFC 792, RFC 4443). */
export interface IcmpMessage {
  readonly type: number;
  readonly code: number;
  /** The second 32-bit word: next-hop MTU (v4: low 16 bits; v6: all), pointer or identifier. */
  readonly word: number;
  /** The rest: for an error, as much of the offending packet as the message holds, from its IP header on. */
  readonly body: Uint8Array;
}

/** A payload of a protocol that this library does not interpret. */
export interface OpaqueBody {
  readonly protocol: number;
  readonly payload: Payload;
}

/**
 * One IP packet. Exactly one of `tcp`, `icmp` and `opaque` is set.
 *
 * Inside the simulator packets travel as these objects and are never shared between two holders: a node that
 * receives one owns it and may change it (a router lowers `hopLimit`, a NAT rewrites `source`). A duplicate is a
 * {@link Packet.clone}.
 */
export class Packet {
  source: IpAddress;
  destination: IpAddress;
  /** TTL or hop limit. */
  hopLimit = 64;
  /** DSCP (upper six bits) and ECN (lower two). */
  trafficClass = 0;
  /** IPv4 only. */
  dontFragment = true;
  /** IPv4 identification; 0 with `dontFragment` (RFC 6864). */
  identification = 0;
  /** IPv6 only. */
  flowLabel = 0;
  tcp: TcpSegment | null = null;
  icmp: IcmpMessage | null = null;
  opaque: OpaqueBody | null = null;
  /** Total length on the wire in octets, IP header included. Whoever builds or changes a packet keeps it true. */
  length = 0;

  constructor(source: IpAddress, destination: IpAddress) {
    this.source = source;
    this.destination = destination;
  }

  /** A copy that can be changed without touching this one; payload bytes and options are shared. */
  clone(): Packet {
    const copy = new Packet(this.source, this.destination);
    copy.hopLimit = this.hopLimit;
    copy.trafficClass = this.trafficClass;
    copy.dontFragment = this.dontFragment;
    copy.identification = this.identification;
    copy.flowLabel = this.flowLabel;
    copy.icmp = this.icmp;
    copy.opaque = this.opaque;
    copy.length = this.length;
    copy.tcp = this.tcp === null ? null : Object.assign(new TcpSegment(), this.tcp);
    return copy;
  }
}

const NO_BLOCKS: readonly number[] = [];
const NO_MPTCP: readonly MptcpOption[] = [];
const NO_OPTIONS: readonly RawTcpOption[] = [];
