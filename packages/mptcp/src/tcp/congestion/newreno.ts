import type { AckEvent, CongestionContext, CongestionControl, CongestionControlFactory, LossEvent } from "./control.ts";

/**
 * Standard TCP congestion control (RFC 5681) with appropriate byte counting (RFC 3465): slow start, additive increase of
 * one segment per window, halving on loss. All state is in bytes.
 *
 * It is also the base of the controllers that differ from it in the additive increase alone: override
 * {@link NewReno.bytesPerSegment}. That is how the coupled ones are made (RFC 6356 §3 changes nothing else).
 *
 * @example
 * ```ts
 * // Grows by half a segment per window.
 * class Gentle extends NewReno {
 *   override readonly name: string = "gentle";
 *   protected override bytesPerSegment(): number {
 *     return 2 * this.cwnd;
 *   }
 * }
 * const gentle: CongestionControlFactory = (context) => new Gentle(context);
 * ```
 */
export class NewReno implements CongestionControl {
  readonly name: string = "reno";
  cwnd: number;
  ssthresh: number;
  /** Payload bytes of a full segment. */
  protected readonly mss: number;
  /** Bytes acknowledged in congestion avoidance that have not made a whole segment of growth yet. */
  private credit: number;
  /** Whether this slow start follows a retransmission timeout. */
  private afterTimeout: boolean;

  constructor(context: CongestionContext) {
    this.mss = context.mss;
    this.cwnd = context.initialWindow;
    this.ssthresh = Number.POSITIVE_INFINITY;
    this.credit = 0;
    this.afterTimeout = false;
  }

  onAck(ack: AckEvent): void {
    // RFC 7661 §4.1, in its simplest form: a window that was not the limit has not been tested, so it does not grow.
    if (!ack.cwndLimited) return;
    let acked = ack.acked;
    if (this.cwnd < this.ssthresh) {
      acked -= this.slowStart(acked);
      if (acked <= 0) return;
    }
    this.avoidCongestion(acked);
  }

  onLoss(loss: LossEvent): void {
    // RFC 5681 §3.1 equation 4.
    this.ssthresh = Math.max(Math.floor(loss.inFlight / 2), 2 * this.mss);
    this.credit = 0;
  }

  onRecovered(_now: number): void {
    this.credit = 0;
  }

  onTimeout(loss: LossEvent): void {
    this.onLoss(loss);
    this.cwnd = this.mss;
    this.afterTimeout = true;
  }

  release(): void {}

  /**
   * The bytes that must be acknowledged in congestion avoidance for the window to grow by one segment. At least `cwnd`, or the
   * controller is more aggressive than TCP.
   */
  protected bytesPerSegment(): number {
    return this.cwnd;
  }

  /** Grows the window in slow start. @returns the bytes of `acked` that this consumed; the rest lies beyond ssthresh */
  private slowStart(acked: number): number {
    // RFC 3465 §2.2 and §2.3: at most two segments per ACK, and one in the slow start after a timeout.
    const limit = (this.afterTimeout ? 1 : SLOW_START_LIMIT) * this.mss;
    const room = this.ssthresh - this.cwnd;
    const increase = Math.min(acked, limit);
    if (increase < room) {
      this.cwnd += increase;
      return acked;
    }
    this.cwnd = this.ssthresh;
    this.afterTimeout = false;
    return acked - (increase - room);
  }

  private avoidCongestion(acked: number): void {
    this.credit += acked;
    // RFC 3465 §2.1: one segment per window of acknowledged bytes; what is left over counts for the next.
    let needed = this.bytesPerSegment();
    while (this.credit >= needed) {
      this.credit -= needed;
      this.cwnd += this.mss;
      needed = this.bytesPerSegment();
    }
  }
}

/** RFC 5681 with byte counting: the plainest choice, and the yardstick of fairness. */
export const newReno: CongestionControlFactory = (context) => new NewReno(context);

/** RFC 3465's L, in segments. */
const SLOW_START_LIMIT = 2;
