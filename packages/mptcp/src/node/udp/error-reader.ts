import type { IpAddress } from "../../wire/index.ts";
import { layoutOf, pointHeaders } from "./message-headers.ts";
import { readSocketAddress, readSocketPort, SOCKET_ADDRESS_SPACE } from "./socket-address.ts";
import { CMSG, IP_RECVERR, IPV6_RECVERR, MMSGHDR, MSG_DONTWAIT, MSG_ERRQUEUE, SOL_IP, SOL_IPV6 } from "./system-calls.ts";
import type { UdpSystemCalls } from "./system-calls.ts";

/**
 * Reads the queue in which the kernel keeps the errors of a socket with IP_RECVERR (ip(7)): each with the peer that it is about, and the first octets of the
 * datagram as the ICMP message quotes them. Used again by each {@link ErrorReader.read}.
 */
export class ErrorReader {
  private readonly calls: UdpSystemCalls;
  private readonly bytes = Buffer.alloc(MESSAGES * QUOTE);
  /** As {@link LAYOUT} has them. */
  private readonly headers = Buffer.alloc(LAYOUT.length);
  private readonly view: DataView;

  constructor(calls: UdpSystemCalls) {
    this.calls = calls;
    this.view = new DataView(this.headers.buffer, this.headers.byteOffset, this.headers.length);
    pointHeaders(this.view, LAYOUT, calls.addressOf(this.headers), calls.addressOf(this.bytes));
  }

  /** Takes errors out of the queue. @returns how many, {@link ErrorReader.capacity} at the most; -1 for none */
  read(fd: number): number {
    const { view } = this;
    for (let i = 0; i < MESSAGES; i++) {
      view.setUint32(i * MMSGHDR.length + MMSGHDR.nameLength, SOCKET_ADDRESS_SPACE, true);
      view.setUint32(i * MMSGHDR.length + MMSGHDR.controlLength, CONTROL_SPACE, true);
    }
    return this.calls.recvmmsg(fd, this.headers, MESSAGES, MSG_ERRQUEUE | MSG_DONTWAIT, null);
  }

  /** Most errors of one call. */
  get capacity(): number {
    return MESSAGES;
  }

  /** The number of the error, as the kernel translates the ICMP message; 0 when it is none that came by ICMP. */
  errno(i: number): number {
    const { view } = this;
    if (view.getUint32(i * MMSGHDR.length + MMSGHDR.controlLength, true) < CMSG.data + EXTENDED_ERROR_LENGTH) return 0;
    const at = CONTROLS + i * CONTROL_SPACE;
    const level = view.getInt32(at + CMSG.level, true);
    const type = view.getInt32(at + CMSG.type, true);
    const isError = (level === SOL_IP && type === IP_RECVERR) || (level === SOL_IPV6 && type === IPV6_RECVERR);
    const origin = view.getUint8(at + CMSG.data + ORIGIN);
    return isError && (origin === SO_EE_ORIGIN_ICMP || origin === SO_EE_ORIGIN_ICMP6) ? view.getUint32(at + CMSG.data, true) : 0;
  }

  /** Where the datagram went; null for an address of another family. */
  destination(i: number): IpAddress | null {
    return readSocketAddress(this.view, ADDRESSES + i * SOCKET_ADDRESS_SPACE, null);
  }

  destinationPort(i: number): number {
    return readSocketPort(this.view, ADDRESSES + i * SOCKET_ADDRESS_SPACE);
  }

  /** A copy of what the message quotes of the datagram's payload. */
  quote(i: number): Uint8Array {
    const length = Math.min(QUOTE, this.view.getUint32(i * MMSGHDR.length + MMSGHDR.octets, true));
    return Uint8Array.prototype.slice.call(this.bytes, i * QUOTE, i * QUOTE + length);
  }
}

/** Octets of a quote that are of interest: the numbers of a TCP header, or a probe. */
const QUOTE = 64;
const MESSAGES = 8;
const CONTROL_SPACE = 128;
const LAYOUT = layoutOf(MESSAGES, QUOTE, CONTROL_SPACE);
const { addresses: ADDRESSES, controls: CONTROLS } = LAYOUT;
/** `struct sock_extended_err` (include/uapi/linux/errqueue.h): its octets, and where its origin is. */
const EXTENDED_ERROR_LENGTH = 16;
const ORIGIN = 4;
const SO_EE_ORIGIN_ICMP = 2;
const SO_EE_ORIGIN_ICMP6 = 3;
