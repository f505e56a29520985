/**
 * How Node's own `net` is brought to use a socket of another protocol: its handle of libuv is given the descriptor before anything is done
 * with it. `net` has no public way for that. What is used instead is the same from Node 20 to 26, and {@link isNodeKnown} looks for it.
 *
 * @module
 */
import * as net from "node:net";
import { openKernelSocket, socketCalls } from "./system-calls.ts";

/** What is used here of the handle beneath a `net.Socket` or `net.Server`. Errors are negative numbers. */
export interface TcpHandle {
  /** The descriptor; -1 before there is one. */
  readonly fd: number;
  open(fd: number): number;
  bind(address: string, port: number, flags?: number): number;
  bind6(address: string, port: number, flags?: number): number;
  connect(request: object, address: string, port: number): number;
  connect6(request: object, address: string, port: number): number;
  listen(backlog: number): number;
  close(): void;
}

/** Where `net.Socket` keeps its handle. */
export const socketHandle = Object.getOwnPropertyDescriptor(net.Socket.prototype, "_handle") as
  | { get(this: net.Socket): TcpHandle | null; set(this: net.Socket, handle: TcpHandle | null): void }
  | undefined;

/** Puts a bound handle to work. `net.Server.listen` calls it on the server, as long as others have wrapped it. */
export type ListenOn = (this: net.Server, address: string, port: number, family: number, backlog: number | undefined, fd: undefined, flags?: number) => void;

/** Node's own {@link ListenOn}. */
export function nodeListenOn(): ListenOn | undefined {
  return (net.Server.prototype as unknown as { _listen2?: ListenOn })._listen2;
}

/** Whether this version of Node has what is used of it. */
export function isNodeKnown(): boolean {
  return typeof socketHandle?.get === "function" && typeof socketHandle.set === "function" && typeof nodeListenOn() === "function";
}

/**
 * Sees to it that `handle`, a new one of Node's, gets a socket of the kernel's Multipath TCP as soon as it needs one: when the family is known.
 * What cannot be opened is the result of that call, and so an error of `net`'s usual shape.
 */
export function armHandle(handle: TcpHandle): void {
  // Those of the prototype, with the handle as their `this`.
  const { bind, bind6, connect, connect6 } = handle;
  const open = (family: 4 | 6): number => (handle.fd >= 0 ? 0 : openInto(handle, family));
  handle.bind = (address, port, flags) => open(4) || bind.call(handle, address, port, flags);
  handle.bind6 = (address, port, flags) => open(6) || bind6.call(handle, address, port, flags);
  handle.connect = (request, address, port) => open(4) || connect.call(handle, request, address, port);
  handle.connect6 = (request, address, port) => open(6) || connect6.call(handle, request, address, port);
}

function openInto(handle: TcpHandle, family: 4 | 6): number {
  const calls = socketCalls();
  const fd = openKernelSocket(calls, family);
  if (fd < 0) return fd;
  const error = handle.open(fd);
  if (error !== 0) calls.close(fd);
  return error;
}

/** A handle with an MPTCP socket of the kernel, bound; where that fails, one that says so when it is asked to listen, or the error itself. */
export function boundHandle(address: string, family: 4 | 6, port: number, flags: number): TcpHandle | number {
  const fd = openKernelSocket(socketCalls(), family);
  if (fd < 0) return fd;
  let carrier: net.Socket;
  try {
    // As a way to a handle: nothing else of this socket is used.
    carrier = new net.Socket({ fd, manualStart: true } as net.SocketConstructorOpts);
  } catch (error) {
    socketCalls().close(fd);
    const { errno } = error as NodeJS.ErrnoException;
    // The system's is told as `net` tells it, by an event: the name of an address may have been looked up meanwhile.
    if (typeof errno === "number") return errno;
    throw error;
  }
  const handle = handleOf(carrier);
  if (handle === null) throw new TypeError("a net.Socket without a handle");
  const error = family === 4 ? handle.bind(address, port, flags & ~UV_TCP_IPV6ONLY) : handle.bind6(address, port, flags);
  if (error !== 0) handle.listen = () => error;
  return handle;
}

/** The handle of a socket; null when it has none, not yet or no more. */
export function handleOf(socket: net.Socket): TcpHandle | null {
  return socketHandle?.get.call(socket) ?? null;
}

/** libuv's flag: a socket that listens on IPv6 addresses only. */
const UV_TCP_IPV6ONLY = 1;
