import type { IpAddress } from "../../wire/index.ts";
import { layoutOf, pointHeaders } from "./message-headers.ts";
import { readSocketAddress, readSocketPort, SOCKET_ADDRESS_SPACE } from "./socket-address.ts";
import { CMSG, MMSGHDR, MSG_DONTWAIT, SOL_UDP, UDP_GRO } from "./system-calls.ts";
import type { UdpSystemCalls } from "./system-calls.ts";

/**
 * Reads many datagrams by one system call, and whole runs of them that the kernel coalesced (UDP_GRO). The buffers are used again by each
 * {@link DatagramReader.read}: one reader is enough for all sockets of a thread.
 */
export class DatagramReader {
  /** What was read: message `i` begins at {@link DatagramReader.start}. */
  readonly bytes: Uint8Array;
  private readonly calls: UdpSystemCalls;
  /** As {@link LAYOUT} has them. */
  private readonly headers: Uint8Array;
  private readonly view: DataView;
  /** Messages whose lengths the last call has changed. */
  private changed = MESSAGES;

  constructor(calls: UdpSystemCalls) {
    this.calls = calls;
    // No Buffer: `subarray` of a plain array is faster.
    this.bytes = new Uint8Array(MESSAGES * MESSAGE_LENGTH);
    this.headers = Buffer.alloc(LAYOUT.length);
    this.view = new DataView(this.headers.buffer, this.headers.byteOffset, this.headers.length);
    pointHeaders(this.view, LAYOUT, calls.addressOf(this.headers), calls.addressOf(this.bytes));
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

/** The longest message is 65,507 octets, whether coalesced or not. */
const MESSAGE_LENGTH = 65_536;
const MESSAGES = 16;
const CONTROL_SPACE = 64;
const LAYOUT = layoutOf(MESSAGES, MESSAGE_LENGTH, CONTROL_SPACE);
const { addresses: ADDRESSES, controls: CONTROLS } = LAYOUT;
