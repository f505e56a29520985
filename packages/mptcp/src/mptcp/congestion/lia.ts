import type { ConnectionCongestion } from "../../tcp/index.ts";
import { coupled, CoupledControl } from "./coupled.ts";

/**
 * Linked Increases (RFC 6356): all subflows together take as much as one TCP would on the best path, none takes more than a TCP on its
 * own path, and traffic leans away from congested paths.
 *
 * RFC 6356 §3 (1) adds min(alpha * acked * mss / total, acked * mss / cwnd) per ACK. Hence the window grows by one segment for every
 * max(total / alpha, cwnd) acknowledged bytes, and with alpha as in (2) the total cancels out:
 * total / alpha = SUM(cwnd_i / rtt_i)^2 / MAX(cwnd_i / rtt_i^2). It holds for unequal segment sizes, windows being bytes.
 */
export class Lia extends CoupledControl {
  override readonly name: string = "lia";

  protected override bytesPerSegment(): number {
    // RFC 6356 §3: the increase is never 0. Bytes are counted up here, so that it is right in the long run, too.
    return Math.max(this.linkedWindow(), this.cwnd);
  }

  /** total / alpha in bytes; 0 while no subflow has a round-trip time. */
  protected linkedWindow(): number {
    let rates = 0;
    let best = 0;
    for (const member of this.group) {
      const window = member.used(this.now);
      if (window === 0) continue;
      const rate = window / member.rtt;
      rates += rate;
      best = Math.max(best, rate / member.rtt);
    }
    return best === 0 ? 0 : (rates * rates) / best;
  }
}

/**
 * Linked Increases in the 64-bit fixed-point form of draft-barre-mptcp-impl §3.5.3.1, as the first Linux implementation had it: windows in
 * segments, alpha scaled by 2^12. It assumes one segment size for all subflows. For comparison; {@link Lia} is exact, and faster here.
 */
export class LiaFixedPoint extends Lia {
  override readonly name: string = "lia-fixed-point";

  protected override linkedWindow(): number {
    let total = 0n;
    let best: CoupledControl | null = null;
    let bestMetric = 0;
    for (const member of this.group) {
      const segments = member.segments(this.now);
      if (segments === 0) continue;
      total += BigInt(segments);
      const metric = segments / member.rtt / member.rtt;
      if (best === null || metric > bestMetric) {
        best = member;
        bestMetric = metric;
      }
    }
    if (best === null) return 0;
    const alpha = this.scaledAlpha(total, best);
    return Number((total << ALPHA_SHIFT) / (alpha === 0n ? 1n : alpha)) * this.mss;
  }

  /** total * (cwnd_max * scale_num) / SUM(rtt_max * cwnd_i * scale_den / rtt_i)^2, "max" being the subflow `best`. */
  private scaledAlpha(total: bigint, best: CoupledControl): bigint {
    let sum = 0n;
    for (const member of this.group) {
      const segments = member.segments(this.now);
      if (segments > 0) sum += ((microseconds(best.rtt) * BigInt(segments)) << DENOMINATOR_SHIFT) / microseconds(member.rtt);
    }
    return (total * (BigInt(best.segments(this.now)) << NUMERATOR_SHIFT)) / (sum * sum);
  }
}

/** Linked Increases, RFC 6356: the default of a Multipath TCP connection. */
export const lia: ConnectionCongestion = coupled((context, group) => new Lia(context, group));

/** Linked Increases in fixed-point arithmetic, draft-barre-mptcp-impl §3.5.3.1. */
export const liaFixedPoint: ConnectionCongestion = coupled((context, group) => new LiaFixedPoint(context, group));

function microseconds(time: number): bigint {
  return BigInt(Math.max(Math.round(time / 1000), 1));
}

/** scale_num = 2^32 and scale_den = 2^10 leave alpha scaled by 2^(32 - 2 * 10). */
const NUMERATOR_SHIFT = 32n;
const DENOMINATOR_SHIFT = 10n;
const ALPHA_SHIFT = NUMERATOR_SHIFT - 2n * DENOMINATOR_SHIFT;
