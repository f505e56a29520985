import * as net from "node:net";
import type { ServerOpts } from "node:net";
import type { MultipathChoice } from "../mptcp-info.ts";
import { requireKernelMptcp } from "./availability.ts";
import { KernelSocket, refusePath } from "./kernel-socket.ts";
import { nodeListenOn } from "../handle/index.ts";
import type { NodeHandle } from "../handle/index.ts";
import { boundHandle } from "./tcp-handle.ts";

/** How a server makes its sockets: the options of `net.createServer`. */
export interface KernelServerOptions extends ServerOpts {
  readonly highWaterMark?: number;
  /** Accept Multipath TCP; true unless given. With false it is a plain `net.Server`, beside its sockets' {@link KernelSocket.mptcp}. */
  readonly multipath?: MultipathChoice;
}

/** Where to listen: the options of `net.Server.listen` without `path`. */
export type KernelListenOptions = Omit<net.ListenOptions, "port" | "path" | "readableAll" | "writableAll"> & { readonly port?: number | string | undefined };

/** A `net.Server` over the kernel's own Multipath TCP. Its sockets are {@link KernelSocket}s; a peer without Multipath TCP gets plain TCP. */
export class KernelServer extends net.Server {
  /** "kernel" where Multipath TCP is accepted, "tcp" where it is not. */
  readonly via: "kernel" | "tcp";
  private readonly isRequired: boolean;

  /** @throws MptcpError ERR_MPTCP_KERNEL when the kernel's Multipath TCP is not to be had */
  constructor(options: KernelServerOptions | ((socket: KernelSocket) => void) = {}, onConnection?: (socket: KernelSocket) => void) {
    const { multipath = true, ...rest } = typeof options === "function" ? {} : options;
    if (multipath !== false) requireKernelMptcp();
    // `emit` sees to it that they are.
    super(rest, (typeof options === "function" ? options : onConnection) as ((socket: net.Socket) => void) | undefined);
    this.via = multipath === false ? "tcp" : "kernel";
    this.isRequired = multipath === "required";
  }

  /** Listens, as `net.Server.listen` does: `(options[, callback])` or `([port[, host[, backlog]]][, callback])`. */
  override listen(options: KernelListenOptions, callback?: () => void): this;
  override listen(port?: number | string, host?: string, backlog?: number, callback?: () => void): this;
  override listen(port?: number | string, host?: string, callback?: () => void): this;
  override listen(port?: number | string, backlog?: number, callback?: () => void): this;
  override listen(port?: number | string, callback?: () => void): this;
  override listen(callback?: () => void): this;
  override listen(...given: unknown[]): this {
    const [first, second, third] = given;
    refusePath(first);
    const callback = given.at(-1);
    const options =
      typeof first === "object" && first !== null
        ? first
        : {
            port: typeof first === "function" ? 0 : (first ?? 0),
            host: typeof second === "string" ? second : undefined,
            backlog: [second, third].find((one) => typeof one === "number"),
          };
    // In a worker of a cluster `net` would ask the primary for the socket, and get one of TCP.
    return super.listen({ ...options, exclusive: true } as net.ListenOptions, typeof callback === "function" ? (callback as () => void) : undefined);
  }

  /** Called by `net.Server.listen` once the address is known: makes the socket that Node would make, of another protocol. */
  _listen2(address: string | null, port: number, family: 4 | 6, backlog: number | undefined, _fd: undefined, flags = 0): void {
    const listenOn = nodeListenOn();
    if (listenOn === undefined) return;
    if (this.via === "tcp") {
      (listenOn as (...all: unknown[]) => void).call(this, address, port, family, backlog, undefined, flags);
      return;
    }
    const { handle, ...where } = bind(address, port, family, flags);
    (this as unknown as { _handle: NodeHandle })._handle = handle;
    listenOn.call(this, where.address, port, where.family, backlog, undefined, flags);
  }

  /** Where it listens; null when it does not. */
  override address(): net.AddressInfo | null {
    const address = super.address();
    return typeof address === "string" ? null : address;
  }

  override emit(event: string | symbol, ...values: unknown[]): boolean {
    const [socket] = values;
    if (event !== "connection" || !(socket instanceof net.Socket)) return super.emit(event, ...values);
    const { mptcp } = KernelSocket.accepted(socket, this.via);
    if (!this.isRequired || mptcp.enabled) return super.emit(event, ...values);
    const { localAddress, localPort, localFamily, remoteAddress, remotePort, remoteFamily } = socket;
    socket.resetAndDestroy();
    return super.emit("drop", { localAddress, localPort, localFamily, remoteAddress, remotePort, remoteFamily });
  }
}

/** A handle at `address`; at any address of either family, or else of IPv4, where none is given. */
function bind(address: string | null, port: number, family: 4 | 6, flags: number): { handle: NodeHandle; address: string; family: 4 | 6 } {
  if (address !== null) return { handle: usable(boundHandle(address, family, port, flags)), address, family };
  const both = boundHandle("::", 6, port, flags);
  if (typeof both !== "number") return { handle: both, address: "::", family: 6 };
  return { handle: usable(boundHandle("0.0.0.0", 4, port, flags)), address: "0.0.0.0", family: 4 };
}

/** What has no socket says so when it is asked to listen, so that Node makes the error. */
function usable(handle: NodeHandle | number): NodeHandle {
  return typeof handle === "number" ? ({ listen: () => handle, close: () => {} } as unknown as NodeHandle) : handle;
}
