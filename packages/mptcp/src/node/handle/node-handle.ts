/**
 * Where `net` keeps and makes the handles beneath its sockets and servers. There is no public way to them. It is the same from Node 20 to 26, and {@link isNodeKnown} looks for it.
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
  bind(address: string, port: number, flags?: number): number;
  bind6(address: string, port: number, flags?: number): number;
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

/** A handle's socket gives place to another: `socket[REINITIALIZE](handle)` in Node's own words. */
export function reinitializeSymbol(): symbol | undefined {
  return Object.getOwnPropertySymbols(net.Socket.prototype).find(({ description }) => description === "kReinitializeHandle");
}

let ownerSymbol: symbol | undefined;

/** Puts a bound handle to work. `net.Server.listen` calls it on the server, as long as others have wrapped it. */
export type ListenOn = (this: net.Server, address: string | null, port: number, family: number | null, backlog: number | undefined, fd: number | undefined, flags?: number) => void;

/** Node's own {@link ListenOn}. */
export function nodeListenOn(): ListenOn | undefined {
  return (net.Server.prototype as unknown as { _listen2?: ListenOn })._listen2;
}

/** Whether this version of Node has what is used of it. */
export function isNodeKnown(): boolean {
  return typeof accessor?.get === "function" && typeof accessor.set === "function" && typeof nodeListenOn() === "function";
}

/** Whether that is a handle for TCP of libuv's with which nothing was done yet. */
export function isUnusedTcpHandle(handle: NodeHandle): boolean {
  return handle.fd < 0 && handle.constructor.name === "TCP";
}
