import type { IpAddress } from "../../wire/index.ts";
import { ERRNO } from "../native.ts";
import { writePointer } from "./message-headers.ts";
import { readSocketAddress, readSocketPort, SOCKET_ADDRESS_SPACE, writeSocketAddress } from "./socket-address.ts";
import { CMSG, IOVEC_LENGTH, MMSGHDR, MSG_DONTWAIT, SOL_UDP, UDP_SEGMENT } from "./system-calls.ts";
import type { UdpSystemCalls } from "./system-calls.ts";

/** A socket, as {@link SendBatch} sees it. */
export interface BatchSender {
  readonly fd: number;
  readonly isOpen: boolean;
  /** Whether the kernel takes runs of segments for it. */
  segments: boolean;
  /** Takes the errors that the kernel keeps for the socket, and that stand in the way of one call each. Whether there were any. */
  takeErrors(): boolean;
  /** The kernel did not take a datagram, which begins with `bytes`. */
  failed(errno: number, destination: IpAddress | null, port: number, bytes: Uint8Array): void;
}

/**
 * Datagrams that are put together to leave by few system calls: sendmmsg takes many messages at once, and a run of datagrams to one
 * destination that are equally long, but for a shorter last one, is one message that the kernel cuts (UDP_SEGMENT).
 *
 * To add a datagram: {@link SendBatch.fits}, write at {@link SendBatch.at} into {@link SendBatch.bytes}, {@link SendBatch.add}.
 */
export class SendBatch {
  /** Where datagrams are put together. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Where the next one goes. */
  at = 0;
  /** The socket whose buffer is full: nothing leaves before it has room. */
  blocked: BatchSender | null = null;
  private readonly calls: UdpSystemCalls;
  private readonly headers: Uint8Array;
  private readonly headersView: DataView;
  private readonly bytesAddress: number;
  private readonly headersAddress: number;
  /** Messages, and how many of them have left. */
  private count = 0;
  private next = 0;
  // Of each message: socket, where it is, its octets, its datagrams and the length of all but the last; the destination is in its header.
  private readonly senders: BatchSender[] = [];
  private readonly starts = new Int32Array(MESSAGES);
  private readonly lengths = new Int32Array(MESSAGES);
  private readonly datagrams = new Int32Array(MESSAGES);
  private readonly sizes = new Int32Array(MESSAGES);
  private lastDestination: IpAddress | null = null;
  private lastPort = 0;
  /** The last message takes no more: its last datagram is shorter than the others. */
  private isLastFull = true;
  /** How often the message that is next was not taken for an error that an earlier one may have met. */
  private refusals = 0;

  constructor(calls: UdpSystemCalls) {
    this.calls = calls;
    this.bytes = new Uint8Array(SLAB);
    this.view = new DataView(this.bytes.buffer);
    this.headers = Buffer.alloc(MESSAGES * HEADERS_LENGTH);
    this.headersView = new DataView(this.headers.buffer, this.headers.byteOffset, this.headers.length);
    this.bytesAddress = calls.addressOf(this.bytes);
    this.headersAddress = calls.addressOf(this.headers);
    for (let i = 0; i < MESSAGES; i++) {
      const at = i * MMSGHDR.length;
      const control = CONTROLS + i * CMSG.space;
      writePointer(this.headersView, at + MMSGHDR.name, this.headersAddress + NAMES + i * SOCKET_ADDRESS_SPACE);
      writePointer(this.headersView, at + MMSGHDR.vectors, this.headersAddress + VECTORS + i * IOVEC_LENGTH);
      writePointer(this.headersView, at + MMSGHDR.vectorCount, 1);
      writePointer(this.headersView, at + MMSGHDR.control, this.headersAddress + control);
      writePointer(this.headersView, control + CMSG.length, CMSG.octets16);
      this.headersView.setInt32(control + CMSG.level, SOL_UDP, true);
      this.headersView.setInt32(control + CMSG.type, UDP_SEGMENT, true);
    }
  }

  get isEmpty(): boolean {
    return this.count === 0;
  }

  /** Whether `datagrams` of `length` octets in all can be added. */
  fits(datagrams: number, length: number): boolean {
    return this.at + length <= SLAB && this.count + Math.ceil(datagrams / MOST_DATAGRAMS) + Math.ceil(length / MOST_OCTETS) <= MESSAGES;
  }

  /** Adds the datagram of `length` octets that was written at {@link SendBatch.at}. */
  add(sender: BatchSender, length: number, destination: IpAddress, port: number): void {
    if (this.joins(sender, length, destination, port)) {
      const last = this.count - 1;
      const size = this.sizes[last] as number;
      const total = (this.lengths[last] as number) + length;
      const datagrams = (this.datagrams[last] as number) + 1;
      if (datagrams === 2) this.cut(last, size);
      this.lengths[last] = total;
      this.datagrams[last] = datagrams;
      this.isLastFull = length < size || datagrams === MOST_DATAGRAMS;
      this.headersView.setUint32(VECTORS + last * IOVEC_LENGTH + 8, total, true);
    } else {
      this.begin(sender, length, destination, port);
    }
    this.at += length;
  }

  /** Sends what is there, up to where a socket takes no more: then {@link SendBatch.blocked} is set, and the rest stays. */
  flush(): void {
    if (this.blocked !== null) return;
    while (this.next < this.count) {
      const { next } = this;
      const sender = this.senders[next] as BatchSender;
      let end = next + 1;
      while (end < this.count && this.senders[end] === sender) end++;
      if (!sender.isOpen) {
        this.next = end;
        continue;
      }
      const messages = next === 0 ? this.headers : this.headers.subarray(next * MMSGHDR.length);
      const sent = this.calls.sendmmsg(sender.fd, messages, end - next, MSG_DONTWAIT);
      if (sent > 0) this.advance(sent);
      else this.fail(sender, next, this.calls.errno());
      if (this.blocked !== null) return;
    }
    this.clear();
  }

  /** The blocked socket has room again, or is gone. */
  unblock(): void {
    this.blocked = null;
    this.flush();
  }

  private clear(): void {
    // To cut an array to nothing takes its room, and V8 some time.
    if (this.count === 1) this.senders.pop();
    else if (this.count > 1) this.senders.length = 0;
    this.count = 0;
    this.next = 0;
    this.at = 0;
    this.isLastFull = true;
    this.lastDestination = null;
    this.refusals = 0;
  }

  private advance(messages: number): void {
    this.next += messages;
    this.refusals = 0;
  }

  private joins(sender: BatchSender, length: number, destination: IpAddress, port: number): boolean {
    const last = this.count - 1;
    if (this.isLastFull || !sender.segments || this.senders[last] !== sender || port !== this.lastPort) return false;
    if (length > (this.sizes[last] as number) || (this.lengths[last] as number) + length > MOST_OCTETS) return false;
    return this.lastDestination?.equals(destination) === true;
  }

  private begin(sender: BatchSender, length: number, destination: IpAddress, port: number): void {
    const index = this.count++;
    const { headersView: view } = this;
    const header = index * MMSGHDR.length;
    const name = NAMES + index * SOCKET_ADDRESS_SPACE;
    this.senders.push(sender);
    this.starts[index] = this.at;
    this.lengths[index] = length;
    this.datagrams[index] = 1;
    this.sizes[index] = length;
    this.lastDestination = destination;
    this.lastPort = port;
    this.isLastFull = length === 0;
    view.setUint32(header + MMSGHDR.nameLength, writeSocketAddress(view, name, destination, port), true);
    view.setUint32(header + MMSGHDR.controlLength, 0, true);
    this.aim(index, this.at, length);
  }

  /** Makes the kernel cut a message into datagrams of `size` octets; 0: none. */
  private cut(index: number, size: number): void {
    this.headersView.setUint32(index * MMSGHDR.length + MMSGHDR.controlLength, size === 0 ? 0 : CMSG.space, true);
    this.headersView.setUint16(CONTROLS + index * CMSG.space + CMSG.data, size, true);
  }

  private aim(index: number, start: number, length: number): void {
    const vector = VECTORS + index * IOVEC_LENGTH;
    writePointer(this.headersView, vector, this.bytesAddress + start);
    this.headersView.setUint32(vector + 8, length, true);
  }

  /** The kernel did not take message `index`. */
  private fail(sender: BatchSender, index: number, errno: number): void {
    if (errno === ERRNO.EINTR) return;
    if (errno === ERRNO.EAGAIN) {
      this.blocked = sender;
      return;
    }
    // What the socket heard of by ICMP stands in the way of one call, and the message was not the cause; whoever sends many shall not have it lost.
    const isHearsay = sender.takeErrors();
    if (this.refusals < MOST_REFUSALS && (isHearsay || (this.refusals === 0 && PENDING.has(errno)))) {
      this.refusals++;
      return;
    }
    if ((this.datagrams[index] as number) > 1 && (errno === ERRNO.EINVAL || errno === EMSGSIZE || errno === ERRNO.EIO)) {
      // A path with a smaller MTU, or a device that cannot compute checksums: one by one, fragmented where need be.
      sender.segments = false;
      this.separate(sender, index);
      return;
    }
    if (!isHearsay) this.tellOf(sender, index, errno);
    this.advance(1);
  }

  /** The system itself does not send a message. */
  private tellOf(sender: BatchSender, index: number, errno: number): void {
    const name = NAMES + index * SOCKET_ADDRESS_SPACE;
    const start = this.starts[index] as number;
    const length = Math.min(this.sizes[index] as number, QUOTED);
    sender.failed(errno, readSocketAddress(this.headersView, name, null), readSocketPort(this.headersView, name), this.bytes.slice(start, start + length));
  }

  /** Sends the datagrams of a message each by itself, as far as the socket takes them. */
  private separate(sender: BatchSender, index: number): void {
    const size = this.sizes[index] as number;
    const start = this.starts[index] as number;
    const total = this.lengths[index] as number;
    const messages = this.headers.subarray(index * MMSGHDR.length);
    this.cut(index, 0);
    for (let done = 0; done < total; done += size) {
      this.aim(index, start + done, Math.min(size, total - done));
      if (this.calls.sendmmsg(sender.fd, messages, 1, MSG_DONTWAIT) > 0 || this.calls.errno() !== ERRNO.EAGAIN) continue;
      // The rest stays, as a shorter message of the same kind.
      this.starts[index] = start + done;
      this.lengths[index] = total - done;
      this.aim(index, start + done, total - done);
      this.cut(index, size);
      this.blocked = sender;
      return;
    }
    this.advance(1);
  }
}

/** UDP_MAX_SEGMENTS of kernels before 6.8, and the most that a datagram of IPv4 can hold. */
const MOST_DATAGRAMS = 64;
export const MOST_OCTETS = 65_507;
const MESSAGES = 64;
const MOST_REFUSALS = 16;
/** Octets of a datagram that say what it was. */
const QUOTED = 20;
/** Room for four super-segments: what the peer does not have yet it cannot begin to work on. */
const SLAB = 256 * 1024;
const VECTORS = MESSAGES * MMSGHDR.length;
const NAMES = VECTORS + MESSAGES * IOVEC_LENGTH;
const CONTROLS = NAMES + MESSAGES * SOCKET_ADDRESS_SPACE;
const HEADERS_LENGTH = MMSGHDR.length + IOVEC_LENGTH + SOCKET_ADDRESS_SPACE + CMSG.space;
/** Linux' numbers. */
const EMSGSIZE = 90;
/** ECONNREFUSED, EHOSTUNREACH, ENETUNREACH and EPROTO may be an earlier datagram's. */
const PENDING: ReadonlySet<number> = new Set([111, 113, 101, 71]);
