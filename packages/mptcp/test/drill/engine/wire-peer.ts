import { engineTarget } from "../../../src/drill/engine/index.ts";
import type { EngineOptions } from "../../../src/drill/engine/index.ts";
import { CONSTANTS } from "../../../src/drill/system/index.ts";
import type { Call, CallResult, SocketAddress, StartedCall, Target, Wiring } from "../../../src/drill/system/index.ts";
import { decodePacket, encodePacket, IpAddress, Packet, packetLength, Payload, TCP_FLAG, TcpSegment } from "../../../src/wire/index.ts";

export const MILLISECOND = 1_000_000;
export const SECOND = 1_000_000_000;

export const WIRING: Wiring = {
  local: ["192.168.0.1/16", "fd3d:a0b:17d6::1/64"],
  remote: ["192.0.2.0/24", "fd3d:fa7b:d17d::/64"],
  mtu: 1500,
  segmentation: false,
};

/** The far end of a connection, octet by octet: what a script would be, with sequence numbers relative to both ends' first. */
export class WirePeer {
  readonly target: Target;
  readonly family: 4 | 6;
  localPort: number;
  remotePort: number;
  /** Of the stack and of this end. */
  stackSequence = 0;
  ownSequence = 1000;

  constructor(target: Target, ports: { readonly local: number; readonly remote: number }, family: 4 | 6 = 4) {
    this.target = target;
    this.family = family;
    this.localPort = ports.local;
    this.remotePort = ports.remote;
  }

  get local(): IpAddress {
    return IpAddress.from(this.family === 4 ? "192.168.0.1" : "fd3d:a0b:17d6::1");
  }

  get remote(): IpAddress {
    return IpAddress.from(this.family === 4 ? "192.0.2.1" : "fd3d:fa7b:d17d::1");
  }

  /** Sends a segment: flags as letters, relative numbers. */
  send(flags: string, details: { readonly sequence?: number; readonly ack?: number; readonly length?: number; readonly window?: number; readonly syn?: Partial<TcpSegment> } = {}): void {
    this.target.inject(this.octets(flags, details));
  }

  octets(flags: string, { ack = 0, length = 0, sequence = 0, syn = {}, window = 65535 }: Parameters<WirePeer["send"]>[1] = {}): Uint8Array {
    const packet = new Packet(this.remote, this.local);
    const segment = new TcpSegment();
    segment.sourcePort = this.remotePort;
    segment.destinationPort = this.localPort;
    segment.sequence = (this.ownSequence + sequence) >>> 0;
    for (const letter of flags) segment.flags |= LETTERS[letter] as number;
    if ((segment.flags & TCP_FLAG.ACK) !== 0) segment.acknowledgment = (this.stackSequence + ack) >>> 0;
    segment.window = window;
    if (length > 0) segment.payload = Payload.of(Uint8Array.from({ length }, (_, at) => (sequence + at) & 0xff));
    Object.assign(segment, syn);
    packet.tcp = segment;
    packet.length = packetLength(packet);
    const octets = new Uint8Array(packet.length);
    encodePacket(packet, octets, 0);
    return octets;
  }

  /** The next packet that left, in short: `S. 0:0(0) ack 1`, `P. 1:101(100) ack 1`; null: none. */
  next(): string | null {
    const left = this.target.take();
    if (left === null) return null;
    const packet = decodePacket(left.octets, 0, left.octets.length);
    if (typeof packet === "string") return packet;
    const { tcp } = packet;
    if (tcp === null) return packet.icmp === null ? "opaque" : "icmp";
    if ((tcp.flags & TCP_FLAG.SYN) !== 0) {
      this.stackSequence = tcp.sequence;
      this.localPort = tcp.sourcePort;
      this.remotePort = tcp.destinationPort;
    }
    const flags = Object.entries(LETTERS).map(([letter, bit]) => ((tcp.flags & bit) === 0 ? "" : letter)).join("");
    const from = (tcp.sequence - this.stackSequence) >>> 0;
    const ack = (tcp.flags & TCP_FLAG.ACK) === 0 ? "" : ` ack ${(tcp.acknowledgment - this.ownSequence) >>> 0}`;
    return `${flags} ${from}:${from + tcp.payload.length}(${tcp.payload.length})${ack}`;
  }

  /** All of them. */
  all(): string[] {
    const found: string[] = [];
    for (let packet = this.next(); packet !== null; packet = this.next()) found.push(packet);
    return found;
  }
}

/** A call's result, which has to be there at once. */
export function call(target: Target, what: Call): CallResult {
  const { result } = target.begin(what);
  if (result === null) throw new Error(`${what.name} blocks`);
  return result;
}

/** What a call gave in short: its value, or its errno. */
export function brief(target: Target, what: Call): number | string {
  return briefly(target.begin(what).result);
}

export function briefly(result: CallResult | null): number | string {
  return result === null ? "blocks" : (result.errno ?? result.value);
}

/** Lets time go on until a call returned. */
export function finish(target: Target, started: StartedCall, until: number): CallResult | null {
  while (started.result === null && target.now < until) target.advance(until);
  return started.result;
}

export function ip4(address: string, port: number): SocketAddress {
  return { family: AF_INET, address, port };
}

export function ip6(address: string, port: number): SocketAddress {
  return { family: AF_INET6, address, port };
}

export function int32(value: number): Uint8Array {
  const octets = new Uint8Array(4);
  new DataView(octets.buffer).setInt32(0, value, true);
  return octets;
}

export function bytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => at & 0xff);
}

export function stack(options: EngineOptions = {}, wiring: Partial<Wiring> = {}): Target {
  return engineTarget({ ...WIRING, ...wiring }, options);
}

/** A listener on port 8080 of a family, descriptor 3, and its far end. */
export function listening(target: Target, family: 4 | 6 = 4, protocol = IPPROTO_TCP, flags = 0): WirePeer {
  call(target, { name: "socket", domain: family === 4 ? AF_INET : AF_INET6, type: SOCK_STREAM | flags, protocol });
  call(target, { name: "bind", fd: 3, address: family === 4 ? ip4("192.168.0.1", 8080) : ip6("fd3d:a0b:17d6::1", 8080) });
  call(target, { name: "listen", fd: 3, backlog: 8 });
  return new WirePeer(target, { local: 8080, remote: 5000 }, family);
}

/** That, with a connection, descriptor 4. */
export function accepted(target: Target, family: 4 | 6 = 4): WirePeer {
  const peer = listening(target, family);
  peer.send("S", { syn: { maximumSegmentSize: 1000 } });
  peer.next();
  peer.send(".", { sequence: 1, ack: 1 });
  call(target, { name: "accept", fd: 3, flags: 0 });
  return peer;
}

const LETTERS: Readonly<Record<string, number>> = { F: TCP_FLAG.FIN, S: TCP_FLAG.SYN, R: TCP_FLAG.RST, P: TCP_FLAG.PSH, ".": TCP_FLAG.ACK };
const { AF_INET, AF_INET6, IPPROTO_TCP, SOCK_STREAM } = CONSTANTS;
