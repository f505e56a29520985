import { LIMITS, MILLISECOND } from "../core/index.ts";
import type { CongestionControlFactory } from "../tcp/index.ts";
import type { IpAddress } from "../wire/index.ts";
import type { PathLimits, PathManagerFactory } from "./path-manager.ts";
import type { SchedulerFactory } from "./scheduler.ts";
import { version1 } from "./version/v1.ts";
import type { Version } from "./version/version.ts";

/** Policies of a connection to exchange while data flows; those that are not named stay. */
export interface PolicyExchange {
  readonly scheduler?: SchedulerFactory;
  /** Of all subflows, those to come too: each new controller goes on from the window of the one before. */
  readonly congestion?: CongestionControlFactory;
  readonly pathManager?: PathManagerFactory;
}

/** The parameters of Multipath TCP on a host, and of one connection. Times in ns. */
export interface MptcpConfig {
  /** The version spoken. */
  readonly version: Version;
  readonly scheduler: SchedulerFactory;
  /** Congestion control of the subflows: coupled through the connection's group, or each on its own. */
  readonly congestion: CongestionControlFactory;
  readonly pathManager: PathManagerFactory;
  readonly limits: PathLimits;
  /** Joins that may wait for their third ACK, which do not count as subflows; the oldest makes room for the next one ... */
  readonly pendingJoins: number;
  /** ... and how long one may wait, ns. */
  readonly pendingJoinTimeout: number;
  /** Joins to addresses that the peer announced: so many at once, and as many per second from then on, since anybody's address may be announced. */
  readonly announcedJoins: number;
  /** The addresses of this host that a connection may use, that of its first subflow besides; null: all (RFC 6897 §5.3.3). */
  readonly localAddresses: readonly IpAddress[] | null;
  /**
   * Octets of data sequence numbers and Data ACKs that we send: 8, or 4 for as long as the rate allows it (RFC 8684 §3.3.1). Eight-octet numbers are
   * acknowledged with eight.
   */
  readonly dataSequenceLength: 4 | 8;
  /** Require checksums over all data (A flag, RFC 8684 §3.1); they are used when either host does. */
  readonly checksum: boolean;
  /** D6: resend the head of the window on a fast subflow when the shared window is blocked by a slow one ... */
  readonly opportunisticRetransmission: boolean;
  /** ... and halve the slow subflow's congestion window. */
  readonly penalisation: boolean;
  /** SYNs sent with MP_CAPABLE before one goes without (RFC 8684 §3.1). */
  readonly capableSyns: number;
  /** SYNs of a join sent again before the attempt is given up: the path manager's next one comes sooner than the eighth SYN would. */
  readonly joinSynRetries: number;
  /** How long a destination whose path swallowed MP_CAPABLE is spoken to in plain TCP: the first time, four times as long on each confirmation ... */
  readonly blackholeFirstMemory: number;
  /** ... and at the most. Success with MP_CAPABLE ends it. */
  readonly blackholeMemory: number;
  /**
   * ADD_ADDR is sent again until its echo arrives (RFC 8684 §3.4.1): the first interval, which doubles up to a minute, and the count. After that it
   * is said once more on each subflow that is established.
   */
  readonly addAddrTimeout: number;
  readonly addAddrRetries: number;
  /** How long a connection without any subflow waits for one (break before make, RFC 8684 §3.3.3). */
  readonly noSubflowTimeout: number;
  /** Retransmission timeouts of a subflow in a row from which on it is stale: it gets no new data while others can have it, and what it carries goes over these; 0: it never is. */
  readonly staleTimeouts: number;
  /** How `abort` closes: RSTs with MP_FASTCLOSE, or an ACK with it that the peer answers by a RST (RFC 8684 §3.5, options R and A). */
  readonly fastclose: "reset" | "ack";
  /** Tell peers not to join the address of the first subflow (C flag). */
  readonly denyJoinInitialAddress: boolean;
}

export const DEFAULT_MPTCP_CONFIG: Omit<MptcpConfig, "scheduler" | "congestion" | "pathManager"> = {
  version: version1,
  limits: { subflows: LIMITS.subflows.default, addAddrAccepted: LIMITS.addAddrAccepted.default },
  pendingJoins: LIMITS.pendingJoins.default,
  pendingJoinTimeout: LIMITS.pendingJoinTimeout.default,
  announcedJoins: LIMITS.announcedJoins.default,
  localAddresses: null,
  dataSequenceLength: 4,
  checksum: false,
  opportunisticRetransmission: true,
  penalisation: true,
  capableSyns: 3,
  joinSynRetries: LIMITS.joinSynRetries.default,
  blackholeFirstMemory: LIMITS.blackholeFirstMemory.default,
  blackholeMemory: LIMITS.blackholeMemory.default,
  addAddrTimeout: 500 * MILLISECOND,
  addAddrRetries: LIMITS.addAddrRetries.default,
  noSubflowTimeout: LIMITS.noSubflowTimeout.default,
  staleTimeouts: 1,
  fastclose: "reset",
  denyJoinInitialAddress: false,
};
