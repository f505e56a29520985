import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";
import { MptcpError } from "../../core/index.ts";
import {
  AF_INET,
  EPOLL_CLOEXEC,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLLIN,
  EPOLLOUT,
  O_CLOEXEC,
  SOCK_DGRAM_CLOEXEC_NONBLOCK,
} from "./system-calls.ts";
import type { UdpSystemCalls } from "./system-calls.ts";

/** A descriptor that a {@link Poller} looks after. */
export interface Polled {
  readonly fd: number;
  /** Called in the event loop while there is something to do, again and again. */
  onReady(readable: boolean, writable: boolean): void;
}

/**
 * Descriptors that libuv polls and does not read: an epoll descriptor of its own holds them, and libuv polls that one.
 *
 * The way there uses public interfaces alone. A socket of node:dgram is given a descriptor, and the epoll descriptor takes that one over by `dup3` before the
 * event loop has looked at it. It is ready when one of those inside is; libuv tries to receive from it, the kernel says that it is no socket (ENOTSOCK), Node
 * emits that as an error, from which a socket of node:dgram goes on: that is the wake-up. A `net.Socket`, by contrast, would read from the
 * descriptor itself, which loses a datagram's source, and would not survive an error.
 *
 * To make that error takes Node a fourth of what a small message costs. So the function that makes it, where it is to be found ({@link handleOf}), is exchanged for the wake-up itself.
 */
export class Poller {
  private readonly calls: UdpSystemCalls;
  private readonly socket: Socket;
  /** The epoll descriptor, in the place of the socket's. */
  private readonly fd: number;
  private readonly entries = new Map<number, Polled>();
  /** Those that are waited for to be writable, too. */
  private readonly writers = new Set<Polled>();
  private readonly events = Buffer.alloc(EVENTS * EVENT_LENGTH);
  private readonly event = Buffer.alloc(EVENT_LENGTH);
  private readonly onDone: () => void;

  /** @param onDone called at the end of each wake-up @throws MptcpError with the system's code */
  constructor(calls: UdpSystemCalls, onDone: () => void) {
    this.calls = calls;
    this.onDone = onDone;
    const epoll = calls.epollCreate(EPOLL_CLOEXEC);
    const fd = calls.socket(AF_INET, SOCK_DGRAM_CLOEXEC_NONBLOCK, 0);
    if (epoll < 0 || fd < 0) {
      const code = calls.errorName(calls.errno());
      for (const one of [epoll, fd]) if (one >= 0) calls.close(one);
      throw new MptcpError(code, `epoll_create1 ${code}`);
    }
    this.fd = fd;
    this.socket = createSocket("udp4");
    this.socket.on("error", this.wake);
    // `exclusive`: a cluster's primary process has no part in this.
    this.socket.bind({ fd, exclusive: true } as Parameters<Socket["bind"]>[0] & object);
    this.socket.unref();
    const handle = handleOf(this.socket);
    if (handle !== null) Object.assign(handle, { onmessage: this.wake });
    // What dup2 makes would be inherited by the processes that this one starts.
    calls.dup3(epoll, fd, O_CLOEXEC);
    calls.close(epoll);
  }

  /** Looks after `entry`, which is ready when it can be read. */
  add(entry: Polled): void {
    this.entries.set(entry.fd, entry);
    this.control(EPOLL_CTL_ADD, entry.fd, EPOLLIN);
  }

  /** Also when it can be written, or no longer. */
  wantWritable(entry: Polled, isWanted: boolean): void {
    if (isWanted) this.writers.add(entry);
    else this.writers.delete(entry);
    this.control(EPOLL_CTL_MOD, entry.fd, isWanted ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }

  /** To be called before the descriptor is closed. */
  remove(entry: Polled): void {
    this.writers.delete(entry);
    if (this.entries.delete(entry.fd)) this.control(EPOLL_CTL_DEL, entry.fd, 0);
  }

  ref(): void {
    this.socket.ref();
  }

  unref(): void {
    this.socket.unref();
  }

  close(): Promise<void> {
    this.entries.clear();
    this.writers.clear();
    return new Promise((resolve) => {
      this.socket.close(() => resolve());
    });
  }

  private control(operation: number, fd: number, events: number): void {
    const { event } = this;
    event.writeUInt32LE(events, 0);
    event.writeInt32LE(fd, EVENT_DATA);
    this.calls.epollControl(this.fd, operation, fd, event);
  }

  private readonly wake = (): void => {
    if (this.entries.size === 1 && this.writers.size === 0) {
      // It goes without asking which, and what for.
      for (const entry of this.entries.values()) entry.onReady(true, false);
    } else {
      this.dispatch();
    }
    this.onDone();
  };

  private dispatch(): void {
    const { events } = this;
    const count = this.calls.epollWait(this.fd, events, EVENTS, 0);
    for (let i = 0; i < count; i++) {
      const at = i * EVENT_LENGTH;
      const what = events.readUInt32LE(at);
      // An error (EPOLLERR) is learnt by reading.
      this.entries.get(events.readInt32LE(at + EVENT_DATA))?.onReady((what & ~EPOLLOUT) !== 0, (what & EPOLLOUT) !== 0);
    }
  }
}

/** What libuv's handle beneath a socket of node:dgram calls when it has received something, or could not. */
interface ReceivingHandle {
  readonly onmessage: () => void;
}

/** That of a socket which is bound; null where this version of Node keeps it elsewhere. */
function handleOf(socket: Socket): ReceivingHandle | null {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === "state symbol");
  const state = symbol === undefined ? undefined : (socket as unknown as Readonly<Record<symbol, { readonly handle?: Partial<ReceivingHandle> | null } | undefined>>)[symbol];
  const handle = state?.handle;
  return typeof handle?.onmessage === "function" ? (handle as ReceivingHandle) : null;
}

/** Descriptors of one wake-up; those that are left wake again. */
const EVENTS = 64;
/** `struct epoll_event` is packed on x86-64 alone. */
const EVENT_LENGTH = process.arch === "x64" ? 12 : 16;
const EVENT_DATA = process.arch === "x64" ? 4 : 8;
