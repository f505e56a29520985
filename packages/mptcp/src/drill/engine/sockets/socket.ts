import type { IpAddress } from "../../../wire/index.ts";
import { CONSTANTS } from "../../system/index.ts";
import type { ControlMessage, SocketAddress } from "../../system/index.ts";
import { OpenFile } from "../files/open-file.ts";
import { anyOf, endpointOf, isAny, socketAddressOf } from "../machine/addresses.ts";
import type { Endpoint } from "../machine/addresses.ts";
import type { Bound } from "../machine/bindings.ts";
import type { Machine } from "../machine/machine.ts";
import type { Outcome } from "../process/outcome.ts";
import { ErrorQueue } from "./error-queue.ts";
import { Settings } from "./settings.ts";

/** What a call that sends asks for. */
export interface SendRequest {
  readonly data: Uint8Array;
  readonly flags: number;
  readonly address: SocketAddress | null;
  readonly control: readonly ControlMessage[];
  /** There is no data where the call says that it is. */
  readonly isNowhere?: boolean | undefined;
}

/** What a call that receives asks for. */
export interface ReceiveRequest {
  readonly length: number;
  readonly flags: number;
  /** Octets that there are for control messages. */
  readonly controlLength: number;
  /** There is no room where the call says that it is. */
  readonly isNowhere?: boolean | undefined;
  /** The urgent octet is not passed, as with splice(2). */
  readonly staysBeforeUrgent?: boolean | undefined;
}

/** A socket of IPv4 or IPv6. */
export abstract class Socket extends OpenFile implements Bound {
  readonly machine: Machine;
  readonly domain: number;
  readonly type: number;
  /** As getsockopt(SO_PROTOCOL) gives it. */
  readonly protocol: number;
  readonly settings: Settings;
  readonly errors = new ErrorQueue();
  /** SO_ERROR: what the next call gives, once; null: nothing. */
  pendingError: string | null = null;
  /** Where it is bound. */
  local: Endpoint;
  protected isBound = false;

  constructor(machine: Machine, kind: SocketKind, status: number, settings = new Settings()) {
    super(status);
    this.machine = machine;
    this.domain = kind.domain;
    this.type = kind.type;
    this.protocol = kind.protocol;
    this.settings = settings;
    this.local = { address: anyOf(kind.domain), port: 0 };
  }

  abstract connect(address: SocketAddress): Outcome;
  abstract listen(backlog: number): string | null;
  /** The next connection; null: none waits; an errno. @param status of the file to be */
  abstract accept(status: number): Socket | null | string;
  abstract shutdown(how: number): string | null;
  abstract send(request: SendRequest): Outcome;
  abstract receive(request: ReceiveRequest): Outcome;
  /** Null: it is not connected. */
  abstract get peer(): Endpoint | null;
  abstract get isListening(): boolean;
  /** Whether it may not be bound any more. */
  protected abstract get isFixed(): boolean;
  /** An option was set that a connection has to hear of. */
  abstract onSetting(name: string): void;

  get reuseAddress(): boolean {
    return this.settings.get("SO_REUSEADDR") !== 0;
  }

  get reusePort(): boolean {
    return this.settings.get("SO_REUSEPORT") !== 0;
  }

  /** The number that ports are told apart by. */
  get portSpace(): number {
    return this.type === SOCK_DGRAM ? IPPROTO_UDP : IPPROTO_TCP;
  }

  get onlyIpv6(): boolean {
    return this.domain === AF_INET6 && this.settings.get("IPV6_V6ONLY") !== 0;
  }

  /** @returns an errno; null: it is bound */
  bind(given: SocketAddress): string | null {
    // AF_UNSPEC does for AF_INET where the address is that of nobody.
    const isUnsaid = given.family === AF_UNSPEC && this.domain === AF_INET && (given.address === "" || given.address === "0.0.0.0");
    const endpoint = isUnsaid ? { address: anyOf(AF_INET), port: given.port } : endpointOf(this.domain, given);
    if (typeof endpoint === "string") return endpoint;
    const { address, port } = endpoint;
    if (address.isUnicast && !this.machine.isLocal(address) && !this.mayBindForeign) return "EADDRNOTAVAIL";
    if (this.isFixed || this.isBound) return "EINVAL";
    return this.take({ address, port });
  }

  private get mayBindForeign(): boolean {
    return this.settings.get("IP_FREEBIND") !== 0 || this.settings.get("IP_TRANSPARENT") !== 0 || this.machine.sysctls.number("net.ipv4.ip_nonlocal_bind") !== 0;
  }

  /** Takes a port, any one where it is 0. @returns an errno */
  protected take({ address, port }: Endpoint): string | null {
    const { bindings, sysctls } = this.machine;
    const wanted = { protocol: this.portSpace, families: this.familiesOf(address), address, socket: this };
    const range = (index: number): number => sysctls.number("net.ipv4.ip_local_port_range", index);
    const taken = port === 0 ? bindings.pick(wanted, range(0), range(1)) : port;
    if (taken === 0 || (port !== 0 && bindings.isTaken({ ...wanted, port }, this))) return "EADDRINUSE";
    bindings.add({ ...wanted, port: taken });
    this.local = { address, port: taken };
    this.isBound = true;
    return null;
  }

  /** The families of what may come to an address. */
  familiesOf(address: IpAddress): readonly (4 | 6)[] {
    if (this.domain === AF_INET) return [4];
    if (!isAny(address)) return [address.family];
    return this.onlyIpv6 ? [6] : [4, 6];
  }

  get localName(): SocketAddress {
    return socketAddressOf(this.domain, this.local);
  }

  get peerName(): SocketAddress | null {
    const { peer } = this;
    return peer === null ? null : socketAddressOf(this.domain, peer);
  }

  /** SO_ERROR, which is given once. */
  takeError(): string | null {
    const error = this.pendingError;
    this.pendingError = null;
    return error;
  }

  override read(length: number): Outcome {
    return this.receive({ length, flags: 0, controlLength: 0 });
  }

  override write(data: Uint8Array): Outcome {
    return this.send({ data, flags: 0, address: null, control: [] });
  }
}

/** The arguments of socket(2). */
export interface SocketKind {
  readonly domain: number;
  readonly type: number;
  readonly protocol: number;
}

const { AF_INET, AF_INET6, AF_UNSPEC, IPPROTO_TCP, IPPROTO_UDP, SOCK_DGRAM } = CONSTANTS;
