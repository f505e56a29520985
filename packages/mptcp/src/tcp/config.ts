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
  /** Initial window in segments (RFC 6928). */
  readonly initialWindowSegments: number;
  readonly minRto: number;
  readonly maxRto: number;
  /** Before the first sample (RFC 6298 §2). */
  readonly initialRto: number;
  readonly delayedAck: number;
  readonly sack: boolean;
  readonly timestamps: boolean;
  readonly windowScaling: boolean;
  /** Nagle's algorithm off. */
  readonly noDelay: boolean;
  /**
   * Answer a SYN that crosses our own (RFC 9293 §3.5). Who does not ask for it ignores bare SYNs while it connects: anybody who knows the addresses
   * and ports could send one, and end the attempt.
   */
  readonly simultaneousOpen: boolean;
  /** SYNs (or SYN+ACKs) sent again before giving up. */
  readonly synRetries: number;
  /** Consecutive retransmission timeouts before giving up (R2 of RFC 9293 §3.8.3). */
  readonly retries: number;
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
  /** Length of TIME-WAIT, 2 MSL. */
  readonly timeWait: number;
  readonly receiveBuffer: BufferConfig;
  readonly sendBuffer: BufferConfig;
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

/** Size of a buffer: fixed when `autoTune` is off, else it grows from `initial` up to `max`. */
export interface BufferConfig {
  readonly initial: number;
  readonly max: number;
  readonly autoTune: boolean;
}

/** Everything but the congestion controller, which has no neutral choice here. */
export const DEFAULT_TCP_CONFIG: Omit<TcpConfig, "congestion"> = {
  mtu: 1500,
  segmentationLimit: 0,
  initialWindowSegments: 10,
  minRto: 200 * MILLISECOND,
  maxRto: 120 * SECOND,
  initialRto: SECOND,
  delayedAck: 40 * MILLISECOND,
  sack: true,
  timestamps: true,
  windowScaling: true,
  noDelay: false,
  simultaneousOpen: false,
  synRetries: 6,
  retries: 15,
  userTimeout: 0,
  silenceTimeout: LIMITS.silenceTimeout.default,
  orphanTimeout: LIMITS.orphanTimeout.default,
  keepAliveIdle: 0,
  keepAliveInterval: 75 * SECOND,
  keepAliveProbes: 9,
  timeWait: 60 * SECOND,
  receiveBuffer: { initial: 131072, max: 64 * 1024 * 1024, autoTune: true },
  sendBuffer: { initial: 131072, max: 64 * 1024 * 1024, autoTune: true },
};
