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
   * An acknowledgment of new data arrived outside of fast recovery; the one that ends a fast recovery does not count, and
   * neither do duplicate acknowledgments (RFC 3042 §2).
   */
  onAck(ack: AckEvent): void;
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
   * The connection penalises this subflow, which holds up the others: it asks that sending go on with a window of `window` bytes, half
   * of what might be in flight, and a segment or more. In fast recovery that may be above what a loss has just left.
   */
  onPenalty(window: number, now: number): void;
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
  /** Bytes in flight before this acknowledgment. */
  priorInFlight: number;
  /** Whether the window, not the application or the peer's window, was what limited sending (RFC 7661). */
  cwndLimited: boolean;
  /** Smoothed, smallest and latest round-trip time, ns; latest is 0 when this ACK gave no sample. */
  srtt: number;
  minRtt: number;
  latestRtt: number;
  /** ns */
  now: number;
}

/** What the sender tells the controller of a loss. */
export interface LossEvent {
  /** Bytes in flight when the loss was noticed: FlightSize of RFC 5681. */
  inFlight: number;
  /** Bytes that might have been in flight then: the window, or what Proportional Rate Reduction had made of it. */
  window: number;
  /** Payload bytes of a full segment as it leaves now, options deducted. */
  segment: number;
  /** Timeouts in a row without new acknowledgment, this one included, from 1; 0 for a loss that was found otherwise. */
  consecutive: number;
  /** ns; 0 before the first sample. */
  srtt: number;
  /** ns */
  now: number;
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
