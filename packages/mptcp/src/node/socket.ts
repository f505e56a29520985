import * as dns from "node:dns";
import * as net from "node:net";
import type { AddressInfo, SocketConnectOpts } from "node:net";
import { inspect } from "node:util";
import { MptcpError } from "../core/index.ts";
import type { ConnectionSnapshot } from "../core/index.ts";
import type { RestoreOptions } from "../host/index.ts";
import { defaultStack } from "./default-stack.ts";

import { isUnusedTcpHandle, keepStreams, resetAndDestroy, socketHandle, StreamHandle } from "./handle/index.ts";
import type { NodeHandle } from "./handle/index.ts";
import type { SocketMptcp } from "./mptcp-info.ts";
import type { Runtime } from "./runtime.ts";
import type { SocketEvents } from "./socket-events.ts";
import { EngineSocketMptcp } from "./socket-mptcp.ts";
import type { LookupFunction, SocketConnectOptions, SocketOptions } from "./socket-options.ts";
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
  /** The options of the last `connect`, and how many there were. */
  private connectOptions: SocketConnectOptions | null = null;
  private dials = 0;
  /** Node's own note that it is to try no further address. */
  declare private _aborted: boolean | undefined;

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
    if (this.destroyed) this.renew();
    this.connectOptions = options;
    const family = options.family ?? this.familyToLookUp(options);
    const dial = ++this.dials;
    const given = {
      ...options,
      ...(family === undefined ? {} : { family }),
      ...(isPath(options) ? {} : { lookup: this.onceFor(dial, options.lookup) }),
      // Node goes on with the addresses of an attempt that was given up, until it comes to its note: a second attempt does without it.
      ...(this._aborted === true ? { autoSelectFamily: false } : {}),
    };
    return super.connect(given as SocketConnectOpts, callback ?? undefined);
  }

  /** As if the socket had never been connected: it may be, once more. */
  private renew(): void {
    this.face.attach(null, null);
    // The server that accepted it counted it off.
    Object.assign(this, { server: null, _server: null });
  }

  /** `lookup`, whose answer is heard once, and while the attempt that it is for is the last one. */
  private onceFor(dial: number, lookup: LookupFunction | null | undefined): LookupFunction {
    // What is no function is Node's to refuse.
    if (lookup !== undefined && lookup !== null && typeof lookup !== "function") return lookup;
    return (host, options, callback) => {
      let isAnswered = false;
      const look = (lookup ?? dns.lookup) as LookupFunction;
      look(host, options, (...answer) => {
        if (isAnswered || this.dials !== dial) return;
        isAnswered = true;
        callback(...answer);
      });
    };
  }

  /** The family to look names up in where one address alone will be tried, and the stack has one family alone. */
  private familyToLookUp({ autoSelectFamily = net.getDefaultAutoSelectFamily(), lookup }: SocketConnectOptions): number | undefined {
    if (autoSelectFamily || lookup !== undefined) return undefined;
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

  /**
   * Node is in the middle of something when it tells of an attempt to connect, and does not expect the socket to be destroyed or connected by a listener: so
   * listeners hear of it a little later.
   */
  override emit(event: string | symbol, ...values: unknown[]): boolean {
    if (typeof event !== "string" || !DIALING.has(event)) return super.emit(event, ...values);
    const { dials } = this;
    if (this.listenerCount(event) === 0) return false;
    process.nextTick(() => {
      if (this.dials === dials && !this.destroyed) super.emit(event, ...values);
    });
    return true;
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (this.connecting && this.autoSelectFamilyAttemptedAddresses !== undefined) this._aborted = true;
    super._destroy(error, callback);
  }

  private engineHandle(unused: NodeHandle, runtime: Runtime): NodeHandle {
    const handle = new StreamHandle(runtime, { ...this.settings, ...this.connectOptions }, this.face);
    handle.owner = this;
    unused.close();
    return handle as unknown as NodeHandle;
  }

  // ---- closing

  /** Closes with a RST, or MP_FASTCLOSE. */
  override resetAndDestroy(): this {
    resetAndDestroy(this, net.Socket.prototype.resetAndDestroy);
    return this;
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

keepStreams(Socket.prototype, net.Socket.prototype);

/** What Node tells while it connects. */
const DIALING: ReadonlySet<string> = new Set(["lookup", "connectionAttempt", "connectionAttemptFailed", "connectionAttemptTimeout"]);

/** Sorts the arguments of `connect` out, as `net` does. */
function normalize(given: readonly unknown[]): [SocketConnectOptions, (() => void) | null] {
  return (net as unknown as { _normalizeArgs(given: readonly unknown[]): [SocketConnectOptions, (() => void) | null] })._normalizeArgs(given);
}

function isPath(options: SocketConnectOptions | { readonly path?: unknown }): boolean {
  return "path" in options && Boolean(options.path);
}
