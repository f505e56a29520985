import { numberFrom } from "../../core/index.ts";
import type { PlainObject } from "../../core/index.ts";
import type { CongestionContext, CongestionControlFactory, LossEvent } from "./control.ts";
import type { CouplingRule } from "./coupling.ts";
import { LossBasedControl, lossBasedParameters } from "./loss-based.ts";
import type { LossBasedParameters } from "./loss-based.ts";

/**
 * Standard TCP congestion control (RFC 5681) with appropriate byte counting (RFC 3465): in congestion avoidance one segment per
 * window, half of the flight after a loss.
 *
 * With a {@link CouplingRule} only the additive increase differs, which is all that RFC 6356 §3 changes. A controller for a single path that
 * differs in the same is a subclass that overrides {@link NewReno.bytesPerSegment}.
 *
 * @example
 * ```ts
 * // Grows by half a segment per window.
 * class Gentle extends NewReno {
 *   protected override bytesPerSegment(): number {
 *     return 2 * this.cwnd;
 *   }
 * }
 * const gentle: CongestionControlFactory = { name: "gentle", parameters: {}, create: (context) => new Gentle(context) };
 * ```
 */
export class NewReno extends LossBasedControl {
  readonly name: string;
  /**
   * Bytes acknowledged in congestion avoidance that have not made a whole segment of growth yet. A loss takes them back, but not where the controller is coupled:
   * a segment of its growth may take more acknowledgments than there are between two losses, and RFC 6356 §3 (1) grows with each of them.
   */
  private credit: number;

  constructor(context: CongestionContext, parameters: LossBasedParameters = NEWRENO_PARAMETERS, rule: CouplingRule | null = null, name = "reno") {
    super(context, parameters.slowStartLimit, rule, parameters.reducesWindow);
    this.name = rule === null ? name : rule.name;
    this.credit = 0;
  }

  override onLoss(loss: LossEvent): void {
    super.onLoss(loss);
    if (this.member === null) this.credit = 0;
  }

  override onTimeout(loss: LossEvent): void {
    super.onTimeout(loss);
    if (this.member === null) this.credit = 0;
  }

  override snapshot(now: number): PlainObject {
    return { ...super.snapshot(now), credit: this.credit };
  }

  override restore(state: PlainObject, now: number): void {
    super.restore(state, now);
    this.credit = numberFrom(state, "credit");
  }

  /**
   * The bytes that must be acknowledged in congestion avoidance for the window to grow by one segment: at least `cwnd`, or the
   * controller is more aggressive than TCP.
   */
  protected bytesPerSegment(): number {
    return this.member === null ? this.cwnd : this.member.rule.bytesPerSegment(this.member);
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
    return this.basis(loss) / 2;
  }
}

/** RFC 3465 §2.3: the largest L that it allows. */
export const NEWRENO_PARAMETERS: LossBasedParameters = { slowStartLimit: 2, reducesWindow: false };

/** RFC 5681 with other parameters than usual, see {@link LossBasedParameters}. @throws MptcpError ERR_MPTCP_PARAMETER */
export function newRenoWith(parameters: PlainObject): CongestionControlFactory {
  const all = lossBasedParameters(NEWRENO_PARAMETERS, parameters);
  return { name: "reno", parameters: all, create: (context) => new NewReno(context, all) };
}

/** RFC 5681 with byte counting: the plainest controller, and the yardstick of fairness. */
export const newReno: CongestionControlFactory = newRenoWith({});
