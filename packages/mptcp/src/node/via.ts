import type { EventEmitter } from "node:events";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { MptcpError } from "../core/index.ts";
import { currentStack } from "./default-stack.ts";
import { kernelMptcp } from "./kernel/index.ts";
import type { KernelConnectOptions, KernelServerOptions, KernelSocket } from "./kernel/index.ts";
import type { SocketMptcp } from "./mptcp-info.ts";
import type { ServerOptions } from "./server.ts";
import type { SocketConnectOptions } from "./socket.ts";

/**
 * Whose Multipath TCP a socket shall have: that of this library ("userspace"), the kernel's ("kernel"), or the first of these that is there:
 * a default stack, the kernel's, none ("auto").
 */
export type Via = "userspace" | "kernel" | "auto";

/** Whose Multipath TCP a socket or server has; "tcp" for nobody's: plain TCP of `node:net`. */
export type Picked = "userspace" | "kernel" | "tcp";

/** Where to connect to, by this library's engine. */
export interface UserspaceConnectOptions extends SocketConnectOptions {
  readonly via?: "userspace";
}

/** Where to connect to, by the kernel. */
export type ViaKernelConnectOptions = KernelConnectOptions & { readonly via: "kernel" };

/** Where to connect to, by whoever can: the options that all have. */
export type AutoConnectOptions = Pick<
  KernelConnectOptions & SocketConnectOptions,
  | "port" | "host" | "localAddress" | "localPort" | "family" | "lookup" | "timeout" | "noDelay" | "keepAlive" | "keepAliveInitialDelay"
  | "allowHalfOpen" | "signal" | "highWaterMark" | "multipath"
> & { readonly via: "auto" };

/** How a server of this library's engine makes its sockets. */
export interface UserspaceServerOptions extends ServerOptions {
  readonly via?: "userspace";
}

/** How a server of the kernel makes its sockets. */
export type ViaKernelServerOptions = KernelServerOptions & { readonly via: "kernel" };

/** How a server makes its sockets, whoever it is: the options that all have. */
export type AutoServerOptions = Pick<
  KernelServerOptions & ServerOptions,
  "allowHalfOpen" | "pauseOnConnect" | "noDelay" | "keepAlive" | "keepAliveInitialDelay" | "highWaterMark" | "multipath"
> & { readonly via: "auto" };

/** What the sockets of this library's engine, of the kernel and of plain TCP have in common. */
export interface AnySocket extends Duplex {
  /** `mptcp.info().via` says which of them it is. */
  readonly mptcp: SocketMptcp;
  readonly connecting: boolean;
  readonly pending: boolean;
  readonly readyState: KernelSocket["readyState"];
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly timeout?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly localFamily?: string | undefined;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly remoteFamily?: string | undefined;
  address(): AddressInfo | object;
  setTimeout(milliseconds: number, callback?: () => void): this;
  setNoDelay(enable?: boolean): this;
  setKeepAlive(enable?: boolean, initialDelay?: number): this;
  resetAndDestroy(): this;
  destroySoon(): void;
  ref(): this;
  unref(): this;
}

/** What servers have in common. */
export interface AnyServer extends EventEmitter {
  /** Which of them it is. */
  readonly via: Picked;
  readonly listening: boolean;
  maxConnections: number | undefined;
  listen(options: { readonly port?: number | string; readonly host?: string; readonly backlog?: number; readonly signal?: AbortSignal }, callback?: () => void): this;
  listen(port?: number | string, host?: string, backlog?: number, callback?: () => void): this;
  listen(port?: number | string, host?: string, callback?: () => void): this;
  listen(port?: number | string, callback?: () => void): this;
  listen(callback?: () => void): this;
  address(): AddressInfo | null;
  close(callback?: (error?: Error) => void): this;
  getConnections(callback: (error: Error | null, count: number) => void): void;
  ref(): this;
  unref(): this;
}

/**
 * Who makes a socket for whoever asked for `via`. A runtime that is given is as good as a default stack; where Multipath TCP is required, plain
 * TCP is no choice.
 */
export function pick({ via, runtime, multipath }: { readonly via?: unknown; readonly runtime?: unknown; readonly multipath?: unknown }): Picked {
  switch (via) {
    case undefined:
    case "userspace":
      return "userspace";
    case "kernel":
      return "kernel";
    case "auto":
      if (runtime !== undefined || currentStack() !== null) return "userspace";
      return multipath === "required" || kernelMptcp().available ? "kernel" : "tcp";
    default:
      throw new MptcpError("ERR_MPTCP_VIA", `via is "userspace", "kernel" or "auto", not ${JSON.stringify(via)}`);
  }
}

/** @throws MptcpError ERR_MPTCP_VIA for the functions of a stack when anything but its engine is asked for */
export function refuseOtherThanStack(options: object): void {
  const { via } = options as { readonly via?: unknown };
  if (via === undefined || via === "userspace") return;
  throw new MptcpError("ERR_MPTCP_VIA", `a stack's functions use its own engine; for via: ${JSON.stringify(via)} take connect and createServer of the module`);
}
