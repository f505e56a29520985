import { MptcpError } from "../../core/index.ts";
import { decodeTcpInUdp, EncodeError, encodeTcpInUdpHeader, Payload, sequenceAdd, TCP_FLAG, tcpHeaderLength } from "../../wire/index.ts";
import type { IpAddress, Packet, TcpSegment } from "../../wire/index.ts";
import { ERRNO } from "../native.ts";
import { copyRun, findRun } from "./coalesce.ts";
import type { Run } from "./coalesce.ts";
import { DatagramReader } from "./datagram-reader.ts";
import { Poller } from "./poller.ts";
import type { Polled } from "./poller.ts";
import { bindError, UdpPort } from "./port.ts";
import type { PortListener, UdpSockets } from "./port.ts";
import { MOST_OCTETS, SendBatch } from "./send-batch.ts";
import type { BatchSender } from "./send-batch.ts";
import { readSocketPort, SOCKET_ADDRESS_SPACE, writeSocketAddress } from "./socket-address.ts";
import { AF_INET, AF_INET6, SO_BINDTODEVICE, SO_RCVBUF, SOCK_DGRAM_CLOEXEC_NONBLOCK, SOL_SOCKET, SOL_UDP, UDP_GRO } from "./system-calls.ts";
import type { UdpSystemCalls } from "./system-calls.ts";

/**
 * UDP sockets of the C library, in the event loop by a {@link Poller}: many datagrams per system call, and super-segments cut by the kernel or here. What is to be
 * sent waits in a batch for {@link BatchedSockets.flush}.
 */
export class BatchedSockets implements UdpSockets {
  readonly segmentationLimit: number;
  isBoundToDevice: boolean;
  readonly calls: UdpSystemCalls;
  readonly batch: SendBatch;
  private readonly listener: PortListener;
  private readonly receiveBuffer: number;
  /** Name of the device that sockets are bound to, with its NUL; null: none. */
  private readonly device: Uint8Array | null;
  private poller: Poller | null = null;
  private isReferenced = false;
  private isRoomWanted = false;
  /** Errors that the kernel told of while sending. */
  private errors: { readonly port: BatchedPort; readonly errno: number }[] = [];

  /** @param mtu octets of the largest IP packet @param device name of the one that sockets are bound to */
  constructor(calls: UdpSystemCalls, listener: PortListener, mtu: number, receiveBuffer: number, device?: string) {
    this.calls = calls;
    this.listener = listener;
    this.receiveBuffer = receiveBuffer;
    this.device = device === undefined ? null : Buffer.from(`${device}\0`);
    this.isBoundToDevice = device !== undefined;
    this.batch = new SendBatch(calls);
    // As many full segments as one message holds; their payload, with the usual options.
    const segments = Math.min(64, Math.floor(MOST_OCTETS / (mtu - IP_AND_UDP)));
    this.segmentationLimit = segments < 2 ? 0 : segments * (mtu - IP_AND_UDP - USUAL_HEADER);
  }

  open(local: IpAddress, port: number): BatchedPort {
    this.poller ??= new Poller(this.calls, () => this.endWakeUp());
    if (this.isReferenced) this.poller.ref();
    return new BatchedPort(this, this.poller, this.listener, local, port, this.receiveBuffer);
  }

  /**
   * Binds a socket to the device. A kernel that reserves that for root (before 5.7) leaves the choice to the host's routes.
   * @returns false when there is no such device
   */
  bindToDevice(fd: number): boolean {
    const { calls, device } = this;
    if (device === null || calls.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, device.length) === 0) return true;
    if (calls.errorName(calls.errno()) !== "EPERM") return false;
    this.isBoundToDevice = false;
    return true;
  }

  flush(): void {
    this.batch.flush();
    this.awaitRoom();
  }

  ref(): void {
    this.isReferenced = true;
    this.poller?.ref();
  }

  unref(): void {
    this.isReferenced = false;
    this.poller?.unref();
  }

  close(): Promise<void> {
    return this.poller?.close() ?? Promise.resolve();
  }

  /** The link had to refuse a packet. */
  expectRoom(): void {
    this.isRoomWanted = true;
  }

  /** The socket that everything waits for has room, or is gone. */
  unblock(port: BatchedPort): void {
    if (this.batch.blocked !== port) return;
    this.batch.unblock();
    this.awaitRoom();
  }

  /** An error of `port` is told in an immediate, since a link calls nobody from inside `send`. */
  failed(port: BatchedPort, errno: number): void {
    if (this.errors.length >= MOST_ERRORS) return;
    if (this.errors.length === 0) setImmediate(this.tellErrors);
    this.errors.push({ port, errno });
  }

  private awaitRoom(): void {
    const { blocked } = this.batch;
    if (blocked !== null) (blocked as BatchedPort).wantWritable(true);
  }

  private readonly tellErrors = (): void => {
    const { errors } = this;
    this.errors = [];
    for (const { port, errno } of errors) port.report(this.calls.errorName(errno));
    this.endWakeUp();
  };

  endWakeUp(): void {
    this.listener.batchEnd();
    if (!this.isRoomWanted || this.batch.blocked !== null) return;
    this.isRoomWanted = false;
    this.listener.room();
  }
}

/** One UDP socket of {@link BatchedSockets}. */
export class BatchedPort extends UdpPort implements BatchSender, Polled {
  readonly fd: number;
  readonly port: number;
  isOpen = true;
  segments: boolean;
  private readonly sockets: BatchedSockets;
  private readonly poller: Poller;
  /** The peer last heard of. */
  private peer: IpAddress | null = null;
  private isAssociated = false;

  constructor(sockets: BatchedSockets, poller: Poller, listener: PortListener, local: IpAddress, port: number, receiveBuffer: number) {
    super(listener, local);
    const { calls } = sockets;
    this.sockets = sockets;
    this.poller = poller;
    this.segments = calls.hasSegmentation;
    this.fd = calls.socket(local.family === 4 ? AF_INET : AF_INET6, SOCK_DGRAM_CLOEXEC_NONBLOCK, 0);
    if (this.fd < 0) throw bindError(calls.errorName(calls.errno()), local, port);
    try {
      if (!sockets.bindToDevice(this.fd)) throw bindError(calls.errorName(calls.errno()), local, port);
      const length = writeSocketAddress(addressView, 0, local, port);
      if (calls.bind(this.fd, addressBytes, length) < 0) throw bindError(calls.errorName(calls.errno()), local, port);
      if (calls.getsockname(this.fd, addressBytes, Uint32Array.of(SOCKET_ADDRESS_SPACE)) < 0) throw new MptcpError("EBADF", "getsockname");
      this.port = readSocketPort(addressView, 0);
      // What the system refuses it does without: a smaller buffer, datagrams one by one.
      calls.setsockopt(this.fd, SOL_SOCKET, SO_RCVBUF, Int32Array.of(receiveBuffer), 4);
      calls.setsockopt(this.fd, SOL_UDP, UDP_GRO, Int32Array.of(1), 4);
      poller.add(this);
    } catch (error) {
      calls.close(this.fd);
      throw error;
    }
  }

  close(): Promise<void> {
    if (this.isOpen) {
      this.isOpen = false;
      this.poller.remove(this);
      this.sockets.calls.close(this.fd);
      if (this.sockets.batch.blocked === this) setImmediate(() => this.leave());
    }
    return Promise.resolve();
  }

  /** What waited for this socket goes on. */
  private leave(): void {
    this.sockets.unblock(this);
    this.sockets.endWakeUp();
  }

  wantWritable(isWanted: boolean): void {
    if (this.isOpen) this.poller.wantWritable(this, isWanted);
  }

  // ---- out

  protected associate(remote: IpAddress, remotePort: number): void {
    const length = writeSocketAddress(addressView, 0, remote, remotePort);
    // Where there is no route the socket stays as it is, and sending tells.
    this.isAssociated = this.sockets.calls.connect(this.fd, addressBytes, length) === 0;
  }

  protected transmit(packet: Packet, tcp: TcpSegment): boolean {
    const { payload, segmentSize } = tcp;
    if (tcpHeaderLength(tcp) > 60) throw new EncodeError("ERR_MPTCP_NOT_ENCODABLE", "the TCP options take more than 40 octets");
    const size = segmentSize === 0 ? payload.length : Math.min(segmentSize, payload.length);
    const count = size === 0 ? 1 : Math.ceil(payload.length / size);
    const headerLength = encodeTcpInUdpHeader(tcp, header, 0);
    if (!this.makeRoom(count, count * headerLength + payload.length)) return false;
    const destination = this.isAssociated ? null : packet.destination;
    const flags = header[1] as number;
    const { batch } = this.sockets;
    for (let i = 0, from = 0; i < count; i++, from += size) {
      const length = Math.min(size, payload.length - from);
      // So small are segments only where the peer's MSS is: what does not fit now is lost.
      if (!batch.fits(1, headerLength + length) && !this.makeRoom(1, headerLength + length)) return true;
      if (count > 1) {
        header[1] = cutFlags(flags, i, count);
        headerView.setUint32(4, sequenceAdd(tcp.sequence, from));
      }
      const { bytes, view, at } = batch;
      for (let j = 0; j < headerLength; j += 4) view.setUint32(at + j, headerView.getUint32(j));
      copyPayload(payload, from, length, bytes, at + headerLength);
      batch.add(this, headerLength + length, destination, tcp.destinationPort);
    }
    return true;
  }

  protected transmitBytes(bytes: Uint8Array, remote: IpAddress, remotePort: number): void {
    if (!this.makeRoom(1, bytes.length)) return;
    const { batch } = this.sockets;
    batch.bytes.set(bytes, batch.at);
    batch.add(this, bytes.length, this.isAssociated ? null : remote, remotePort);
    this.sockets.flush();
  }

  /** Sends what was put together where there is no room for more; false when that cannot leave. */
  private makeRoom(datagrams: number, length: number): boolean {
    const { sockets } = this;
    const { batch } = sockets;
    if (batch.blocked === null && (batch.fits(datagrams, length) || batch.isEmpty)) return true;
    if (batch.blocked === null) sockets.flush();
    if (batch.blocked === null) return true;
    sockets.expectRoom();
    return false;
  }

  /** The batch's call. */
  failed(errno: number): void {
    this.sockets.failed(this, errno);
  }

  // ---- in

  /** The poller's call. */
  onReady(readable: boolean, writable: boolean): void {
    if (writable) {
      this.wantWritable(false);
      this.sockets.unblock(this);
    }
    if (readable) this.drain();
  }

  /** Reads what is there, and leaves other sockets their turn: what remains is found ready again. */
  private drain(): void {
    const { calls } = this.sockets;
    reader ??= new DatagramReader(calls);
    for (let round = 0; round < ROUNDS && this.isOpen; round++) {
      const count = reader.read(this.fd);
      if (count < 0) {
        const errno = calls.errno();
        if (errno === ERRNO.EAGAIN) return;
        if (errno !== ERRNO.EINTR) this.report(calls.errorName(errno));
        continue;
      }
      for (let i = 0; i < count && this.isOpen; i++) this.take(reader, i);
      if (count < reader.capacity) return;
    }
  }

  /** One message: a datagram, or several that the kernel coalesced. */
  private take(from: DatagramReader, i: number): void {
    const source = from.source(i, this.peer);
    if (source === null) {
      this.listener.rejected();
      return;
    }
    this.peer = source;
    const sourcePort = from.sourcePort(i);
    const { bytes } = from;
    const start = from.start(i);
    const end = start + from.length(i);
    const length = from.segmentLength(i) || end - start;
    let at = start;
    do {
      const segmentEnd = Math.min(at + length, end);
      findRun(bytes, at, end, length, run);
      const headersEnd = run.payloadLength > 0 ? at + run.headerLength : segmentEnd;
      const packet = decodeTcpInUdp(bytes, at, headersEnd, source, sourcePort, this.local, this.port);
      if (typeof packet === "string") this.listener.rejected();
      else {
        if (run.payloadLength > 0) attach(packet, bytes, at, length);
        this.heard(packet);
      }
      at += run.count * length;
    } while (at < end);
  }
}

/** Gives `packet` the payload of {@link run}, which begins at `from`, in memory of its own. */
function attach(packet: Packet, bytes: Uint8Array, from: number, length: number): void {
  const { tcp } = packet;
  const { payloadLength } = run;
  if (tcp === null) return;
  tcp.flags = run.flags & ~TCP_FLAG.URG;
  packet.length += payloadLength;
  if (payloadLength < WORTH_A_SLAB) {
    const own = new Uint8Array(payloadLength);
    copyRun(bytes, from, length, run, own, 0);
    tcp.payload = Payload.of(own);
    return;
  }
  if (slab.length - slabAt < payloadLength) {
    slab = new Uint8Array(Buffer.allocUnsafeSlow(SLAB).buffer);
    slabAt = 0;
  }
  copyRun(bytes, from, length, run, slab, slabAt);
  tcp.payload = new Payload(slab, slabAt, payloadLength);
  // Eight octets' alignment suits the checksum's words.
  slabAt += (payloadLength + 7) & ~7;
}

/** As TSO does: what marks the end is on the last segment, and CWR is on the first. */
function cutFlags(flags: number, i: number, count: number): number {
  const onlyLast = i === count - 1 ? flags : flags & ~(TCP_FLAG.PSH | TCP_FLAG.FIN);
  return i === 0 ? onlyLast : onlyLast & ~TCP_FLAG.CWR;
}

function copyPayload(payload: Payload, from: number, length: number, target: Uint8Array, at: number): void {
  const { bytes, offset } = payload;
  if (bytes === null) target.fill(0, at, at + length);
  else if (length > 0) target.set(bytes.subarray(offset + from, offset + from + length), at);
}

const IP_AND_UDP = 28;
/** What TCP in UDP puts before the data of a Multipath TCP segment: 12 octets, timestamps and a mapping, of which the shorter forms are counted. */
const USUAL_HEADER = 32;
/** Calls for one socket in a row, so that others have their turn. */
const ROUNDS = 4;
const MOST_ERRORS = 16;
/** Payloads from here on share slabs. One that waits for its reader holds all of its slab: eight times what it is charged for at the most. */
const WORTH_A_SLAB = 32 * 1024;
const SLAB = 256 * 1024;
/** Of this thread, used within single calls. */
let reader: DatagramReader | null = null;
let slab: Uint8Array = new Uint8Array(0);
let slabAt = 0;
const run: Run = { count: 0, headerLength: 0, payloadLength: 0, flags: 0 };
const header = new Uint8Array(52);
const headerView = new DataView(header.buffer);
const addressBytes = new Uint8Array(new ArrayBuffer(SOCKET_ADDRESS_SPACE));
const addressView = new DataView(addressBytes.buffer);
