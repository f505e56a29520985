import * as net from "node:net";
import { MptcpError } from "../../core/index.ts";
import { exchangeHandle, isNodeKnown, keepStreams, ListenHandle, nodeListenOn, noteTlsConsumers, ownerOf, setOwner, socketHandle, StreamHandle, tcpHandleClass, UV_TCP_IPV6ONLY } from "../handle/index.ts";
import type { ListenOn, NodeHandle } from "../handle/index.ts";
import { openInto } from "../kernel/index.ts";
import type { MultipathChoice } from "../mptcp-info.ts";
import type { UserspaceScope } from "./userspace.ts";

/** Where Node's handles for TCP get their Multipath TCP from. */
export interface Sources {
  /** This library's engine, and whom it is for. */
  readonly userspace: UserspaceScope | null;
  /** Whether the kernel's is used for everybody else. */
  readonly kernel: boolean;
  readonly multipath: MultipathChoice;
}

type Methods = Pick<NodeHandle, "bind" | "bind6" | "connect" | "connect6">;

/**
 * Puts Multipath TCP beneath every socket and server that Node makes from now on, whoever makes them: the methods of libuv's handles for TCP decide, once an address is known. Where it is the
 * engine's, the socket is given a handle of the engine; where it is the kernel's, the handle is given a socket of that.
 *
 * @throws MptcpError ERR_MPTCP_NODE where this Node is built in another way than those known
 */
export function install(sources: Sources): void {
  const prototype = tcpHandleClass()?.prototype;
  const listenOn = nodeListenOn();
  if (prototype === undefined || listenOn === undefined || !isNodeKnown()) throw new MptcpError("ERR_MPTCP_NODE", `Node ${process.version} is built in another way than those known`);
  const { bind, bind6, connect, connect6 } = prototype;
  const native: Methods = { bind, bind6, connect, connect6 };
  if (sources.kernel) armKernel(prototype, native);
  if (sources.userspace !== null) armUserspace(prototype, { ...native, ...(sources.kernel ? own(prototype) : {}) }, { ...sources, userspace: sources.userspace }, listenOn);
}

function own({ bind, bind6, connect, connect6 }: NodeHandle): Methods {
  return { bind, bind6, connect, connect6 };
}

// ---- the kernel's

/** A new handle gets its socket when the family is known. @returns 0, or libuv's number of an error */
function open(handle: NodeHandle, family: 4 | 6): number {
  return handle.fd >= 0 ? 0 : openInto(handle, family);
}

function armKernel(prototype: NodeHandle, native: Methods): void {
  prototype.bind = function (address, port, flags) {
    return open(this, 4) || native.bind.call(this, address, port, flags);
  };
  prototype.bind6 = function (address, port, flags) {
    return open(this, 6) || native.bind6.call(this, address, port, flags);
  };
  prototype.connect = function (request, address, port) {
    return open(this, 4) || native.connect.call(this, request, address, port);
  };
  prototype.connect6 = function (request, address, port) {
    return open(this, 6) || native.connect6.call(this, request, address, port);
  };
}

// ---- the engine's

function armUserspace(prototype: NodeHandle, others: Methods, sources: Sources & { readonly userspace: UserspaceScope }, listenOn: ListenOn): void {
  const { userspace } = sources;
  noteTlsConsumers();
  keepStreams(net.Socket.prototype);
  letReset();
  // Of a client: until the peer's address is known, nobody knows whose the binding is.
  const bindings = new WeakMap<NodeHandle, () => number>();
  const later = (handle: NodeHandle, method: "bind" | "bind6", address: string, port: number | undefined, flags: number | undefined): number => {
    if (!(ownerOf(handle) instanceof net.Socket)) return others[method].call(handle, address, port, flags);
    bindings.set(handle, () => {
      Reflect.deleteProperty(handle, "getsockname");
      return others[method].call(handle, address, port, flags);
    });
    names.set(handle, { address, port });
    handle.getsockname = (out) => {
      Object.assign(out, { address, port, family: method === "bind" ? "IPv4" : "IPv6" });
      return 0;
    };
    return 0;
  };
  const names = new WeakMap<NodeHandle, { readonly address: string; readonly port: number | undefined }>();
  const dial = (handle: NodeHandle, method: "connect" | "connect6", request: object, address: string, port: number): number => {
    const owner = ownerOf(handle);
    if (owner instanceof net.Socket && userspace.reaches(address, port)) return exchange(owner, names.get(handle), request, address, port);
    return bindings.get(handle)?.() || others[method].call(handle, request, address, port);
  };
  const exchange = (owner: net.Socket, bound: { readonly address: string; readonly port: number | undefined } | undefined, request: object, address: string, port: number): number => {
    const handle = new StreamHandle(userspace.runtime, { multipath: sources.multipath }, null);
    const error = bound === undefined ? 0 : handle.bind(bound.address, bound.port);
    if (error !== 0) return error;
    handle.owner = owner;
    setOwner(handle, owner);
    exchangeHandle(owner, handle);
    return handle.connect(request, address, port);
  };
  prototype.bind = function (address, port, flags) {
    return later(this, "bind", address, port, flags);
  };
  prototype.bind6 = function (address, port, flags) {
    return later(this, "bind6", address, port, flags);
  };
  prototype.connect = function (request, address, port) {
    return dial(this, "connect", request, address, port);
  };
  prototype.connect6 = function (request, address, port) {
    return dial(this, "connect6", request, address, port);
  };
  (net.Server.prototype as unknown as { _listen2: ListenOn })._listen2 = function (address, port, family, backlog, fd, flags) {
    const server = this as unknown as { _handle: unknown };
    if (!server._handle && (family === 4 || family === 6) && fd === undefined && userspace.listens(address, port)) server._handle = listenHandle(sources, address, port, backlog, flags);
    if (address === null && server._handle instanceof ListenHandle) listenOn.call(this, server._handle.anyAddress, port, server._handle.anyAddress === "::" ? 6 : 4, backlog, fd, flags);
    else listenOn.call(this, address, port, family, backlog, fd, flags);
  };
}

function listenHandle({ userspace, multipath }: Sources & { readonly userspace: UserspaceScope }, address: string | null, port: number, backlog: number | undefined, flags = 0): ListenHandle {
  return new ListenHandle(userspace.runtime, address, port, {
    multipath,
    ...(backlog === undefined || backlog <= 0 ? {} : { backlog }),
    ipv6Only: (flags & UV_TCP_IPV6ONLY) !== 0,
    isWelcome: (connection) => (multipath === "required" && !connection.multipath ? "reset" : "yes"),
  });
}

/** `resetAndDestroy`, for which Node asks for a handle of libuv's. */
function letReset(): void {
  const prototype = net.Socket.prototype as unknown as { resetAndDestroy(this: net.Socket): net.Socket; _reset(this: net.Socket): void };
  const { resetAndDestroy } = prototype;
  prototype.resetAndDestroy = function () {
    if (!((socketHandle.get(this) as unknown) instanceof StreamHandle)) return resetAndDestroy.call(this);
    if (this.connecting) this.once("connect", () => prototype._reset.call(this));
    else prototype._reset.call(this);
    return this;
  };
}

