import { MptcpError } from "../../core/index.ts";
import type { PortPeer } from "../../host/index.ts";
import { TCP_FLAG } from "../../wire/index.ts";
import type { IpAddress, Packet, TcpSegment } from "../../wire/index.ts";
import { SealedPort } from "./sealed/index.ts";
import type { Seal } from "./sealed/index.ts";

/** What the sockets of a link tell it. Never from inside a call of the link's. */
export interface PortListener {
  /** A packet arrived; its payload is not overwritten later. */
  arrived(packet: Packet): void;
  /** A datagram arrived that is no TCP in UDP, or does not open by the link's key. */
  rejected(): void;
  /** The system has an error about a datagram that left. */
  erred(error: PathError): void;
  /** No more packets for the moment. */
  batchEnd(): void;
  /** `send` may be called again, after it was false. */
  room(): void;
}

/** What the system has learnt of a datagram that left, by ICMP from somewhere or by itself. */
export interface PathError {
  readonly port: UdpPort;
  /** ECONNREFUSED, EHOSTUNREACH, ENETUNREACH or another one. */
  readonly code: string;
  readonly remote: IpAddress;
  readonly remotePort: number;
  /** The first octets of what the datagram carried, as far as they came back; none where the system keeps them to itself. */
  readonly quote: Uint8Array;
}

/** A way to UDP sockets: that of {@link DgramSockets}, or that of {@link BatchedSockets}. */
export interface UdpSockets {
  /** As {@link LinkDriver.segmentationLimit}. */
  readonly segmentationLimit: number;
  /** Whether the sockets are bound to a device. */
  readonly isBoundToDevice: boolean;
  /**
   * Opens a socket of one local address and port, 0 for one that the system picks.
   * @param zone the interface of a link-local address, by name or number
   * @throws MptcpError with the system's code when the port cannot be had
   */
  open(local: IpAddress, port: number, zone: string | null): UdpPort;
  /** What was put together leaves. */
  flush(): void;
  /** From now on the sockets, those to come too, keep the process alive. */
  ref(): void;
  /** They no longer do. */
  unref(): void;
  /** Once all ports are closed: gives up what they had in common. */
  close(): Promise<void>;
}

/** One UDP socket: one local address and port. Datagrams leave by {@link UdpPort.send} and {@link UdpPort.sendBytes}, and arrive as packets at the listener. */
export abstract class UdpPort {
  readonly local: IpAddress;
  readonly listener: PortListener;
  /** Connections and listeners on this port. */
  holders = 0;
  /** What seals and opens where the link has a key; then nothing else is sent or taken. */
  readonly sealed: SealedPort | null;
  /** Nobody wants what arrives: the port closes in this turn of the event loop. A connection that went on elsewhere must not be answered for by RST here. */
  isDeaf = false;

  /** The interface of a link-local address, by name or number. */
  readonly zone: string | null;

  /** @param seals where the link has a key */
  constructor(listener: PortListener, local: IpAddress, seals: Seal | null = null, zone: string | null = null) {
    this.listener = listener;
    this.local = local;
    this.zone = zone;
    this.sealed = seals === null ? null : new SealedPort(seals, (datagram, remote, remotePort) => this.sendBytes(datagram, remote, remotePort));
  }

  /** The address as a socket is bound to it. */
  get localText(): string {
    return this.zone === null ? String(this.local) : `${this.local}%${this.zone}`;
  }

  /** The number of the port. */
  abstract readonly port: number;
  /** Whether another connection, to another peer, or a listener may be on it. */
  abstract readonly isShareable: boolean;
  /** Whether errors come with what the ICMP message quoted. */
  abstract readonly hasQuotes: boolean;

  /** The port has one more holder. @param peer of a connection that is opened from here; null for a listener, and for what comes in */
  abstract expect(peer: PortPeer | null): void;
  /** As {@link LinkDriver.send}. */
  abstract send(packet: Packet, tcp: TcpSegment): boolean;
  /** Sends a datagram as it is: where there is a key, one that was sealed, or belongs to a handshake. */
  protected abstract sendBytes(bytes: Uint8Array, remote: IpAddress, remotePort: number): void;

  /** Sends a peer a datagram that means nothing. */
  keepBinding(remote: IpAddress, remotePort: number): void {
    if (this.sealed === null) this.sendBytes(KEEP_ALIVE, remote, remotePort);
    else this.sealed.keepAlive(remote, remotePort);
  }

  /**
   * Sends a datagram to a peer's port that nobody can answer who does not see it: where the port is closed an ECONNREFUSED comes that quotes `token`, from the
   * system that has the port alone. Where there is a key what is sent is sealed, or begins a handshake, and no token is quoted.
   * @param token is no TCP
   */
  probe(token: Uint8Array, remote: IpAddress, remotePort: number): void {
    if (this.sealed === null) this.sendBytes(token, remote, remotePort);
    else this.sealed.keepAlive(remote, remotePort);
  }

  /** Makes a datagram that means nothing to a peer that lives, for `post` to send from another port: where the link has a key it begins a handshake that nobody goes on with. */
  question(remote: IpAddress, remotePort: number, post: (octets: Uint8Array) => void): void {
    if (this.sealed === null) post(KEEP_ALIVE);
    else this.sealed.ask(remote, remotePort, post);
  }

  abstract close(): Promise<void>;
}

/** Whether TCP answers the segment: then silence means something. */
export function asksForAnswer(tcp: TcpSegment): boolean {
  return tcp.payload.length > 0 || (tcp.flags & (TCP_FLAG.SYN | TCP_FLAG.FIN)) !== 0;
}

/** The error of a socket that could not be had. */
export function bindError(code: string, local: IpAddress, port: number): MptcpError {
  return new MptcpError(code, `bind ${code} ${local}:${port}`);
}

/** One octet that is neither TCP, whose first nibble is 5 or more, nor a STUN message. */
const KEEP_ALIVE = new Uint8Array(1);
