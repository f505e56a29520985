import { LIMITS, MILLISECOND, SECOND } from "../core/index.ts";
import type { CongestionControlFactory } from "./congestion/control.ts";

/** The parameters of one TCP connection. Times in ns, sizes in bytes unless a name says otherwise. */
export interface TcpConfig {
  /** Congestion control; a coupled one is alone in its group. */
  readonly congestion: CongestionControlFactory;
  /** MTU of the route's link: bounds the MSS we announce and send. */
  readonly mtu: number;
  /** Most payload bytes of one super-segment where the link segments for us; 0 where it does not. */
  readonly segmentationLimit: number;
  /**
   * How large they are: as the windows allow, or `paced`: what leaves in a millisecond at the rate of a window per round trip, two segments at the least, and
   * with PSH, as Linux sends them (`tcp_tso_autosize`). RFC 9293 §3.9.1.2 leaves PSH on other segments than the last open.
   */
  readonly superSegments: "large" | "paced";
  /**
   * While ACKs follow each other closely a super-segment waits until there is room for one part in so many of the window, which keeps them large;
   * 0: it never waits.
   */
  readonly superSegmentDivisor: number;
  /**
   * What leaves is spaced out over the round trip where congestion control gives no rate of its own: at twice a window per round trip in slow start and at 1.2
   * windows after it, as Linux has it with `fq`. `bursts`: super-segments on paths of 2 ms and more, since timers are no finer, and what follows a pause until
   * ACKs set the pace again; `on`: all of it. Where super-segments or all are paced, slow start grows by whatever an ACK covers (RFC 9406 §4.3).
   */
  readonly pacing: "off" | "bursts" | "on";
  /** Try smaller packets when full ones vanish without an ICMP message (RFC 4821, RFC 2923). Linux does not, with its default of `tcp_mtu_probing`. */
  readonly blackHoleDetection: boolean;
  /**
   * By what an ACK lets the congestion window grow, which RFC 5681 §3.1 bounds by what it acknowledges: by all of that, or by what nobody knew to have
   * been delivered, so that what was SACKed before does not count.
   */
  readonly windowGrowth: "acknowledged" | "delivered";
  /**
   * Whether a pause makes the congestion window smaller, by half for each retransmission timeout, down to the initial one (RFC 5681 §4.1, a SHOULD). Without,
   * it stays, since it grows only while it is in use (RFC 7661 §4.2).
   */
  readonly slowStartAfterIdle: boolean;
  /**
   * What is sent again at once when the reordering timer finds a loss, or the retransmission timer fires, while no ACK is there to clock it out: what the lowered
   * window has room for (RFC 6675 §5, step C; RFC 5681 §3.1), or one `segment`, however small, and more with each ACK (RFC 9937 §6.2).
   */
  readonly timerSends: "window" | "segment";
  /**
   * How much a recovery that was for nothing gives back: the threshold at once, and a window that lets no burst leave, and after a timeout the round-trip time is
   * measured afresh (RFC 4015 §3.1); or the window at once, in `full`, and nothing more.
   */
  readonly undo: "limited" | "full";
  /** Initial window in segments (RFC 6928). */
  readonly initialWindowSegments: number;
  readonly minRto: number;
  readonly maxRto: number;
  /**
   * G of RFC 6298 §2.3, which the RTO exceeds the smoothed round-trip time by at the least. Linux takes 200 ms, so that a peer's delayed ACK costs no
   * timeout on a steady path.
   */
  readonly clockGranularity: number;
  /** Before the first sample (RFC 6298 §2). */
  readonly initialRto: number;
  readonly delayedAck: number;
  /**
   * When data in order is acknowledged (RFC 9293 §3.8.6.3): `steady` at every second full segment, or after `delayedAck`; `adaptive` as Linux does,
   * by the intervals between segments and by what the application does.
   */
  readonly acknowledging: "steady" | "adaptive";
  /** What a tail loss probe allows for the delay of an ACK when one segment is in flight (RFC 8985 §7.2); null: our own `delayedAck` ... */
  readonly tailProbeAlone: number | null;
  /** ... and when there are more. */
  readonly tailProbeSlack: number;
  readonly sack: boolean;
  /** Which segments tell of what is out of order, in RFC 2018 §4 all that acknowledge: pure `acks`, which go ahead of data then, or `all`, as Linux has it. */
  readonly sackOn: "acks" | "all";
  /** Tell the peer of what arrived twice, where SACK is on (RFC 2883). */
  readonly duplicateSack: boolean;
  readonly timestamps: boolean;
  /**
   * Whose timestamps are echoed (RFC 7323 §4.3): those of `acceptable` segments; or, as Linux does, of what was `examined`: what came again and ends where the window begins, too, and an
   * ACK below SND.UNA only where it has no other options and is taken before it is looked at. Accurate ECN counts what came again by the same choice (RFC 9768 §3.2).
   */
  readonly timestampsOf: "acceptable" | "examined";
  /**
   * Explicit Congestion Notification (RFC 3168): `off`; `accept`, where the peer asks for it; `on`, and ask for it ourselves. Asking may cost the timeout of a
   * SYN on a path that drops such SYNs, and helps where queues mark, so the default is `accept`, as Linux's is (`net.ipv4.tcp_ecn`).
   *
   * Accurate ECN (RFC 9768), which tells of each mark: `accurate`, asked for, and spoken where the peer asks for it; `on_accurate` and `accept_accurate` are `on` and
   * `accept`, and speak it where the peer asks for it. With a peer that knows but RFC 3168 all three come to that.
   */
  readonly ecn: EcnMode;
  /**
   * Which segments have the option of accurate ECN (RFC 9768 §3.2.3.3): `never`; `news`, those that the RFC recommends, in the fewest octets; or with all three counters, as far as there is
   * room, and to a peer whose own option has come, as Linux has it: `beacon`, what tells of a change, of a mark, or of so many in a round trip; `always`; `persistent`, although they seem not
   * to pass. By the numbers of `net.ipv4.tcp_ecn_option` that is `never`, `beacon`, `always` and `persistent`.
   */
  readonly ecnOption: EcnOption;
  /** Of `beacon`: options in a round-trip time at the least, as far as anything is sent; 0: no more than there is to tell. */
  readonly ecnBeacons: number;
  /** What can be marked where accurate ECN is spoken: new `data` (RFC 3168 §6.1.4, §6.1.5), or `all` packets but those with SYN or RST (RFC 8311 §4.3), as Linux has it. */
  readonly ecnCapable: "data" | "all";
  /** Which ECN field of data, other than that of the packet before, is acknowledged at once: `marks` (RFC 9768 §3.2.2.5.1), or all `changes`, as Linux does. */
  readonly ecnAcks: "marks" | "changes";
  /**
   * A first ACK that covers eight packets or more, whose counter may have gone round: it tells of the most marks that there can be (`worst`), as RFC 9768 §3.2.2.5.2 has it without an option; or of
   * the `fewest`, since the peer seems to acknowledge many at a time, as Linux takes it.
   */
  readonly ecnWrap: "worst" | "fewest";
  /** Ask no more in SYNs that are repeated (RFC 3168 §6.1.1.1, RFC 9768 §3.1.4.1), and send nothing that can be marked where the path changes the field of a SYN (§3.2.2.3). */
  readonly ecnFallback: boolean;
  /** ACKs of TIME-WAIT have the counter of accurate ECN (RFC 9768 §3.2.2.2); or none, as those of Linux, since what was agreed on is over there (§3.1.2). */
  readonly timeWaitEcn: boolean;
  readonly windowScaling: boolean;
  /**
   * How the options of a segment are laid out, which RFC 9293 §3.1 leaves open: `packed` takes the least octets, so that more payload fits;
   * `aligned` has each option begin at a multiple of four octets (RFC 7323 Appendix A), as Linux does it.
   */
  readonly optionLayout: "packed" | "aligned";
  /** Nagle's algorithm off. */
  readonly noDelay: boolean;
  /** Hold back what does not fill a segment, 200 ms at the most: whoever writes piece by piece says by taking this back that nothing more comes. TCP_CORK */
  readonly cork: boolean;
  /**
   * How long that is, and what MSG_MORE announces: `ceiling`, 200 ms from when it began to wait; `timeout`, as Linux: a retransmission timeout without
   * anything in flight, which is 200 ms at the least, and of MSG_MORE no longer than until an acknowledgment comes; and what ends with such data is not pushed.
   */
  readonly holding: "ceiling" | "timeout";
  /** Largest segment that is announced and sent, as MSS: payload and TCP options; 0: what the MTU allows. TCP_MAXSEG */
  readonly maxSegmentSize: number;
  /** TTL or hop limit of packets, 1 to 255. IP_TTL, IPV6_UNICAST_HOPS */
  readonly hopLimit: number;
  /** Traffic class of packets, of which the upper six bits, the DSCP, count: the lower two are ECN's. IP_TOS, IPV6_TCLASS */
  readonly trafficClass: number;
  /** The application is asked for more once less than half of so much is written and not sent, and may write no more than that; 0: as the send buffer has room. TCP_NOTSENT_LOWAT */
  readonly unsentLowWater: number;
  /** So much has to wait before the application hears of it; half of the receive buffer will do in any case. SO_RCVLOWAT */
  readonly readLowWater: number;
  /** Most that is offered as a window; 0: as the receive buffer has room. TCP_WINDOW_CLAMP */
  readonly windowClamp: number;
  /**
   * Answer a SYN that crosses our own (RFC 9293 §3.5). Who does not ask for it ignores bare SYNs while it connects: anybody who knows the addresses
   * and ports could send one, and end the attempt.
   */
  readonly simultaneousOpen: boolean;
  /** SYNs (or SYN+ACKs) sent again before giving up. */
  readonly synRetries: number;
  /** The same for a SYN+ACK; null: as many. */
  readonly synAckRetries: number | null;
  /**
   * SYNs sent again after `initialRto` each, before the intervals double; given up after the time that `synRetries` doubled intervals take. RFC 6298 §5.5 would
   * double each; Linux does not.
   */
  readonly synLinearRetries: number;
  /**
   * Which ICMP errors end a connection that the peer is opening: `hard` ones, no such protocol or port (RFC 9293 §3.9.2.2, as in RFC 5461 §4); or `soft` ones, which tell of a
   * path that does not work, and not those.
   */
  readonly halfOpenErrors: "hard" | "soft";
  /**
   * At least so long between two answers to segments without data that are not acceptable (RFC 5961 §7); data is always answered. 0: a number of
   * answers per second, whatever they answer.
   */
  readonly challengeInterval: number;
  /**
   * RSTs: of a connection with its timestamps, of an answer with those of what is answered (RFC 7323 §5.2), and no window (`bare`); or as those of Linux: of a connection with its
   * timestamps and our window, before its handshake is over, and as an answer, a sequence number alone (`full`).
   */
  readonly resetForm: "bare" | "full";
  /**
   * Which segments carry PSH: those after which nothing more is queued (RFC 9293 §3.9.1.2); or what fills the shared window of a Multipath TCP connection as well (`burst`), so that
   * the peer acknowledges at once.
   */
  readonly push: "end" | "burst";
  /**
   * How much of the receive buffer is offered as a window: all of it, or `half`, in whole segments, since packets take more memory than their data; plain TCP then
   * offers more or less by what packets really take, as Linux does. RFC 9293 §3.8.6.2.2 leaves it open.
   */
  readonly offeredWindow: "all" | "half";
  /**
   * A segment of which only a part fits into the window: that part is taken (RFC 9293 §3.10.7.4); or all of it if nothing waits to be read, and none of it otherwise, as
   * Linux does it.
   */
  readonly beyondWindow: "cut" | "whole";
  /**
   * What an application has not read when it gives up the connection, and what comes later: dropped, or the peer hears of it by a RST (RFC 1122 §4.2.2.13, a SHOULD); not where
   * the connection has fallen back to regular TCP, but by a third ACK that arrived, of which what comes later is reset only behind what was not read, as Linux does it.
   */
  readonly unreadAtClose: "drop" | "reset" | "reset_unless_fallback";
  /** Consecutive retransmission timeouts before giving up (R2 of RFC 9293 §3.8.3). */
  readonly retries: number;
  /**
   * Which ACKs have the retransmission timer start over: all with news (RFC 6298 §5.3), or those that acknowledge a `segment` at the least, as Linux has it, which takes
   * no round-trip time from the others either.
   */
  readonly timerRestart: "news" | "segment";
  /** Put segments together that are sent again and fit into one (RFC 9293 §3.8.6 leaves it open), a FIN with the data before it for one. */
  readonly repackaging: boolean;
  /** RFC 5482: give up when data stays unacknowledged for so long; 0: by `retries` alone. */
  readonly userTimeout: number;
  /**
   * How long a peer that owes an answer may be silent, on every path, counted from the first timeout: then the connection is given up,
   * however many `retries` are left.
   */
  readonly silenceTimeout: number;
  /** How long a connection that no application waits for any more may make no progress. It is looked at that often: twice that at the most. */
  readonly orphanTimeout: number;
  /** Idle time before the first keepalive probe; 0: none. */
  readonly keepAliveIdle: number;
  readonly keepAliveInterval: number;
  readonly keepAliveProbes: number;
  /** A peer that answers none of them: given up in silence, or with a RST, should it still be there. RFC 9293 §3.8.4 leaves it open. */
  readonly keepAliveEnd: "silent" | "reset";
  /** Length of TIME-WAIT, 2 MSL. */
  readonly timeWait: number;
  readonly receiveBuffer: BufferConfig;
  readonly sendBuffer: BufferConfig;
}

/**
 * What can be changed of a connection that is open, see `StreamConnection.configure`. It holds for all subflows, those to come too (RFC 6897 §4.4); what a
 * packet says, an MSS for one, holds for packets to come.
 */
export type StreamSettings = Pick<
  TcpConfig,
  | "noDelay" | "cork" | "keepAliveIdle" | "keepAliveInterval" | "keepAliveProbes" | "userTimeout" | "synRetries" | "retries" | "orphanTimeout" | "delayedAck"
  | "ecnOption" | "maxSegmentSize" | "hopLimit" | "trafficClass" | "sendBuffer" | "receiveBuffer" | "unsentLowWater" | "readLowWater" | "windowClamp"
>;

/** Whether a change of settings may open the window: what says nothing of it has no update leave. */
export function changesWindow({ receiveBuffer, windowClamp }: Partial<StreamSettings>): boolean {
  return receiveBuffer !== undefined || windowClamp !== undefined;
}

/** When a silent peer is asked whether it is still there, ns. */
export interface KeepAlive {
  /** Silence before the first probe. */
  readonly idle: number;
  /** Between probes. */
  readonly interval: number;
  /** Probes without an answer after which the connection is given up. */
  readonly probes: number;
}

/** The keepalive of a configuration; null where it has none. */
export function keepAliveOf(config: Pick<TcpConfig, "keepAliveIdle" | "keepAliveInterval" | "keepAliveProbes">): KeepAlive | null {
  return config.keepAliveIdle > 0 ? { idle: config.keepAliveIdle, interval: config.keepAliveInterval, probes: config.keepAliveProbes } : null;
}

/** The opposite of {@link keepAliveOf}. */
export function configOfKeepAlive(keepAlive: KeepAlive | null): Partial<TcpConfig> {
  return keepAlive === null ? { keepAliveIdle: 0 } : { keepAliveIdle: keepAlive.idle, keepAliveInterval: keepAlive.interval, keepAliveProbes: keepAlive.probes };
}

/** The traffic class of packets: the lower two bits are ECN's (RFC 2474 §3, RFC 3168 §5), and no ECN is spoken. */
export function trafficClassOf({ trafficClass }: Pick<TcpConfig, "trafficClass">): number {
  return trafficClass & 0xfc;
}

/** A buffer of a fixed size, bytes. */
export function fixedBuffer(size: number): BufferConfig {
  return { initial: size, max: size, autoTune: false };
}

/** What is spoken of ECN, see {@link TcpConfig.ecn}. */
export type EcnMode = (typeof ECN_MODES)[number];

/** Which segments have the option of accurate ECN, see {@link TcpConfig.ecnOption}. */
export type EcnOption = "news" | (typeof ECN_OPTIONS)[number];

/** By the numbers of Linux's `net.ipv4.tcp_ecn_option`. */
export const ECN_OPTIONS = ["never", "beacon", "always", "persistent"] as const;

/** By the numbers of Linux's `net.ipv4.tcp_ecn`. */
export const ECN_MODES = ["off", "on", "accept", "accurate", "on_accurate", "accept_accurate"] as const;

/** Size of a buffer: fixed when `autoTune` is off, else it grows from `initial` up to `max`. */
export interface BufferConfig {
  readonly initial: number;
  readonly max: number;
  readonly autoTune: boolean;
}

/** What of a receive buffer is offered as a window. */
export function offeredShare({ offeredWindow }: Pick<TcpConfig, "offeredWindow">): number {
  return offeredWindow === "half" ? 0.5 : 1;
}

/** Everything but the congestion controller, which has no neutral choice here. */
export const DEFAULT_TCP_CONFIG: Omit<TcpConfig, "congestion"> = {
  mtu: 1500,
  segmentationLimit: 0,
  superSegments: "large",
  superSegmentDivisor: 3,
  pacing: "bursts",
  blackHoleDetection: true,
  windowGrowth: "acknowledged",
  slowStartAfterIdle: false,
  timerSends: "window",
  undo: "limited",
  initialWindowSegments: 10,
  minRto: 200 * MILLISECOND,
  maxRto: 120 * SECOND,
  clockGranularity: 0,
  initialRto: SECOND,
  delayedAck: 40 * MILLISECOND,
  acknowledging: "steady",
  tailProbeAlone: null,
  tailProbeSlack: 0,
  sack: true,
  sackOn: "acks",
  duplicateSack: true,
  timestamps: true,
  ecn: "accept",
  ecnOption: "news",
  ecnBeacons: 3,
  ecnCapable: "data",
  ecnAcks: "marks",
  ecnWrap: "worst",
  ecnFallback: true,
  timeWaitEcn: true,
  timestampsOf: "acceptable",
  windowScaling: true,
  optionLayout: "packed",
  noDelay: false,
  cork: false,
  holding: "ceiling",
  maxSegmentSize: 0,
  hopLimit: 64,
  trafficClass: 0,
  unsentLowWater: 0,
  readLowWater: 1,
  windowClamp: 0,
  simultaneousOpen: false,
  synRetries: 6,
  synAckRetries: null,
  synLinearRetries: 0,
  halfOpenErrors: "hard",
  challengeInterval: 0,
  resetForm: "bare",
  push: "end",
  offeredWindow: "all",
  beyondWindow: "cut",
  unreadAtClose: "drop",
  retries: 15,
  timerRestart: "news",
  repackaging: false,
  userTimeout: 0,
  silenceTimeout: LIMITS.silenceTimeout.default,
  orphanTimeout: LIMITS.orphanTimeout.default,
  keepAliveIdle: 0,
  keepAliveInterval: 75 * SECOND,
  keepAliveProbes: 9,
  keepAliveEnd: "silent",
  timeWait: 60 * SECOND,
  receiveBuffer: { initial: 131072, max: 64 * 1024 * 1024, autoTune: true },
  sendBuffer: { initial: 131072, max: 64 * 1024 * 1024, autoTune: true },
};
