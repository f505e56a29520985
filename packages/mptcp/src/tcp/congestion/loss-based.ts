import type { AckEvent, CongestionContext, CongestionControl, LossEvent } from "./control.ts";

/**
 * What all controllers that react to loss have in common: slow start with appropriate byte counting up to `ssthresh`, congestion
 * avoidance above it, no growth of a window that is not in use, and the collapse to one segment on a timeout (RFC 5681).
 *
 * A controller of your own is a subclass with two methods: how the window grows in congestion avoidance, and what
 * remains of it after a loss.
 *
 * @example
 * ```ts
 * class Timid extends LossBasedControl {
 *   readonly name = "timid";
 *   protected avoidCongestion(acked: number): void {
 *     this.cwnd += (acked * this.mss) / (2 * this.cwnd);
 *   }
 *   protected reduced(loss: LossEvent): number {
 *     return loss.inFlight / 2;
 *   }
 * }
 * const timid: CongestionControlFactory = (context) => new Timid(context);
 * ```
 */
export abstract class LossBasedControl implements CongestionControl {
  abstract readonly name: string;
  /** Congestion window, bytes. */
  protected cwnd: number;
  /** Slow-start threshold, bytes; Infinity before the first loss. */
  protected ssthresh: number;
  /** Payload bytes of a full segment. */
  protected readonly mss: number;
  /** Most bytes by which one ACK grows the window in slow start (RFC 3465's L). */
  private readonly slowStartLimit: number;
  /** Whether this slow start follows a retransmission timeout. */
  private afterTimeout: boolean;

  /** @param slowStartLimit RFC 3465's L in segments: how many an ACK may add in slow start; Infinity for a paced sender */
  constructor(context: CongestionContext, slowStartLimit: number) {
    this.mss = context.mss;
    this.cwnd = context.handOver?.window ?? context.initialWindow;
    this.ssthresh = context.handOver?.threshold ?? Number.POSITIVE_INFINITY;
    this.slowStartLimit = slowStartLimit * context.mss;
    this.afterTimeout = false;
  }

  get window(): number {
    return this.cwnd;
  }

  get threshold(): number {
    return this.ssthresh;
  }

  onAck(ack: AckEvent): void {
    // RFC 7661 §4.4, in its simplest form: a window that was not the limit has not been tested, so it does not grow.
    if (!ack.cwndLimited) return;
    let acked = ack.acked;
    if (this.cwnd < this.ssthresh) {
      acked = this.slowStart(acked);
      if (acked <= 0) return;
    }
    this.avoidCongestion(acked, ack);
  }

  onLoss(loss: LossEvent): void {
    // RFC 5681 §3.1 equation 4: never below two segments.
    this.ssthresh = Math.max(Math.floor(this.reduced(loss)), 2 * this.mss);
    this.cwnd = this.ssthresh;
  }

  onRecovered(limit: number, _now: number): void {
    if (this.cwnd > limit) this.cwnd = limit;
  }

  onTimeout(loss: LossEvent): void {
    // RFC 5681 §3.1: ssthresh is lowered once for the same data, however often it times out.
    if (loss.consecutive === 1) this.ssthresh = Math.max(Math.floor(this.reduced(loss)), 2 * this.mss);
    // RFC 5681 §3.1: the loss window is one segment.
    this.cwnd = loss.segment;
    this.afterTimeout = true;
  }

  onPenalty(window: number, _now: number): void {
    this.cwnd = window;
    this.ssthresh = window;
  }

  release(): void {}

  /** Grows `cwnd` for `acked` bytes acknowledged in congestion avoidance (what slow start used of this ACK is taken off). */
  protected abstract avoidCongestion(acked: number, ack: AckEvent): void;

  /** What a loss or a timeout leaves of the window, in bytes: the next `ssthresh`, before its lower bound. */
  protected abstract reduced(loss: LossEvent): number;

  /** By how many bytes `acked` bytes (already limited by L) grow the window in slow start. */
  protected slowStartIncrease(acked: number): number {
    return acked;
  }

  /** @returns the acknowledged bytes that were beyond `ssthresh` and count for congestion avoidance */
  private slowStart(acked: number): number {
    // RFC 3465 §2.3: L is one segment in the slow start that follows a timeout.
    const limit = this.afterTimeout ? this.mss : this.slowStartLimit;
    const increase = this.slowStartIncrease(Math.min(acked, limit));
    const room = this.ssthresh - this.cwnd;
    if (increase < room) {
      this.cwnd += increase;
      return 0;
    }
    this.cwnd = this.ssthresh;
    this.afterTimeout = false;
    return increase - room;
  }
}
