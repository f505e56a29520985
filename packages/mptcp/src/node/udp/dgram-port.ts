import { createSocket } from "node:dgram";
import type { RemoteInfo, Socket } from "node:dgram";
import { decodeTcpInUdp, encodeTcpInUdp, IpAddress, tcpInUdpLength } from "../../wire/index.ts";
import type { Packet, TcpSegment } from "../../wire/index.ts";
import type { PortPeer } from "../../host/index.ts";
import { asIs, isConnected } from "./inquiry.ts";
import { asksForAnswer, bindError, UdpPort } from "./port.ts";
import type { PathError, PortListener, UdpSockets } from "./port.ts";
import { SEALED_HEADER, SEALED_OVERHEAD } from "./sealed/index.ts";
import type { Seal, SealedPort } from "./sealed/index.ts";

/** UDP sockets of node:dgram, one datagram per system call: what there is everywhere. */
export class DgramSockets implements UdpSockets {
  readonly segmentationLimit = 0;
  /** Node has no such option. */
  readonly isBoundToDevice = false;
  private readonly listener: PortListener;
  private readonly receiveBuffer: number;
  private readonly seals: Seal | null;
  private readonly ports = new Set<DgramPort>();
  private isReferenced = false;
  private isBatchOpen = false;

  /** @param seals where the link has a key */
  constructor(listener: PortListener, receiveBuffer: number, seals: Seal | null = null) {
    this.listener = listener;
    this.receiveBuffer = receiveBuffer;
    this.seals = seals;
  }

  open(local: IpAddress, port: number, zone: string | null = null): DgramPort {
    const opened = new DgramPort(this, this.listener, local, port, zone, this.receiveBuffer, this.seals);
    this.ports.add(opened);
    if (!this.isReferenced) opened.socket.unref();
    return opened;
  }

  flush(): void {}

  ref(): void {
    this.isReferenced = true;
    for (const { socket } of this.ports) socket.ref();
  }

  unref(): void {
    this.isReferenced = false;
    for (const { socket } of this.ports) socket.unref();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** A port's call. */
  closed(port: DgramPort): void {
    this.ports.delete(port);
  }

  /** Node tells of datagrams one by one; when it has told of all that were there, immediates run. */
  expectBatchEnd(): void {
    if (this.isBatchOpen) return;
    this.isBatchOpen = true;
    setImmediate(this.endBatch);
  }

  private readonly endBatch = (): void => {
    this.isBatchOpen = false;
    this.listener.batchEnd();
  };
}

/**
 * A socket with one peer is connected to it, so that the system tells when nobody is there: of one with several Node cannot hear it. What such an error is about
 * it does not say either. One whose port the system picked stays connected: Linux takes the port away with the peer.
 */
class DgramPort extends UdpPort {
  readonly port: number;
  readonly hasQuotes = false;
  readonly socket: Socket;
  private readonly sockets: DgramSockets;
  private readonly isPicked: boolean;
  private buffer = new Uint8Array(BUFFER_LENGTH);
  /** The one peer; null with several, or anybody. */
  private only: PortPeer | null = null;
  /** The peer last heard of: its text and its address. */
  private peerText = "";
  private peer: IpAddress | null = null;
  /** The system knows the one peer; where there is no route to it, it does not. */
  private isAssociated = false;
  /** What was sent last, and where to. */
  private lastBytes: Uint8Array = NOTHING;
  private lastRemote: IpAddress | null = null;
  private lastRemotePort = 0;

  constructor(sockets: DgramSockets, listener: PortListener, local: IpAddress, port: number, zone: string | null, receiveBuffer: number, seals: Seal | null) {
    super(listener, local, seals, zone);
    this.sockets = sockets;
    this.isPicked = port === 0;
    // Nothing is to be looked up, so that binding is done when `bind` returns.
    this.socket = createSocket({ type: local.family === 4 ? "udp4" : "udp6", lookup: asIs });
    let failure: NodeJS.ErrnoException | null = null;
    const onError = (error: NodeJS.ErrnoException): void => {
      failure = error;
    };
    this.socket.on("error", onError);
    this.socket.bind({ address: this.localText, port, exclusive: true });
    if (failure !== null) {
      this.socket.close();
      throw bindError((failure as NodeJS.ErrnoException).code ?? "EADDRNOTAVAIL", local, port);
    }
    this.socket.off("error", onError);
    this.socket.on("error", this.onError);
    this.socket.on("message", (message, from) => this.onMessage(message, from));
    this.port = this.socket.address().port;
    try {
      this.socket.setRecvBufferSize(receiveBuffer);
    } catch {
      // Some systems refuse what they cannot give; what they give by default will do.
    }
  }

  close(): Promise<void> {
    this.sealed?.close();
    this.sockets.closed(this);
    return new Promise((resolve) => {
      this.socket.close(() => resolve());
    });
  }

  get isShareable(): boolean {
    return !(this.isPicked && this.isAssociated);
  }

  expect(peer: PortPeer | null): void {
    this.only = this.holders === 0 ? peer : null;
    if (this.isAssociated) this.socket.disconnect();
    this.isAssociated = false;
    if (this.only === null || this.only.remotePort === 0) return;
    // Nothing is to be looked up here either: it is done on return. Why it was not, comes as an error.
    this.socket.connect(this.only.remotePort, String(this.only.remoteAddress));
    this.isAssociated = isConnected(this.socket);
  }

  send(packet: Packet, tcp: TcpSegment): boolean {
    const length = this.sealed === null ? this.encode(packet, 0) : this.encodeSealed(this.sealed, packet, tcp);
    if (length === 0) return true;
    this.post(this.buffer, length, packet.destination, tcp.destinationPort);
    // Almost always the datagram is gone on return; where it waits for the system, its octets must stay as they are.
    if (this.socket.getSendQueueCount() > 0) this.buffer = new Uint8Array(BUFFER_LENGTH);
    return true;
  }

  /** Writes the datagram at `at` of the buffer. @returns its octets */
  private encode(packet: Packet, at: number): number {
    const length = tcpInUdpLength(packet);
    if (length + SEALED_OVERHEAD > this.buffer.length) this.buffer = new Uint8Array(length + SEALED_OVERHEAD);
    return encodeTcpInUdp(packet, this.buffer, at);
  }

  /** The same, sealed, at 0; nothing where it has to wait. */
  private encodeSealed(sealed: SealedPort, packet: Packet, tcp: TcpSegment): number {
    const peer = sealed.peer(packet.destination, tcp.destinationPort);
    peer.prepare(asksForAnswer(tcp), sealed.now);
    const length = this.encode(packet, SEALED_HEADER);
    return peer.seal(this.buffer, 0, length, sealed.now);
  }

  protected sendBytes(bytes: Uint8Array, remote: IpAddress, remotePort: number): void {
    this.post(bytes, bytes.length, remote, remotePort);
  }

  private post(bytes: Uint8Array, length: number, remote: IpAddress, remotePort: number): void {
    this.lastBytes = bytes;
    this.lastRemote = remote;
    this.lastRemotePort = remotePort;
    // Port 0 is nobody's: Node throws where the system would say so, and an application, or a datagram from there, may name it.
    if (remotePort === 0) process.nextTick(this.onNobody, remote, bytes.slice(0, QUOTED));
    else if (this.isAssociated) this.socket.send(bytes, 0, length, this.onSent);
    else this.socket.send(bytes, 0, length, remotePort, String(remote), this.onSent);
  }

  private readonly onNobody = (remote: IpAddress, quote: Uint8Array): void => {
    this.tell({ port: this, code: "ECONNREFUSED", remote, remotePort: 0, quote });
  };

  private readonly onSent = (error: NodeJS.ErrnoException | null): void => {
    if (error === null || this.lastRemote === null) return;
    // An ECONNREFUSED is about an earlier datagram, and anybody's word. Else the system says so itself, of what was sent.
    const quote = error.code === "ECONNREFUSED" ? NOTHING : Uint8Array.prototype.slice.call(this.lastBytes, 0, QUOTED);
    this.tell({ port: this, code: error.code ?? "", remote: this.lastRemote, remotePort: this.lastRemotePort, quote });
  };

  private readonly onError = (error: NodeJS.ErrnoException): void => {
    const { only } = this;
    if (only !== null) this.tell({ port: this, code: error.code ?? "", remote: only.remoteAddress, remotePort: only.remotePort, quote: NOTHING });
  };

  private tell(error: PathError): void {
    this.listener.erred(error);
    this.sockets.expectBatchEnd();
  }

  private onMessage(message: Uint8Array, from: RemoteInfo): void {
    if (this.isDeaf) return;
    if (from.address !== this.peerText) {
      this.peerText = from.address;
      // A zone is that of the socket.
      this.peer = IpAddress.parse(from.address.split("%")[0] as string);
    }
    const { peer, sealed } = this;
    let { length } = message;
    if (sealed !== null && peer !== null) {
      length = sealed.open(message, 0, length, peer, from.port, 0);
      // For the handshake.
      if (length === 0) return;
    }
    const packet = peer === null || length < 0 ? "truncated" : decodeTcpInUdp(message, 0, length, peer, from.port, this.local, this.port);
    if (typeof packet === "string") {
      this.listener.rejected();
      return;
    }
    this.listener.arrived(packet);
    this.sockets.expectBatchEnd();
  }
}

const BUFFER_LENGTH = 2048;
/** Octets of a datagram that say what it was. */
const QUOTED = 20;
const NOTHING = new Uint8Array(0);
