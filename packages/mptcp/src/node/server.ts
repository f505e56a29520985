import cluster from "node:cluster";
import * as net from "node:net";
import type { AddressInfo, BlockList, ListenOptions } from "node:net";
import type { StreamConnection } from "../tcp/index.ts";
import { defaultStack } from "./default-stack.ts";
import { codedError } from "./errors.ts";
import { ListenHandle, listenOnEngine, nodeListenOn, socketHandle, StreamHandle } from "./handle/index.ts";
import type { ListenPlace } from "./handle/index.ts";
import type { Runtime } from "./runtime.ts";
import { Socket } from "./socket.ts";
import { familyOf } from "./socket-info.ts";
import type { SocketOptions } from "./socket-options.ts";

/** How a server makes its sockets. */
export interface ServerOptions extends Omit<SocketOptions, "signal"> {
  readonly pauseOnConnect?: boolean;
  /** Peers whose connections are dropped. */
  readonly blockList?: BlockList;
}

/** Where to listen. */
export interface ServerListenOptions {
  /** 0, or none: one that is free. */
  readonly port?: number | string;
  /** All addresses of the host unless given. */
  readonly host?: string;
  readonly backlog?: number;
  readonly signal?: AbortSignal;
}

/** Events of a server, with the arguments of their listeners: those of `net.Server`. */
export interface ServerEvents {
  readonly close: readonly [];
  readonly connection: readonly [socket: Socket];
  /** A connection was refused: too many, on a block list, or without the Multipath TCP that is required. */
  readonly drop: readonly [connection: DroppedConnection];
  readonly error: readonly [error: Error];
  readonly listening: readonly [];
}

/** Whose connection was dropped. */
export interface DroppedConnection {
  readonly localAddress: string;
  readonly localPort: number;
  readonly localFamily: string;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly remoteFamily: string;
}

/** The types of its events, which a class cannot declare by itself; the methods are those of `EventEmitter`. */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging
export interface Server {
  on<E extends keyof ServerEvents>(event: E, listener: (...values: ServerEvents[E]) => void): this;
  on(event: string | symbol, listener: (...values: never[]) => void): this;
  once<E extends keyof ServerEvents>(event: E, listener: (...values: ServerEvents[E]) => void): this;
  once(event: string | symbol, listener: (...values: never[]) => void): this;
  off<E extends keyof ServerEvents>(event: E, listener: (...values: ServerEvents[E]) => void): this;
  off(event: string | symbol, listener: (...values: never[]) => void): this;
  addListener<E extends keyof ServerEvents>(event: E, listener: (...values: ServerEvents[E]) => void): this;
  addListener(event: string | symbol, listener: (...values: never[]) => void): this;
  removeListener<E extends keyof ServerEvents>(event: E, listener: (...values: ServerEvents[E]) => void): this;
  removeListener(event: string | symbol, listener: (...values: never[]) => void): this;
}

// oxlint-disable-next-line typescript/no-unsafe-declaration-merging
/** A `net.Server` over this library's Multipath TCP: Node's own code, on a handle that is a listener of the engine. docs/sockets.md lists what differs. */
export class Server extends net.Server {
  /** Whose Multipath TCP it is: this library's. */
  readonly via = "userspace";
  private readonly settings: ServerOptions;
  private runtime: Runtime | null;

  constructor(options: ServerOptions | ((socket: Socket) => void) = {}, onConnection?: (socket: Socket) => void) {
    const settings: ServerOptions = typeof options === "function" ? {} : options;
    const { highWaterMark = 0 } = settings;
    // Every socket that is accepted would throw it, out of the event loop.
    if (typeof highWaterMark === "number" && !Number.isInteger(highWaterMark)) throw codedError(TypeError, "ERR_INVALID_ARG_VALUE", `The property 'options.highWaterMark' is invalid. Received ${String(highWaterMark)}`);
    // Which sockets they are, `emit` sees to; who is blocked, `isWelcome`.
    super({ ...settings, blockList: undefined } as net.ServerOpts, (typeof options === "function" ? options : onConnection) as ((socket: net.Socket) => void) | undefined);
    this.settings = settings;
    this.runtime = this.settings.runtime ?? null;
  }

  /**
   * Listens, as `net.Server.listen` does: `(options[, callback])` or `([port[, host[, backlog]]][, callback])`. A `path`, a handle and a descriptor are Node's.
   */
  override listen(options: ServerListenOptions | ListenOptions, callback?: () => void): this;
  override listen(port?: number | string, host?: string, backlog?: number, callback?: () => void): this;
  override listen(port?: number | string, host?: string, callback?: () => void): this;
  override listen(port?: number | string, backlog?: number, callback?: () => void): this;
  override listen(port?: number | string, callback?: () => void): this;
  override listen(callback?: () => void): this;
  override listen(...given: unknown[]): this {
    const [first] = given;
    const isOther = typeof first === "object" && first !== null && ["path", "fd", "handle", "_handle"].some((name) => name in first);
    if (!isOther) this.runtime ??= defaultStack().runtime;
    const listen = super.listen as (...all: unknown[]) => this;
    if (!cluster.isWorker || isOther) return listen.apply(this, given);
    // Node would ask the primary for a socket, and get one of TCP.
    const { _normalizeArgs } = net as unknown as { _normalizeArgs(given: readonly unknown[]): [ListenOptions, (() => void) | null] };
    const [options, callback] = _normalizeArgs(given);
    return listen.call(this, { ...options, exclusive: true }, callback ?? undefined);
  }

  /** Called by `net.Server.listen` once the address is known: makes the handle that Node would make, of the engine. */
  _listen2(...place: ListenPlace): void {
    const listenOn = nodeListenOn();
    const { runtime, settings } = this;
    if (listenOn === undefined) return;
    const [address, port] = place;
    try {
      listenOnEngine(this, listenOn, place, (given) => (runtime === null ? null : new ListenHandle(runtime, address, port, { ...settings, ...given, isWelcome: (connection) => this.isWelcome(connection) })));
    } catch (error) {
      // Options of the engine that make no sense. A name was looked up meanwhile, perhaps.
      (this as unknown as { _handle: unknown })._handle = null;
      process.nextTick(() => this.emit("error", error));
    }
  }

  /** Node's own call, where the server may have closed: not before the links let go of the port, two turns later, so that whoever connects next is refused. */
  _emitCloseIfDrained(): void {
    const { _emitCloseIfDrained } = net.Server.prototype as unknown as { _emitCloseIfDrained(this: net.Server): void };
    setImmediate(() => setImmediate(() => _emitCloseIfDrained.call(this)));
  }

  private isWelcome(connection: StreamConnection): "yes" | "close" | "reset" {
    const { localAddress, localPort, remoteAddress, remotePort } = connection.tuple;
    const lacks = this.settings.multipath === "required" && !connection.multipath;
    const isBlocked = this.settings.blockList?.check(String(remoteAddress), remoteAddress.family === 4 ? "ipv4" : "ipv6") === true;
    if (!lacks && !isBlocked) return "yes";
    const refused: DroppedConnection = { localAddress: String(localAddress), localPort, localFamily: familyOf(localAddress), remoteAddress: String(remoteAddress), remotePort, remoteFamily: familyOf(remoteAddress) };
    process.nextTick(() => this.emit("drop", refused));
    return lacks ? "reset" : "close";
  }

  override emit(event: string | symbol, ...values: unknown[]): boolean {
    const [socket] = values;
    if (event === "connection" && this.runtime !== null && socket instanceof net.Socket && socketHandle.get(socket) instanceof StreamHandle) Socket.accepted(socket, this.runtime, this.settings);
    return super.emit(event, ...values);
  }

  /** Where it listens; null when it does not. */
  override address(): AddressInfo | null {
    return super.address() as AddressInfo | null;
  }
}
