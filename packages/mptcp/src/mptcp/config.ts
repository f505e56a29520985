import { LIMITS, MILLISECOND, SECOND } from "../core/index.ts";
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
  /**
   * The versions spoken, preferred first: `version1`, and `version0` where it is named. An initiator offers the highest, or the one that the peer is remembered to speak; a
   * listener answers with the first that is not above what it is offered, and one of version 0 alone ignores what is later (RFC 8684 §3.1).
   */
  readonly versions: readonly Version[];
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
  /**
   * What a mapping covers (RFC 8684 §3.3.1 leaves it open): one `segment`, so that nothing is bound to a path before it leaves; or what a `write` left to send, as far as the peer's
   * window goes. All of that then leaves on the subflow that it was declared on, and a DATA_FIN does not wait for what is held back there; what has another mapping is not put together,
   * where segments are (`TcpConfig.repackaging`).
   */
  readonly mappingSpan: "segment" | "write";
  /**
   * Octets of Data ACKs once the peer has sent eight-octet data sequence numbers (RFC 8684 §3.3.2): eight from then on, or, with `latest`, as many as
   * the mapping of what arrived last had, first data with MP_CAPABLE counting as eight. What comes while a checksum is waited for is looked at after it.
   */
  readonly dataAckLength: "longest" | "latest";
  /**
   * Answer the third ACK of the first subflow by a DSS at once. RFC 8684 §3.1 has no subflow before one came, and a client that has nothing to say
   * would get none.
   */
  readonly confirmHandshake: boolean;
  /** Require checksums over all data (A flag, RFC 8684 §3.1); they are used when either host does. */
  readonly checksum: boolean;
  /** D6: resend the head of the window on a fast subflow when the shared window is blocked by a slow one ... */
  readonly opportunisticRetransmission: boolean;
  /** ... and halve the slow subflow's congestion window. */
  readonly penalisation: boolean;
  /**
   * Which offers of cryptographic algorithms a listener takes (RFC 8684 §3.1, where the responder has the choice): `any` that has HMAC-SHA256 in it, or the
   * `sole` one of that.
   */
  readonly algorithmOffers: "any" | "sole";
  /**
   * What completes the handshake of a listener: a `verified` third ACK, with MP_CAPABLE that echoes our key, for which a DSS that overtook it waits; or what comes
   * `first`, whatever key it echoes, and regular TCP without MP_CAPABLE (RFC 8684 §3.1).
   */
  readonly thirdAck: "verified" | "first";
  /**
   * What an initiator makes of the first segment in order after its third ACK: a DSS confirms the handshake, and what comes without options is `doubted` until it
   * has been asked about; or it is `believed`, a Data ACK and an ADD_ADDR confirm, and without them the connection is regular TCP (RFC 8684 §3.1, §3.7). What is not the next in
   * order then confirms nothing, and MP_CAPABLE with data counts for a mapping from a listener, too.
   */
  readonly firstAnswer: "doubted" | "believed";
  /**
   * Which ACKs of an initiator carry both keys: all until the handshake is `confirmed`, which a DATA_FIN behind first data waits for as well; or those with the
   * number of the `first` octet, before there is a DATA_FIN. RFC 8684 §3.1 asks for it on the third ACK and on first data.
   */
  readonly keysRepeated: "confirmed" | "first";
  /**
   * What a mapping means that cannot be used (it contradicts another one, or what was agreed on checksums, or is not of the data that it comes with), and data
   * without any: the subflow is `reset`, after some patience with the latter; or the connection goes on as `regular` TCP where it never had another subflow, and the
   * subflow is reset at once where it had. RFC 8684 §3.3, §3.7.
   */
  readonly mappingFaults: "reset" | "regular";
  /** Data whose mapping lies beyond the window is `refused` by its subflow, or `acknowledged` there and dropped (RFC 8684 §3.3.4, §3.8). */
  readonly beyondWindow: "refused" | "acknowledged";
  /**
   * The peer's window that a subflow goes by besides the shared one: the `latest` that came on it (RFC 8684 §3.3.5, a MUST), or the `shared` one alone, which does not
   * become smaller.
   */
  readonly peerWindow: "latest" | "shared";
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
  /**
   * The first interval: `timeout`, that is `addAddrTimeout`, or twice the retransmission timeout of the subflow if that is more; or `rto`, the retransmission
   * timeout, with `addAddrTimeout` as the longest interval (Linux 6.18).
   */
  readonly addAddrPace: "timeout" | "rto";
  /** ADD_ADDR and its echo leave on ACKs without a DSS, which are plain duplicate ACKs but for them. RFC 8684 §3.4.1 leaves it open. */
  readonly bareAddAddr: boolean;
  /**
   * A DATA_FIN is sent again after so long, ns, twice, and then at intervals that double; null: after the longest retransmission timeout of the
   * subflows, doubled each time. RFC 8684 §3.3.3 does not say.
   */
  readonly dataFinTimeout: number | null;
  /**
   * The first two of these intervals, ns, of a DATA_FIN that follows data of which all was acknowledged before it was due; null: as of any other. RFC 8684 §3.3.3 does not
   * say; Linux takes its timer up again as it was left.
   */
  readonly dataFinAfterData: number | null;
  /**
   * Which joins that arrive are this host's: those whose token is known, to whichever port (RFC 8684 §3.2, a MUST); or, of `listener`, those alone whose port has a
   * listener of Multipath TCP, or was announced. To other sockets they are SYNs of regular TCP then, and where nobody listens they get a RST without a reason (Linux).
   */
  readonly joinDemultiplexing: "token" | "listener";
  /**
   * What answers a join for which a connection has no use, such as one beyond its limits: a RST to its `syn`, or one to its third ACK (`ack`), when it has proven
   * who it is. RFC 8684 §3.2 leaves it open.
   */
  readonly joinRefusal: "syn" | "ack";
  /**
   * What answers a segment that is not acceptable before the handshake is complete: the SYN+ACK again, since an ACK without options would say that the path drops them
   * (RFC 8684 §3.7); or an ACK without options, as RFC 9293 §3.10.7.4 has it for TCP.
   */
  readonly halfOpenAnswer: "syn_ack" | "ack";
  /** Subflows are opened and taken in while either end has ended its direction: who loses its last path meanwhile comes back for the rest (RFC 8684 §3.3.3). */
  readonly joinsWhileClosing: boolean;
  /**
   * What has to come before subflows are added: a `dss` (RFC 8684 §3.1, a MUST); or what shows as well that the peer has both `keys`, a third ACK with MP_CAPABLE or
   * an ADD_ADDR.
   */
  readonly confirmedBy: "dss" | "keys";
  /** Where the echo of an ADD_ADDR leaves: on the subflow that it came on, or on the `first` one that is not silent. RFC 8684 §3.4.1 does not say. */
  readonly addAddrEcho: "arrival" | "first";
  /**
   * The intervals between third ACKs of a join (RFC 8684 §3.2 does not say): the retransmission timeout, which doubles, a few times; or twice the round-trip `time`, as long as
   * the subflow lives.
   */
  readonly joinAckPace: "timeout" | "time";
  /**
   * When what waits for a subflow leaves on one that the peer has just opened, which RFC 8684 §3.2 does not say: at `once`, or when the peer is `heard` of by a Data ACK, or the
   * application goes on.
   */
  readonly joinSends: "once" | "heard";
  /** What tells the first round-trip time of a subflow that the peer opens (RFC 6298 §2.2): its `handshake`, or `data` alone, so that its first timeout is that of §2.1. */
  readonly joinRoundTrip: "handshake" | "data";
  /**
   * How long data waits for its Data ACK, ns, before it is looked for (RFC 8684 §3.3.6), while no subflow has anything in flight; null: the longest retransmission timeout
   * of the subflows, as when one has.
   */
  readonly dataTimeout: number | null;
  /**
   * What a REMOVE_ADDR of the peer does to the subflows of that address: they are asked whether they live, as RFC 8684 §3.4.2 has it (SHOULD); or they are closed by a FIN. With `close`
   * an ACK goes ahead of the FIN, there and on the subflows of an address that is withdrawn here.
   */
  readonly removedAddress: "ask" | "close";
  /**
   * What probes a shared window that is closed (RFC 8684 §3.3.5 leaves it open): a `segment` without data on each subflow after a timeout, as in RFC 9293 §3.8.6.1; or besides that one `octet` that was
   * acknowledged, mapped again, which goes ahead of new data once the window is open. It is decided on when something is written, or after `dataTimeout`.
   */
  readonly windowProbe: "segment" | "octet";
  /** Whether a subflow that acknowledged data which then was missing is kept off data for a while, where there is another: its path may acknowledge what it loses. */
  readonly suspectsCarriers: boolean;
  /** A probe, which the peer has to answer, goes with a DATA_FIN that is sent again: it shows whether options still pass (RFC 8684 §3.7). */
  readonly dataFinProbe: boolean;
  /** Which subflows a DATA_FIN leaves on first: those that data may take, `usable`, or `all`, backups and closing ones too (RFC 8684 §3.3.3 has it on any). */
  readonly dataFinOn: "usable" | "all";
  /**
   * When the FIN of a peer on one subflow is answered by ours: at once, `always` but where the peer has said all it has to say and it is the last subflow; or
   * only while the connection is `open`, neither end having sent a DATA_FIN that counts, nor one beside the FIN, and nothing of the subflow waits for a checksum. RFC 8684 §3.3.3 has subflows close together after both DATA_FINs. Without options the
   * FIN is taken for one of regular TCP (§3.7) with `always`, and for one of its subflow with `open`; then nothing is said of the end of the connection on a subflow that was closed,
   * unless it is the first.
   */
  readonly subflowFin: "always" | "open";
  /** A DATA_FIN that left apart goes with the last data as well where that is sent again, until it is acknowledged (RFC 8684 §3.3.3 leaves it open). */
  readonly dataFinWithRepeats: boolean;
  /** Whether a DATA_FIN that comes again, when all has come, is `acknowledged` again, since the Data ACK may have got lost (RFC 8684 §3.3.3), or `ignored`. */
  readonly repeatedDataFin: "acknowledged" | "ignored";
  /**
   * Whether a DATA_FIN below data that came behind a gap is `ignored`, or `taken` where it lies in the gap, and the data above it dropped. Nothing follows a DATA_FIN (RFC 8684 §3.3.3);
   * which of the two to believe is left open.
   */
  readonly dataFinBelowData: "ignored" | "taken";
  /** The Data ACK of a DATA_FIN that ends the connection leaves on an ACK of its own after the FINs, and not on them alone. */
  readonly dataFinAckApart: boolean;
  /**
   * Which ACKs of TIME-WAIT carry the Data ACK: all of them, `always`, so that the peer's FIN is not taken for one of regular TCP; or `held`: the first, where the application
   * still holds the connection or our FIN was acknowledged no sooner. RFC 8684 §3.3.3 leaves it open.
   */
  readonly timeWaitDataAck: "always" | "held";
  /**
   * How long what comes on data of an end is left, ns, a DATA_FIN and the Data ACK of ours: the data is acknowledged first, as things stand, where an ACK is due at once.
   * 0: nothing is left for later. RFC 8684 §3.3.3 leaves it open.
   */
  readonly dataFinDelay: number;
  /**
   * What has to be unacknowledged for a small segment to wait for more data (RFC 9293 §3.7.4): `any` data of the connection, or a `small` segment of its subflow
   * (Minshall's variation, as our TCP has it).
   */
  readonly nagle: "any" | "small";
  /** How long the end that closed second leaves the FINs of the subflows to the peer, ns, so that TIME-WAIT is the peer's (RFC 8684 §3.3.3 does not say). */
  readonly passiveCloseWait: number;
  /** How long a connection without any subflow waits for one (break before make, RFC 8684 §3.3.3). */
  readonly noSubflowTimeout: number;
  /** Retransmission timeouts of a subflow in a row from which on it is stale: it gets no new data while others can have it, and what it carries goes over these; 0: it never is. */
  readonly staleTimeouts: number;
  /**
   * Pieces of data in a row without a mapping, on a subflow or on any of them, that end it. Those before wait for their mapping: a middlebox may have joined segments, or put a
   * mapping behind its data. RFC 8684 §3.3.1 would wait for a receive window of data.
   */
  readonly unmappedPieces: number;
  /** How `abort` closes: RSTs with MP_FASTCLOSE, or an ACK with it that the peer answers by a RST (RFC 8684 §3.5, options R and A). */
  readonly fastclose: "reset" | "ack";
  /**
   * Which RSTs of subflows carry an MP_TCPRST: those with a reason to tell; or `all`, with reason 0 where there is none, beside MP_FASTCLOSE too, and never with
   * the flag that the condition passes (T), as Linux does it. RFC 8684 §3.6 leaves it open.
   */
  readonly explainResets: "known" | "all";
  /**
   * Becoming regular TCP after the handshake: `declared` by an infinite mapping, as RFC 8684 §3.7 asks, with an ACK at once, and with a probe where it is not
   * sure yet that the path drops options; or `silent`, as Linux does it.
   */
  readonly regularNotice: "declared" | "silent";
  /** Tell peers not to join the address of the first subflow (C flag). */
  readonly denyJoinInitialAddress: boolean;
}

export const DEFAULT_MPTCP_CONFIG: Omit<MptcpConfig, "scheduler" | "congestion" | "pathManager"> = {
  versions: [version1],
  limits: { subflows: LIMITS.subflows.default, addAddrAccepted: LIMITS.addAddrAccepted.default },
  pendingJoins: LIMITS.pendingJoins.default,
  pendingJoinTimeout: LIMITS.pendingJoinTimeout.default,
  announcedJoins: LIMITS.announcedJoins.default,
  localAddresses: null,
  dataSequenceLength: 4,
  dataAckLength: "longest",
  mappingSpan: "segment",
  confirmHandshake: true,
  checksum: false,
  opportunisticRetransmission: true,
  penalisation: true,
  algorithmOffers: "any",
  thirdAck: "verified",
  firstAnswer: "doubted",
  keysRepeated: "confirmed",
  mappingFaults: "reset",
  beyondWindow: "refused",
  capableSyns: 3,
  joinSynRetries: LIMITS.joinSynRetries.default,
  blackholeFirstMemory: LIMITS.blackholeFirstMemory.default,
  blackholeMemory: LIMITS.blackholeMemory.default,
  addAddrTimeout: 500 * MILLISECOND,
  addAddrRetries: LIMITS.addAddrRetries.default,
  addAddrPace: "timeout",
  bareAddAddr: false,
  dataFinTimeout: null,
  dataFinAfterData: null,
  joinDemultiplexing: "token",
  joinRefusal: "syn",
  halfOpenAnswer: "syn_ack",
  joinsWhileClosing: true,
  confirmedBy: "dss",
  addAddrEcho: "arrival",
  dataTimeout: null,
  removedAddress: "ask",
  windowProbe: "segment",
  suspectsCarriers: true,
  joinAckPace: "timeout",
  dataFinProbe: true,
  dataFinOn: "usable",
  subflowFin: "always",
  dataFinWithRepeats: false,
  repeatedDataFin: "acknowledged",
  dataFinBelowData: "ignored",
  peerWindow: "latest",
  joinRoundTrip: "handshake",
  joinSends: "once",
  dataFinAckApart: false,
  timeWaitDataAck: "always",
  dataFinDelay: 0,
  nagle: "any",
  passiveCloseWait: 3 * SECOND,
  noSubflowTimeout: LIMITS.noSubflowTimeout.default,
  staleTimeouts: 1,
  unmappedPieces: 3,
  fastclose: "reset",
  explainResets: "known",
  regularNotice: "declared",
  denyJoinInitialAddress: false,
};
