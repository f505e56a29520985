import { MptcpError } from "../../core/index.ts";
import { decodeTcpInUdp, EncodeError, encodeTcpInUdpHeader, Payload, sequenceAdd, TCP_FLAG, tcpHeaderLength } from "../../wire/index.ts";
import type { IpAddress, Packet, TcpSegment } from "../../wire/index.ts";
import { ERRNO } from "../native.ts";
import { copyRun, findRun } from "./coalesce.ts";
import type { Run } from "./coalesce.ts";
import { DatagramReader } from "./datagram-reader.ts";
import { adopt, close } from "./descriptor.ts";
import { ErrorReader } from "./error-reader.ts";
import { Poller } from "./poller.ts";
import type { Polled } from "./poller.ts";
import { asksForAnswer, bindError, UdpPort } from "./port.ts";
import type { PathError, PortListener, UdpSockets } from "./port.ts";
import { SEALED_HEADER, SEALED_OVERHEAD } from "./sealed/index.ts";
import type { Seal, SealedPeer, SealedPort } from "./sealed/index.ts";
import { MOST_OCTETS, SendBatch } from "./send-batch.ts";
import type { BatchSender } from "./send-batch.ts";
import { readSocketPort, SOCKET_ADDRESS_SPACE, writeSocketAddress } from "./socket-address.ts";
import { AF_INET, AF_INET6, IP_RECVERR, IPV6_RECVERR, SO_BINDTODEVICE, SO_RCVBUF, SOCK_DGRAM_CLOEXEC_NONBLOCK, SOL_IP, SOL_IPV6, SOL_SOCKET, SOL_UDP, UDP_GRO } from "./system-calls.ts";
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
  private readonly seals: Seal | null;
  /** Name of the device that sockets are bound to, with its NUL; null: none. */
  private readonly device: Uint8Array | null;
  private poller: Poller | null = null;
  private isReferenced = false;
  private isRoomWanted = false;
  /** Errors that the kernel told of, and the listener has not heard of. */
  private errors: PathError[] = [];

  /**
   * @param mtu octets of the largest IP packet
   * @param seals where the link has a key
   * @param device name of the one that sockets are bound to
   */
  constructor(calls: UdpSystemCalls, listener: PortListener, mtu: number, receiveBuffer: number, seals: Seal | null = null, device: string | null = null) {
    this.calls = calls;
    this.listener = listener;
    this.receiveBuffer = receiveBuffer;
    this.seals = seals;
    this.device = device === null ? null : Buffer.from(`${device}\0`);
    this.isBoundToDevice = device !== null;
    this.batch = new SendBatch(calls);
    // As many full segments as one message holds; their payload, with the usual options.
    const segments = Math.min(64, Math.floor(MOST_OCTETS / (mtu - IP_AND_UDP)));
    const overhead = USUAL_HEADER + (seals === null ? 0 : SEALED_OVERHEAD);
    this.segmentationLimit = segments < 2 ? 0 : segments * (mtu - IP_AND_UDP - overhead);
  }

  open(local: IpAddress, port: number, zone: string | null = null): BatchedPort {
    this.poller ??= new Poller(this.calls, () => this.endWakeUp());
    if (this.isReferenced) this.poller.ref();
    const fd = this.socket(local, port, zone);
    try {
      return new BatchedPort(this, this.poller, this.listener, local, fd, this.seals, zone);
    } catch (error) {
      close(this.calls, fd);
      throw error;
    }
  }

  /** A socket that is bound. @throws MptcpError with the system's code */
  private socket(local: IpAddress, port: number, zone: string | null): number {
    const { calls } = this;
    const isV4 = local.family === 4;
    const scope = zone === null ? 0 : /^\d+$/.test(zone) ? Number(zone) : calls.interfaceIndex(zone);
    if (zone !== null && scope === 0) throw new MptcpError("EADDRNOTAVAIL", `bind EADDRNOTAVAIL ${local}%${zone}:${port}: there is no such interface`);
    const opened = calls.socket(isV4 ? AF_INET : AF_INET6, SOCK_DGRAM_CLOEXEC_NONBLOCK, 0);
    if (opened < 0) throw bindError(calls.errorName(calls.errno()), local, port);
    const fd = adopt(calls, opened);
    // Bound with its zone, a socket sends by that one.
    if (!this.bindToDevice(fd) || calls.bind(fd, addressBytes, writeSocketAddress(addressView, 0, local, port, scope)) < 0) {
      const code = calls.errorName(calls.errno());
      close(calls, fd);
      throw bindError(code, local, port);
    }
    // What the system refuses it does without: a smaller buffer, datagrams one by one, no word of ICMP.
    calls.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, Int32Array.of(this.receiveBuffer), 4);
    calls.setsockopt(fd, SOL_UDP, UDP_GRO, Int32Array.of(1), 4);
    calls.setsockopt(fd, isV4 ? SOL_IP : SOL_IPV6, isV4 ? IP_RECVERR : IPV6_RECVERR, Int32Array.of(1), 4);
    return fd;
  }

  /**
   * Binds a socket to the device. A kernel that reserves that for root (before 5.7) leaves the choice to the host's routes.
   * @returns false when there is no such device
   */
  private bindToDevice(fd: number): boolean {
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

  /** An error is told in an immediate, since a link calls nobody from inside `send`. */
  erred(error: PathError): void {
    if (this.errors.length >= MOST_ERRORS) return;
    if (this.errors.length === 0) setImmediate(this.tellErrors);
    this.errors.push(error);
  }

  private awaitRoom(): void {
    const { blocked } = this.batch;
    if (blocked !== null) (blocked as BatchedPort).wantWritable(true);
  }

  private readonly tellErrors = (): void => {
    const { errors } = this;
    this.errors = [];
    for (const error of errors) this.listener.erred(error);
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
  /** Datagrams to and from all peers pass one socket. */
  readonly isShareable = true;
  readonly hasQuotes = true;
  private readonly sockets: BatchedSockets;
  private readonly poller: Poller;
  /** The peer last heard of. */
  private peer: IpAddress | null = null;

  /**
   * @param fd a socket that is bound to `local`, and closed with this port
   * @throws MptcpError with the system's code
   */
  constructor(sockets: BatchedSockets, poller: Poller, listener: PortListener, local: IpAddress, fd: number, seals: Seal | null, zone: string | null) {
    super(listener, local, seals, zone);
    const { calls } = sockets;
    this.sockets = sockets;
    this.poller = poller;
    this.segments = calls.hasSegmentation;
    this.fd = fd;
    if (calls.getsockname(fd, addressBytes, Uint32Array.of(SOCKET_ADDRESS_SPACE)) < 0) throw new MptcpError("EBADF", "getsockname");
    this.port = readSocketPort(addressView, 0);
    poller.add(this);
  }

  expect(): void {}

  close(): Promise<void> {
    if (this.isOpen) {
      this.isOpen = false;
      this.sealed?.close();
      this.poller.remove(this);
      close(this.sockets.calls, this.fd);
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

  send(packet: Packet, tcp: TcpSegment): boolean {
    const { payload, segmentSize } = tcp;
    if (tcpHeaderLength(tcp) > 60) throw new EncodeError("ERR_MPTCP_NOT_ENCODABLE", "the TCP options take more than 40 octets");
    const size = segmentSize === 0 ? payload.length : Math.min(segmentSize, payload.length);
    const count = size === 0 ? 1 : Math.ceil(payload.length / size);
    const headerLength = encodeTcpInUdpHeader(tcp, header, 0);
    const { sealed } = this;
    // What this may send leaves before anything is written into the batch.
    const peer = sealed === null ? null : this.peerOf(sealed, packet, tcp);
    const overhead = peer === null ? 0 : SEALED_OVERHEAD;
    const front = peer === null ? 0 : SEALED_HEADER;
    const now = sealed === null ? 0 : sealed.now;
    if (!this.makeRoom(count, count * (headerLength + overhead) + payload.length)) return false;
    const { destination } = packet;
    const flags = header[1] as number;
    const { batch } = this.sockets;
    for (let i = 0, from = 0; i < count; i++, from += size) {
      const length = Math.min(size, payload.length - from);
      // So small are segments only where the peer's MSS is: what does not fit now is lost.
      if (!batch.fits(1, headerLength + length + overhead) && !this.makeRoom(1, headerLength + length + overhead)) return true;
      if (count > 1) {
        header[1] = cutFlags(flags, i, count);
        headerView.setUint32(4, sequenceAdd(tcp.sequence, from));
      }
      const { bytes, view } = batch;
      const at = batch.at + front;
      for (let j = 0; j < headerLength; j += 4) view.setUint32(at + j, headerView.getUint32(j));
      copyPayload(payload, from, length, bytes, at + headerLength);
      const octets = peer === null ? headerLength + length : peer.seal(bytes, batch.at, headerLength + length, now);
      if (octets > 0) batch.add(this, octets, destination, tcp.destinationPort);
    }
    return true;
  }

  private peerOf(sealed: SealedPort, packet: Packet, tcp: TcpSegment): SealedPeer {
    const peer = sealed.peer(packet.destination, tcp.destinationPort);
    peer.prepare(asksForAnswer(tcp), sealed.now);
    return peer;
  }

  protected sendBytes(bytes: Uint8Array, remote: IpAddress, remotePort: number): void {
    if (!this.makeRoom(1, bytes.length)) return;
    const { batch } = this.sockets;
    batch.bytes.set(bytes, batch.at);
    batch.add(this, bytes.length, remote, remotePort);
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

  /** The batch's call: the system itself says so, of this very datagram. */
  failed(errno: number, remote: IpAddress | null, remotePort: number, quote: Uint8Array): void {
    // Port 0 is nobody's, and to the system an argument that makes no sense.
    const code = remotePort === 0 ? "ECONNREFUSED" : this.sockets.calls.errorName(errno);
    if (remote !== null) this.sockets.erred({ port: this, code, remote, remotePort, quote });
  }

  takeErrors(): boolean {
    const { calls } = this.sockets;
    errorReader ??= new ErrorReader(calls);
    let isAny = false;
    for (let round = 0; round < ROUNDS && this.isOpen; round++) {
      const count = errorReader.read(this.fd);
      if (count <= 0) break;
      isAny = true;
      for (let i = 0; i < count; i++) this.takeError(errorReader, i);
      if (count < errorReader.capacity) break;
    }
    return isAny;
  }

  private takeError(from: ErrorReader, i: number): void {
    const errno = from.errno(i);
    const remote = errno === 0 ? null : from.destination(i);
    if (remote !== null) this.sockets.erred({ port: this, code: this.sockets.calls.errorName(errno), remote, remotePort: from.destinationPort(i), quote: from.quote(i) });
  }

  // ---- in

  /** The poller's call. */
  onReady(readable: boolean, writable: boolean): void {
    if (writable) {
      this.wantWritable(false);
      this.sockets.unblock(this);
    }
    if (readable && !this.isDeaf) this.drain();
  }

  /** Reads what is there, and leaves other sockets their turn: what remains is found ready again. */
  private drain(): void {
    const { calls } = this.sockets;
    reader ??= new DatagramReader(calls);
    for (let round = 0; round < ROUNDS && this.isOpen; round++) {
      const count = reader.read(this.fd);
      if (count < 0) {
        const errno = calls.errno();
        // What made the socket ready is an error, then; with data to be read it is one the next time.
        if (errno !== ERRNO.EINTR && (errno !== ERRNO.EAGAIN || round === 0)) this.takeErrors();
        if (errno === ERRNO.EAGAIN) return;
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
    const start = from.start(i);
    const end = start + from.length(i);
    const length = from.segmentLength(i) || end - start;
    if (this.sealed === null) this.takeRuns(from.bytes, start, end, length, source, sourcePort);
    else this.takeSealed(this.sealed, from.bytes, start, end, length, source, sourcePort);
  }

  /** Datagrams one after another, each `length` octets long but for a shorter last one. */
  private takeRuns(bytes: Uint8Array, start: number, end: number, length: number, source: IpAddress, sourcePort: number): void {
    let at = start;
    do {
      const segmentEnd = Math.min(at + length, end);
      findRun(bytes, at, end, length, run);
      const headersEnd = run.payloadLength > 0 ? at + run.headerLength : segmentEnd;
      const packet = decodeTcpInUdp(bytes, at, headersEnd, source, sourcePort, this.local, this.port);
      if (typeof packet === "string") this.listener.rejected();
      else {
        if (run.payloadLength > 0) attach(packet, bytes, at, length);
        this.listener.arrived(packet);
      }
      at += run.count * length;
    } while (at < end);
  }

  /** The same of sealed ones: what was in them is put together without what sealed it, as far as they open one after another. */
  private takeSealed(sealed: SealedPort, bytes: Uint8Array, start: number, end: number, length: number, source: IpAddress, sourcePort: number): void {
    const full = length - SEALED_OVERHEAD;
    let from = start;
    let to = start;
    for (let at = start; at < end; at += length) {
      const octets = sealed.open(bytes, at, Math.min(at + length, end), source, sourcePort, to);
      if (octets < 0) this.listener.rejected();
      if (octets > 0) to += octets;
      if (octets === full && at + length < end) continue;
      if (to > from) this.takeRuns(bytes, from, to, full, source, sourcePort);
      from = to;
    }
  }
}

/** Gives `packet` the payload of {@link run}, which begins at `from`, in memory of its own. */
function attach(packet: Packet, bytes: Uint8Array, from: number, length: number): void {
  const { tcp } = packet;
  const { payloadLength } = run;
  if (tcp === null) return;
  tcp.flags = (run.flags & ~TCP_FLAG.URG) | (tcp.flags & TCP_FLAG.AE);
  packet.length += payloadLength;
  if (run.count === 1 && payloadLength < WORTH_A_SLAB) {
    const at = from + run.headerLength;
    tcp.payload = Payload.of(bytes.slice(at, at + payloadLength));
    return;
  }
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
const MOST_ERRORS = 64;
/** Payloads from here on share slabs. One that waits for its reader holds all of its slab: eight times what it is charged for at the most. */
const WORTH_A_SLAB = 32 * 1024;
const SLAB = 256 * 1024;
/** Of this thread, used within single calls. */
let reader: DatagramReader | null = null;
let errorReader: ErrorReader | null = null;
let slab: Uint8Array = new Uint8Array(0);
let slabAt = 0;
const run: Run = { count: 0, headerLength: 0, payloadLength: 0, flags: 0 };
const header = new Uint8Array(52);
const headerView = new DataView(header.buffer);
const addressBytes = new Uint8Array(new ArrayBuffer(SOCKET_ADDRESS_SPACE));
const addressView = new DataView(addressBytes.buffer);
