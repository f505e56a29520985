import * as net from "node:net";
import { MptcpError } from "../../core/index.ts";
import { exchangeHandle, isNodeKnown, keepStreams, ListenHandle, listenOnEngine, nodeListenOn, noteTlsConsumers, ownerOf, resetAndDestroy, setOwner, StreamHandle, tcpHandleClass } from "../handle/index.ts";
import type { ListenOn, NodeHandle } from "../handle/index.ts";
import { armHandle } from "../kernel/index.ts";
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
  if (sources.kernel) armHandle(prototype);
  if (sources.userspace !== null) armUserspace(prototype, { ...sources, userspace: sources.userspace }, listenOn);
}

/** What a client asked to bind before anybody knew whose that is. */
interface Binding {
  readonly address: string;
  readonly port: number | undefined;
  /** Does it for whoever is no peer of the engine. @returns 0, or libuv's number of an error */
  readonly perform: () => number;
}

/** The methods of handles decide whose a connection is; those that were there before are for everybody else. */
function armUserspace(prototype: NodeHandle, sources: Sources & { readonly userspace: UserspaceScope }, listenOn: ListenOn): void {
  const { userspace, multipath } = sources;
  const { bind, bind6, connect, connect6 } = prototype;
  const others = { bind, bind6, connect, connect6 };
  const { resetAndDestroy: native } = net.Socket.prototype;
  noteTlsConsumers();
  keepStreams(net.Socket.prototype);
  net.Socket.prototype.resetAndDestroy = function () {
    resetAndDestroy(this, native);
    return this;
  };
  const bindings = new WeakMap<NodeHandle, Binding>();
  const bindLater = (handle: NodeHandle, method: "bind" | "bind6", address: string, port: number | undefined, flags: number | undefined): number => {
    if (!(ownerOf(handle) instanceof net.Socket)) return others[method].call(handle, address, port, flags);
    const perform = (): number => {
      Reflect.deleteProperty(handle, "getsockname");
      return others[method].call(handle, address, port, flags);
    };
    bindings.set(handle, { address, port, perform });
    handle.getsockname = (out) => {
      Object.assign(out, { address, port, family: method === "bind" ? "IPv4" : "IPv6" });
      return 0;
    };
    return 0;
  };
  const dial = (handle: NodeHandle, method: "connect" | "connect6", request: object, address: string, port: number): number => {
    const owner = ownerOf(handle);
    const binding = bindings.get(handle);
    if (!(owner instanceof net.Socket) || !userspace.reaches(address, port)) return binding?.perform() || others[method].call(handle, request, address, port);
    const own = new StreamHandle(userspace.runtime, { multipath }, null);
    const error = binding === undefined ? 0 : own.bind(binding.address, binding.port);
    if (error !== 0) return error;
    own.owner = owner;
    setOwner(own, owner);
    exchangeHandle(owner, own);
    return own.connect(request, address, port);
  };
  prototype.bind = function (address, port, flags) {
    return bindLater(this, "bind", address, port, flags);
  };
  prototype.bind6 = function (address, port, flags) {
    return bindLater(this, "bind6", address, port, flags);
  };
  prototype.connect = function (request, address, port) {
    return dial(this, "connect", request, address, port);
  };
  prototype.connect6 = function (request, address, port) {
    return dial(this, "connect6", request, address, port);
  };
  (net.Server.prototype as unknown as { _listen2: ListenOn })._listen2 = function (...place) {
    const [address, port] = place;
    listenOnEngine(this, listenOn, place, (given) => (userspace.listens(address, port) ? new ListenHandle(userspace.runtime, address, port, { ...given, multipath, isWelcome: (connection) => (multipath === "required" && !connection.multipath ? "reset" : "yes") }) : null));
  };
}
