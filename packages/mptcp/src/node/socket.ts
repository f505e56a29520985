import { isIP } from "node:net";
import type { AddressInfo, SocketConnectOpts } from "node:net";
import { addAbortSignal, Duplex } from "node:stream";
import { inspect } from "node:util";
import { MptcpError } from "../core/index.ts";
import type { ConnectionSnapshot } from "../core/index.ts";
import type { ConnectOptions, RestoreOptions } from "../host/index.ts";
import type { KeepAlive, StreamConnection, TcpConfig } from "../tcp/index.ts";
import { configOfKeepAlive, STREAM_EVENT } from "../tcp/index.ts";
import { IpAddress, Payload } from "../wire/index.ts";
import { defaultStack } from "./default-stack.ts";
import { Dialer } from "./dialer.ts";
import type { DialerOwner } from "./dialer.ts";
import { codedError, connectError, ioError, requiredError, validDelay, validLocalPort, validPort } from "./errors.ts";
import { Lingerer } from "./lingerer.ts";
import type { SocketMptcp } from "./mptcp-info.ts";
import { DEAF } from "./runtime.ts";
import type { ConnectionHandler, Runtime } from "./runtime.ts";
import type { SocketEvents } from "./socket-events.ts";
import { familyOf } from "./socket-info.ts";
import { EngineSocketMptcp } from "./socket-mptcp.ts";
import { keepAliveAfter } from "./socket-options.ts";
import type { SocketConnectOptions, SocketOptions } from "./socket-options.ts";
import { takeUnread, unwrittenOf } from "./socket-snapshot.ts";
import type { SocketSnapshot } from "./socket-snapshot.ts";

export type { LookupFunction, SocketConnectOptions, SocketOptions } from "./socket-options.ts";

/** The types of its events, which a class cannot declare by itself; the methods are those of `Duplex`. */
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
 * A byte stream over Multipath TCP that looks like `net.Socket`; docs/sockets.md lists what differs.
 *
 * Beside Node's it has the events of `MptcpEvents`, and {@link Socket.mptcp}.
 */
export class Socket extends Duplex implements ConnectionHandler, DialerOwner {
  connecting = false;
  bytesRead = 0;
  /** Milliseconds without activity after which `timeout` is emitted; undefined for none. */
  timeout: number | undefined = undefined;
  /** Every address that was tried, where a name has several; undefined where none has, as `net` has it in spite of its types. */
  autoSelectFamilyAttemptedAddresses: string[] = undefined as unknown as string[];
  /** Multipath TCP as seen from this socket, after RFC 6897. */
  readonly mptcp: SocketMptcp;

  private readonly engineMptcp: EngineSocketMptcp;
  private readonly options: SocketOptions;
  /** The options of the last `connect`. */
  private connectOptions: SocketConnectOptions | null = null;
  private runtime: Runtime | null;
  private connection: StreamConnection | null = null;
  private dialer: Dialer | null = null;
  /** Whom to tell that the socket closed. */
  private onGone: (() => void) | null = null;
  private isReferenced = true;
  private holdsReference = false;
  private wantsData = false;
  private isEnded = false;
  private bytesHandedOver = 0;
  private waiting: Uint8Array | null = null;
  /** Octets of the whole chunk of which `waiting` is the rest. */
  private waitingLength = 0;
  private waitingCallback: ((error?: Error | null) => void) | null = null;
  private idleTimer: NodeJS.Timeout | null = null;
  private noDelay = false;
  private keepAlive: KeepAlive | null = null;
  private peer: { address: string; port: number } | null = null;
  private isResetting = false;

  constructor(options: SocketOptions = {}) {
    super({
      allowHalfOpen: options.allowHalfOpen ?? false,
      emitClose: false,
      autoDestroy: true,
      ...(options.highWaterMark === undefined ? {} : { highWaterMark: options.highWaterMark }),
    });
    this.options = options;
    this.runtime = options.runtime ?? null;
    this.engineMptcp = new EngineSocketMptcp(this, options.localAddresses);
    this.mptcp = this.engineMptcp;
    if (options.noDelay === true) this.noDelay = true;
    if (options.keepAlive === true) this.keepAlive = keepAliveAfter(options.keepAliveInitialDelay ?? 0);
    this.on("end", onReadableEnd);
    if (options.signal !== undefined) addAbortSignal(options.signal, this);
  }

  /** A socket on a connection that was accepted. */
  static accepted(runtime: Runtime, connection: StreamConnection, options: SocketOptions, onGone: () => void): Socket {
    const socket = new Socket({ ...options, runtime });
    socket.onGone = onGone;
    socket.adopt(connection);
    return socket;
  }

  /** A socket on a connection that was saved; see `Stack.restore`. @throws MptcpError as Host.restore does */
  static restored(runtime: Runtime, snapshot: SocketSnapshot, options: SocketOptions & RestoreOptions): Socket {
    const { policies, ...rest } = options;
    const socket = new Socket({ ...rest, runtime });
    socket.adopt(runtime.restore(snapshot.connection, policies === undefined ? {} : { policies }, socket));
    const unread = Buffer.from(snapshot.unread, "base64");
    const unwritten = Buffer.from(snapshot.unwritten, "base64");
    socket.bytesRead = snapshot.bytesRead;
    socket.bytesHandedOver = snapshot.bytesWritten - unwritten.length;
    if (unread.length > 0) socket.unshift(unread);
    if (unwritten.length > 0) socket.write(unwritten);
    if (snapshot.isEnded) socket.end();
    return socket;
  }

  // ---- moving

  /**
   * Takes the connection out of the socket as plain data, from which `Stack.restore` goes on, in this process or another one: the peer notices
   * nothing but a pause. The socket is destroyed without an error, and nothing more is sent here; chunks that were not taken yet are in the
   * data, and their callbacks hear ERR_STREAM_DESTROYED. **The data holds the connection's keys: keep it secret.**
   * @throws MptcpError ERR_MPTCP_SNAPSHOT_CLOSED when there is no open connection; ERR_MPTCP_SNAPSHOT_UNSUPPORTED when it cannot be saved, and goes on
   */
  detach(): SocketSnapshot {
    const { connection, runtime, waiting } = this;
    if (connection === null || runtime === null || this.connecting || this.destroyed) throw new MptcpError("ERR_MPTCP_SNAPSHOT_CLOSED", "the socket has no open connection");
    this.engineMptcp.attach(null, null);
    let saved: ConnectionSnapshot;
    try {
      saved = connection.snapshot(runtime.now);
    } catch (error) {
      this.engineMptcp.attach(runtime, connection);
      throw error;
    }
    const isEnded = this.writableEnded;
    const { bytesRead, bytesWritten } = this;
    const unwritten = Buffer.concat([...(waiting === null ? [] : [waiting]), ...unwrittenOf(this)]);
    runtime.release(connection);
    this.connection = null;
    const unread = Buffer.concat(takeUnread(this));
    this.letGo();
    this.destroy();
    return { connection: saved, unread: unread.toString("base64"), unwritten: unwritten.toString("base64"), isEnded, bytesRead, bytesWritten };
  }

  // ---- opening

  /** Connects, as `net.Socket.connect` does: `(options[, callback])` or `(port[, host][, callback])`. */
  connect(options: SocketConnectOptions, callback?: () => void): this;
  connect(port: number | string, host: string, callback?: () => void): this;
  connect(port: number | string, callback?: () => void): this;
  /** For those who know of `net.Socket` alone: a `path` is refused with ERR_MISSING_ARGS. */
  connect(options: SocketConnectOpts, callback?: () => void): this;
  connect(given: SocketConnectOptions | SocketConnectOpts | number | string, second?: string | (() => void), third?: () => void): this {
    const first = given as SocketConnectOptions | number | string;
    const options: SocketConnectOptions = typeof first === "object" ? first : { port: first, ...(typeof second === "string" ? { host: second } : {}) };
    const callback = typeof second === "function" ? second : third;
    if (options === null || (options.port ?? null) === null) {
      throw codedError(TypeError, "ERR_MISSING_ARGS", 'The "options" or "port" or "path" argument must be specified');
    }
    const port = validPort(options.port, "Port");
    // `isIP` also takes those with a zone, which are no addresses of a stack.
    if (options.localAddress !== undefined && (isIP(options.localAddress) === 0 || IpAddress.parse(options.localAddress) === null)) {
      throw codedError(TypeError, "ERR_INVALID_IP_ADDRESS", `Invalid IP address: ${options.localAddress}`);
    }
    if ((options.localPort ?? 0) !== 0) validLocalPort(options.localPort);
    this.runtime ??= options.runtime ?? defaultStack().runtime;
    if (this.destroyed) this.renew();
    else if (this.connecting || this.connection !== null) {
      // As a system call would say it.
      const error = connectError(this.connecting ? "EALREADY" : "EISCONN", options.host ?? "localhost", port);
      process.nextTick(() => this.destroy(error));
      return this;
    }
    if (options.timeout !== undefined) this.setTimeout(options.timeout);
    if (options.noDelay !== undefined) this.setNoDelay(options.noDelay);
    if (options.keepAlive !== undefined) this.setKeepAlive(options.keepAlive, options.keepAliveInitialDelay);
    if (options.localAddresses !== undefined && options.localAddresses !== this.options.localAddresses) this.mptcp.addAddress(...options.localAddresses);
    if (callback !== undefined) this.once("connect", callback);
    this.connectOptions = options;
    this.dial(new Dialer(this, options, port));
    return this;
  }

  private dial(dialer: Dialer): void {
    this.connecting = true;
    this.dialer = dialer;
    if (this.isReferenced) this.hold();
    this.touch();
    try {
      dialer.start();
    } catch (error) {
      // The look-up would not even begin: the caller hears of it, and nothing is under way.
      this.endDialing();
      this.letGo();
      throw error;
    }
  }

  private endDialing(): void {
    this.connecting = false;
    this.dialer?.stop();
    this.dialer = null;
  }

  /** As if the socket had never been connected: it may be, once more. */
  private renew(): void {
    // What `net` does, and what streams have for it.
    (this as unknown as { _undestroy(): void })._undestroy();
    Reflect.deleteProperty(this, "write");
    this.connection = null;
    this.engineMptcp.attach(null, null);
    this.wantsData = false;
    this.isEnded = false;
    this.isResetting = false;
    this.bytesRead = 0;
    this.bytesHandedOver = 0;
  }

  /** The dialer's call. */
  reaches(remote: IpAddress): boolean {
    const local = this.connectOptions?.localAddress;
    if (local !== undefined) return isIP(local) === remote.family;
    return this.runtime !== null && this.runtime.host.localAddresses().some((own) => own.address.family === remote.family);
  }

  /** The dialer's call. */
  openTo(remote: IpAddress, port: number): void {
    const { runtime, connectOptions } = this;
    if (runtime === null) return;
    this.peer = { address: String(remote), port };
    const settings = { ...this.options, ...connectOptions };
    const bound = settings.localAddress === undefined ? null : IpAddress.from(settings.localAddress);
    const local = bound ?? this.engineMptcp.firstAddress(runtime, remote);
    const parameters: ConnectOptions = {
      multipath: settings.multipath !== false,
      require: settings.multipath === "required",
      mptcp: { localAddresses: this.engineMptcp.restriction(runtime, bound), ...settings.mptcp },
      ...(local === null ? {} : { localAddress: local }),
      ...(settings.localPort === undefined || settings.localPort === 0 ? {} : { localPort: settings.localPort }),
      tcp: { ...this.tcpSettings(), ...settings.tcp },
    };
    this.connection = runtime.connect(remote, port, parameters, this);
    this.engineMptcp.attach(runtime, this.connection);
  }

  private tcpSettings(): Partial<TcpConfig> {
    return { noDelay: this.noDelay, ...configOfKeepAlive(this.keepAlive) };
  }

  /** The dialer's call. */
  abandon(): void {
    const { connection, runtime } = this;
    this.connection = null;
    this.engineMptcp.attach(null, null);
    if (connection === null || runtime === null) return;
    runtime.attach(connection, DEAF);
    connection.abort(runtime.now);
    runtime.poke();
  }

  private adopt(connection: StreamConnection): void {
    this.connection = connection;
    this.peer = { address: String(connection.tuple.remoteAddress), port: connection.tuple.remotePort };
    if (this.runtime !== null) this.engineMptcp.attach(this.runtime, connection);
    this.hold();
  }

  // ---- what happened

  /** The runtime's call. */
  onEvents(events: number, _now: number): void {
    try {
      this.attend(events);
    } catch (error) {
      // A listener's, and so the application's. What else there was to do is done all the same.
      setImmediate(() => this.onEvents(STREAM_EVENT.writable | STREAM_EVENT.readable, 0));
      throw error;
    }
  }

  private attend(events: number): void {
    const { connection } = this;
    if (connection === null) return;
    const isGivenUp = this.isRequired && !connection.multipath;
    if ((events & STREAM_EVENT.connected) !== 0 && this.connecting && !isGivenUp) this.onConnected();
    if ((events & STREAM_EVENT.fallback) !== 0) this.emit("fallback", connection.fallback);
    if (!this.isOn(connection)) return;
    if (connection.error !== null) {
      this.fail(connection.error);
      return;
    }
    if (isGivenUp) {
      this.isResetting = true;
      this.destroy(requiredError(connection.fallback ?? "not_requested"));
      return;
    }
    if ((events & STREAM_EVENT.writable) !== 0) this.writeOn();
    if ((events & (STREAM_EVENT.readable | STREAM_EVENT.closed)) !== 0) this.readOn();
  }

  /** Whether that is the socket's connection still: a listener may have destroyed the socket, and connected it again. */
  private isOn(connection: StreamConnection): boolean {
    return this.connection === connection && !this.destroyed;
  }

  private get isRequired(): boolean {
    return (this.connectOptions?.multipath ?? this.options.multipath) === "required";
  }

  private onConnected(): void {
    this.endDialing();
    this.touch();
    this.emit("connect");
    this.emit("ready");
    if (!this.destroyed && !this.isPaused()) this.read(0);
  }

  private fail(code: string): void {
    // The runtime was closed under the socket, by whoever owns both.
    if (code === "ECONNABORTED") {
      this.destroy();
      return;
    }
    if (this.connecting) {
      const error = connectError(code, this.peer?.address ?? "", this.peer?.port ?? 0);
      if (this.dialer === null) this.destroy(error);
      else this.dialer.attemptFailed(error);
      return;
    }
    const { connection } = this;
    // What arrived before the break is the reader's.
    this.readOn();
    // Who does not read learns of it by writing.
    if (connection !== null && this.isOn(connection)) this.destroy(ioError(code, this.waiting !== null && !this.wantsData ? "write" : "read"));
  }

  // ---- Duplex

  override _read(): void {
    if (this.destroyed) return;
    if (this.connecting || this.connection === null) {
      this.once("connect", () => this._read());
      return;
    }
    this.wantsData = true;
    this.readOn();
  }

  private readOn(): void {
    const { connection, runtime } = this;
    if (connection === null || runtime === null) return;
    while (this.wantsData && connection.readable > 0) {
      const payload = connection.read(READ_LENGTH, runtime.now);
      if (payload === null) break;
      this.bytesRead += payload.length;
      const bytes = payload.toUint8Array();
      this.touch();
      const wantsMore = this.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
      if (!this.isOn(connection)) return;
      this.wantsData = wantsMore;
      runtime.poke();
    }
    if (connection.ended && !this.isEnded) {
      this.isEnded = true;
      this.push(null);
      // Nobody may be reading, and still the end is to be noticed.
      if (this.readableLength === 0) this.read(0);
    }
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (this.connecting) {
      this.whenConnected(() => this._write(chunk, _encoding, callback), callback);
      return;
    }
    if (this.connection === null || this.destroyed) {
      callback(codedError(Error, "ERR_SOCKET_CLOSED", "Socket is closed"));
      return;
    }
    this.waiting = chunk;
    this.waitingLength = chunk.length;
    this.waitingCallback = callback;
    this.writeOn();
  }

  private writeOn(): void {
    const { connection, runtime, waiting, waitingCallback } = this;
    if (waiting === null || waitingCallback === null || connection === null || runtime === null) return;
    const taken = connection.write(new Payload(waiting, 0, waiting.length), false, runtime.now);
    if (taken > 0) {
      this.touch();
      runtime.poke();
    }
    if (taken < waiting.length) {
      this.waiting = waiting.subarray(taken);
      return;
    }
    this.bytesHandedOver += this.waitingLength;
    this.waiting = null;
    this.waitingCallback = null;
    waitingCallback();
  }

  override _final(callback: (error?: Error | null) => void): void {
    if (this.connecting) {
      this.whenConnected(() => this._final(callback), callback);
      return;
    }
    if (this.connection !== null && this.runtime !== null && !this.destroyed) {
      this.connection.end(this.runtime.now);
      this.runtime.poke();
    }
    callback();
  }

  /** One of both is called, and once. When `action` is, a listener may have destroyed the socket. */
  private whenConnected(action: () => void, fail: (error: Error) => void): void {
    const onClose = (): void => {
      this.off("connect", onConnect);
      fail(codedError(Error, "ERR_SOCKET_CLOSED_BEFORE_CONNECTION", "Socket closed before the connection was established"));
    };
    const onConnect = (): void => {
      this.off("close", onClose);
      action();
    };
    this.once("close", onClose);
    this.once("connect", onConnect);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const wasConnecting = this.connecting;
    this.endDialing();
    if (this.idleTimer !== null) clearTimeout(this.idleTimer);
    this.idleTimer = null;
    const { waitingCallback } = this;
    this.waiting = null;
    this.waitingCallback = null;
    this.leave(wasConnecting);
    callback(error);
    if (waitingCallback !== null) process.nextTick(waitingCallback, error);
    const hadError = error !== null && error !== undefined;
    setImmediate(() => this.emit("close", hadError));
    this.onGone?.();
    this.onGone = null;
  }

  /** Leaves the connection to itself: closed, or broken where that is what a kernel does. */
  private leave(wasConnecting: boolean): void {
    const { connection, runtime } = this;
    if (connection === null || runtime === null) {
      this.letGo();
      return;
    }
    const { now } = runtime;
    // RFC 1122 §4.2.2.13: a close with data unread says so by RST.
    if (wasConnecting || this.isResetting || connection.readable > 0) connection.abort(now);
    else connection.abandon(now);
    if (!this.holdsReference) runtime.ref();
    this.holdsReference = false;
    Lingerer.take(runtime, connection);
    runtime.poke();
  }

  // ---- closing

  /** Closes with a RST, or MP_FASTCLOSE. */
  resetAndDestroy(): this {
    if (this.connecting) this.whenConnected(() => this.reset(), () => {});
    else if (this.connection !== null && !this.destroyed) this.reset();
    else this.destroy(codedError(Error, "ERR_SOCKET_CLOSED", "Socket is closed"));
    return this;
  }

  private reset(): void {
    this.isResetting = true;
    this.destroy();
  }

  /** Destroys the socket once everything written was handed over. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once("finish", () => this.destroy());
  }

  // ---- settings

  /** Emits `timeout` after `milliseconds` without activity; 0: never. */
  setTimeout(milliseconds: number, callback?: () => void): this {
    if (this.destroyed) return this;
    this.timeout = validDelay(milliseconds, "msecs");
    if (callback !== undefined && typeof callback !== "function") throw codedError(TypeError, "ERR_INVALID_ARG_TYPE", 'The "callback" argument must be of type function.');
    if (this.idleTimer !== null) clearTimeout(this.idleTimer);
    this.idleTimer = null;
    if (milliseconds === 0) {
      if (callback !== undefined) this.removeListener("timeout", callback);
      return this;
    }
    this.idleTimer = setTimeout(() => this.onIdle(), Math.min(milliseconds, 0x7fff_ffff)).unref();
    if (callback !== undefined) this.once("timeout", callback);
    return this;
  }

  private onIdle(): void {
    this.emit("timeout");
  }

  /** Something moved: the idle time begins anew. */
  private touch(): void {
    this.idleTimer?.refresh();
  }

  /** Turns Nagle's algorithm off, or on with false; turned off, what it held back leaves at once. */
  setNoDelay(enable = true): this {
    const isOff = Boolean(enable);
    if (isOff === this.noDelay) return this;
    this.noDelay = isOff;
    if (this.connection === null || this.runtime === null || this.destroyed) return this;
    this.connection.setNoDelay(isOff, this.runtime.now);
    this.runtime.poke();
    return this;
  }

  /** Turns keep-alive probes on, the first after `delay` ms of silence (0: as before, or two hours), ten in all, one a second; or off. */
  setKeepAlive(enable = false, delay = 0): this {
    this.keepAlive = enable ? (delay <= 0 ? (this.keepAlive ?? keepAliveAfter(0)) : keepAliveAfter(delay)) : null;
    if (this.connection === null || this.runtime === null || this.destroyed) return this;
    this.connection.setKeepAlive(this.keepAlive, this.runtime.now);
    this.runtime.poke();
    return this;
  }

  ref(): this {
    this.isReferenced = true;
    if (this.connecting || this.connection !== null) this.hold();
    return this;
  }

  unref(): this {
    this.isReferenced = false;
    this.letGo();
    return this;
  }

  private hold(): void {
    if (this.holdsReference || this.destroyed || this.runtime === null) return;
    this.holdsReference = true;
    this.runtime.ref();
  }

  private letGo(): void {
    if (!this.holdsReference) return;
    this.holdsReference = false;
    this.runtime?.unref();
  }

  // ---- what it is

  address(): AddressInfo | Record<string, never> {
    const { tuple } = this;
    if (tuple === null || this.destroyed) return {};
    const { localAddress, localPort } = tuple;
    return { address: String(localAddress), family: familyOf(localAddress), port: localPort };
  }

  /** Octets handed to the engine, or waiting in the stream for that. */
  get bytesWritten(): number {
    return this.bytesHandedOver + this.writableLength;
  }

  get pending(): boolean {
    return this.connection === null || this.connecting || this.destroyed;
  }

  get readyState(): "opening" | "open" | "readOnly" | "writeOnly" | "closed" {
    if (this.connecting) return "opening";
    if (this.readable) return this.writable ? "open" : "readOnly";
    return this.writable ? "writeOnly" : "closed";
  }

  /** Bytes that wait in the stream to be handed to the engine; undefined without a connection, as `net` has it in spite of its types. */
  get bufferSize(): number {
    return this.connection === null ? (undefined as unknown as number) : this.writableLength;
  }

  get localAddress(): string | undefined {
    return this.tuple === null ? undefined : String(this.tuple.localAddress);
  }

  get localPort(): number | undefined {
    return this.tuple?.localPort;
  }

  get localFamily(): string | undefined {
    return this.tuple === null ? undefined : familyOf(this.tuple.localAddress);
  }

  get remoteAddress(): string | undefined {
    return this.tuple === null || this.connecting ? undefined : String(this.tuple.remoteAddress);
  }

  get remotePort(): number | undefined {
    return this.connecting ? undefined : this.tuple?.remotePort;
  }

  get remoteFamily(): string | undefined {
    return this.tuple === null || this.connecting ? undefined : familyOf(this.tuple.remoteAddress);
  }

  private get tuple(): StreamConnection["tuple"] | null {
    return this.connection === null ? null : this.connection.tuple;
  }

  /** A line for `console.log`, in place of the whole engine. */
  [inspect.custom](): string {
    const { peer, connection } = this;
    const where = peer === null ? "" : ` ${connection === null ? "" : `${connection.tuple.localAddress}:${connection.tuple.localPort} -> `}${peer.address}:${peer.port}`;
    const { multipath, subflows } = this.mptcp.info();
    const how = connection === null || this.connecting ? "" : multipath ? `, Multipath TCP, subflows: ${subflows.length}` : ", TCP";
    return `Socket {${where} ${this.destroyed ? "destroyed" : this.readyState}${how}, read: ${this.bytesRead}, written: ${this.bytesWritten} }`;
  }
}

/** After the peer's end a socket that is not half open takes no more writes, as in `net`. */
function onReadableEnd(this: Socket): void {
  if (!this.allowHalfOpen) this.write = writeAfterEnd;
}

function writeAfterEnd(this: Socket, chunk: unknown, encoding?: unknown, callback?: unknown): boolean {
  if (this.writableEnded) return Duplex.prototype.write.call(this, chunk, encoding as BufferEncoding, callback as undefined);
  const error = codedError(Error, "EPIPE", "This socket has been ended by the other party");
  const done = typeof encoding === "function" ? encoding : callback;
  if (typeof done === "function") process.nextTick(done as (error: Error) => void, error);
  this.destroy(error);
  return false;
}

/** Octets of a chunk for the reader; as much as Node reads at once. */
const READ_LENGTH = 65_536;
