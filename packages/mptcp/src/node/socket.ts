import * as net from "node:net";
import type { AddressInfo, SocketConnectOpts } from "node:net";
import { inspect } from "node:util";
import { MptcpError } from "../core/index.ts";
import type { ConnectionSnapshot } from "../core/index.ts";
import type { RestoreOptions } from "../host/index.ts";
import { defaultStack } from "./default-stack.ts";

import { isUnusedTcpHandle, socketHandle, StreamHandle } from "./handle/index.ts";
import type { NodeHandle } from "./handle/index.ts";
import type { SocketMptcp } from "./mptcp-info.ts";
import type { Runtime } from "./runtime.ts";
import type { SocketEvents } from "./socket-events.ts";
import { EngineSocketMptcp } from "./socket-mptcp.ts";
import type { SocketConnectOptions, SocketOptions } from "./socket-options.ts";
import { takeUnread, unwrittenOf } from "./socket-snapshot.ts";
import type { SocketSnapshot } from "./socket-snapshot.ts";

export type { LookupFunction, SocketConnectOptions, SocketOptions } from "./socket-options.ts";

/** The types of its events, which a class cannot declare by itself; the methods are those of `net.Socket`. */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging
export interface Socket {
  on<E extends keyof SocketEvents>(event: E, listener: (...values: SocketEvents[E]) => void): this;
  on(event: string | symbol, listener: (...values: never[]) => void): this;
  once<E extends keyof SocketEvents>(event: E, listener: (...values: SocketEvents[E]) => void): this;
  once(event: string | symbol, listener: (...values: never[]) => void): this;
  off<E extends keyof SocketEvents>(event: E, listener: (...values: SocketEvents[E]) => void): this;
  off(event: string | symbol, listener: (...values: never[]) => void): this;
  addListener<E extends keyof SocketEvents>(event: E, listener: (...values: SocketEvents[E]) => void): this;
  addListener(event: string | symbol, listener: (...values: never[]) => void): this;
  removeListener<E extends keyof SocketEvents>(event: E, listener: (...values: SocketEvents[E]) => void): this;
  removeListener(event: string | symbol, listener: (...values: never[]) => void): this;
  prependListener<E extends keyof SocketEvents>(event: E, listener: (...values: SocketEvents[E]) => void): this;
  prependListener(event: string | symbol, listener: (...values: never[]) => void): this;
  prependOnceListener<E extends keyof SocketEvents>(event: E, listener: (...values: SocketEvents[E]) => void): this;
  prependOnceListener(event: string | symbol, listener: (...values: never[]) => void): this;
}

// oxlint-disable-next-line typescript/no-unsafe-declaration-merging
/**
 * A `net.Socket` over this library's Multipath TCP. It is one: Node's own code, on a handle that is a connection of the engine. docs/sockets.md lists what differs.
 *
 * Beside Node's it has the events of `MptcpEvents`, and {@link Socket.mptcp}.
 */
export class Socket extends net.Socket {
  // Sockets that a server accepted are made by Node, not by this constructor: they have none of the fields before `accepted` gives them some.
  private settings: SocketOptions;
  private runtime: Runtime | null;
  private face: EngineSocketMptcp;
  /** The options of the last `connect`. */
  private connectOptions: SocketConnectOptions | null = null;

  constructor(options: SocketOptions = {}) {
    const { runtime, localAddresses } = options;
    super(options);
    this.settings = options;
    this.runtime = runtime ?? null;
    this.face = new EngineSocketMptcp(this, localAddresses);
  }

  /** Makes a socket that Node's server accepted, on a handle of `runtime`, one of these. */
  static accepted(socket: net.Socket, runtime: Runtime, settings: SocketOptions): Socket {
    Object.setPrototypeOf(socket, Socket.prototype);
    const made = socket as Socket;
    const handle = socketHandle.get(made) as unknown as StreamHandle;
    handle.owner = made;
    made.face = handle.mptcp;
    made.settings = settings;
    made.runtime = runtime;
    made.connectOptions = null;
    return made;
  }

  /** A socket on a connection that was saved; see `Stack.restore`. @throws MptcpError as Host.restore does */
  static restored(runtime: Runtime, snapshot: SocketSnapshot, options: SocketOptions & RestoreOptions): Socket {
    const { policies, ...rest } = options;
    const unread = Buffer.from(snapshot.unread, "base64");
    const unwritten = Buffer.from(snapshot.unwritten, "base64");
    const counts = { read: snapshot.bytesRead, written: snapshot.bytesWritten - unwritten.length };
    const handle = StreamHandle.on(runtime, (handler) => runtime.restore(snapshot.connection, policies === undefined ? {} : { policies }, handler), rest, counts);
    const socket = Socket.accepted(new net.Socket({ ...rest, handle, manualStart: true } as net.SocketConstructorOpts), runtime, rest);
    if (unread.length > 0) socket.unshift(unread);
    if (unwritten.length > 0) socket.write(unwritten);
    if (snapshot.isEnded) socket.end();
    socket.read(0);
    return socket;
  }

  /** Multipath TCP as seen from this socket, after RFC 6897. */
  get mptcp(): SocketMptcp {
    return this.face;
  }

  // ---- moving

  /**
   * Takes the connection out of the socket as plain data, from which `Stack.restore` goes on, in this process or another one: the peer notices
   * nothing but a pause. The socket is destroyed without an error, and nothing more is sent here; chunks that were not taken yet are in the
   * data, and their callbacks hear ERR_STREAM_DESTROYED. **The data holds the connection's keys: keep it secret.**
   * @throws MptcpError ERR_MPTCP_SNAPSHOT_CLOSED when there is no open connection; ERR_MPTCP_SNAPSHOT_UNSUPPORTED when it cannot be saved, and goes on
   */
  detach(): SocketSnapshot {
    const handle: unknown = this._handle;
    const { runtime, face } = this;
    if (!(handle instanceof StreamHandle) || handle.connection === null || runtime === null || this.connecting || this.destroyed) throw new MptcpError("ERR_MPTCP_SNAPSHOT_CLOSED", "the socket has no open connection");
    const { connection } = handle;
    face.attach(null, null);
    let saved: ConnectionSnapshot;
    try {
      saved = connection.snapshot(runtime.now);
    } catch (error) {
      face.attach(runtime, connection);
      throw error;
    }
    const isEnded = this.writableEnded;
    const { bytesRead, bytesWritten } = this;
    const unwritten = Buffer.concat([...handle.unwritten, ...unwrittenOf(this)]);
    handle.release();
    const unread = Buffer.concat(takeUnread(this));
    this.destroy();
    return { connection: saved, unread: unread.toString("base64"), unwritten: unwritten.toString("base64"), isEnded, bytesRead, bytesWritten };
  }

  // ---- opening

  /** Connects, as `net.Socket.connect` does: `(options[, callback])` or `(port[, host][, callback])`. A `path` is a socket of the system. */
  override connect(options: SocketConnectOptions | SocketConnectOpts, callback?: () => void): this;
  override connect(port: number | string, host: string, callback?: () => void): this;
  override connect(port: number | string, callback?: () => void): this;
  override connect(first: SocketConnectOptions | SocketConnectOpts | number | string, ...rest: unknown[]): this {
    // `net` hands itself arguments that it has sorted out, in an array.
    const [options, callback] = Array.isArray(first) ? (first as unknown as [SocketConnectOptions, (() => void) | null]) : normalize([first, ...rest]);
    this.runtime ??= options.runtime ?? (isPath(options) ? null : defaultStack().runtime);
    if (options.localAddresses !== undefined && options.localAddresses !== this.settings.localAddresses) this.face.addAddress(...options.localAddresses);
    if (this.destroyed) this.face.attach(null, null);
    this.connectOptions = options;
    const family = options.family ?? this.onlyFamily();
    return super.connect({ ...options, ...(family === undefined ? {} : { family }) } as SocketConnectOpts, callback ?? undefined);
  }

  /** The family to look names up in where the stack has one alone. */
  private onlyFamily(): number | undefined {
    const families = new Set(this.runtime?.host.localAddresses().map(({ address }) => address.family));
    return families.size === 1 ? Array.from(families)[0] : undefined;
  }

  /** The handle beneath, where Node keeps it. In place of a new one of Node's, for each address that is tried, there is one of the engine. */
  get _handle(): NodeHandle | null {
    return socketHandle.get(this);
  }

  set _handle(handle: NodeHandle | null) {
    socketHandle.set(this, handle !== null && isUnusedTcpHandle(handle) && this.runtime !== null ? this.engineHandle(handle, this.runtime) : handle);
  }

  private engineHandle(unused: NodeHandle, runtime: Runtime): NodeHandle {
    const { multipath, mptcp, tcp } = { ...this.settings, ...this.connectOptions };
    const settings = { ...(multipath === undefined ? {} : { multipath }), ...(mptcp === undefined ? {} : { mptcp }), ...(tcp === undefined ? {} : { tcp }) };
    const handle = new StreamHandle(runtime, settings, this.face);
    handle.owner = this;
    unused.close();
    return handle as unknown as NodeHandle;
  }

  // ---- what it is

  override address(): AddressInfo | Record<string, never> {
    return super.address() as AddressInfo | Record<string, never>;
  }

  /** A line for `console.log`, in place of the whole engine. */
  [inspect.custom](): string {
    const { remoteAddress, remotePort, localAddress, localPort } = this;
    const where = remoteAddress === undefined ? "" : ` ${localAddress}:${localPort} -> ${remoteAddress}:${remotePort}`;
    const { multipath, subflows } = this.mptcp.info();
    const how = this.pending ? "" : multipath ? `, Multipath TCP, subflows: ${subflows.length}` : ", TCP";
    return `Socket {${where} ${this.destroyed ? "destroyed" : this.readyState}${how}, read: ${this.bytesRead}, written: ${this.bytesWritten} }`;
  }
}

/** Sorts the arguments of `connect` out, as `net` does. */
function normalize(given: readonly unknown[]): [SocketConnectOptions, (() => void) | null] {
  return (net as unknown as { _normalizeArgs(given: readonly unknown[]): [SocketConnectOptions, (() => void) | null] })._normalizeArgs(given);
}

function isPath(options: SocketConnectOptions | { readonly path?: unknown }): boolean {
  return "path" in options && Boolean(options.path);
}
