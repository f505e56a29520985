import type { CongestionContext, CongestionControlFactory, LossEvent } from "./control.ts";
import { LossBasedControl } from "./loss-based.ts";

/**
 * Standard TCP congestion control (RFC 5681) with appropriate byte counting (RFC 3465): in congestion avoidance one segment per
 * window, half of the flight after a loss.
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
export class NewReno extends LossBasedControl {
  readonly name: string = "reno";
  /** Bytes acknowledged in congestion avoidance that have not made a whole segment of growth yet. */
  private credit: number;

  /** @param slowStartLimit RFC 3465's L in segments */
  constructor(context: CongestionContext, slowStartLimit: number = SLOW_START_LIMIT) {
    super(context, slowStartLimit);
    this.credit = 0;
  }

  override onLoss(loss: LossEvent): void {
    super.onLoss(loss);
    this.credit = 0;
  }

  override onTimeout(loss: LossEvent): void {
    super.onTimeout(loss);
    this.credit = 0;
  }

  /**
   * The bytes that must be acknowledged in congestion avoidance for the window to grow by one segment: at least `cwnd`, or the
   * controller is more aggressive than TCP.
   */
  protected bytesPerSegment(): number {
    return this.cwnd;
  }

  protected avoidCongestion(acked: number): void {
    this.credit += acked;
    // RFC 3465 §2.1: one segment per window of acknowledged bytes; what is left over counts for the next one.
    let needed = this.bytesPerSegment();
    while (this.credit >= needed) {
      this.credit -= needed;
      this.cwnd += this.mss;
      needed = this.bytesPerSegment();
    }
  }

  protected reduced(loss: LossEvent): number {
    return loss.inFlight / 2;
  }
}

/** RFC 5681 with byte counting: the plainest controller, and the yardstick of fairness. */
export const newReno: CongestionControlFactory = (context) => new NewReno(context);

/** RFC 3465 §2.3: the largest L that it allows. */
const SLOW_START_LIMIT = 2;
