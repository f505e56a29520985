import { createSocket } from "node:dgram";
import type { RemoteInfo, Socket } from "node:dgram";
import { MptcpError } from "../../core/index.ts";
import type { PortSource } from "../../host/index.ts";
import { decodeTcpInUdp, encodeTcpInUdp, icmpUnreachable, ipHeaderLength, IpAddress, Packet, tcpInUdpLength, TcpSegment } from "../../wire/index.ts";
import type { UnreachableCause } from "../../wire/index.ts";
import type { LinkDriver, LinkHandler } from "../link.ts";

export interface UdpLinkOptions {
  /** For people and logs; "udp" unless given. */
  readonly name?: string;
  /** Addresses of this machine that the link's sockets are bound to. */
  readonly addresses: readonly (IpAddress | string)[];
  /** Octets of the largest IP packet; 1500 unless given. TCP in UDP takes no more room than TCP does. */
  readonly mtu?: number;
  /** Milliseconds between datagrams that keep a NAT's binding of a connection alive; 15,000 unless given, 0 for none. */
  readonly keepAlive?: number;
  /** Octets that the system is asked to keep of what arrives while the process is busy; 4 MiB unless given. It may give less. */
  readonly receiveBuffer?: number;
}

/**
 * A link over UDP, for which no privileges are needed: the same engine, with each TCP segment in a datagram laid out as in
 * draft-cheshire-tcp-over-udp (see `encodeTcpInUdp`). Behind every local port is a socket: one for a listener and what it accepted, and one for
 * each connection or subflow that is opened from here, connected, so that the system reports when nobody is at the other end.
 */
export class UdpLink implements LinkDriver, PortSource {
  readonly name: string;
  readonly mtu: number;
  readonly segmentationLimit = 0;
  readonly addresses: readonly IpAddress[];
  readonly ports: PortSource = this;
  private readonly keepAlive: number;
  private readonly receiveBuffer: number;
  /** By port; there is one for each local address. */
  private readonly sockets = new Map<number, PortSocket[]>();
  private handler: LinkHandler | null = null;
  private isReferenced = false;
  private isClosed = false;
  private isBatchOpen = false;
  private keepAliveTimer: NodeJS.Timeout | null = null;
  /** Datagrams that were no TCP in UDP. */
  dropped = 0;

  /** @throws RangeError for text that is no address */
  constructor(options: UdpLinkOptions) {
    this.name = options.name ?? "udp";
    this.mtu = options.mtu ?? 1500;
    this.keepAlive = options.keepAlive ?? 15_000;
    this.receiveBuffer = options.receiveBuffer ?? 4 * 1024 * 1024;
    this.addresses = options.addresses.map((address) => (typeof address === "string" ? IpAddress.from(address) : address));
  }

  // ---- LinkDriver

  start(handler: LinkHandler): void {
    this.handler = handler;
    if (this.keepAlive > 0) this.keepAliveTimer = setInterval(() => this.keepBindings(), this.keepAlive).unref();
  }

  send(packet: Packet): boolean {
    const { tcp } = packet;
    if (tcp === null || this.isClosed) return true;
    const socket = this.find(packet.source, tcp.sourcePort);
    if (socket !== null) socket.send(packet, tcp);
    return true;
  }

  flush(): void {}

  ref(): void {
    this.isReferenced = true;
    for (const sockets of this.sockets.values()) for (const { socket } of sockets) socket.ref();
  }

  unref(): void {
    this.isReferenced = false;
    for (const sockets of this.sockets.values()) for (const { socket } of sockets) socket.unref();
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    if (this.keepAliveTimer !== null) clearInterval(this.keepAliveTimer);
    const all = Array.from(this.sockets.values()).flat();
    this.sockets.clear();
    await Promise.all(all.map((socket) => socket.close()));
  }

  // ---- PortSource

  allocate(local: IpAddress, remote: IpAddress, remotePort: number): number {
    if (this.isClosed) return 0;
    const socket = this.open(local, 0);
    socket.connect(remote, remotePort);
    return socket.port;
  }

  hold(local: IpAddress, port: number): void {
    const socket = this.find(local, port) ?? this.open(local, port);
    // The socket of a connection that was opened from here speaks to its peer alone.
    if (socket.isConnected) throw new MptcpError("EADDRINUSE", `${local}:${port} is in use`);
    socket.holders++;
  }

  release(local: IpAddress, port: number): void {
    const socket = this.find(local, port);
    if (socket === null || --socket.holders > 0) return;
    // What is still to be sent, an RST perhaps, leaves in this turn of the event loop.
    setImmediate(() => {
      if (socket.holders > 0 || this.find(local, port) !== socket) return;
      const rest = (this.sockets.get(port) ?? []).filter((other) => other !== socket);
      if (rest.length === 0) this.sockets.delete(port);
      else this.sockets.set(port, rest);
      void socket.close();
    });
  }

  // ---- the sockets' calls

  arrived(packet: Packet): void {
    const { handler } = this;
    if (handler === null || this.isClosed) return;
    handler.receive(packet);
    if (this.isBatchOpen) return;
    this.isBatchOpen = true;
    // Node tells of datagrams one by one; when it has told of all that were there, immediates run.
    setImmediate(this.endBatch);
  }

  private readonly endBatch = (): void => {
    this.isBatchOpen = false;
    if (!this.isClosed) this.handler?.batchEnd();
  };

  // ---- inside

  private find(local: IpAddress, port: number): PortSocket | null {
    const sockets = this.sockets.get(port);
    if (sockets === undefined) return null;
    for (const socket of sockets) if (socket.local.equals(local)) return socket;
    return null;
  }

  /** A socket that nobody holds. @throws MptcpError with the system's code when the port cannot be had */
  private open(local: IpAddress, port: number): PortSocket {
    if (this.isClosed) throw new MptcpError("EADDRNOTAVAIL", `the link ${this.name} is closed`);
    const opened = new PortSocket(this, local, port, this.receiveBuffer);
    if (!this.isReferenced) opened.socket.unref();
    const others = this.sockets.get(opened.port);
    if (others === undefined) this.sockets.set(opened.port, [opened]);
    else others.push(opened);
    if (port === 0) opened.holders = 1;
    return opened;
  }

  /** RFC 8085 §3.5: a binding is kept by traffic, not more often than every 15 s unless one knows better. */
  private keepBindings(): void {
    for (const sockets of this.sockets.values()) for (const socket of sockets) socket.keepBinding();
  }
}

/** One UDP socket: one local address and port. */
class PortSocket {
  readonly local: IpAddress;
  readonly port: number;
  readonly socket: Socket;
  /** Connections and listeners on this port. */
  holders = 0;
  private readonly link: UdpLink;
  private remote: IpAddress | null = null;
  private remotePort = 0;
  /** Sequence number of the last segment sent: what errors that the system reports are about. */
  private lastSequence = 0;
  private hasSent = false;
  private buffer = new Uint8Array(BUFFER_LENGTH);
  /** The peer last heard of: its text and its address. */
  private peerText = "";
  private peer: IpAddress | null = null;

  constructor(link: UdpLink, local: IpAddress, port: number, receiveBuffer: number) {
    this.link = link;
    this.local = local;
    // Nothing is to be looked up, so that binding is done when `bind` returns.
    this.socket = createSocket({ type: local.family === 4 ? "udp4" : "udp6", lookup: asIs });
    let failure: NodeJS.ErrnoException | null = null;
    const onError = (error: NodeJS.ErrnoException): void => {
      failure = error;
    };
    this.socket.on("error", onError);
    this.socket.bind({ address: String(local), port, exclusive: true });
    if (failure !== null) {
      this.socket.close();
      throw bindError(failure, local, port);
    }
    this.socket.off("error", onError);
    this.socket.on("error", (error: NodeJS.ErrnoException) => this.onError(error));
    this.socket.on("message", (message, from) => this.onMessage(message, from));
    this.port = this.socket.address().port;
    try {
      this.socket.setRecvBufferSize(receiveBuffer);
    } catch {
      // Some systems refuse what they cannot give; what they give by default will do.
    }
  }

  get isConnected(): boolean {
    return this.remote !== null;
  }

  connect(remote: IpAddress, remotePort: number): void {
    this.remote = remote;
    this.remotePort = remotePort;
    this.socket.connect(remotePort, String(remote));
  }

  send(packet: Packet, tcp: TcpSegment): void {
    const length = tcpInUdpLength(packet);
    if (length > this.buffer.length) this.buffer = new Uint8Array(length);
    encodeTcpInUdp(packet, this.buffer, 0);
    this.lastSequence = tcp.sequence;
    this.hasSent = true;
    this.transmit(this.buffer, length, packet.destination, tcp.destinationPort);
    // Almost always the datagram is gone on return; where it waits for the system, its octets must stay as they are.
    if (this.socket.getSendQueueCount() > 0) this.buffer = new Uint8Array(BUFFER_LENGTH);
  }

  keepBinding(): void {
    if (this.remote !== null && this.hasSent) this.transmit(KEEP_ALIVE, KEEP_ALIVE.length, this.remote, this.remotePort);
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.socket.close(() => resolve());
    });
  }

  private transmit(bytes: Uint8Array, length: number, remote: IpAddress, remotePort: number): void {
    if (this.remote === null) this.socket.send(bytes, 0, length, remotePort, String(remote), this.onSent);
    else this.socket.send(bytes, 0, length, this.onSent);
  }

  private readonly onSent = (error: Error | null): void => {
    if (error !== null) this.onError(error);
  };

  private onMessage(message: Uint8Array, from: RemoteInfo): void {
    if (from.address !== this.peerText) {
      this.peerText = from.address;
      this.peer = IpAddress.parse(from.address);
    }
    const { peer } = this;
    if (peer === null) {
      this.link.dropped++;
      return;
    }
    const packet = decodeTcpInUdp(message, 0, message.length, peer, from.port, this.local, this.port);
    if (typeof packet === "string") this.link.dropped++;
    else this.link.arrived(packet);
  }

  /** What the system learnt of the path by ICMP, as the ICMP message that it keeps to itself. */
  private onError(error: NodeJS.ErrnoException): void {
    const cause = CAUSES[error.code ?? ""];
    if (cause === undefined || this.remote === null || !this.hasSent) return;
    const quoted = new Packet(this.local, this.remote);
    quoted.tcp = new TcpSegment();
    quoted.tcp.sourcePort = this.port;
    quoted.tcp.destinationPort = this.remotePort;
    quoted.tcp.sequence = this.lastSequence;
    quoted.length = ipHeaderLength(quoted) + 20;
    const report = icmpUnreachable(quoted, this.remote, cause);
    if (report !== null) this.link.arrived(report);
  }
}

type Lookup = NonNullable<Parameters<typeof createSocket>[0] extends infer Options ? (Options extends { lookup?: infer L } ? L : never) : never>;

const asIs: Lookup = (hostname, options, callback) => {
  callback(null, hostname, Number(options) === 6 ? 6 : 4);
};

function bindError(error: NodeJS.ErrnoException, local: IpAddress, port: number): MptcpError {
  return new MptcpError(error.code ?? "EADDRNOTAVAIL", `bind ${error.code ?? ""} ${local}:${port}`);
}

const CAUSES: Readonly<Record<string, UnreachableCause>> = { ECONNREFUSED: "port", EHOSTUNREACH: "host", ENETUNREACH: "network" };
/** One octet that is neither TCP, whose first nibble is 5 or more, nor a STUN message. */
const KEEP_ALIVE = new Uint8Array(1);
const BUFFER_LENGTH = 2048;
