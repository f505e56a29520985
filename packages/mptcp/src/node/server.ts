import { lookup } from "node:dns";
import { EventEmitter } from "node:events";
import type { AddressInfo, BlockList } from "node:net";
import { MptcpError } from "../core/index.ts";
import type { Listener } from "../host/index.ts";
import { configOfKeepAlive } from "../tcp/index.ts";
import type { StreamConnection } from "../tcp/index.ts";
import { IpAddress } from "../wire/index.ts";
import { defaultStack } from "./default-stack.ts";
import { codedError, listenError, rethrow, validPort } from "./errors.ts";
import { DEAF } from "./runtime.ts";
import type { ConnectionHandler, Runtime } from "./runtime.ts";
import { Socket } from "./socket.ts";
import { familyOf } from "./socket-info.ts";
import { keepAliveAfter } from "./socket-options.ts";
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
  /** A connection was reset at once: too many, on a block list, or without the Multipath TCP that is required. */
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
/** A listener that looks like `net.Server`; docs/sockets.md lists what differs. */
export class Server extends EventEmitter {
  /** Whose Multipath TCP it is: this library's. */
  readonly via = "userspace";
  maxConnections: number | undefined = undefined;
  private readonly options: ServerOptions;
  private runtime: Runtime | null;
  private listener: Listener | null = null;
  /** Asked to listen, not closed since. */
  private isWanted = false;
  /** How often it was asked. */
  private requests = 0;
  private readonly sockets = new Set<Socket>();
  private isReferenced = true;
  private holdsReference = false;

  constructor(options: ServerOptions | ((socket: Socket) => void) = {}, onConnection?: (socket: Socket) => void) {
    super();
    this.options = typeof options === "function" ? {} : options;
    const { highWaterMark = 0 } = this.options;
    // Every socket that is accepted would throw it, out of the event loop.
    if (!Number.isInteger(highWaterMark) || highWaterMark < 0) throw codedError(TypeError, "ERR_INVALID_ARG_VALUE", `The property 'options.highWaterMark' is invalid. Received ${String(highWaterMark)}`);
    const listener = typeof options === "function" ? options : onConnection;
    if (listener !== undefined) this.on("connection", listener);
    this.runtime = this.options.runtime ?? null;
  }

  get listening(): boolean {
    return this.listener !== null;
  }

  /** Listens, as `net.Server.listen` does: `(options[, callback])` or `([port[, host[, backlog]]][, callback])`. */
  listen(options: ServerListenOptions, callback?: () => void): this;
  listen(port?: number | string, host?: string, backlog?: number, callback?: () => void): this;
  listen(port?: number | string, host?: string, callback?: () => void): this;
  listen(port?: number | string, callback?: () => void): this;
  listen(callback?: () => void): this;
  listen(...given: (ServerListenOptions | number | string | (() => void) | undefined)[]): this {
    const callback = given.find((argument) => typeof argument === "function");
    const [first, second, third] = given;
    const options: ServerListenOptions =
      typeof first === "object"
        ? first
        : {
            ...(typeof first === "number" || typeof first === "string" ? { port: first } : {}),
            ...(typeof second === "string" ? { host: second } : {}),
            ...(typeof third === "number" ? { backlog: third } : typeof second === "number" ? { backlog: second } : {}),
          };
    if (this.isWanted) throw codedError(Error, "ERR_SERVER_ALREADY_LISTEN", "Listen method has been called more than once without closing.");
    const port = validPort(options.port ?? 0, "options.port");
    if (callback !== undefined) this.once("listening", callback);
    this.runtime ??= defaultStack().runtime;
    this.isWanted = true;
    this.requests++;
    closeOnAbort(this, options.signal);
    this.find(options, port);
    return this;
  }

  private find(options: ServerListenOptions, port: number): void {
    const { host } = options;
    if (host === undefined) {
      this.open(null, port, options);
      return;
    }
    const literal = IpAddress.parse(host);
    if (literal !== null) {
      this.open(literal, port, options);
      return;
    }
    const { requests } = this;
    lookup(host, (error, address) => {
      if (!this.isWanted || this.requests !== requests) return;
      if (error !== null) {
        this.fail(error);
        return;
      }
      const found = IpAddress.parse(address);
      if (found === null) this.fail(listenError("EADDRNOTAVAIL", address, port));
      else this.open(found, port, options);
    });
  }

  private open(address: IpAddress | null, port: number, options: ServerListenOptions): void {
    const { runtime } = this;
    if (runtime === null) return;
    // The unspecified address stands for all.
    const only = address === null || address.equals(ANY_V4) || address.equals(ANY_V6) ? null : address;
    try {
      if (only !== null && !runtime.host.localAddresses().some((local) => local.address.equals(only))) throw new MptcpError("EADDRNOTAVAIL", `${only} is no address of this host`);
      this.listener = port === 0 ? this.listenAnywhere(runtime, only, options) : this.listenOn(runtime, port, only, options);
    } catch (error) {
      // What else it may be, an option that makes no sense, is told as an error of the server too: the name was looked up meanwhile, perhaps.
      this.fail(error instanceof MptcpError ? listenError(error.code, String(address ?? ANY_V6), port) : (error as Error));
      return;
    }
    const { listener } = this;
    if (this.isReferenced) this.hold();
    process.nextTick(() => {
      if (this.listener === listener) this.emit("listening");
    });
  }

  private fail(error: Error): void {
    this.isWanted = false;
    process.nextTick(() => this.emit("error", error));
  }

  private listenOn(runtime: Runtime, port: number, address: IpAddress | null, options: ServerListenOptions): Listener {
    const { multipath, mptcp, tcp, noDelay, keepAlive, keepAliveInitialDelay, localAddresses } = this.options;
    // RFC 6897 §5.3.2: where an address is bound, no other is used but those that are named.
    const named = localAddresses?.map((text) => IpAddress.from(text)) ?? (address === null ? null : []);
    return runtime.listen(
      port,
      {
        ...(address === null ? {} : { address }),
        ...(options.backlog === undefined || options.backlog <= 0 ? {} : { backlog: options.backlog }),
        multipath: multipath !== false,
        mptcp: { localAddresses: named, ...mptcp },
        tcp: { noDelay: noDelay ?? false, ...(keepAlive === true ? configOfKeepAlive(keepAliveAfter(keepAliveInitialDelay ?? 0)) : {}), ...tcp },
      },
      (connection) => this.accept(runtime, connection),
    );
  }

  private listenAnywhere(runtime: Runtime, address: IpAddress | null, options: ServerListenOptions): Listener {
    for (let tries = 0; ; tries++) {
      const port = EPHEMERAL_FIRST + (runtime.host.random.ports.uint32() % EPHEMERAL_COUNT);
      try {
        return this.listenOn(runtime, port, address, options);
      } catch (error) {
        if (!(error instanceof MptcpError) || error.code !== "EADDRINUSE" || tries === MAXIMUM_TRIES) throw error;
      }
    }
  }

  private accept(runtime: Runtime, connection: StreamConnection): ConnectionHandler {
    if (!this.isWelcome(connection)) {
      const { localAddress, localPort, remoteAddress, remotePort } = connection.tuple;
      connection.abort(runtime.now);
      const refused: DroppedConnection = { localAddress: String(localAddress), localPort, localFamily: familyOf(localAddress), remoteAddress: String(remoteAddress), remotePort, remoteFamily: familyOf(remoteAddress) };
      process.nextTick(() => this.emit("drop", refused));
      return DEAF;
    }
    const socket: Socket = Socket.accepted(runtime, connection, this.options, () => this.gone(socket));
    this.sockets.add(socket);
    if (this.options.pauseOnConnect === true) socket.pause();
    try {
      this.emit("connection", socket);
    } catch (error) {
      // A listener's, and so the application's. The socket is there all the same.
      rethrow(error);
    }
    if (this.options.pauseOnConnect !== true && !socket.destroyed) socket.read(0);
    return socket.destroyed ? DEAF : socket;
  }

  private isWelcome(connection: StreamConnection): boolean {
    if (this.maxConnections !== undefined && this.sockets.size >= this.maxConnections) return false;
    if (this.options.multipath === "required" && !connection.multipath) return false;
    const { remoteAddress } = connection.tuple;
    return this.options.blockList?.check(String(remoteAddress), remoteAddress.family === 4 ? "ipv4" : "ipv6") !== true;
  }

  private gone(socket: Socket): void {
    this.sockets.delete(socket);
    this.closeWhenDone();
  }

  /** Where it listens; null when it does not. */
  address(): AddressInfo | null {
    const { listener, runtime } = this;
    if (listener === null || runtime === null) return null;
    const address = listener.address ?? (runtime.host.localAddresses().some((local) => local.address.family === 6) ? ANY_V6 : ANY_V4);
    return { address: String(address), family: familyOf(address), port: listener.port };
  }

  /** Takes no more connections; `close` follows once those that are open have ended. */
  close(callback?: (error?: Error) => void): this {
    const wasWanted = this.isWanted;
    if (callback !== undefined) {
      if (wasWanted) this.once("close", callback);
      else this.once("close", () => callback(codedError(Error, "ERR_SERVER_NOT_RUNNING", "Server is not running.")));
    }
    if (this.listener !== null) this.runtime?.unlisten(this.listener);
    this.listener = null;
    this.isWanted = false;
    this.letGo();
    this.closeWhenDone();
    return this;
  }

  private closeWhenDone(): void {
    if (this.isWanted || this.sockets.size > 0) return;
    // Not before the links let go of the port.
    setImmediate(() => this.emit("close"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isWanted) return;
    await new Promise<void>((resolve, reject) => {
      this.close((error) => (error === undefined ? resolve() : reject(error)));
    });
  }

  getConnections(callback: (error: Error | null, count: number) => void): this {
    const { size } = this.sockets;
    process.nextTick(() => callback(null, size));
    return this;
  }

  ref(): this {
    this.isReferenced = true;
    if (this.listener !== null) this.hold();
    return this;
  }

  unref(): this {
    this.isReferenced = false;
    this.letGo();
    return this;
  }

  private hold(): void {
    if (this.holdsReference) return;
    this.holdsReference = true;
    this.runtime?.ref();
  }

  private letGo(): void {
    if (!this.holdsReference) return;
    this.holdsReference = false;
    this.runtime?.unref();
  }
}

function closeOnAbort(server: Server, signal: AbortSignal | undefined): void {
  if (signal === undefined) return;
  if (signal.aborted) {
    process.nextTick(() => server.close());
    return;
  }
  const onAbort = (): void => {
    server.close();
  };
  signal.addEventListener("abort", onAbort, { once: true });
  server.once("close", () => signal.removeEventListener("abort", onAbort));
}

const ANY_V4 = IpAddress.from("0.0.0.0");
const ANY_V6 = IpAddress.from("::");
/** The range Linux uses. */
const EPHEMERAL_FIRST = 32_768;
const EPHEMERAL_COUNT = 60_999 - EPHEMERAL_FIRST + 1;
const MAXIMUM_TRIES = 64;
