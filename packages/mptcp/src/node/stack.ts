import type { LinkDriver } from "./link.ts";
import { Runtime } from "./runtime.ts";
import type { LinkAddress, RuntimeOptions } from "./runtime.ts";
import type { IpAddress } from "../wire/index.ts";
import { defaultStack } from "./default-stack.ts";
import { Server } from "./server.ts";
import type { ServerOptions } from "./server.ts";
import { Socket } from "./socket.ts";
import type { SocketConnectOptions } from "./socket.ts";

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
  return { runtime, connect: open, createConnection: open, createServer: serve, counters: () => runtime.host.counters.snapshot(), close: () => runtime.close() };
}

/** Opens a connection on the default stack, see `setDefaultStack`. */
export const connect: Connect = functionsOf(() => defaultStack().runtime).open;
/** The same as {@link connect}. */
export const createConnection: Connect = connect;
/** Makes a server on the default stack, see `setDefaultStack`. */
export const createServer: CreateServer = (first?: ServerOptions | ((socket: Socket) => void), second?: (socket: Socket) => void) => new Server(first, second);

function functionsOf(runtime: () => Runtime): { readonly open: Connect; readonly serve: CreateServer } {
  const open: Connect = (first: SocketConnectOptions | number | string, second?: string | (() => void), third?: () => void): Socket => {
    const given = typeof first === "object" ? first : {};
    const socket = new Socket({ runtime: runtime(), ...given });
    // `connect` sorts the arguments out; the overloads cannot be told apart here.
    return (socket.connect as (...all: unknown[]) => Socket).call(socket, first, second, third);
  };
  const serve: CreateServer = (first?: ServerOptions | ((socket: Socket) => void), second?: (socket: Socket) => void) => {
    const options: ServerOptions = typeof first === "object" ? first : {};
    return new Server({ runtime: runtime(), ...options }, typeof first === "function" ? first : second);
  };
  return { open, serve };
}
