import type { IpAddress } from "../../wire/index.ts";
import { readSocketAddress, readSocketPort, SOCKET_ADDRESS_SPACE } from "./socket-address.ts";
import { CMSG, IOVEC_LENGTH, MMSGHDR, MSG_DONTWAIT, SOL_UDP, UDP_GRO } from "./system-calls.ts";
import type { UdpSystemCalls } from "./system-calls.ts";

/**
 * Reads many datagrams by one system call, and whole runs of them that the kernel coalesced (UDP_GRO). The buffers are used again by each
 * {@link DatagramReader.read}: one reader is enough for all sockets of a thread.
 */
export class DatagramReader {
  /** What was read: message `i` begins at {@link DatagramReader.start}. */
  readonly bytes: Uint8Array;
  private readonly calls: UdpSystemCalls;
  /** `struct mmsghdr` for each message, then each one's vector, address and control message. */
  private readonly headers: Uint8Array;
  private readonly view: DataView;
  /** Messages whose lengths the last call has changed. */
  private changed = MESSAGES;

  constructor(calls: UdpSystemCalls) {
    this.calls = calls;
    // No Buffer: `subarray` of a plain array is faster.
    this.bytes = new Uint8Array(MESSAGES * MESSAGE_LENGTH);
    this.headers = Buffer.alloc(MESSAGES * HEADERS_LENGTH);
    this.view = new DataView(this.headers.buffer, this.headers.byteOffset, this.headers.length);
    const base = calls.addressOf(this.headers);
    const data = calls.addressOf(this.bytes);
    for (let i = 0; i < MESSAGES; i++) {
      const at = i * MMSGHDR.length;
      const vector = VECTORS + i * IOVEC_LENGTH;
      writePointer(this.view, at + MMSGHDR.name, base + ADDRESSES + i * SOCKET_ADDRESS_SPACE);
      writePointer(this.view, at + MMSGHDR.vectors, base + vector);
      writePointer(this.view, at + MMSGHDR.vectorCount, 1);
      writePointer(this.view, at + MMSGHDR.control, base + CONTROLS + i * CONTROL_SPACE);
      writePointer(this.view, vector, data + i * MESSAGE_LENGTH);
      writePointer(this.view, vector + 8, MESSAGE_LENGTH);
    }
  }

  /** Reads what waits. @returns messages read, {@link DatagramReader.capacity} at the most; -1 for none, the reason is in `errno` */
  read(fd: number): number {
    const { view } = this;
    for (let i = 0; i < this.changed; i++) {
      const at = i * MMSGHDR.length;
      view.setUint32(at + MMSGHDR.nameLength, SOCKET_ADDRESS_SPACE, true);
      view.setUint32(at + MMSGHDR.controlLength, CONTROL_SPACE, true);
    }
    const count = this.calls.recvmmsg(fd, this.headers, MESSAGES, MSG_DONTWAIT, null);
    this.changed = Math.max(0, count);
    return count;
  }

  /** Most messages of one call. */
  get capacity(): number {
    return MESSAGES;
  }

  start(i: number): number {
    return i * MESSAGE_LENGTH;
  }

  length(i: number): number {
    return this.view.getUint32(i * MMSGHDR.length + MMSGHDR.octets, true);
  }

  /** Octets of each datagram of the message but the last, which may be shorter; 0 when it is a single one. */
  segmentLength(i: number): number {
    const { view } = this;
    if (view.getUint32(i * MMSGHDR.length + MMSGHDR.controlLength, true) < CMSG.octets32) return 0;
    const at = CONTROLS + i * CONTROL_SPACE;
    const isGro = view.getInt32(at + CMSG.level, true) === SOL_UDP && view.getInt32(at + CMSG.type, true) === UDP_GRO;
    return isGro ? view.getInt32(at + CMSG.data, true) : 0;
  }

  /** Who sent it; `last` itself where that is the same address. */
  source(i: number, last: IpAddress | null): IpAddress | null {
    return readSocketAddress(this.view, ADDRESSES + i * SOCKET_ADDRESS_SPACE, last);
  }

  sourcePort(i: number): number {
    return readSocketPort(this.view, ADDRESSES + i * SOCKET_ADDRESS_SPACE);
  }
}

/** Writes a pointer or a `size_t`. */
export function writePointer(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
}

/** The longest message is 65,507 octets, whether coalesced or not. */
const MESSAGE_LENGTH = 65_536;
const MESSAGES = 16;
const CONTROL_SPACE = 64;
const VECTORS = MESSAGES * MMSGHDR.length;
const ADDRESSES = VECTORS + MESSAGES * IOVEC_LENGTH;
const CONTROLS = ADDRESSES + MESSAGES * SOCKET_ADDRESS_SPACE;
const HEADERS_LENGTH = MMSGHDR.length + IOVEC_LENGTH + SOCKET_ADDRESS_SPACE + CONTROL_SPACE;
