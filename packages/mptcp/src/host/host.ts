import type { Counters, Observer, RandomSource } from "../core/index.ts";
import type { EndpointFlags, MptcpConfig } from "../mptcp/index.ts";
import type { StreamConnection, TcpConfig } from "../tcp/index.ts";
import type { IpAddress, Packet } from "../wire/index.ts";

/** CONTRACT: one host, sans-IO. The body replaces this declaration. */
export declare class Host {
  constructor(options: HostOptions);
  readonly name: string;
  readonly counters: Counters;

  /** Gives the host an address on a link (`link` is the driver's number for it, small integers from 0). */
  addAddress(address: IpAddress, options: AddressOptions, now: number): void;
  /** Takes an address away: connections hear of it, REMOVE_ADDR goes out, subflows on it end. */
  removeAddress(address: IpAddress, now: number): void;

  /** @throws MptcpError EADDRINUSE */
  listen(port: number, options?: ListenOptions): Listener;
  /** @throws MptcpError EADDRNOTAVAIL when no local address fits */
  connect(remote: IpAddress, port: number, options: ConnectOptions, now: number): StreamConnection;

  // the driver's calls, in this order: receive and handleTimeout, then pollTransmit for each link that has room until null,
  // then pollEvent until null, then sleep until nextTimeout()
  receive(packet: Packet, link: number, now: number): void;
  handleTimeout(now: number): void;
  /** Earliest time handleTimeout wants to be called; NEVER when nothing is pending. */
  nextTimeout(): number;
  pollTransmit(link: number, now: number): Packet | null;
  /** A connection or listener that something happened to; ask it by takeEvents() / accept(). */
  pollEvent(): StreamConnection | Listener | null;
}

export interface HostOptions {
  readonly name: string;
  readonly random: RandomSource;
  readonly observer?: Observer | null;
  readonly tcp?: Partial<TcpConfig>;
  readonly mptcp?: Partial<MptcpConfig>;
}

export interface AddressOptions {
  readonly link: number;
  /** MTU of that link, octets. */
  readonly mtu?: number;
  readonly segmentationLimit?: number;
  readonly flags?: Partial<EndpointFlags>;
}

export interface ListenOptions {
  readonly address?: IpAddress;
  readonly backlog?: number;
  /** Accept Multipath TCP (default true). */
  readonly multipath?: boolean;
  readonly tcp?: Partial<TcpConfig>;
  readonly mptcp?: Partial<MptcpConfig>;
}

export interface ConnectOptions {
  readonly localAddress?: IpAddress;
  readonly localPort?: number;
  /** Use Multipath TCP (default true). */
  readonly multipath?: boolean;
  readonly tcp?: Partial<TcpConfig>;
  readonly mptcp?: Partial<MptcpConfig>;
}

export interface Listener {
  readonly port: number;
  /** The next connection whose handshake completed, or null. */
  accept(): StreamConnection | null;
  close(now: number): void;
}
