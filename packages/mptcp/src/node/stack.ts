import type { LinkDriver } from "./link.ts";
import { Runtime } from "./runtime.ts";
import type { LinkAddress, RuntimeOptions } from "./runtime.ts";
import type { RestoreOptions } from "../host/index.ts";
import type { IpAddress } from "../wire/index.ts";
import { defaultStack } from "./default-stack.ts";
import { KernelServer, KernelSocket } from "./kernel/index.ts";
import type { KernelServerOptions } from "./kernel/index.ts";
import { Server } from "./server.ts";
import type { ServerOptions } from "./server.ts";
import { Socket } from "./socket.ts";
import type { SocketConnectOptions, SocketOptions } from "./socket.ts";
import type { SocketSnapshot } from "./socket-snapshot.ts";
import { pick, refuseOtherThanStack } from "./via.ts";
import type {
  AnyServer, AnySocket, AutoConnectOptions, AutoServerOptions, UserspaceConnectOptions, UserspaceServerOptions, ViaKernelConnectOptions, ViaKernelServerOptions,
} from "./via.ts";

export interface StackOptions extends RuntimeOptions {
  /** The links; a driver that does not bring addresses is given some. */
  readonly links: readonly (LinkDriver | { readonly driver: LinkDriver; readonly addresses: readonly (IpAddress | string | LinkAddress)[] })[];
}

/** A host of its own with sockets like those of `node:net`: its runtime, and the functions that make them. */
export interface Stack {
  readonly runtime: Runtime;
  readonly connect: Connect;
  readonly createConnection: Connect;
  readonly createServer: CreateServer;
  /**
   * Goes on with the connection of a socket that was detached, here or in another process, whose host had the same addresses: `Socket.detach`.
   * @throws MptcpError as Host.restore does: then nothing has happened
   */
  restore(snapshot: SocketSnapshot, options?: SocketOptions & RestoreOptions): Socket;
  /** What the stack counted so far, under the names of the kernel's MIB: those that are not 0, as `nstat -as` has them. */
  counters(): Readonly<Record<string, number>>;
  /** Resets what is open and closes the links. */
  close(): Promise<void>;
}

/** The arguments of `net.connect`. */
export interface Connect {
  (options: SocketConnectOptions, callback?: () => void): Socket;
  (port: number | string, host: string, callback?: () => void): Socket;
  (port: number | string, callback?: () => void): Socket;
}

/** The arguments of `net.createServer`. */
export interface CreateServer {
  (onConnection?: (socket: Socket) => void): Server;
  (options: ServerOptions, onConnection?: (socket: Socket) => void): Server;
}

/**
 * Makes a stack on `links`.
 *
 * @example
 * ```ts
 * import { createStack, UdpLink } from "mptcp/node";
 *
 * const stack = createStack({ links: [new UdpLink({ addresses: ["127.0.0.1"] }), new UdpLink({ addresses: ["127.0.0.2"] })] });
 * const server = stack.createServer((socket) => socket.pipe(socket));
 * server.listen(5000, () => {
 *   const client = stack.connect(5000, "127.0.0.1");
 *   client.end("hello");
 *   client.on("close", () => void stack.close());
 * });
 * ```
 */
export function createStack(options: StackOptions): Stack {
  const { links, ...rest } = options;
  const runtime = new Runtime(rest);
  for (const link of links) {
    if ("driver" in link) runtime.addLink(link.driver, link.addresses);
    else runtime.addLink(link);
  }
  const { open, serve } = functionsOf(() => runtime);
  return { runtime, connect: open, createConnection: open, createServer: serve, restore: (snapshot, socket = {}) => Socket.restored(runtime, snapshot, socket), counters: () => runtime.host.counters.snapshot(), close: () => runtime.close() };
}

/** The arguments of `net.connect`, and whose Multipath TCP it shall be. */
export interface ConnectVia {
  (options: ViaKernelConnectOptions, callback?: () => void): KernelSocket;
  (options: AutoConnectOptions, callback?: () => void): AnySocket;
  (options: UserspaceConnectOptions, callback?: () => void): Socket;
  (port: number | string, host: string, callback?: () => void): Socket;
  (port: number | string, callback?: () => void): Socket;
}

/** The arguments of `net.createServer`, and whose Multipath TCP it shall be. */
export interface CreateServerVia {
  (options: ViaKernelServerOptions, onConnection?: (socket: KernelSocket) => void): KernelServer;
  (options: AutoServerOptions, onConnection?: (socket: AnySocket) => void): AnyServer;
  (options: UserspaceServerOptions, onConnection?: (socket: Socket) => void): Server;
  (onConnection?: (socket: Socket) => void): Server;
}

/**
 * Opens a connection: on the default stack (see `setDefaultStack`) unless `via` says otherwise.
 *
 * @throws MptcpError ERR_MPTCP_NO_STACK without a default stack; ERR_MPTCP_KERNEL with `via: "kernel"` where that is not to be had
 */
export const connect: ConnectVia = connectVia as ConnectVia;
/** The same as {@link connect}. */
export const createConnection: ConnectVia = connect;
/** Makes a server: on the default stack (see `setDefaultStack`) unless `via` says otherwise. @throws MptcpError ERR_MPTCP_KERNEL as {@link connect} */
export const createServer: CreateServerVia = createServerVia as CreateServerVia;

const defaultConnect = functionsOf(() => defaultStack().runtime).open as (...all: readonly unknown[]) => Socket;

// The overloads cannot be told apart here: which of them it is, is what `pick` finds out.
function connectVia(...given: readonly unknown[]): Socket | KernelSocket {
  const [first] = given;
  const { via, runtime, ...options } = (typeof first === "object" && first !== null ? first : {}) as Readonly<Record<string, unknown>>;
  const picked = pick({ ...options, via, runtime });
  if (picked === "userspace") return defaultConnect(...(via === undefined ? given : [{ ...options, ...(runtime === undefined ? {} : { runtime }) }, ...given.slice(1)]));
  const socket = new KernelSocket({ ...options, ...(picked === "tcp" ? { multipath: false } : {}) });
  // As `net.connect`: the method does not set it.
  if (typeof options["timeout"] === "number") socket.setTimeout(options["timeout"]);
  return (socket.connect as (...all: unknown[]) => KernelSocket).call(socket, options, ...given.slice(1));
}

function createServerVia(first?: unknown, second?: unknown): Server | KernelServer {
  if (typeof first !== "object" || first === null) return new Server(...([first, second] as ConstructorParameters<typeof Server>));
  const { via, ...options } = first as ServerOptions & { readonly via?: unknown };
  const picked = pick({ ...options, via });
  if (picked === "userspace") return new Server(options, second as (socket: Socket) => void);
  return new KernelServer({ ...(options as KernelServerOptions), ...(picked === "tcp" ? { multipath: false } : {}) }, second as (socket: KernelSocket) => void);
}

function functionsOf(runtime: () => Runtime): { readonly open: Connect; readonly serve: CreateServer } {
  const open: Connect = (first: SocketConnectOptions | number | string, ...rest: unknown[]): Socket => {
    const given: Partial<SocketConnectOptions> = typeof first === "object" && first !== null ? first : {};
    refuseOtherThanStack(given);
    const socket = new Socket({ ...given, runtime: given.runtime ?? runtime() });
    // As `net.connect`: the method does not set it.
    if (given.timeout !== undefined) socket.setTimeout(given.timeout);
    // `connect` sorts the arguments out; the overloads cannot be told apart here.
    return (socket.connect as (...all: unknown[]) => Socket).call(socket, first, ...rest);
  };
  const serve: CreateServer = (first?: ServerOptions | ((socket: Socket) => void), second?: (socket: Socket) => void) => {
    const options: ServerOptions = typeof first === "object" ? first : {};
    refuseOtherThanStack(options);
    return new Server({ ...options, runtime: options.runtime ?? runtime() }, typeof first === "function" ? first : second);
  };
  return { open, serve };
}
