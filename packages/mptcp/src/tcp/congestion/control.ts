/**
 * Congestion control of one TCP connection or subflow (RFC 5681). The sender owns loss detection, PRR and the pipe;
 * the controller only says how large the window is. All windows are in bytes.
 */
export interface CongestionControl {
  readonly name: string;
  /** Congestion window, bytes. During recovery the sender sets it by PRR (RFC 9937). */
  cwnd: number;
  /** Slow-start threshold, bytes; Infinity before the first loss. */
  ssthresh: number;
  /** New data was acknowledged outside of recovery. The event object is reused: copy what must be kept. */
  onAck(ack: AckEvent): void;
  /** Loss was detected and recovery begins: set `ssthresh` (PRR then moves `cwnd` to it). Once per window of data. */
  onLoss(loss: LossEvent): void;
  /** Recovery ended: `cwnd` stands at about `ssthresh`. */
  onRecovered(now: number): void;
  /** The retransmission timer fired for the first time for this data: set `ssthresh`; `cwnd` becomes one segment. */
  onTimeout(loss: LossEvent): void;
  /** The connection is gone: leave whatever group the controller is coupled with. */
  release(): void;
}

/** What the sender tells the controller with an acknowledgment. */
export interface AckEvent {
  /** Bytes newly acknowledged (cumulatively or by SACK). */
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

export interface LossEvent {
  /** Bytes in flight when the loss was noticed. */
  inFlight: number;
  srtt: number;
  now: number;
}

/** What a controller is born with. */
export interface CongestionContext {
  /** Payload bytes of a full segment. */
  readonly mss: number;
  /** Initial window, bytes (RFC 6928). */
  readonly initialWindow: number;
}

/** Makes the controller of one connection or subflow. */
export type CongestionControlFactory = (context: CongestionContext) => CongestionControl;

/**
 * Chosen per MPTCP connection: called once for the connection, gives the factory for its subflows. A coupled
 * algorithm keeps what its subflows share in the closure; an uncoupled one returns a plain factory.
 */
export type ConnectionCongestion = () => CongestionControlFactory;
