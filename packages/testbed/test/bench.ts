import type { Call, CallResult, LeftPacket, StartedCall, Target, Wiring } from "mptcp/drill";
import { CONSTANTS } from "mptcp/drill";
import { decodePacket, encodePacket, IpAddress, Packet, packetLength, Payload, TCP_FLAG, TcpSegment } from "mptcp/wire";
import type { MptcpOption } from "mptcp/wire";
import { kernelObstacle, kernelTarget } from "../src/index.ts";

/** Why the kernel is no target here; null where it is. */
export const obstacle = kernelObstacle();
if (obstacle !== null) console.warn(`the kernel as a target is not tested: ${obstacle}`);

export const MS = 1e6;
export const WIRING: Wiring = {
  local: ["192.168.0.1/16", "fd3d:a0b:17d6::1/48"],
  remote: ["192.0.2.0/24", "fd3d:fa7b:d17d::/48"],
  mtu: 1500,
  segmentation: true,
};
export const { AF_INET = 0, AF_INET6 = 0, SOCK_STREAM = 0, SOCK_DGRAM = 0, SOCK_NONBLOCK = 0, IPPROTO_TCP = 0, IPPROTO_MPTCP = 0, SOL_SOCKET = 0, SOL_TCP = 0, SO_ERROR = 0, POLLIN = 0, POLLOUT = 0, MSG_DONTWAIT = 0 } = CONSTANTS;

/** What a segment is besides its addresses. */
export interface Segment {
  readonly flags: string;
  readonly sequence: number;
  readonly acknowledgment?: number;
  readonly window?: number;
  readonly payload?: Uint8Array;
  readonly mss?: number;
  readonly mptcp?: readonly MptcpOption[];
}

const FLAGS: Readonly<Record<string, number>> = { S: TCP_FLAG.SYN, F: TCP_FLAG.FIN, R: TCP_FLAG.RST, P: TCP_FLAG.PSH, ".": TCP_FLAG.ACK };

/** A target, and the other end of its connections. */
export class Bench {
  readonly target: Target;
  readonly family: 4 | 6;
  readonly local: string;
  readonly remote: string;

  constructor(wiring: Wiring = WIRING, family: 4 | 6 = 4) {
    this.target = kernelTarget(wiring);
    this.family = family;
    this.local = family === 4 ? "192.168.0.1" : "fd3d:a0b:17d6::1";
    this.remote = family === 4 ? "192.0.2.1" : "fd3d:fa7b:d17d::1";
  }

  begin(call: Call): StartedCall {
    return this.target.begin(call);
  }

  /** A call that returns at once. */
  do(call: Call): CallResult {
    const { result } = this.target.begin(call);
    if (result === null) throw new Error(`${call.name} blocks`);
    return result;
  }

  /** A call that gives a number. @returns it, or the name of the error */
  give(call: Call): number | string {
    const { value, errno } = this.do(call);
    return errno ?? value;
  }

  fd(call: Call): number {
    const { value, errno } = this.do(call);
    if (errno !== null) throw new Error(`${call.name}: ${errno}`);
    return value;
  }

  socket(protocol: number = IPPROTO_TCP, type: number = SOCK_STREAM): number {
    return this.fd({ name: "socket", domain: this.family === 4 ? AF_INET : AF_INET6, type, protocol });
  }

  at(address: string, port: number): { family: number; address: string; port: number } {
    return { family: this.family === 4 ? AF_INET : AF_INET6, address, port };
  }

  /** A socket that listens on port 8080. */
  listener(protocol?: number, type?: number): number {
    const fd = this.socket(protocol, type);
    this.fd({ name: "bind", fd, address: this.at(this.local, 8080) });
    this.fd({ name: "listen", fd, backlog: 5 });
    return fd;
  }

  /** What the stack sends next, waiting for 200 ms at most. */
  next(): LeftPacket {
    const end = this.target.now + 200 * MS;
    for (;;) {
      const packet = this.target.take();
      if (packet !== null) return packet;
      if (this.target.now >= end) throw new Error("nothing left");
      this.target.advance(end);
    }
  }

  /** As {@link Bench.next}, decoded. Its checksums are right, or it is not. */
  segment(): TcpSegment & { readonly at: number } {
    const { octets, at } = this.next();
    const packet = decodePacket(octets, 0, octets.length);
    if (typeof packet === "string" || packet.tcp === null) throw new Error(`no TCP segment: ${String(packet)}`);
    return Object.assign(packet.tcp, { at });
  }

  /** Waits until a call has returned, for 200 ms at most. */
  result(call: StartedCall): CallResult {
    const end = this.target.now + 200 * MS;
    while (call.result === null && this.target.now < end) {
      this.target.advance(end);
      if (call.result === null) this.target.take();
    }
    if (call.result === null) throw new Error("it still blocks");
    return call.result;
  }

  /** A segment from port 40000, or `remotePort`, arrives at port 8080, or `localPort`. */
  arrive(segment: Segment, localPort = 8080, remotePort = 40_000): void {
    const packet = this.packet();
    const tcp = new TcpSegment();
    tcp.sourcePort = remotePort;
    tcp.destinationPort = localPort;
    tcp.sequence = segment.sequence >>> 0;
    tcp.acknowledgment = (segment.acknowledgment ?? 0) >>> 0;
    tcp.flags = Array.from(segment.flags).reduce((flags, letter) => flags | (FLAGS[letter] ?? 0), 0);
    tcp.window = segment.window ?? 65_535;
    tcp.maximumSegmentSize = segment.mss ?? 0;
    tcp.mptcp = segment.mptcp ?? [];
    tcp.payload = Payload.of(segment.payload ?? new Uint8Array());
    packet.tcp = tcp;
    this.inject(packet);
  }

  packet(): Packet {
    return new Packet(IpAddress.from(this.remote), IpAddress.from(this.local));
  }

  inject(packet: Packet): void {
    const octets = new Uint8Array(packetLength(packet));
    encodePacket(packet, octets, 0);
    this.target.inject(octets);
  }

  /** A connection that a listener accepted, without options but the MSS. @returns its descriptor, and the stack's first sequence number */
  accepted(listener: number = this.listener()): { fd: number; isn: number } {
    this.arrive({ flags: "S", sequence: 1000, mss: 1000 });
    const { sequence } = this.segment();
    this.arrive({ flags: ".", sequence: 1001, acknowledgment: sequence + 1 });
    return { fd: this.fd({ name: "accept", fd: listener, flags: 0 }), isn: sequence };
  }

  close(): void {
    this.target.close();
  }
}
