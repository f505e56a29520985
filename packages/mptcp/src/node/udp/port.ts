import { MptcpError } from "../../core/index.ts";
import { icmpUnreachable, ipHeaderLength, Packet, TCP_FLAG, TcpSegment } from "../../wire/index.ts";
import type { IpAddress, UnreachableCause } from "../../wire/index.ts";
import { SealedPort } from "./sealed/index.ts";
import type { Seal } from "./sealed/index.ts";

/** What the sockets of a link tell it. Never from inside a call of the link's. */
export interface PortListener {
  /** A packet arrived; its payload is not overwritten later. */
  arrived(packet: Packet): void;
  /** A datagram arrived that is no TCP in UDP, or does not open by the link's key. */
  rejected(): void;
  /** No more packets for the moment. */
  batchEnd(): void;
  /** `send` may be called again, after it was false. */
  room(): void;
}

/** A way to UDP sockets: that of {@link DgramSockets}, or that of {@link BatchedSockets}. */
export interface UdpSockets {
  /** As {@link LinkDriver.segmentationLimit}. */
  readonly segmentationLimit: number;
  /**
   * Opens a socket of one local address and port, 0 for one that the system picks.
   * @throws MptcpError with the system's code when the port cannot be had
   */
  open(local: IpAddress, port: number): UdpPort;
  /** What was put together leaves. */
  flush(): void;
  /** From now on the sockets, those to come too, keep the process alive. */
  ref(): void;
  /** They no longer do. */
  unref(): void;
  /** Once all ports are closed: gives up what they had in common. */
  close(): Promise<void>;
}

/** One UDP socket: one local address and port. */
export abstract class UdpPort {
  readonly local: IpAddress;
  readonly listener: PortListener;
  /** Connections and listeners on this port. */
  holders = 0;
  /** Nobody wants what arrives: the port closes in this turn of the event loop. A connection that went on elsewhere must not be answered for by a RST from here. */
  isDeaf = false;
  protected remote: IpAddress | null = null;
  protected remotePort = 0;
  protected hasSent = false;
  /** What seals and opens where the link has a key; then nothing else is sent or taken. */
  readonly sealed: SealedPort | null;
  /** Sequence number of the last segment sent: what errors that the system reports are about. */
  private lastSequence = 0;
  /** The last acknowledgment sent, which is the peer's next sequence number; -1 before there is one. */
  private lastAcknowledgment = -1;
  /** How often in a row the system said that nobody has the peer's port open. */
  private refusals = 0;

  constructor(listener: PortListener, local: IpAddress, seals: Seal | null) {
    this.listener = listener;
    this.local = local;
    this.sealed = seals === null ? null : new SealedPort(seals, (datagram, remote, remotePort) => this.transmitBytes(datagram, remote, remotePort));
  }

  /** The number of the port. */
  abstract readonly port: number;

  /** Whether the socket speaks to one peer alone. */
  get isConnected(): boolean {
    return this.remote !== null;
  }

  /** From now on the socket speaks to one peer alone, and hears of the system when nobody is there. */
  connect(remote: IpAddress, remotePort: number): void {
    this.remote = remote;
    this.remotePort = remotePort;
    this.associate(remote, remotePort);
  }

  /** As {@link LinkDriver.send}. */
  send(packet: Packet, tcp: TcpSegment): boolean {
    if (!this.transmit(packet, tcp)) return false;
    this.lastSequence = tcp.sequence;
    if ((tcp.flags & TCP_FLAG.ACK) !== 0) this.lastAcknowledgment = tcp.acknowledgment;
    this.hasSent = true;
    return true;
  }

  /** A packet arrived on this socket. */
  protected heard(packet: Packet): void {
    if (this.isDeaf) return;
    this.refusals = 0;
    this.listener.arrived(packet);
  }

  /** Sends the connected peer a datagram that means nothing. */
  keepBinding(): void {
    if (this.remote === null || !this.hasSent) return;
    if (this.sealed === null) this.transmitBytes(KEEP_ALIVE, this.remote, this.remotePort);
    else this.sealed.keepAlive(this.remote, this.remotePort);
  }

  abstract close(): Promise<void>;
  protected abstract associate(remote: IpAddress, remotePort: number): void;
  protected abstract transmit(packet: Packet, tcp: TcpSegment): boolean;
  protected abstract transmitBytes(bytes: Uint8Array, remote: IpAddress, remotePort: number): void;

  /** Passes on what the system learnt of the path by ICMP, as the ICMP message that it keeps to itself. */
  report(code: string): void {
    const cause = CAUSES[code];
    if (cause === undefined || this.remote === null || !this.hasSent) return;
    const quoted = new Packet(this.local, this.remote);
    quoted.tcp = new TcpSegment();
    quoted.tcp.sourcePort = this.port;
    quoted.tcp.destinationPort = this.remotePort;
    quoted.tcp.sequence = this.lastSequence;
    quoted.length = ipHeaderLength(quoted) + 20;
    const report = icmpUnreachable(quoted, this.remote, cause);
    if (report !== null) this.listener.arrived(report);
    // Where there is a key, only who has it ends a connection.
    if (cause === "port" && this.sealed === null && ++this.refusals === CERTAIN && this.lastAcknowledgment >= 0) this.reset(this.remote);
  }

  /**
   * The peer's process is gone. No TCP is left there that would answer with RST, and ICMP ends no established connection (RFC 5927 §4.1); but the
   * system says so only of datagrams of this very socket, and has said it again and again.
   */
  private reset(remote: IpAddress): void {
    const packet = new Packet(remote, this.local);
    packet.tcp = new TcpSegment();
    packet.tcp.sourcePort = this.remotePort;
    packet.tcp.destinationPort = this.port;
    packet.tcp.sequence = this.lastAcknowledgment;
    packet.tcp.flags = TCP_FLAG.RST;
    packet.length = ipHeaderLength(packet) + 20;
    this.listener.arrived(packet);
  }
}

/** Whether TCP answers the segment: then silence means something. */
export function asksForAnswer(tcp: TcpSegment): boolean {
  return tcp.payload.length > 0 || (tcp.flags & (TCP_FLAG.SYN | TCP_FLAG.FIN)) !== 0;
}

/** The error of a socket that could not be had. */
export function bindError(code: string, local: IpAddress, port: number): MptcpError {
  return new MptcpError(code, `bind ${code} ${local}:${port}`);
}

const CAUSES: Readonly<Record<string, UnreachableCause>> = { ECONNREFUSED: "port", EHOSTUNREACH: "host", ENETUNREACH: "network" };
/** Port unreachable so often, and nothing from the peer in between. */
const CERTAIN = 3;
/** One octet that is neither TCP, whose first nibble is 5 or more, nor a STUN message. */
const KEEP_ALIVE = new Uint8Array(1);
