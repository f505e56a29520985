/**
 * Where `net` keeps and makes the handles beneath its sockets and servers. There is no public way to them. It is the same in Node 20, 22, 24 and 26, and {@link isNodeKnown} looks for it.
 *
 * @module
 */
import * as net from "node:net";
import type { SocketName } from "./address-text.ts";
import { binding } from "./node-streams.ts";

/** What is used of a handle of Node's. Errors are negative numbers, libuv's. */
export interface NodeHandle {
  /** The descriptor; -1 before there is one. */
  readonly fd: number;
  open(fd: number): number;
  /** Any port where none is given. */
  bind(address: string, port?: number, flags?: number): number;
  bind6(address: string, port?: number, flags?: number): number;
  connect(request: object, address: string, port: number): number;
  connect6(request: object, address: string, port: number): number;
  listen(backlog: number): number;
  getsockname(out: SocketName): number;
  close(callback?: () => void): void;
}

const accessor = Object.getOwnPropertyDescriptor(net.Socket.prototype, "_handle") as
  | { get?(this: net.Socket): NodeHandle | null; set?(this: net.Socket, handle: NodeHandle | null): void }
  | undefined;

/** Where `net.Socket` keeps its handle: below what a subclass makes of the property. */
export const socketHandle = {
  get: (socket: net.Socket): NodeHandle | null => accessor?.get?.call(socket) ?? null,
  set: (socket: net.Socket, handle: NodeHandle | null): void => accessor?.set?.call(socket, handle),
};

/** The class of libuv's handles for TCP, whose methods are called on every socket and server; null where it is not to be had. */
export function tcpHandleClass(): { readonly prototype: NodeHandle } | null {
  const { TCP } = (binding("tcp_wrap") ?? {}) as { readonly TCP?: { readonly prototype: NodeHandle } };
  return typeof TCP === "function" ? TCP : null;
}

/** The symbol by which a handle knows its socket or server; undefined where `handle` has none. */
export function ownerOf(handle: object): unknown {
  ownerSymbol ??= Object.getOwnPropertySymbols(handle).find(({ description }) => description === "owner_symbol");
  return ownerSymbol === undefined ? undefined : (handle as Readonly<Record<symbol, unknown>>)[ownerSymbol];
}

/** Makes `owner` the socket of `handle`, unless it has one. */
export function setOwner(handle: object, owner: net.Socket): void {
  if (ownerSymbol !== undefined) (handle as Record<symbol, unknown>)[ownerSymbol] ??= owner;
}

type Reinitialize = (this: net.Socket, handle: object) => void;

/** The name of the method by which Node gives a socket that connects another handle, for its next address. */
const reinitializeSymbol = Object.getOwnPropertySymbols(net.Socket.prototype).find(({ description }) => description === "kReinitializeHandle");

/**
 * Gives a socket that connects another handle, as Node does for the next address; the handle knows its socket. What was asked of the socket meanwhile, `end` for one, is not forgotten, as
 * it is by Node's method alone, which makes the streams as new.
 */
export function exchangeHandle(socket: net.Socket, handle: object): void {
  if (reinitializeSymbol !== undefined) (socket as unknown as Record<symbol, Reinitialize>)[reinitializeSymbol]?.call(socket, handle);
}

/** From now on all sockets that `prototype` is of are given another handle as {@link exchangeHandle} says. */
export function keepStreams(prototype: object, inherited: object = prototype): void {
  if (reinitializeSymbol === undefined) return;
  const original = (inherited as Record<symbol, Reinitialize>)[reinitializeSymbol];
  const exchange: Reinitialize = function (handle) {
    setOwner(handle, this);
    const streams = this as unknown as { _undestroy?: () => void } & Record<symbol, unknown>;
    // Asked once for a buffer, an application is not asked again.
    const generator = Object.getOwnPropertySymbols(this).find(({ description }) => description === "kBufferGen");
    const generate = generator === undefined ? null : streams[generator];
    streams._undestroy = () => {};
    if (generator !== undefined) streams[generator] = null;
    try {
      original?.call(this, handle);
    } finally {
      Reflect.deleteProperty(this, "_undestroy");
      if (generator !== undefined) streams[generator] = generate;
    }
  };
  Object.defineProperty(prototype, reinitializeSymbol, { value: exchange, configurable: true, writable: true });
}

/** libuv's flag: a socket that listens on IPv6 addresses only. */
export const UV_TCP_IPV6ONLY = 1;

let ownerSymbol: symbol | undefined;

/** Puts a bound handle to work. `net.Server.listen` calls it on the server, as long as others have wrapped it. */
export type ListenOn = (this: net.Server, address: string | null, port: number, family: number | null, backlog: number | undefined, fd: number | undefined, flags?: number) => void;

/** Node's own {@link ListenOn}. */
export function nodeListenOn(): ListenOn | undefined {
  return (net.Server.prototype as unknown as { _listen2?: ListenOn })._listen2;
}

/** Whether this version of Node has what is used of it. */
export function isNodeKnown(): boolean {
  return typeof accessor?.get === "function" && typeof accessor.set === "function" && typeof nodeListenOn() === "function" && reinitializeSymbol !== undefined && tcpHandleClass() !== null;
}

/** Whether that is a handle for TCP of libuv's with which nothing was done yet. */
export function isUnusedTcpHandle(handle: NodeHandle): boolean {
  return handle.fd < 0 && handle.constructor.name === "TCP";
}
