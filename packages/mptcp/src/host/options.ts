import type { Observer, RandomPurpose, RandomSource, RandomSources } from "../core/index.ts";
import type { EndpointFlags, MptcpConfig, SubflowTcpConfig } from "../mptcp/index.ts";
import type { TcpConfig } from "../tcp/index.ts";
import type { IpAddress } from "../wire/index.ts";
import type { FixedNumbers } from "./fixed-numbers.ts";
import type { PortRange, PortSource } from "./ports.ts";
import type { ProfileName } from "./profiles.ts";
import type { SynCookieMode } from "./syn-cookies.ts";

/** Entries of a host's tables. */
export interface HostUsage {
  /** TCP connections, but those in TIME-WAIT, which are counted apart. */
  readonly connections: number;
  /** TCP connections, and Multipath TCP ones, that no application waits for. */
  readonly orphans: number;
  /** Closed Multipath TCP connections without a subflow, which are among the tokens too. */
  readonly lingering: number;
  readonly timeWaits: number;
  readonly pendingJoins: number;
  readonly tokens: number;
  /** Ephemeral ports of connections that were opened from here. */
  readonly ports: number;
  readonly timers: number;
}

/** Parameters of a host. `tcp` and `mptcp` are defaults for its connections. */
export interface HostOptions {
  readonly name: string;
  /** A source of random numbers for each purpose, or a function that gives them. Seeded in the simulator, cryptographic on real networks. */
  readonly random: RandomSources | ((purpose: RandomPurpose) => RandomSource);
  /** Numbers to draw first, for tests and packet scripts; more can be fixed later, see `Host.fix`. */
  readonly fixed?: FixedNumbers;
  readonly observer?: Observer | null;
  /** `own` unless given. Whose choices are made where the RFCs leave one: `profiles` of `mptcp`. What `tcp` and `mptcp` say goes before it. */
  readonly profile?: ProfileName;
  readonly tcp?: Partial<TcpConfig>;
  readonly mptcp?: Partial<MptcpConfig>;
  /** Whether Multipath TCP is asked for, and accepted, where nothing is said of it; true unless given. */
  readonly multipath?: boolean;
  /** Joins that may wait for their third ACK, the oldest of which makes room for the next one; 1024 unless given ... */
  readonly pendingJoins?: number;
  /** ... and those from one address; 64 unless given. */
  readonly pendingJoinsPerPeer?: number;
  /** TCP connections at the most, subflows included; 131,072 unless given ... */
  readonly connections?: number;
  /** ... and those with one peer address; 32,768 unless given. */
  readonly connectionsPerPeer?: number;
  /** Connections that no application waits for any more; the newest is reset beyond; 16,384 unless given. */
  readonly orphans?: number;
  /** Bytes in the buffers of all connections from which on buffers do not grow; 768 MiB unless given, or three quarters of `memory` if that is less ... */
  readonly memoryPressure?: number;
  /** ... and from which on data out of order is dropped and connections are refused; 1 GiB unless given. */
  readonly memory?: number;
  /** Closed connections without a subflow, the oldest of which makes room for the next one; 4096 unless given. */
  readonly lingering?: number;
  /** Connections in TIME-WAIT, the oldest of which makes room for the next one; 131,072 unless given. */
  readonly timeWaits?: number;
  /** Local ports of connections that are opened without one, the first and the last; 32768 to 60999 unless given. */
  readonly portRange?: PortRange;
  /** `auto` unless given. */
  readonly synCookies?: SynCookieMode;
}

/** The parameters of connections for which nothing else is said. */
export interface Defaults {
  tcp: TcpConfig;
  mptcp: MptcpConfig;
  /** Whether Multipath TCP is asked for, and accepted. */
  multipath: boolean;
}

/** What a host makes connections to come with, where whoever opens them or listens for them says nothing else; what is not named stays as it is. */
export interface DefaultsChange {
  readonly tcp?: Partial<SubflowTcpConfig>;
  readonly mptcp?: Partial<MptcpConfig>;
  /** Whether Multipath TCP is asked for, and accepted. */
  readonly multipath?: boolean;
  readonly synCookies?: SynCookieMode;
}

export interface AddressOptions {
  /** The driver's number of the link that packets from this address leave by. */
  readonly link: number;
  /** MTU of that link, octets; 1500 unless given. */
  readonly mtu?: number;
  /** Most payload octets of a super-segment, where the link segments for us; 0 unless given. */
  readonly segmentationLimit?: number;
  /** Gives out the local ports of this address, where the link rather than the host has them. */
  readonly ports?: PortSource;
  readonly flags?: Partial<EndpointFlags>;
}

export interface ListenOptions {
  /** All addresses of the host unless given. */
  readonly address?: IpAddress;
  /** Where no address is given: those of one family alone. */
  readonly family?: 4 | 6;
  /** Connections half open or waiting to be accepted; 4096 unless given. */
  readonly backlog?: number;
  /** Connections half open; 1024 unless given. What comes beyond is answered by SYN cookies, where the host has them. */
  readonly halfOpen?: number;
  /**
   * For so long after its SYN a connection is not accepted without data, ns: an ACK without any does not complete the handshake. 0 unless given: it does at once. It
   * does in any case where SYN cookies are in use. TCP_DEFER_ACCEPT
   */
  readonly deferAccept?: number;
  /** Accept Multipath TCP; as the host does unless given. */
  readonly multipath?: boolean;
  /** The host's unless given. Whose choices are made where the RFCs leave one: `profiles` of `mptcp`. What `tcp` and `mptcp` say goes before it. */
  readonly profile?: ProfileName;
  readonly tcp?: Partial<TcpConfig>;
  readonly mptcp?: Partial<MptcpConfig>;
}

export interface ConnectOptions {
  readonly localAddress?: IpAddress;
  readonly localPort?: number;
  /** Ask for Multipath TCP; as the host does unless given. */
  readonly multipath?: boolean;
  /** Never send a SYN without MP_CAPABLE, whatever is remembered of the path; false unless given. */
  readonly require?: boolean;
  /** The host's unless given. Whose choices are made where the RFCs leave one: `profiles` of `mptcp`. What `tcp` and `mptcp` say goes before it. */
  readonly profile?: ProfileName;
  readonly tcp?: Partial<TcpConfig>;
  readonly mptcp?: Partial<MptcpConfig>;
}
