import type { IpAddress } from "../wire/index.ts";
import type { StreamConnection, TcpConfig, TcpConnection, TcpEnvironment, TcpOwner } from "../tcp/index.ts";
import type { LocalAddress } from "./path-manager.ts";
import type { KeyMaterial, Version } from "./version/version.ts";

/** What an MPTCP connection needs from the host it lives on, beyond what TCP needs. */
export interface MptcpEnvironment extends TcpEnvironment {
  /** The time of the driver's call being handled, ns. */
  readonly now: number;
  /**
   * Starts a TCP connection for a subflow; its SYN leaves with the next poll, and is sent again `synRetries` times whatever `config` says.
   * @returns null when the local address is gone, no port is free or no route fits
   */
  connectTcp(owner: TcpOwner, endpoint: EndpointId, config: SubflowTcpConfig, synRetries: number, now: number): TcpConnection | null;
  /** A connection is to be of another version, and nobody has seen its key: it gets one whose token is free, and is known by that. */
  changeVersion(connection: Versioned, version: Version): void;
  /** The third ACK of a join that arrived was verified: its 4-tuple is no longer that of a pending join. */
  joined(tcp: TcpConnection): void;
  /** Something happened that the application may want to hear of: see `takeEvents`. */
  notify(connection: StreamConnection): void;
  /** `nextTimeout` of the connection moved to an earlier time. */
  schedule(timed: Timed): void;
  /** The connection is over and all its subflows are: forget its token. */
  finished(connection: StreamConnection): void;
  /** A closed connection without subflows is kept for a while; `stopLingering` when there are too many. Ends with `finished`. */
  lingers(connection: { stopLingering(now: number): void }, now: number): void;
  /** The host's addresses with their ids and flags. */
  localAddresses(): readonly LocalAddress[];
}

/** The four-tuple of a subflow to be; a local port of 0 means "pick one". */
export interface EndpointId {
  readonly localAddress: IpAddress;
  readonly localPort: number;
  readonly remoteAddress: IpAddress;
  readonly remotePort: number;
}

/** What the connection decides about its subflows' TCP; the host fills in the rest from the route. */
export type SubflowTcpConfig = Omit<TcpConfig, "mtu" | "segmentationLimit">;

/** What has a version that may change, and a token with it. */
export interface Versioned {
  readonly session: { readonly local: { readonly token: number }; onVersion(version: Version, keys: KeyMaterial): void };
}

/** Something with a deadline that the host looks after. */
export interface Timed {
  /** ns; NEVER when idle. May be too early (a spurious call is cheap), never too late. */
  readonly nextTimeout: number;
  handleTimeout(now: number): void;
}
