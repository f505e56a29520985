import { AsyncResource } from "node:async_hooks";
import type { Socket as NetSocket } from "node:net";
import type { ConnectOptions } from "../../host/index.ts";
import { MILLISECOND } from "../../core/index.ts";
import { configOfKeepAlive, STREAM_EVENT } from "../../tcp/index.ts";
import type { KeepAlive, StreamConnection, TcpConfig } from "../../tcp/index.ts";
import { IpAddress, Payload } from "../../wire/index.ts";
import { errorName, uvErrno } from "../errno.ts";
import { codedError, ioError, requiredError, rethrow } from "../errors.ts";
import { Lingerer } from "../lingerer.ts";
import { readAddress } from "../local-address.ts";
import type { WrittenAddress } from "../local-address.ts";
import type { ConnectionHandler, Runtime } from "../runtime.ts";
import { DEAF } from "../runtime.ts";
import { EngineSocketMptcp } from "../socket-mptcp.ts";
import { keepAliveOfNode } from "../socket-options.ts";
import type { SocketConnectOptions } from "../socket-options.ts";
import { writeAddress } from "./address-text.ts";
import type { SocketName } from "./address-text.ts";
import { socketHandle } from "./node-handle.ts";
import { nodeStreams } from "./node-streams.ts";
import type { HandleRequest, NativeStream } from "./node-streams.ts";
import { keepTurnsOfParsers } from "./parser-turns.ts";
import { doWhatWasPutOff } from "./turns.ts";
import { noteWritten, writeLater, WriteRequest } from "./write-request.ts";
import type { WriteResult } from "./write-request.ts";

/** The settings of the engine for one connection. */
export type HandleSettings = Pick<SocketConnectOptions, "fastOpen" | "multipath" | "profile" | "tcp" | "mptcp" | "blockList">;

/** A write that the connection did not take whole yet. */
interface PendingWrite {
  readonly chunks: Uint8Array[];
  /** The first that is not taken, and octets of it that are. */
  at: number;
  from: number;
  /** Whether the chunks are the handle's own, and nobody changes them. */
  readonly isOwn: boolean;
  readonly done: (status: number) => void;
}

const streams = nodeStreams();
const { state } = streams;

/**
 * A connection of the engine as the handle beneath a `net.Socket`, in place of libuv's: connects, reads, writes and closes as that does, with libuv's error numbers, and
 * keeps the process alive while libuv's would: while it connects, reads, writes or shuts down. Everything above, from the look-up of names to `end` and `close`, is Node's own.
 *
 * Node's JavaScript calls the methods of the first half. Where C++ stands on the stream (`tls`, `http`, `http2`), data goes through Node's JSStream, which copies it; else
 * Node's streams get the engine's memory itself.
 */
export class StreamHandle extends streams.JSStream implements ConnectionHandler {
  /** Node's own note that it asked to read. */
  reading = false;
  readonly mptcp: EngineSocketMptcp;
  /** The socket above, as far as it is known: where `connect` and `accept` of this library made it. */
  owner: NetSocket | null = null;
  /** The TLS socket that stands on this handle; see `tls-consumers.ts`. */
  consumer: NetSocket | null = null;
  connection: StreamConnection | null = null;
  private readonly runtime: Runtime;
  private readonly settings: HandleSettings;
  /** Events run in the asynchronous context in which the handle was made, as with libuv's. */
  private readonly context = new AsyncResource("MPTCPWRAP");
  private connectRequest: HandleRequest | null = null;
  private bound: { readonly written: WrittenAddress; readonly port: number } | null = null;
  private isMapped = false;
  private isReading = false;
  /** Something in C++ hears of the data. */
  private isConsumed = false;
  private userBuffer: Uint8Array | null = null;
  private writes: PendingWrite[] = [];
  private shutdownDone: ((status: number) => void) | null = null;
  private isShutDown = false;
  private isEndTold = false;
  /** libuv's number of the error that broke the connection and was not told yet; EPIPE once it was; 0 before. */
  private broken = 0;
  private isDeliveryDue = false;
  private isClosed = false;
  private isReferenced = true;
  private holdsReference = false;
  private noDelay = false;
  private keepAlive: KeepAlive | null = null;
  private octetsRead = 0;
  private octetsWritten = 0;
  private reader: NativeStream["onread"] = undefined;

  constructor(runtime: Runtime, settings: HandleSettings, mptcp: EngineSocketMptcp | null) {
    super();
    this.runtime = runtime;
    this.settings = settings;
    this.mptcp = mptcp ?? new EngineSocketMptcp(this, undefined);
  }

  /** A handle on a connection that is there: accepted, or restored with what was counted before. */
  static on(runtime: Runtime, connection: StreamConnection | ((handler: ConnectionHandler) => StreamConnection), settings: HandleSettings, counts = { read: 0, written: 0 }): StreamHandle {
    const handle = new StreamHandle(runtime, settings, null);
    handle.octetsRead = counts.read;
    handle.octetsWritten = counts.written;
    handle.connection = typeof connection === "function" ? connection(handle) : connection;
    handle.mptcp.attach(runtime, handle.connection);
    return handle;
  }

  // ---- what Node's JavaScript calls: results are 0 or libuv's numbers of errors

  bind(address: string, port = 0): number {
    const written = readAddress(address);
    if (written === null || !Number.isInteger(port) || port < 0 || port > 65_535) return uvErrno("EINVAL");
    if (!written.isAny && !this.runtime.host.localAddresses().some((own) => own.address.equals(written.address))) return uvErrno("EADDRNOTAVAIL");
    this.bound = { written, port };
    return 0;
  }

  bind6(address: string, port = 0): number {
    return this.bind(address, port);
  }

  connect(request: HandleRequest, address: string, port: number): number {
    const written = readAddress(address);
    if (written === null) return uvErrno("EINVAL");
    if (this.connectRequest !== null) return uvErrno("EALREADY");
    if (this.connection !== null) return uvErrno("EISCONN");
    this.isMapped = written.isMapped;
    try {
      this.assertNotBlocked(written.address);
      this.openTo(written, port);
    } catch (error) {
      const number = uvErrno((error as NodeJS.ErrnoException).code ?? "");
      if (number !== UNKNOWN) return number;
      // A parameter of the engine that makes no sense, a runtime that is closed, a peer on the block list.
      process.nextTick(() => this.owner?.destroy(error as Error));
    }
    this.connectRequest = request;
    this.updateHold();
    if (this.connection !== null && this.runtime.host.awaitsData(this.connection)) setImmediate(() => this.context.runInAsyncScope(() => this.onAwaited()));
    return 0;
  }

  /** The SYN waits for what is written first: for the application that is as good as connected. */
  private onAwaited(): void {
    if (this.connectRequest !== null && this.connection !== null && this.connection.error === null && !this.isClosed) this.connected(this.connection);
  }

  connect6(request: HandleRequest, address: string, port: number): number {
    return this.connect(request, address, port);
  }

  getsockname(out: SocketName): number {
    const { connection, bound } = this;
    if (connection !== null) writeAddress(connection.tuple.localAddress, connection.tuple.localPort, this.isMapped, out);
    else if (bound !== null) writeAddress(bound.written.address, bound.port, bound.written.isMapped, out);
    else return uvErrno("EINVAL");
    return 0;
  }

  getpeername(out: SocketName): number {
    const { connection } = this;
    if (connection === null || this.connectRequest !== null) return uvErrno("ENOTCONN");
    writeAddress(connection.tuple.remoteAddress, connection.tuple.remotePort, this.isMapped, out);
    return 0;
  }

  setNoDelay(enable: boolean): number {
    const { connection, runtime } = this;
    this.noDelay = Boolean(enable);
    if (connection === null || this.broken !== 0) return 0;
    connection.setNoDelay(this.noDelay, runtime.now);
    runtime.poke();
    return 0;
  }

  /** @param delay s @param interval s; Node 24 has it and `count`, where the application does */
  setKeepAlive(enable: boolean, delay: number, interval?: number, count?: number): number {
    const { connection, runtime } = this;
    this.keepAlive = enable ? keepAliveOfNode(delay, interval, count, this.keepAlive) : null;
    if (connection === null || this.broken !== 0) return 0;
    connection.setKeepAlive(this.keepAlive, runtime.now);
    runtime.poke();
    return 0;
  }

  readStart(): number {
    return this.startReading();
  }

  readStop(): number {
    this.isReading = false;
    this.updateHold();
    return 0;
  }

  /** What hears of data, kept here as well: to ask C++ for it takes longer than to call it. */
  override get onread(): NativeStream["onread"] {
    return this.reader;
  }

  override set onread(reader: NativeStream["onread"]) {
    this.reader = reader;
    super.onread = reader;
  }

  useUserBuffer(buffer: Uint8Array): void {
    this.userBuffer = buffer;
  }

  writeBuffer(request: HandleRequest | null, bytes: Uint8Array): WriteResult {
    return this.writeDirectly(request, [bytes], bytes.length, false);
  }

  writeUtf8String(request: HandleRequest | null, text: string): WriteResult {
    return this.writeString(request, text, "utf8");
  }

  writeAsciiString(request: HandleRequest | null, text: string): WriteResult {
    return this.writeString(request, text, "latin1");
  }

  writeLatin1String(request: HandleRequest | null, text: string): WriteResult {
    return this.writeString(request, text, "latin1");
  }

  writeUcs2String(request: HandleRequest | null, text: string): WriteResult {
    return this.writeString(request, text, "utf16le");
  }

  /** @param chunks buffers alone where `areBuffers`, else each followed by its encoding */
  writev(request: HandleRequest | null, chunks: readonly unknown[], areBuffers: boolean): WriteResult {
    const buffers: Uint8Array[] = [];
    for (let i = 0; i < chunks.length; i += areBuffers ? 1 : 2) {
      const chunk = chunks[i] as string | Uint8Array;
      buffers.push(typeof chunk === "string" ? Buffer.from(chunk, encodingOf(chunks[i + 1] as string)) : chunk);
    }
    return this.writeDirectly(request, buffers, buffers.reduce((sum, one) => sum + one.length, 0), false);
  }

  shutdown(request: HandleRequest): number {
    if (this.connection === null) return uvErrno("ENOTCONN");
    return this.startShutdown((status) => this.complete(request, status));
  }

  ref(): void {
    this.isReferenced = true;
    this.updateHold();
  }

  unref(): void {
    this.isReferenced = false;
    this.updateHold();
  }

  hasRef(): boolean {
    return this.isReferenced;
  }

  get bytesRead(): number {
    return this.octetsRead;
  }

  get bytesWritten(): number {
    return this.octetsWritten;
  }

  /** Whoever asks will have something in C++ hear of the data. */
  get isStreamBase(): boolean {
    this.consume();
    return true;
  }

  close(callback?: () => void): void {
    this.leave(false, callback);
  }

  /** As `close`, by RST or MP_FASTCLOSE. */
  reset(callback?: () => void): number {
    this.leave(true, callback);
    return 0;
  }

  // ---- what Node's C++ calls

  onreadstart(): number {
    this.consume();
    return this.startReading();
  }

  onreadstop(): number {
    return this.readStop();
  }

  onwrite(request: HandleRequest, chunks: Uint8Array[]): number {
    const error = this.errorOfWrite();
    if (error !== 0) return error;
    // Not from inside this call.
    const done = (status: number): void => process.nextTick(() => this.finishWrite(request, status));
    // The chunks are copies.
    const write = { chunks, at: 0, from: 0, isOwn: true, done };
    for (const chunk of chunks) this.octetsWritten += chunk.length;
    if (this.take(write)) done(0);
    else this.await(write);
    return 0;
  }

  onshutdown(request: HandleRequest): number {
    if (this.connection === null) return uvErrno("ENOTCONN");
    const done = (status: number): void => process.nextTick(() => this.finishShutdown(request, status));
    if (this.startShutdown(done) === 1) done(0);
    return 0;
  }

  isClosing(): boolean {
    return this.isClosed;
  }

  // ---- what the part for Multipath TCP asks of the socket

  get destroyed(): boolean {
    return this.isClosed;
  }

  emit(event: string, ...values: readonly unknown[]): boolean {
    return this.owner?.emit(event, ...values) ?? false;
  }

  // ---- moving

  /** What was written and the connection did not take. */
  get unwritten(): Uint8Array[] {
    return this.writes.flatMap(({ chunks, at, from }) => chunks.slice(at).map((chunk, i) => (i === 0 ? chunk.subarray(from) : chunk)));
  }

  /** Lets go of the connection, which goes on elsewhere. */
  release(): void {
    const { connection } = this;
    if (connection === null) return;
    this.runtime.release(connection);
    this.connection = null;
    this.broken = uvErrno("ENOTCONN");
  }

  // ---- opening

  private openTo(written: WrittenAddress, port: number): void {
    const { runtime, settings, bound } = this;
    const remote = written.isAny ? ownAddress(runtime, written.address) : written.address;
    const from = bound === null || bound.written.isAny ? null : bound.written.address;
    const local = from ?? this.mptcp.firstAddress(runtime, remote);
    const options: ConnectOptions = {
      multipath: settings.multipath !== false,
      ...(settings.profile === undefined ? {} : { profile: settings.profile }),
      require: settings.multipath === "required",
      ...(settings.fastOpen ?? runtime.host.fastOpenDefault ? { fastOpen: { waits: LONGEST_WAIT } } : { fastOpen: false }),
      mptcp: { localAddresses: this.mptcp.restriction(runtime, from), ...settings.mptcp },
      ...(local === null ? {} : { localAddress: local }),
      ...(bound === null || bound.port === 0 ? {} : { localPort: bound.port }),
      tcp: { ...this.tcpSettings(), ...settings.tcp },
    };
    this.connection = runtime.connect(remote, port, options, this);
    this.mptcp.attach(runtime, this.connection);
  }

  /** Where Node (before 22.13) does not look itself. @throws ERR_IP_BLOCKED as it does */
  private assertNotBlocked(address: IpAddress): void {
    const { blockList } = this.settings;
    if (blockList?.check(String(address), address.family === 4 ? "ipv4" : "ipv6") === true) throw codedError(Error, "ERR_IP_BLOCKED", `IP(${address}) is blocked by net.BlockList`);
  }

  private tcpSettings(): Partial<TcpConfig> {
    return { noDelay: this.noDelay, ...configOfKeepAlive(this.keepAlive) };
  }

  // ---- what happened

  /** The runtime's call. */
  onEvents(events: number, _now: number): void {
    try {
      this.context.runInAsyncScope(this.attend, this, events);
    } catch (error) {
      // A listener's, and so the application's. What else there was to do is done all the same.
      setImmediate(() => this.onEvents(STREAM_EVENT.writable | STREAM_EVENT.readable, 0));
      throw error;
    }
  }

  private attend(events: number): void {
    const { connection, settings } = this;
    if (connection === null || this.isClosed) return;
    const isOpen = connection.error === null;
    const isGivenUp = settings.multipath === "required" && !connection.multipath;
    if (this.connectRequest !== null && (!isOpen || ((events & STREAM_EVENT.connected) !== 0 && !isGivenUp))) this.connected(connection);
    if ((events & STREAM_EVENT.fallback) !== 0) this.emit("fallback", connection.fallback);
    if (this.isClosed) return;
    if (isOpen && isGivenUp) {
      this.refuse(connection.fallback);
      return;
    }
    if (connection.error !== null) this.onBroken(connection.error);
    else if ((events & STREAM_EVENT.writable) !== 0) this.writeOn();
    if ((events & (STREAM_EVENT.readable | STREAM_EVENT.closed)) !== 0 && !this.isDeliveryDue) this.deliver();
  }

  private connected({ error }: StreamConnection): void {
    const request = this.connectRequest as HandleRequest;
    this.connectRequest = null;
    this.updateHold();
    if (error !== null) this.broken = uvErrno("EPIPE");
    // The runtime was closed under the socket, by whoever owns both.
    if (error === "ECONNABORTED" && this.owner !== null) this.owner.destroy();
    else request.oncomplete?.(error === null ? 0 : uvErrno(error), this, request, true, true);
  }

  /** Multipath TCP is required, and was given up. */
  private refuse(reason: string | null): void {
    const { owner } = this;
    const error = requiredError(reason ?? "not_requested");
    if (owner === null) this.onBroken("ECONNRESET");
    else {
      (owner as { resetAndClosing?: boolean }).resetAndClosing = true;
      owner.destroy(error);
    }
  }

  private onBroken(code: string): void {
    if (this.broken !== 0) return;
    if (code === "ECONNABORTED" && this.owner !== null) {
      this.broken = uvErrno("EPIPE");
      this.owner.destroy();
      return;
    }
    this.broken = uvErrno(code);
    const { writes, shutdownDone } = this;
    this.writes = [];
    this.shutdownDone = null;
    // Whoever writes hears of it first; what arrived before the break is the reader's.
    this.deliver();
    for (const write of writes) write.done(this.takeError());
    shutdownDone?.(uvErrno("ENOTCONN"));
    this.updateHold();
  }

  /** The error that is to be told: once what it is, then EPIPE, as the system has it. */
  private takeError(): number {
    const { broken } = this;
    this.broken = uvErrno("EPIPE");
    return broken;
  }

  private get isErrorDue(): boolean {
    return this.broken !== 0 && this.broken !== uvErrno("EPIPE");
  }

  // ---- reading

  private startReading(): number {
    if (this.connection === null && this.connectRequest === null) return uvErrno("ENOTCONN");
    this.isReading = true;
    this.updateHold();
    const { connection } = this;
    if (connection !== null && (connection.readable > 0 || connection.ended || this.isErrorDue)) this.deliverLater();
    return 0;
  }

  /** Not from inside a call of Node's. */
  private deliverLater(): void {
    if (this.isDeliveryDue) return;
    this.isDeliveryDue = true;
    setImmediate(this.onDelivery);
  }

  private readonly onDelivery = (): void => {
    this.isDeliveryDue = false;
    // What a listener throws here, too, keeps nothing from being told.
    this.onEvents(STREAM_EVENT.readable, 0);
  };

  private deliver(): void {
    const { connection, runtime } = this;
    if (connection === null) return;
    let isGiven = false;
    while (this.isReading && !this.isClosed && connection.readable > 0) {
      const payload = connection.read(this.userBuffer === null || this.isConsumed ? READ_LENGTH : this.userBuffer.length, runtime.now);
      if (payload === null) break;
      runtime.poke();
      this.octetsRead += payload.length;
      isGiven = true;
      this.give(payload);
      // What a listener puts off is done before the next piece, as between two reads of libuv's.
      doWhatWasPutOff();
    }
    if (!this.isReading || this.isClosed || connection.readable > 0) return;
    const isEndDue = connection.ended && !this.isEndTold && this.broken === 0;
    if (!isEndDue && !this.isErrorDue) return;
    // As with libuv's, promises that wait for data are through before the end is told.
    if (isGiven) this.deliverLater();
    else if (isEndDue) this.tellEnd();
    else this.tellError();
  }

  private consume(): void {
    this.isConsumed = true;
    keepTurnsOfParsers(isStreamHandle);
  }

  private give(payload: Payload): void {
    const { userBuffer } = this;
    const { bytes, offset, length } = payload;
    if (this.isConsumed) this.readBuffer(payload.toUint8Array());
    else if (userBuffer !== null) {
      payload.copyTo(userBuffer, 0);
      const next = this.tell(length, 0, undefined);
      if (next instanceof Uint8Array) this.userBuffer = next;
    } else if (bytes === null) this.tell(length, 0, new ArrayBuffer(length));
    else this.tell(length, bytes.byteOffset + offset, bytes.buffer);
  }

  private tellEnd(): void {
    this.isEndTold = true;
    this.isReading = false;
    this.updateHold();
    if (this.isConsumed) this.emitEOF();
    else this.tell(uvErrno("EOF"), 0, undefined);
  }

  private tellError(): void {
    this.isReading = false;
    const error = this.takeError();
    this.updateHold();
    // Node's JSStream has no way to tell an error to what is in C++: `tls` hears of it by its socket, and `http` has the one below told, as here.
    if (this.consumer === null) this.tell(error, 0, undefined);
    else this.consumer.destroy(ioError(errorName(error), "read"));
  }

  private tell(octetsOrError: number, offset: number, buffer: ArrayBufferLike | undefined): unknown {
    state[streams.readBytesOrError] = octetsOrError;
    state[streams.arrayBufferOffset] = offset;
    return this.onread?.(buffer);
  }

  // ---- writing

  private writeString(request: HandleRequest | null, text: string, encoding: BufferEncoding): WriteResult {
    const bytes = Buffer.from(text, encoding);
    return this.writeDirectly(request, [bytes], bytes.length, true);
  }

  private writeDirectly(given: HandleRequest | null, chunks: Uint8Array[], length: number, isOwn: boolean): WriteResult {
    noteWritten(length);
    const error = this.errorOfWrite();
    if (error !== 0) return error;
    this.octetsWritten += length;
    const request = given ?? new WriteRequest();
    const write = { chunks, at: 0, from: 0, isOwn, done: (status: number) => this.complete(request, status) };
    if (this.take(write)) return 0;
    this.await(write);
    return writeLater(given, request);
  }

  private errorOfWrite(): number {
    if (this.connection === null || this.isClosed) return uvErrno(this.broken === 0 ? "EBADF" : "EPIPE");
    if (this.broken !== 0) return this.takeError();
    return this.isShutDown ? uvErrno("EPIPE") : 0;
  }

  private await(write: PendingWrite): void {
    this.writes.push(write);
    this.updateHold();
  }

  /** Hands over as much of `write` as there is room for. @returns whether that is all of it */
  private take(write: PendingWrite): boolean {
    const { connection, runtime } = this;
    const { chunks } = write;
    if (connection === null || (this.writes.length > 0 && this.writes[0] !== write)) return false;
    const { now } = runtime;
    for (; write.at < chunks.length; write.at++, write.from = 0) {
      const chunk = chunks[write.at] as Uint8Array;
      if (chunk.length === write.from) continue;
      write.from += connection.write(new Payload(chunk, write.from, chunk.length - write.from), write.isOwn, now);
      runtime.poke();
      if (write.from < chunk.length) return false;
    }
    return true;
  }

  private writeOn(): void {
    for (let write = this.writes[0]; write !== undefined; write = this.writes[0]) {
      if (!this.take(write)) return;
      this.writes.shift();
      this.updateHold();
      write.done(0);
      if (this.isClosed) return;
    }
    const { shutdownDone } = this;
    if (shutdownDone === null) return;
    this.shutdownDone = null;
    this.end();
    shutdownDone(0);
  }

  /** @returns 1 when it is done at once; `done` is called else */
  private startShutdown(done: (status: number) => void): number {
    if (this.broken !== 0) return uvErrno("ENOTCONN");
    if (this.writes.length === 0) {
      this.end();
      return 1;
    }
    this.shutdownDone = done;
    return 0;
  }

  private end(): void {
    this.isShutDown = true;
    this.connection?.end(this.runtime.now);
    this.runtime.poke();
  }

  private complete(request: HandleRequest, status: number): void {
    request.oncomplete?.(status, this, undefined);
  }

  // ---- closing

  private leave(isReset: boolean, callback: (() => void) | undefined): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.isReading = false;
    const { connectRequest, writes, shutdownDone, connection, runtime } = this;
    this.writes = [];
    this.shutdownDone = null;
    this.connectRequest = null;
    if (connection === null || connection.closed) this.updateHold();
    else {
      const { now } = runtime;
      // RFC 1122 §4.2.2.13: a close with data unread says so by RST.
      const breaks = isReset || connectRequest !== null || connection.readable > 0;
      if (breaks) connection.abort(now);
      else connection.abandon(now);
      // What was written and not taken is lost, as what waits in libuv's queue is.
      if (!this.holdsReference) runtime.ref();
      this.holdsReference = false;
      if (breaks) {
        runtime.attach(connection, DEAF);
        runtime.unref();
      } else Lingerer.take(runtime, connection);
      runtime.poke();
    }
    setImmediate(() => this.context.runInAsyncScope(() => this.finish(writes, shutdownDone, callback)));
  }

  /** Nobody waits for a request to connect any more: the socket is destroyed, and may be on its way to somewhere else. */
  private finish(writes: readonly PendingWrite[], shutdownDone: ((status: number) => void) | null, callback: (() => void) | undefined): void {
    const cancelled = uvErrno("ECANCELED");
    const calls = [
      ...writes.map((write) => () => write.done(cancelled)),
      ...(shutdownDone === null ? [] : [() => shutdownDone(cancelled)]),
      ...(callback === undefined ? [] : [callback]),
    ];
    for (const call of calls) {
      try {
        call();
      } catch (error) {
        // A listener's. The others hear of it all the same.
        rethrow(error);
      }
    }
  }

  // ---- keeping the process alive

  private updateHold(): void {
    const isActive = this.isReading || this.connectRequest !== null || this.writes.length > 0;
    const holds = isActive && this.isReferenced && !this.isClosed;
    if (holds === this.holdsReference) return;
    this.holdsReference = holds;
    if (holds) this.runtime.ref();
    else this.runtime.unref();
  }
}

/** How long a SYN waits for what the application writes first, ns: in a protocol where the server speaks first nothing comes. */
const LONGEST_WAIT = 20 * MILLISECOND;

/** As `socket.resetAndDestroy()`, for which Node asks for a handle of libuv's; `native` is that. */
export function resetAndDestroy(socket: NetSocket, native: (this: NetSocket) => NetSocket): void {
  if (!((socketHandle.get(socket) as unknown) instanceof StreamHandle)) {
    native.call(socket);
    return;
  }
  const { _reset: reset } = socket as unknown as { _reset(this: NetSocket): void };
  if (socket.connecting) socket.once("connect", () => reset.call(socket));
  else reset.call(socket);
}

/** Where who connects to any address comes to, as on Linux: this host itself. Where there is no address of that family, the other one's. */
function ownAddress(runtime: Runtime, any: IpAddress): IpAddress {
  const all = runtime.host.localAddresses().map(({ address }) => address);
  const fitting = all.filter(({ family }) => family === any.family);
  const from = fitting.length > 0 || any.family === 4 ? fitting : all;
  return from.find(({ isLoopback }) => isLoopback) ?? from[0] ?? any;
}

function isStreamHandle(stream: object): boolean {
  return stream instanceof StreamHandle;
}

function encodingOf(name: string): BufferEncoding {
  return name === "buffer" ? "utf8" : (name as BufferEncoding);
}

/** Octets of a chunk for the reader; as much as Node reads at once. */
const READ_LENGTH = 65_536;
/** libuv's UV_UNKNOWN. */
const UNKNOWN = uvErrno("UNKNOWN");
