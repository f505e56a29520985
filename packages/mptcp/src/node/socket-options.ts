import type { LookupAddress } from "node:dns";
import type { BlockList, OnReadOpts } from "node:net";
import { SECOND } from "../core/index.ts";
import type { ProfileName } from "../host/index.ts";
import type { MptcpConfig } from "../mptcp/index.ts";
import type { KeepAlive, TcpConfig } from "../tcp/index.ts";
import type { MultipathChoice } from "./mptcp-info.ts";
import type { Runtime } from "./runtime.ts";

/** How a socket is made: the options of `net.Socket` that mean something here, and those of the engine. */
export interface SocketOptions {
  readonly allowHalfOpen?: boolean;
  readonly signal?: AbortSignal;
  readonly highWaterMark?: number;
  readonly readableHighWaterMark?: number;
  readonly writableHighWaterMark?: number;
  /** Data is written into a buffer of the application's, and no `data` is emitted. */
  readonly onread?: OnReadOpts;
  readonly noDelay?: boolean;
  readonly keepAlive?: boolean;
  /** Milliseconds of silence before the first probe; two hours unless given. */
  readonly keepAliveInitialDelay?: number;
  /** RFC 6897's TCP_MULTIPATH_ENABLE: true unless given. */
  readonly multipath?: MultipathChoice;
  /**
   * The addresses of this host that connections may use: RFC 6897's TCP_MULTIPATH_ADD before a connection. Unless given, all where nothing is
   * bound, and else the one that is: `localAddress`, or the `host` of a server.
   */
  readonly localAddresses?: readonly string[];
  /**
   * TCP Fast Open (RFC 7413). Of a socket that connects: where the server gave a cookie before, it counts as connected at once, and what is written first goes with
   * the SYN; **the server may get that twice, as two connections**. Of a server: takes such data, and gives cookies out. As the runtime does unless given: it does not.
   */
  readonly fastOpen?: boolean;
  /** Whose choices are made where the RFCs leave one, as in `profiles`; the runtime's unless given. `tcp` and `mptcp` go before it. */
  readonly profile?: ProfileName;
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
  /** The address of the first subflow; the only one unless `localAddresses` names more. */
  readonly localAddress?: string;
  readonly localPort?: number;
  readonly family?: number | "IPv4" | "IPv6";
  readonly hints?: number;
  readonly lookup?: LookupFunction;
  /** Try all addresses of a name, by turns of both families; as `net.getDefaultAutoSelectFamily()` says unless given. */
  readonly autoSelectFamily?: boolean;
  /** Milliseconds for one of several addresses. */
  readonly autoSelectFamilyAttemptTimeout?: number;
  /** Addresses not to connect to. */
  readonly blockList?: BlockList;
  readonly timeout?: number;
}

/** `dns.lookup`, or something like it. */
export type LookupFunction = (
  hostname: string,
  options: { readonly family: number | undefined; readonly hints: number; readonly all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[] | string, family?: number) => void,
) => void;

/** Keepalive as Node sets it: silence of `delay` s, that of `before` where it is 0, then ten probes, one a second, unless `interval` in s and `count` say otherwise. */
export function keepAliveOfNode(delay: number, interval = 0, count = 0, before: KeepAlive | null = null): KeepAlive {
  return {
    idle: delay > 0 ? delay * SECOND : (before?.idle ?? DEFAULT_KEEP_ALIVE),
    interval: interval > 0 ? interval * SECOND : SECOND,
    probes: count > 0 ? count : 10,
  };
}

/** Idle time before the first probe where none is given, ns; as Linux' tcp_keepalive_time. */
const DEFAULT_KEEP_ALIVE = 7200 * SECOND;
