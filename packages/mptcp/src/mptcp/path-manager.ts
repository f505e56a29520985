import type { PlainObject, PolicyLike, SubflowEndReason } from "../core/index.ts";
import type { IpAddress } from "../wire/index.ts";

/**
 * A path manager: decides which paths a connection uses. It is separate from the multipath transport (draft-barre-mptcp-impl
 * §2): the transport keeps the tables and carries out what the manager asks; the manager never touches a segment.
 */
export interface PathManager {
  readonly name: string;
  /** New subflows may be opened from now on: the connection is fully established (a DSS arrived, RFC 8684 §3.1). */
  onEstablished(paths: PathControl, now: number): void;
  /** The local or remote address table changed, and with it the mapping table. */
  onAddresses(paths: PathControl, now: number): void;
  /** A subflow ended or could not be opened. */
  onSubflowClosed(paths: PathControl, pathIndex: number, reason: SubflowEndReason, now: number): void;
  /**
   * The peer announced an address again that is known already: an attempt that failed may be made once more (RFC 8684 §3.9.3). It says so as
   * well when it only missed our echo.
   */
  onRefreshed?(paths: PathControl, remoteAddressId: number, now: number): void;
  /** When `handleTimeout` wants to be called, ns; NEVER when nothing is planned. Looked at after each call into the manager. */
  readonly nextTimeout?: number;
  /** Time has come, or the call is spurious, which is harmless. */
  handleTimeout?(paths: PathControl, now: number): void;
  /** What it remembers, as plain data, for a connection that is saved; one without begins anew there. Times as ages at `now`. */
  snapshot?(now: number): PlainObject;
  /** Goes on from that, in one just made by the same policy. @throws MptcpError ERR_MPTCP_STATE when it is not such state */
  restore?(state: PlainObject, now: number): void;
}

/** What the transport offers a path manager. */
export interface PathControl {
  /** Whether this end opened the connection. */
  readonly initiator: boolean;
  /** Our addresses, by interface address id. Id 0 is the address of the first subflow. */
  readonly local: readonly LocalAddress[];
  /** The peer's addresses that we know of, by its ids. */
  readonly remote: readonly RemoteAddress[];
  /** Every path that was ever given an index (1: the first subflow); removed ones stay, so that an index is never reused. */
  readonly paths: readonly Path[];
  /** Subflows that are open or being opened. */
  readonly openSubflows: number;
  /**
   * Whether a join to an address that the peer announced may begin now. These are paced: after a no, `onAddresses` is called when one may,
   * and `open` gives false until then.
   */
  mayJoinAnnounced(now: number): boolean;
  /** Path manager limits, as `ip mptcp limits` has them. */
  readonly limits: PathLimits;
  /** Start a subflow on a path of the mapping table; false when it is open already, or a limit forbids it. */
  open(pathIndex: number, backup: boolean, now: number): boolean;
  /** End a subflow without ending the connection. */
  close(pathIndex: number, now: number): void;
  /** Announce one of our addresses (ADD_ADDR), with a port when `port` is not 0. */
  announce(addressId: number, port: number, now: number): void;
  /** Withdraw an announced or used address (REMOVE_ADDR). */
  withdraw(addressId: number, now: number): void;
  /** Set the backup flag of a subflow, and tell the peer (MP_PRIO). */
  setBackup(pathIndex: number, backup: boolean, now: number): void;
}

export interface LocalAddress {
  readonly id: number;
  readonly address: IpAddress;
  readonly up: boolean;
  /** Endpoint flags as `ip mptcp endpoint` has them. */
  readonly flags: EndpointFlags;
}

export interface EndpointFlags {
  /** Open subflows from this address. */
  readonly subflow: boolean;
  /** Announce this address to the peer. */
  readonly signal: boolean;
  readonly backup: boolean;
  /** Open subflows from this address to every known address of the peer. */
  readonly fullmesh: boolean;
  /** The port that the address is announced with, where joins come to; that of the first subflow where there is none. */
  readonly port?: number;
  /** The address id, 1 to 255; one that is free unless given. */
  readonly id?: number;
}

export interface RemoteAddress {
  readonly id: number;
  readonly address: IpAddress;
  /** The port to join; that of the first subflow unless ADD_ADDR named one. */
  readonly port: number;
  /** False for the first subflow's address when the peer set the C flag (RFC 8684 §3.1). */
  readonly joinable: boolean;
}

/** One row of the mapping table: path index -> endpoint id (draft-barre-mptcp-impl Table 1). */
export interface Path {
  readonly index: number;
  readonly localAddress: IpAddress;
  readonly localAddressId: number;
  /** 0: pick one. */
  readonly localPort: number;
  readonly remoteAddress: IpAddress;
  readonly remoteAddressId: number;
  readonly remotePort: number;
  /** Whether both addresses are still there. */
  readonly present: boolean;
  /** Whether a subflow is open, or being opened, on it. */
  readonly open: boolean;
  /** Whether a subflow was ever established on it. */
  readonly worked: boolean;
  /** Whether the latest subflow that was begun on it was established. */
  readonly answered: boolean;
}

export interface PathLimits {
  /** Subflows beside the first. */
  readonly subflows: number;
  /** ADD_ADDRs taken into the table. */
  readonly addAddrAccepted: number;
}

/** A path manager to choose: it makes one for each connection. */
export type PathManagerFactory = PolicyLike<PathManager>;
