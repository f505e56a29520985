import * as net from "node:net";
import type { TcpNetConnectOpts } from "node:net";
import { codedError, requiredError } from "../errors.ts";
import type { MultipathChoice } from "../mptcp-info.ts";
import { requireKernelMptcp } from "./availability.ts";
import { KernelSocketMptcp } from "./kernel-socket-mptcp.ts";
import { socketHandle } from "../handle/index.ts";
import type { NodeHandle } from "../handle/index.ts";
import { armHandle } from "./tcp-handle.ts";

/** How a socket of the kernel is made: the options of `net.Socket`. */
export interface KernelSocketOptions extends Omit<net.SocketConstructorOpts, "fd"> {
  readonly noDelay?: boolean;
  readonly keepAlive?: boolean;
  readonly keepAliveInitialDelay?: number;
  readonly highWaterMark?: number;
  /** Ask for Multipath TCP; true unless given. With false it is a plain `net.Socket`, beside {@link KernelSocket.mptcp}. */
  readonly multipath?: MultipathChoice;
}

/** Where to connect to: the options of `net.connect` without `path`. */
export type KernelConnectOptions = Omit<TcpNetConnectOpts, "port" | "fd"> & KernelSocketOptions & { readonly port: number | string };

/**
 * A `net.Socket` over the kernel's own Multipath TCP (IPPROTO_MPTCP). It is one: name resolution, `autoSelectFamily`, errors and back-pressure
 * are Node's.
 */
export class KernelSocket extends net.Socket {
  // Sockets that a server accepted are made by Node, not by this constructor: they have none of the fields before they are used.
  private via: "kernel" | "tcp";
  private face: KernelSocketMptcp | undefined;
  /** Node's own note that the handle is to be closed by a reset. */
  declare private resetAndClosing: boolean;

  /** @throws MptcpError ERR_MPTCP_KERNEL when the kernel's Multipath TCP is not to be had */
  constructor(options: KernelSocketOptions = {}) {
    const { multipath = true, ...rest } = options;
    if (multipath !== false) requireKernelMptcp();
    super(rest);
    this.via = multipath === false ? "tcp" : "kernel";
    if (multipath === "required") this.emit = this.emitIfMultipath;
  }

  /** Makes a socket that Node's server accepted one of these. */
  static accepted(socket: net.Socket, via: "kernel" | "tcp"): KernelSocket {
    Object.setPrototypeOf(socket, KernelSocket.prototype);
    const made = socket as KernelSocket;
    made.via = via;
    return made;
  }

  /** What the kernel says of Multipath TCP on this connection. */
  get mptcp(): KernelSocketMptcp {
    return (this.face ??= new KernelSocketMptcp(this.via, () => socketHandle.get(this)?.fd ?? -1));
  }

  /** Connects, as `net.Socket.connect` does: `(options[, callback])` or `(port[, host][, callback])`. */
  override connect(options: net.SocketConnectOpts | KernelConnectOptions, callback?: () => void): this;
  override connect(port: number | string, host: string, callback?: () => void): this;
  override connect(port: number | string, callback?: () => void): this;
  override connect(first: net.SocketConnectOpts | KernelConnectOptions | number | string, ...rest: unknown[]): this {
    // `net` hands itself arguments that it has sorted out, in an array.
    const options: unknown = Array.isArray(first) ? first[0] : first;
    refusePath(options);
    return super.connect(...([first, ...rest] as unknown as Parameters<net.Socket["connect"]>));
  }

  /** The handle beneath, where Node keeps it. A new one, for each address that is tried, is given a socket of the kernel's Multipath TCP. */
  get _handle(): NodeHandle | null {
    return socketHandle.get(this);
  }

  set _handle(handle: NodeHandle | null) {
    if (handle !== null && this.via === "kernel" && handle.fd < 0) armHandle(handle);
    socketHandle.set(this, handle);
  }

  /** As `emit`, where Multipath TCP is required: a connection without it is an error, and nobody hears that it was there. */
  private emitIfMultipath(event: string | symbol, ...values: unknown[]): boolean {
    if (event === "ready" && this.destroyed) return false;
    if (event !== "connect") return super.emit(event, ...values);
    const { multipath, fallback } = this.mptcp.info();
    if (multipath) return super.emit(event, ...values);
    this.resetAndClosing = true;
    this.destroy(requiredError(fallback ?? "unknown"));
    return false;
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    // The last chance to ask; whoever never asked before will not later.
    if (this.face !== undefined) this.face.info();
    super._destroy(error, callback);
  }
}

/** @throws TypeError ERR_INVALID_ARG_VALUE for a path, a handle or a descriptor: these are no sockets of this protocol */
export function refusePath(options: unknown): void {
  if (typeof options === "string" && Number.isNaN(Number(options))) throw unfit("path", options);
  if (typeof options !== "object" || options === null) return;
  for (const name of ["path", "handle", "_handle", "fd"]) {
    const value = (options as Readonly<Record<string, unknown>>)[name];
    if (value !== undefined && value !== null) throw unfit(name, value);
  }
}

function unfit(name: string, value: unknown): Error {
  return codedError(TypeError, "ERR_INVALID_ARG_VALUE", `The property 'options.${name}' is invalid: sockets of the kernel's Multipath TCP have addresses and ports. Received ${typeof value}`);
}
