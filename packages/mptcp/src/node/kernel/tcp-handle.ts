/**
 * How Node's own `net` is brought to use a socket of another protocol: its handle of libuv is given the descriptor before anything is done
 * with it.
 *
 * @module
 */
import * as net from "node:net";
import { socketHandle, UV_TCP_IPV6ONLY } from "../handle/index.ts";
import type { NodeHandle } from "../handle/index.ts";
import { openKernelSocket, socketCalls } from "./system-calls.ts";

/**
 * Sees to it that `target`, a new handle of Node's, or the prototype of all of them, gets a socket of the kernel's Multipath TCP as soon as a handle needs one: when the family is known.
 * What cannot be opened is the result of that call, and so an error of `net`'s usual shape.
 */
export function armHandle(target: NodeHandle): void {
  const { bind, bind6, connect, connect6 } = target;
  target.bind = function (address, port, flags) {
    return open(this, 4) || bind.call(this, address, port, flags);
  };
  target.bind6 = function (address, port, flags) {
    return open(this, 6) || bind6.call(this, address, port, flags);
  };
  target.connect = function (request, address, port) {
    return open(this, 4) || connect.call(this, request, address, port);
  };
  target.connect6 = function (request, address, port) {
    return open(this, 6) || connect6.call(this, request, address, port);
  };
}

/** @returns 0, or libuv's number of an error */
function open(handle: NodeHandle, family: 4 | 6): number {
  return handle.fd >= 0 ? 0 : openInto(handle, family);
}

/** Gives a new handle of Node's a socket. */
function openInto(handle: NodeHandle, family: 4 | 6): number {
  const calls = socketCalls();
  const fd = openKernelSocket(calls, family);
  if (fd < 0) return fd;
  const error = handle.open(fd);
  if (error !== 0) calls.close(fd);
  return error;
}

/** A handle with an MPTCP socket of the kernel, bound; where that fails, one that says so when it is asked to listen, or the error itself. */
export function boundHandle(address: string, family: 4 | 6, port: number, flags: number): NodeHandle | number {
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
  const handle = socketHandle.get(carrier);
  if (handle === null) throw new TypeError("a net.Socket without a handle");
  const error = family === 4 ? handle.bind(address, port, flags & ~UV_TCP_IPV6ONLY) : handle.bind6(address, port, flags);
  if (error !== 0) handle.listen = () => error;
  return handle;
}
