import { MptcpError } from "../../core/index.ts";
import { ERRNO, nativeNow } from "../native.ts";
import { udpSystemCalls } from "../udp/index.ts";
import type { UdpSystemCalls } from "../udp/index.ts";
import { dumpRequest, errorOf, GROUPS, NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR, readMessages } from "./netlink-messages.ts";
import type { NetlinkMessage } from "./netlink-messages.ts";

/** The system calls for rtnetlink. Each returns what the kernel does, -1 with `errno`. */
export interface NetlinkSystemCalls extends UdpSystemCalls {
  send(fd: number, bytes: Uint8Array, length: number, flags: number): number;
  recvfrom(fd: number, bytes: Uint8Array, length: number, flags: number, address: Uint8Array, addressLength: Uint32Array): number;
}

/** How {@link NetlinkSocket.dump} went. */
export type DumpOutcome = "whole" | "cut" | "changing" | "failed";

let loaded: NetlinkSystemCalls | null | undefined;

/** The system calls, loaded once; null off Linux, on a machine of 32 bits or big-endian, and without the optional dependency koffi. */
export function netlinkSystemCalls(): NetlinkSystemCalls | null {
  if (loaded === undefined) loaded = load();
  return loaded;
}

function load(): NetlinkSystemCalls | null {
  const calls = udpSystemCalls();
  if (calls === null) return null;
  const library = nativeNow("rtnetlink", "the network is looked at once a second");
  return {
    ...calls,
    send: library.func("int64_t send(int fd, const void *bytes, size_t length, int flags)") as NetlinkSystemCalls["send"],
    recvfrom: library.func("int64_t recvfrom(int fd, void *bytes, size_t length, int flags, void *address, void *addressLength)") as NetlinkSystemCalls["recvfrom"],
  };
}

/**
 * Two sockets of rtnetlink: one that is told when something changes, and one by which tables are asked for. That no event is lost between an answer and the
 * next event needs no care: an event only says which table is to be asked for once more.
 */
export class NetlinkSocket {
  /** Readable when something changed. */
  readonly fd: number;
  private asking: number;
  private readonly calls: NetlinkSystemCalls;
  private sequence = 0;
  private isClosed = false;

  /** @throws MptcpError with the system's code */
  constructor(calls: NetlinkSystemCalls) {
    this.calls = calls;
    this.fd = this.open(GROUPS);
    try {
      this.asking = this.open(0);
    } catch (error) {
      calls.close(this.fd);
      throw error;
    }
  }

  /**
   * Reads what changed since the last call.
   * @param visit hears each message, whose octets are valid within the call
   * @returns false when messages were lost (ENOBUFS), so that anything may have changed
   */
  events(visit: (bytes: Uint8Array, message: NetlinkMessage) => void): boolean {
    let isWhole = true;
    for (let round = 0; round < MOST_READS; round++) {
      const length = this.read(this.fd);
      if (length === NOTHING) return isWhole;
      if (length === LOST || !readMessages(buffer, length, (message) => visit(buffer, message))) isWhole = false;
    }
    return isWhole;
  }

  /**
   * Asks for a table. The kernel answers within the call.
   * @param most entries that are wanted at the most
   * @param visit hears each message, whose octets are valid within the call
   * @returns "whole"; "cut" when there are more entries; "changing" when it changed meanwhile, so that it is to be asked for again; "failed" when there was no answer
   *   that could be read
   */
  dump(type: number, most: number, visit: (bytes: Uint8Array, message: NetlinkMessage) => void): DumpOutcome {
    const { calls } = this;
    const sequence = ++this.sequence;
    const request = dumpRequest(type, sequence);
    // What an earlier request left that was not read to its end.
    while (this.read(this.asking) >= 0);
    if (calls.send(this.asking, request, request.length, 0) !== request.length) return "failed";
    let outcome: DumpOutcome = "whole";
    let seen = 0;
    let isDone = false;
    for (;;) {
      const length = this.read(this.asking);
      if (length < 0) return "failed";
      const isWhole = readMessages(buffer, length, (message) => {
        if (message.sequence !== sequence || isDone) return;
        if ((message.flags & NLM_F_DUMP_INTR) !== 0) outcome = "changing";
        if (message.type === NLMSG_DONE || message.type === NLMSG_ERROR) {
          isDone = true;
          if (errorOf(buffer, message) !== 0) outcome = "failed";
        } else if (++seen <= most) visit(buffer, message);
      });
      if (!isWhole) return "failed";
      if (isDone) return outcome;
      if (seen > most) {
        // The rest of the answer goes with the socket.
        const asking = this.open(0);
        calls.close(this.asking);
        this.asking = asking;
        return "cut";
      }
    }
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.calls.close(this.fd);
    this.calls.close(this.asking);
  }

  private open(groups: number): number {
    const { calls } = this;
    const fd = calls.socket(AF_NETLINK, SOCK_RAW_CLOEXEC_NONBLOCK, NETLINK_ROUTE);
    // struct sockaddr_nl: family, padding, port (0: the kernel gives one), groups.
    const address = new Uint8Array(SOCKADDR_NL_LENGTH);
    const view = new DataView(address.buffer);
    view.setUint16(0, AF_NETLINK, true);
    view.setUint32(8, groups, true);
    if (fd >= 0 && calls.bind(fd, address, address.length) === 0) return fd;
    const code = calls.errorName(calls.errno());
    if (fd >= 0) calls.close(fd);
    throw new MptcpError(code, `rtnetlink ${code}`);
  }

  /** One message's octets into {@link buffer}: how many. What did not come from the kernel counts as empty. */
  private read(fd: number): number {
    const { calls } = this;
    senderLength[0] = SOCKADDR_NL_LENGTH;
    const length = calls.recvfrom(fd, buffer, buffer.length, MSG_DONTWAIT | MSG_TRUNC, sender, senderLength);
    if (length < 0) return calls.errno() === ERRNO.EAGAIN ? NOTHING : LOST;
    if (senderView.getUint32(4, true) !== 0) return 0;
    return length > buffer.length ? LOST : length;
  }
}

const NOTHING = -1;
const LOST = -2;
/** Reads in a row; the poller calls again when there is more. */
const MOST_READS = 256;
/** The kernel's answers have 32 KiB at the most. Of this thread, used within single calls. */
const buffer = new Uint8Array(64 * 1024);
const SOCKADDR_NL_LENGTH = 12;
const sender = new Uint8Array(SOCKADDR_NL_LENGTH);
const senderView = new DataView(sender.buffer);
const senderLength = new Uint32Array(1);
/** include/linux/socket.h, include/uapi/linux/netlink.h */
const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC_NONBLOCK = 0o2004003;
const NETLINK_ROUTE = 0;
const MSG_DONTWAIT = 0x40;
const MSG_TRUNC = 0x20;
