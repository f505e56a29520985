import { createSocket } from "node:dgram";
import type { RemoteInfo, Socket } from "node:dgram";
import { decodeTcpInUdp, encodeTcpInUdp, IpAddress, tcpInUdpLength } from "../../wire/index.ts";
import type { Packet, TcpSegment } from "../../wire/index.ts";
import { bindError, UdpPort } from "./port.ts";
import type { PortListener, UdpSockets } from "./port.ts";

/** UDP sockets of node:dgram, one datagram per system call: what there is everywhere. */
export class DgramSockets implements UdpSockets {
  readonly segmentationLimit = 0;
  /** Node has no such option. */
  readonly isBoundToDevice = false;
  private readonly listener: PortListener;
  private readonly receiveBuffer: number;
  private readonly ports = new Set<DgramPort>();
  private isReferenced = false;
  private isBatchOpen = false;

  constructor(listener: PortListener, receiveBuffer: number) {
    this.listener = listener;
    this.receiveBuffer = receiveBuffer;
  }

  open(local: IpAddress, port: number): DgramPort {
    const opened = new DgramPort(this, this.listener, local, port, this.receiveBuffer);
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

class DgramPort extends UdpPort {
  readonly port: number;
  private readonly sockets: DgramSockets;
  readonly socket: Socket;
  private buffer = new Uint8Array(BUFFER_LENGTH);
  /** The peer last heard of: its text and its address. */
  private peerText = "";
  private peer: IpAddress | null = null;
  /** The system knows the one peer; where there is no route to it, it does not. */
  private isAssociated = false;

  constructor(sockets: DgramSockets, listener: PortListener, local: IpAddress, port: number, receiveBuffer: number) {
    super(listener, local);
    this.sockets = sockets;
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
    this.sockets.closed(this);
    return new Promise((resolve) => {
      this.socket.close(() => resolve());
    });
  }

  protected associate(remote: IpAddress, remotePort: number): void {
    if (remotePort === 0) return;
    // Nothing is to be looked up here either: it is done on return. Why it was not, comes as an error.
    this.socket.connect(remotePort, String(remote));
    this.isAssociated = isConnected(this.socket);
  }

  protected transmit(packet: Packet, tcp: TcpSegment): boolean {
    const length = tcpInUdpLength(packet);
    if (length > this.buffer.length) this.buffer = new Uint8Array(length);
    encodeTcpInUdp(packet, this.buffer, 0);
    this.post(this.buffer, length, packet.destination, tcp.destinationPort);
    // Almost always the datagram is gone on return; where it waits for the system, its octets must stay as they are.
    if (this.socket.getSendQueueCount() > 0) this.buffer = new Uint8Array(BUFFER_LENGTH);
    return true;
  }

  protected transmitBytes(bytes: Uint8Array, remote: IpAddress, remotePort: number): void {
    this.post(bytes, bytes.length, remote, remotePort);
  }

  private post(bytes: Uint8Array, length: number, remote: IpAddress, remotePort: number): void {
    if (remotePort === 0) process.nextTick(this.onError, NOBODY);
    else if (this.isAssociated) this.socket.send(bytes, 0, length, this.onSent);
    else this.socket.send(bytes, 0, length, remotePort, String(remote), this.onSent);
  }

  private readonly onSent = (error: Error | null): void => {
    if (error !== null) this.onError(error);
  };

  private readonly onError = (error: NodeJS.ErrnoException): void => {
    this.report(error.code ?? "");
    this.sockets.expectBatchEnd();
  };

  private onMessage(message: Uint8Array, from: RemoteInfo): void {
    if (from.address !== this.peerText) {
      this.peerText = from.address;
      this.peer = IpAddress.parse(from.address);
    }
    const { peer } = this;
    const packet = peer === null ? "truncated" : decodeTcpInUdp(message, 0, message.length, peer, from.port, this.local, this.port);
    if (typeof packet === "string") {
      this.listener.rejected();
      return;
    }
    this.heard(packet);
    this.sockets.expectBatchEnd();
  }
}

function isConnected(socket: Socket): boolean {
  try {
    socket.remoteAddress();
    return true;
  } catch {
    return false;
  }
}

type Lookup = NonNullable<Parameters<typeof createSocket>[0] extends infer Options ? (Options extends { lookup?: infer L } ? L : never) : never>;

const asIs: Lookup = (hostname, options, callback) => {
  callback(null, hostname, Number(options) === 6 ? 6 : 4);
};

/** Port 0 is nobody's: Node throws where the system would say so, and an application, or a datagram from there, may name it. */
const NOBODY: NodeJS.ErrnoException = Object.assign(new Error("port 0"), { code: "ECONNREFUSED" });
const BUFFER_LENGTH = 2048;
