import type { PlainObject } from "../../core/index.ts";
import type { CouplingGroup } from "./coupling.ts";

/**
 * Congestion control of one TCP connection or subflow (RFC 5681). The window is the controller's own: TCP tells it what happened
 * and reads how much may be in flight. Loss detection and Proportional Rate Reduction, which bounds sending during
 * fast recovery, are the sender's. All windows are in bytes, all times in ns.
 *
 * Event objects are reused: copy what must be kept.
 */
export interface CongestionControl {
  readonly name: string;
  /** How many bytes may be in flight: cwnd of RFC 5681 §2. Fractions do not count. TCP reads it before each segment. */
  readonly window: number;
  /**
   * The slow-start threshold, bytes: ssthresh of RFC 5681 §3.1. Infinity while the capacity of the path is sought for the first
   * time; a controller without one gives its window once that is over.
   */
  readonly threshold: number;
  /**
   * At which rate segments leave, retransmissions too, in bytes of payload per second; more than 0. TCP reads it for each segment, and lets what takes a
   * millisecond, or two segments, leave at once, so that timers need not be finer than that. Null: as soon as the window lets them, or at a rate
   * that follows from the window (`pacing` of TcpConfig); a controller whose rate is null when it begins is not asked again without that.
   */
  readonly pacingRate: number | null;
  /**
   * Whether the sender goes down to the window by Proportional Rate Reduction when fast recovery begins (RFC 9937), as suits a controller that
   * answers a loss by one decrease. Without, the window holds in fast recovery as at any other time.
   */
  readonly usesPrr: boolean;
  /**
   * Whether the controller wants delivery-rate samples, and so hears of each segment that is sent or lost, and of each ACK that says anything.
   * It is asked once, when the controller begins; the others do not pay for it.
   */
  readonly wantsSamples: boolean;
  /**
   * How it wants to hear of ECN marks, where the connection speaks ECN: `window`, once per window of data at the most, as of a loss (RFC 3168 §6.1.2); `each`, with
   * every ACK, how much was marked: then the receiving half tells the peer as much (RFC 8257 §3.2).
   */
  readonly marks: "window" | "each";
  /** A segment left, with {@link CongestionControl.wantsSamples}. */
  onSent(sent: SentEvent): void;
  /**
   * New data leaves while nothing is in flight (RFC 5681 §4.1). Called before it.
   * @param idle since everything sent before was acknowledged, or since the handshake, ns
   * @param limit bytes: the most that such a pause leaves of the window; Infinity unless {@link TcpConfig.slowStartAfterIdle} is set
   */
  onIdleRestart(idle: number, now: number, limit: number): void;
  /**
   * An acknowledgment of new data arrived outside of fast recovery; the one that ends a fast recovery does not count, and
   * neither do duplicate acknowledgments (RFC 3042 §2). With {@link CongestionControl.wantsSamples} it is called for each ACK that delivers something
   * or shows a loss; {@link AckEvent.recovery} marks those that are none of the others' business.
   */
  onAck(ack: AckEvent): void;
  /** A segment is deemed lost, with {@link CongestionControl.wantsSamples}. May be called for many at once, before `onLoss`, `onTimeout` or `onAck`. */
  onSegmentLost(lost: LostSegment): void;
  /**
   * Segments were lost and fast recovery begins: answer with a lower window, once per window of data (RFC 5681 §3.2). During the
   * recovery the sender goes down to it by Proportional Rate Reduction (RFC 9937).
   */
  onLoss(loss: LossEvent): void;
  /**
   * Fast recovery ended.
   * @param limit bytes: with a larger window a burst would leave now (RFC 6582 §3.2 step 3); Infinity with SACK, where there is none
   */
  onRecovered(limit: number, now: number): void;
  /**
   * The retransmission timer fired: go on with a window of one segment (RFC 5681 §3.1). It may fire again for the same data, see
   * {@link LossEvent.consecutive}. Fast recovery, if it was under way, is over; `onRecovered` is not called.
   */
  onTimeout(loss: LossEvent): void;
  /**
   * The last recovery was for nothing: nothing was lost, as timestamps (RFC 3522), D-SACKs (RFC 3708) or acknowledgments of what was not sent again (RFC 5682)
   * show. A controller takes its answer to `onLoss` or `onTimeout` back (RFC 4015 §3, RFC 9438 §4.9): window and threshold are no larger than they were before
   * it, or than they have become since. Called once for a recovery at most, while it is under way or after it; `onRecovered` is not called where it was under way.
   * @param timeout whether the recovery began with a timeout
   * @param limit bytes: with a larger window a burst would leave now (RFC 4015 §3.4), up to what was before slow start finds its way; Infinity where that is no matter
   */
  onSpurious(timeout: boolean, now: number, limit: number): void;
  /** The network marked packets, as it would have dropped them without ECN: answer with a lower window. Nothing was lost, and no recovery begins. */
  onMarked(event: MarkEvent): void;
  /**
   * The connection penalises this subflow, which holds up the others: it asks that sending go on with a window of `window` bytes, half
   * of what might be in flight, and a segment or more. In fast recovery that may be above what a loss has just left.
   */
  onPenalty(window: number, now: number): void;
  /**
   * A full segment now has `mss` payload bytes, because the path MTU changed (RFC 1191 §6.4, RFC 4821 §7.7). What was too long is sent again
   * without any congestion having been there.
   */
  onMss(mss: number): void;
  /** The connection is gone: leave whatever group the controller is coupled with. May be called again. */
  release(): void;
  /**
   * All that the controller remembers, as plain data, without what its context gave it. Times are kept as ages at `now`, so that they
   * can be restored where the clock shows something else.
   */
  snapshot(now: number): PlainObject;
  /**
   * Goes on from saved state, in a controller just made by the same factory for the same segment size.
   * @throws MptcpError ERR_MPTCP_STATE when it is not such state
   */
  restore(state: PlainObject, now: number): void;
}

/** What the sender tells the controller with an acknowledgment. */
export interface AckEvent {
  /** Bytes newly acknowledged (cumulatively). */
  acked: number;
  /**
   * Fast: fast recovery is under way, or ended with this acknowledgment; only with {@link CongestionControl.wantsSamples}. Timeout: what was
   * outstanding at a timeout is not acknowledged yet.
   */
  recovery: "none" | "fast" | "timeout";
  /** Bytes in flight before this acknowledgment. */
  priorInFlight: number;
  /** Whether the window, not the application or the peer's window, was what limited sending (RFC 7661). */
  cwndLimited: boolean;
  /** Smoothed, smallest and latest round-trip time, ns; latest is 0 when this ACK gave no sample. */
  srtt: number;
  minRtt: number;
  latestRtt: number;
  /** What it says about the path's rate; null without {@link CongestionControl.wantsSamples}. */
  sample: RateSample | null;
  /** ns */
  now: number;
}

/**
 * A delivery-rate sample (draft-ietf-ccwg-bbr, "Rate Sample (rs) Output"): how much the network delivered between the sending of a segment
 * and its acknowledgment. Of several segments that an ACK covers it is that of the one sent last. Counts are in bytes.
 */
export interface RateSample {
  /** Whether there is a rate: else nothing new was delivered, or in less time than a round trip can take. */
  hasRate: boolean;
  /** Bytes per second. */
  rate: number;
  /** Delivered since that segment was sent, this ACK included; and in how long a time, ns. */
  delivered: number;
  interval: number;
  /** All that had been delivered when that segment was sent, 0 when there is none, and all that is delivered now: for counting round trips. */
  priorDelivered: number;
  totalDelivered: number;
  /** Whether the application had nothing to send at some time in the interval. */
  appLimited: boolean;
  /** Delivered, and found lost, by this ACK. */
  newlyDelivered: number;
  newlyLost: number;
  /** Found lost since that segment was sent, and in flight just after it was sent. */
  lost: number;
  inFlightThen: number;
  /** In flight after this ACK. */
  inFlight: number;
}

/** What the sender tells the controller of a segment that leaves. */
export interface SentEvent {
  /** Payload bytes, and one for a FIN. */
  bytes: number;
  /** Bytes in flight with it. */
  inFlight: number;
  /** Whether the application had nothing to send at some time in this round trip. */
  appLimited: boolean;
  retransmission: boolean;
  /** ns */
  now: number;
}

/** What the sender tells the controller of a segment that is deemed lost. Counts are in bytes. */
export interface LostSegment {
  bytes: number;
  /** Found lost since it was sent, itself included. */
  lost: number;
  /** In flight just after it was sent. */
  inFlightThen: number;
  /** See {@link SentEvent.appLimited}. */
  appLimited: boolean;
  /** All that was delivered before the ACK that showed the loss, see {@link RateSample.totalDelivered}. */
  totalDelivered: number;
}

/** What the sender tells the controller of a loss. */
export interface LossEvent {
  /**
   * FlightSize of RFC 5681: bytes sent and not acknowledged cumulatively before the loss was noticed, without what limited transmit sent beyond the window
   * (§3.2). For a timeout in fast recovery it is no more than it was for the loss, of which the timeout is another sign.
   */
  inFlight: number;
  /** Bytes that might have been in flight then: the window, or what Proportional Rate Reduction had made of it. */
  window: number;
  /** Payload bytes of a full segment as it leaves now, options deducted. */
  segment: number;
  /** Whether it is a timeout in a fast recovery, which answered the same loss before. */
  isAnswered: boolean;
  /** Timeouts in a row without new acknowledgment, this one included, from 1; 0 for a loss that was found otherwise. */
  consecutive: number;
  /** ns; 0 before the first sample. */
  srtt: number;
  /** ns */
  now: number;
}

/** What the sender tells the controller of ECN marks. Counts are in bytes, positions stream offsets. */
export interface MarkEvent {
  /** Newly delivered by the ACK, and how much of that the peer says was marked. */
  acked: number;
  marked: number;
  /** Whether this is the first news of marks for a window of data: the one to lower the window for. */
  isFirst: boolean;
  /** All that is acknowledged, this ACK included, and all that was sent. */
  una: number;
  nxt: number;
  /** What a loss would have said. */
  loss: LossEvent;
}

/** What a controller is born with. */
export interface CongestionContext {
  /** Payload bytes of a full segment. */
  readonly mss: number;
  /** Initial window, bytes (RFC 6928). */
  readonly initialWindow: number;
  /** What the controller left that this one replaces while data flows; null for a new connection. */
  readonly handOver: HandOver | null;
  /** The connection's coupled controllers: a member of its own joins there when it is made, and leaves by {@link CongestionControl.release}. */
  readonly group: CouplingGroup;
  /** Smoothed round-trip time, ns: that of the handshake on a new connection; 0 when unknown. */
  readonly srtt: number;
  /** Whether the peer says by SACK what arrived; absent: it does. Without, one loss in a round trip is all that can be found. */
  readonly sack?: boolean;
  /** Whether what leaves is paced in any case, so that no window makes a burst; absent: it is not. */
  readonly isPaced?: boolean;
  /** ns */
  readonly now: number;
}

/** The state of the path as a controller that is replaced saw it. */
export interface HandOver {
  /** {@link CongestionControl.window} and {@link CongestionControl.threshold} of the one before, bytes. */
  readonly window: number;
  readonly threshold: number;
}

/**
 * A congestion control that can be chosen, for a TCP connection or for all subflows of a Multipath TCP connection. Name and
 * parameters say all about it, so that it can be made again where a connection is restored.
 */
export interface CongestionControlFactory {
  readonly name: string;
  /** All of them, those that nobody named included. */
  readonly parameters: PlainObject;
  /** Makes the controller of one connection or subflow. */
  create(context: CongestionContext): CongestionControl;
}
