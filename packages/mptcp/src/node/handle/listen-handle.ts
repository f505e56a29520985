import type { Server } from "node:net";
import { MptcpError } from "../../core/index.ts";
import type { Listener } from "../../host/index.ts";
import type { StreamConnection } from "../../tcp/index.ts";
import { IpAddress } from "../../wire/index.ts";
import { uvErrno } from "../errno.ts";
import { rethrow } from "../errors.ts";
import { readAddress } from "../local-address.ts";
import type { WrittenAddress } from "../local-address.ts";
import { DEAF } from "../runtime.ts";
import type { ConnectionHandler, Runtime } from "../runtime.ts";
import type { SocketOptions } from "../socket-options.ts";
import { writeAddress } from "./address-text.ts";
import type { SocketName } from "./address-text.ts";
import { UV_TCP_IPV6ONLY } from "./node-handle.ts";
import type { ListenOn } from "./node-handle.ts";
import { StreamHandle } from "./stream-handle.ts";

/** How a listener of the engine is made. */
export interface ListenSettings extends Pick<SocketOptions, "fastOpen" | "multipath" | "profile" | "tcp" | "mptcp" | "localAddresses" | "noDelay"> {
  /** Where `::` is asked for, addresses of IPv4 are not meant. */
  readonly ipv6Only?: boolean;
  /** How many connections may wait; as the engine has it unless given. */
  readonly backlog?: number;
  /** Whether a peer is welcome. Unless it is, its connection is closed, or reset without the Multipath TCP that is required. */
  readonly isWelcome: (connection: StreamConnection) => "yes" | "close" | "reset";
}

/**
 * A listener of the engine as the handle beneath a `net.Server`, in place of libuv's. What it accepts are {@link StreamHandle}s.
 */
export class ListenHandle {
  /** Node's own function. */
  onconnection: ((error: number, handle: StreamHandle) => void) | undefined = undefined;
  private readonly runtime: Runtime;
  private readonly written: WrittenAddress | null;
  private readonly settings: ListenSettings;
  private readonly wantedPort: number;
  private listener: Listener | null = null;
  private isReferenced = true;
  private holdsReference = false;

  /** @param address any address where it is null */
  constructor(runtime: Runtime, address: string | null, port: number, settings: ListenSettings) {
    this.runtime = runtime;
    this.written = address === null ? null : readAddress(address);
    this.wantedPort = port;
    this.settings = settings;
  }

  /** Node's own default of a backlog is not meant. */
  listen(): number {
    const { runtime, written } = this;
    const only = written === null || written.isAny ? null : written.address;
    if (only !== null && !runtime.host.localAddresses().some((local) => local.address.equals(only))) return uvErrno("EADDRNOTAVAIL");
    try {
      this.listener = this.wantedPort === 0 ? this.listenAnywhere(only) : this.listenOn(this.wantedPort, only);
    } catch (error) {
      const number = uvErrno((error as NodeJS.ErrnoException).code ?? "");
      if (number === UNKNOWN) throw error;
      return number;
    }
    this.updateHold();
    return 0;
  }

  private listenOn(port: number, address: IpAddress | null): Listener {
    const { runtime } = this;
    const { fastOpen, multipath, mptcp, profile, tcp, noDelay, localAddresses, backlog } = this.settings;
    // RFC 6897 §5.3.2: where an address is bound, no other is used but those that are named.
    const named = localAddresses?.map((text) => IpAddress.from(text)) ?? (address === null ? null : []);
    return runtime.listen(
      port,
      {
        ...(address === null ? {} : { address }),
        ...(this.family === undefined ? {} : { family: this.family }),
        ...(backlog === undefined ? {} : { backlog }),
        ...(fastOpen === undefined ? {} : { fastOpen }),
        ...(profile === undefined ? {} : { profile }),
        multipath: multipath !== false,
        mptcp: { localAddresses: named, ...mptcp },
        tcp: { noDelay: noDelay ?? false, ...tcp },
      },
      (connection) => this.accept(connection),
    );
  }

  private listenAnywhere(address: IpAddress | null): Listener {
    for (let tries = 0; ; tries++) {
      const port = EPHEMERAL_FIRST + (this.runtime.host.random.ports.uint32() % EPHEMERAL_COUNT);
      try {
        return this.listenOn(port, address);
      } catch (error) {
        if (!(error instanceof MptcpError) || error.code !== "EADDRINUSE" || tries === MAXIMUM_TRIES) throw error;
      }
    }
  }

  private accept(connection: StreamConnection): ConnectionHandler {
    const { runtime } = this;
    const welcome = this.settings.isWelcome(connection);
    if (welcome !== "yes") {
      if (welcome === "reset") connection.abort(runtime.now);
      else connection.abandon(runtime.now);
      return DEAF;
    }
    const handle = StreamHandle.on(runtime, connection, this.settings);
    try {
      this.onconnection?.(0, handle);
    } catch (error) {
      // A listener's, and so the application's. The socket is there all the same.
      rethrow(error);
    }
    return handle;
  }

  getsockname(out: SocketName): number {
    const { listener, written } = this;
    if (listener === null) return uvErrno("EINVAL");
    const address = listener.address ?? written?.address ?? IpAddress.from(this.anyAddress);
    writeAddress(address, listener.port, written?.isMapped ?? false, out);
    return 0;
  }

  /** Of any address: one family alone where it was asked for by `0.0.0.0`, or by IPv6 alone. */
  private get family(): 4 | 6 | undefined {
    const { written } = this;
    if (written === null || !written.isAny) return undefined;
    if (written.address.family === 4) return 4;
    return this.settings.ipv6Only === true ? 6 : undefined;
  }

  /** What stands for any address of the stack: that of IPv6 where it has such, as with Node. */
  get anyAddress(): "::" | "0.0.0.0" {
    return this.runtime.host.localAddresses().some(({ address }) => address.family === 6) ? "::" : "0.0.0.0";
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

  close(callback?: () => void): void {
    if (this.listener !== null) this.runtime.unlisten(this.listener);
    this.listener = null;
    this.updateHold();
    // Not before the links let go of the port.
    if (callback !== undefined) setImmediate(callback);
  }

  private updateHold(): void {
    const holds = this.listener !== null && this.isReferenced;
    if (holds === this.holdsReference) return;
    this.holdsReference = holds;
    if (holds) this.runtime.ref();
    else this.runtime.unref();
  }
}

/** Where Node is about to listen: the arguments of its {@link ListenOn}. */
export type ListenPlace = Parameters<ListenOn>;

/**
 * Has `server` listen as Node is about to, on the handle that `make` gives; on one of Node's where that is null, and for what is no address: a path, a descriptor, a handle that is there.
 * Any address is told as that of the handle's stack.
 */
export function listenOnEngine(server: Server, listenOn: ListenOn, place: ListenPlace, make: (settings: Pick<ListenSettings, "backlog" | "ipv6Only">) => ListenHandle | null): void {
  const [address, port, family, backlog, fd, flags = 0] = place;
  const inside = server as unknown as { _handle: unknown };
  // A family of -1 is that of a path.
  const isAddress = !inside._handle && (family === 4 || family === 6) && fd === undefined;
  const handle = isAddress ? make({ ...(backlog === undefined || backlog <= 0 ? {} : { backlog }), ipv6Only: (flags & UV_TCP_IPV6ONLY) !== 0 }) : null;
  if (handle !== null) inside._handle = handle;
  if (handle === null || address !== null) listenOn.call(server, ...place);
  else listenOn.call(server, handle.anyAddress, port, handle.anyAddress === "::" ? 6 : 4, backlog, fd, flags);
}

const UNKNOWN = uvErrno("UNKNOWN");
/** The range Linux uses. */
const EPHEMERAL_FIRST = 32_768;
const EPHEMERAL_COUNT = 60_999 - EPHEMERAL_FIRST + 1;
const MAXIMUM_TRIES = 64;
