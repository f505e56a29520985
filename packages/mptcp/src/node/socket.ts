import { lookup as systemLookup } from "node:dns";
import type { LookupAddress } from "node:dns";
import { isIP } from "node:net";
import type { AddressInfo } from "node:net";
import { addAbortSignal, Duplex } from "node:stream";
import { MptcpError, SECOND } from "../core/index.ts";
import type { ConnectOptions } from "../host/index.ts";
import type { MptcpConfig } from "../mptcp/index.ts";
import type { StreamConnection, TcpConfig } from "../tcp/index.ts";
import { STREAM_EVENT } from "../tcp/index.ts";
import { IpAddress, Payload } from "../wire/index.ts";
import { defaultStack } from "./default-stack.ts";
import { codedError, connectError, ioError, validPort } from "./errors.ts";
import { Lingerer } from "./lingerer.ts";
import type { ConnectionHandler, Runtime } from "./runtime.ts";
import { SocketMptcp } from "./socket-mptcp.ts";

/** How a socket is made: the options of `net.Socket` that mean something here, and those of the engine. */
export interface SocketOptions {
  readonly allowHalfOpen?: boolean;
  readonly signal?: AbortSignal;
  readonly highWaterMark?: number;
  /** Ask for Multipath TCP; true unless given. */
  readonly multipath?: boolean;
  readonly tcp?: Partial<TcpConfig>;
  readonly mptcp?: Partial<MptcpConfig>;
  /** The runtime to use; that of the default stack unless given. */
  readonly runtime?: Runtime;
}

/** Where to connect to. */
export interface SocketConnectOptions extends SocketOptions {
  readonly port: number | string;
  /** "localhost" unless given. */
  readonly host?: string;
  readonly localAddress?: string;
  readonly localPort?: number;
  readonly family?: number;
  readonly lookup?: LookupFunction;
  readonly timeout?: number;
  readonly noDelay?: boolean;
  readonly keepAlive?: boolean;
  readonly keepAliveInitialDelay?: number;
}

/** `dns.lookup`, or something like it. */
export type LookupFunction = (
  hostname: string,
  options: { readonly family: number; readonly all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[] | string, family?: number) => void,
) => void;

/**
 * A byte stream over Multipath TCP that looks like `net.Socket`; docs/sockets.md lists what differs.
 *
 * Beside Node's it has the events `subflow` (one came, went or changed) and `fallback` (Multipath TCP was given up; the reason), and
 * {@link Socket.mptcp}.
 */
export class Socket extends Duplex implements ConnectionHandler {
  connecting = false;
  bytesRead = 0;
  /** Milliseconds without activity after which `timeout` is emitted; undefined for none. */
  timeout: number | undefined = undefined;
  autoSelectFamilyAttemptedAddresses: string[] = [];
  readonly mptcp: SocketMptcp;

  private readonly options: SocketOptions;
  private runtime: Runtime | null;
  private connection: StreamConnection | null = null;
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
  private keepAliveDelay = 0;
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
    this.mptcp = new SocketMptcp(() => this.runtime, () => this.connection);
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

  // ---- opening

  /** Connects, as `net.Socket.connect` does: `(options[, callback])` or `(port[, host][, callback])`. */
  connect(options: SocketConnectOptions, callback?: () => void): this;
  connect(port: number | string, host: string, callback?: () => void): this;
  connect(port: number | string, callback?: () => void): this;
  connect(first: SocketConnectOptions | number | string, second?: string | (() => void), third?: () => void): this {
    const options: SocketConnectOptions = typeof first === "object" ? first : { port: first, ...(typeof second === "string" ? { host: second } : {}) };
    const callback = typeof second === "function" ? second : third;
    if (options === null || (options.port ?? null) === null) {
      throw codedError(TypeError, "ERR_MISSING_ARGS", 'The "options" or "port" or "path" argument must be specified');
    }
    const port = validPort(options.port, "Port");
    if (options.localAddress !== undefined && isIP(options.localAddress) === 0) {
      throw codedError(TypeError, "ERR_INVALID_IP_ADDRESS", `Invalid IP address: ${options.localAddress}`);
    }
    if (callback !== undefined) this.once("connect", callback);
    this.connecting = true;
    if (options.timeout !== undefined) this.setTimeout(options.timeout);
    if (options.noDelay === true) this.setNoDelay(true);
    if (options.keepAlive === true) this.setKeepAlive(true, options.keepAliveInitialDelay);
    this.runtime ??= options.runtime ?? defaultStack().runtime;
    if (this.isReferenced) this.hold();
    this.touch();
    this.locate(options, port);
    return this;
  }

  /** Finds the peer's address, and opens. Errors come as events, later. */
  private locate(options: SocketConnectOptions, port: number): void {
    const host = options.host ?? "localhost";
    const literal = IpAddress.parse(host);
    if (literal !== null) {
      process.nextTick(() => this.open(literal, port, options));
      return;
    }
    const lookup: LookupFunction = options.lookup ?? systemLookup;
    lookup(host, { family: options.family ?? 0, all: true }, (error, found, family) => {
      const addresses = typeof found === "string" ? [{ address: found, family: family ?? isIP(found) }] : (found ?? []);
      const chosen = addresses.find(({ address }) => this.isReachable(address)) ?? addresses[0];
      this.emit("lookup", error, chosen?.address, chosen?.family, host);
      if (!this.connecting) return;
      if (error !== null && error !== undefined) {
        process.nextTick(() => this.destroy(error));
        return;
      }
      const remote = chosen === undefined ? null : IpAddress.parse(chosen.address);
      if (remote === null) this.destroy(codedError(Error, "ENOTFOUND", `getaddrinfo ENOTFOUND ${host}`));
      else this.open(remote, port, options);
    });
  }

  private isReachable(text: string): boolean {
    const address = IpAddress.parse(text);
    return address !== null && this.runtime !== null && this.runtime.host.localAddresses().some((local) => local.address.family === address.family);
  }

  private open(remote: IpAddress, port: number, options: SocketConnectOptions): void {
    const { runtime } = this;
    if (!this.connecting || runtime === null || this.destroyed) return;
    this.peer = { address: String(remote), port };
    this.emit("connectionAttempt", this.peer.address, port, remote.family);
    if (this.destroyed) return;
    const settings = { ...this.options, ...options };
    const local = options.localAddress === undefined ? undefined : IpAddress.from(options.localAddress);
    const parameters: ConnectOptions = {
      ...(settings.multipath === undefined ? {} : { multipath: settings.multipath }),
      ...(settings.mptcp === undefined ? {} : { mptcp: settings.mptcp }),
      ...(local === undefined ? {} : { localAddress: local }),
      ...(options.localPort === undefined || options.localPort === 0 ? {} : { localPort: options.localPort }),
      tcp: { noDelay: this.noDelay, keepAliveIdle: this.keepAliveDelay, ...settings.tcp },
    };
    try {
      this.connection = runtime.connect(remote, port, parameters, this);
    } catch (error) {
      if (!(error instanceof MptcpError)) throw error;
      this.destroy(connectError(error.code, this.peer.address, port));
    }
  }

  private adopt(connection: StreamConnection): void {
    this.connection = connection;
    this.peer = { address: String(connection.tuple.remoteAddress), port: connection.tuple.remotePort };
    this.hold();
  }

  // ---- what happened

  /** The runtime's call. */
  onEvents(events: number, _now: number): void {
    const { connection } = this;
    if (connection === null) return;
    if ((events & STREAM_EVENT.connected) !== 0 && this.connecting) this.onConnected();
    if ((events & STREAM_EVENT.fallback) !== 0) this.emit("fallback", connection.fallback);
    if ((events & STREAM_EVENT.subflows) !== 0) this.emit("subflow", this.mptcp.info().subflows);
    if (this.destroyed) return;
    if (connection.error !== null) {
      this.fail(connection.error);
      return;
    }
    if ((events & STREAM_EVENT.writable) !== 0) this.writeOn();
    if ((events & (STREAM_EVENT.readable | STREAM_EVENT.closed)) !== 0) this.readOn();
  }

  private onConnected(): void {
    this.connecting = false;
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
    if (this.connecting) this.destroy(connectError(code, this.peer?.address ?? "", this.peer?.port ?? 0));
    else {
      // What arrived before the break is the reader's.
      this.readOn();
      this.destroy(ioError(code, "read"));
    }
  }

  // ---- Duplex

  override _read(): void {
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
      this.wantsData = this.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
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
    if (this.connection === null) {
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
    if (this.connection !== null && this.runtime !== null) {
      this.connection.end(this.runtime.now);
      this.runtime.poke();
    }
    callback();
  }

  private whenConnected(action: () => void, fail: (error: Error) => void): void {
    const onClose = (): void => fail(codedError(Error, "ERR_SOCKET_CLOSED_BEFORE_CONNECTION", "Socket closed before the connection was established"));
    this.once("close", onClose);
    this.once("connect", () => {
      this.off("close", onClose);
      action();
    });
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const wasConnecting = this.connecting;
    this.connecting = false;
    if (this.idleTimer !== null) clearTimeout(this.idleTimer);
    this.idleTimer = null;
    this.waiting = null;
    this.waitingCallback = null;
    this.leave(wasConnecting);
    callback(error);
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
    else connection.end(now);
    if (!this.holdsReference) runtime.ref();
    this.holdsReference = false;
    Lingerer.take(runtime, connection);
    runtime.poke();
  }

  // ---- closing

  /** Closes with a RST, or MP_FASTCLOSE. */
  resetAndDestroy(): this {
    if (this.connecting) this.once("connect", () => this.reset());
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
    if (typeof milliseconds !== "number") {
      throw codedError(TypeError, "ERR_INVALID_ARG_TYPE", `The "msecs" argument must be of type number. Received ${describeType(milliseconds)}`);
    }
    if (!(milliseconds >= 0 && milliseconds < Number.POSITIVE_INFINITY)) {
      throw codedError(RangeError, "ERR_OUT_OF_RANGE", `The value of "msecs" is out of range. It must be a non-negative finite number. Received ${milliseconds}`);
    }
    this.timeout = milliseconds;
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

  /** Turns Nagle's algorithm off. Has effect when called before the connection is opened. */
  setNoDelay(enable = true): this {
    this.noDelay = enable;
    return this;
  }

  /** Turns keep-alive probes on, the first after `delay` ms. Has effect when called before the connection is opened. */
  setKeepAlive(enable = false, delay = 0): this {
    this.keepAliveDelay = enable ? (delay > 0 ? (delay / 1000) * SECOND : DEFAULT_KEEP_ALIVE) : 0;
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
    const { connection } = this;
    if (connection === null || this.destroyed) return {};
    const { localAddress, localPort } = connection.tuple;
    return { address: String(localAddress), family: familyOf(localAddress), port: localPort };
  }

  /** Octets handed to the engine, or waiting in the stream for that. */
  get bytesWritten(): number {
    return this.bytesHandedOver + this.writableLength;
  }

  get pending(): boolean {
    return this.connection === null || this.connecting;
  }

  get readyState(): "opening" | "open" | "readOnly" | "writeOnly" | "closed" {
    if (this.connecting) return "opening";
    if (this.readable) return this.writable ? "open" : "readOnly";
    return this.writable ? "writeOnly" : "closed";
  }

  /** Bytes that wait in the stream to be handed to the engine. */
  get bufferSize(): number | undefined {
    return this.connection === null ? undefined : this.writableLength;
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

/** "IPv4" or "IPv6", as in Node. */
export function familyOf(address: IpAddress): "IPv4" | "IPv6" {
  return address.family === 4 ? "IPv4" : "IPv6";
}

function describeType(value: unknown): string {
  return value === null || value === undefined ? String(value) : `type ${typeof value} (${String(value)})`;
}

/** Octets of a chunk for the reader; as much as Node reads at once. */
const READ_LENGTH = 65_536;
/** Idle time before the first probe where none is given, ns; as Linux' tcp_keepalive_time. */
const DEFAULT_KEEP_ALIVE = 7200 * SECOND;
