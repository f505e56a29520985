import { Packet, TcpSegment } from "mptcp/wire";
import type { IpAddress, MptcpOption, Payload } from "mptcp/wire";
import type { TcpConnection } from "mptcp";
import { syn } from "./openings.ts";
import type { Scene } from "./scene.ts";
import { PORT } from "./scene.ts";

/** What a forged segment says; the rest is as usual. */
export interface Forged {
  readonly flags: number;
  readonly sequence?: number;
  readonly acknowledgment?: number;
  readonly mptcp?: readonly MptcpOption[];
  readonly payload?: Payload;
  readonly window?: number;
}

/** A segment to the server's port from an address and a port of one's choice. */
export function toServer(scene: Scene, from: IpAddress, port: number, forged: Forged): Packet {
  return segment(from, port, scene.serverAddress, PORT, forged);
}

/** A SYN to the server's port. */
export function synToServer({ random, serverAddress }: Scene, from: IpAddress, port: number, mptcp: readonly MptcpOption[]): Packet {
  return syn(random, from, port, serverAddress, PORT, mptcp);
}

/** A segment that claims to be of a connection's peer. */
export function fromPeer({ tuple }: TcpConnection, forged: Forged): Packet {
  return segment(tuple.remoteAddress, tuple.remotePort, tuple.localAddress, tuple.localPort, forged);
}

/** The sequence number that the attacked host expects next, and what it has sent so far, on the wire. */
export function expected({ receiver }: TcpConnection): number {
  return (receiver.origin + receiver.nxt) >>> 0;
}

export function sentSoFar({ sender }: TcpConnection): number {
  return (sender.origin + sender.nxt) >>> 0;
}

export function oldestUnacknowledged({ sender }: TcpConnection): number {
  return (sender.origin + sender.una) >>> 0;
}

/** Segments of a peer that has timestamps have some, or they are dropped before anything else is looked at (RFC 7323 §3.2). */
export function stamped(packet: Packet, tcp: TcpConnection, now: number): Packet {
  if (packet.tcp !== null && tcp.timestamps) Object.assign(packet.tcp, { hasTimestamps: true, timestampValue: tcp.receiver.recentTimestamp, timestampEcho: tcp.timestampAt(now) });
  return packet;
}

function segment(from: IpAddress, fromPort: number, to: IpAddress, toPort: number, { flags, sequence = 0, acknowledgment = 0, mptcp = [], payload, window = 65_535 }: Forged): Packet {
  const packet = new Packet(from, to);
  const tcp = new TcpSegment();
  Object.assign(tcp, { sourcePort: fromPort, destinationPort: toPort, flags, sequence, acknowledgment, window, mptcp });
  if (payload !== undefined) tcp.payload = payload;
  packet.tcp = tcp;
  return packet;
}

