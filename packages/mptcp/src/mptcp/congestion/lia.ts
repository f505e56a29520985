import type { PlainObject } from "../../core/index.ts";
import type { CongestionControlFactory, CouplingMember } from "../../tcp/index.ts";
import { CouplingRule } from "../../tcp/index.ts";
import { coupled } from "./coupled.ts";

/**
 * Linked Increases (RFC 6356): all subflows together take as much as one TCP would on the best path, none takes more than a TCP on its
 * own path, and traffic leans away from congested paths.
 *
 * RFC 6356 §3 (1) adds min(alpha * acked * mss / total, acked * mss / cwnd) per ACK. Hence the window grows by one segment for every
 * max(total / alpha, cwnd) acknowledged bytes, and with alpha as in (2) the total cancels out:
 * total / alpha = SUM(cwnd_i / rtt_i)^2 / MAX(cwnd_i / rtt_i^2). It holds for unequal segment sizes, windows being bytes.
 */
export class LiaRule extends CouplingRule {
  readonly name: string = "lia";

  bytesPerSegment(member: CouplingMember): number {
    // RFC 6356 §3: the increase is never 0. Standard TCP counts bytes up here, so that it is right in the long run, too.
    return Math.max(this.linkedWindow(member), member.control.window);
  }

  /** total / alpha in bytes; 0 while no subflow has a round-trip time. */
  protected linkedWindow(member: CouplingMember): number {
    const { now } = member;
    let rates = 0;
    let best = 0;
    for (const other of member.group.members) {
      const window = other.window(now);
      if (window === 0) continue;
      const rate = window / other.rtt;
      rates += rate;
      best = Math.max(best, rate / other.rtt);
    }
    return best === 0 ? 0 : (rates * rates) / best;
  }
}

/**
 * Linked Increases in the 64-bit fixed-point form of draft-barre-mptcp-impl §3.5.3.1, as the first Linux implementation had it: windows in
 * segments, alpha scaled by 2^12. It assumes one segment size for all subflows. For comparison; {@link LiaRule} is exact, and faster here.
 */
export class LiaFixedPointRule extends LiaRule {
  override readonly name: string = "lia-fixed-point";

  protected override linkedWindow(member: CouplingMember): number {
    const { members } = member.group;
    let total = 0n;
    let best: CouplingMember | null = null;
    let bestMetric = 0;
    for (const other of members) {
      const segments = other.segments(member.now);
      if (segments === 0) continue;
      total += BigInt(segments);
      const metric = segments / other.rtt / other.rtt;
      if (best === null || metric > bestMetric) {
        best = other;
        bestMetric = metric;
      }
    }
    if (best === null) return 0;
    const alpha = scaledAlpha(members, total, best, member.now);
    return Number((total << ALPHA_SHIFT) / (alpha === 0n ? 1n : alpha)) * member.mss;
  }
}

/** Linked Increases with other parameters than usual: those of standard TCP. @throws MptcpError ERR_MPTCP_PARAMETER */
export function liaWith(parameters: PlainObject): CongestionControlFactory {
  return coupled(() => new LiaRule(), parameters);
}

/** Linked Increases in fixed-point arithmetic, likewise. @throws MptcpError ERR_MPTCP_PARAMETER */
export function liaFixedPointWith(parameters: PlainObject): CongestionControlFactory {
  return coupled(() => new LiaFixedPointRule(), parameters);
}

/** Linked Increases, RFC 6356: the default of a Multipath TCP connection. */
export const lia: CongestionControlFactory = liaWith({});

/** Linked Increases in fixed-point arithmetic, draft-barre-mptcp-impl §3.5.3.1. */
export const liaFixedPoint: CongestionControlFactory = liaFixedPointWith({});

/** total * (cwnd_max * scale_num) / SUM(rtt_max * cwnd_i * scale_den / rtt_i)^2, "max" being the member `best`. */
function scaledAlpha(members: readonly CouplingMember[], total: bigint, best: CouplingMember, now: number): bigint {
  let sum = 0n;
  for (const member of members) {
    const segments = member.segments(now);
    if (segments > 0) sum += ((microseconds(best.rtt) * BigInt(segments)) << DENOMINATOR_SHIFT) / microseconds(member.rtt);
  }
  return (total * (BigInt(best.segments(now)) << NUMERATOR_SHIFT)) / (sum * sum);
}

function microseconds(time: number): bigint {
  return BigInt(Math.max(Math.round(time / 1000), 1));
}

/** scale_num = 2^32 and scale_den = 2^10 leave alpha scaled by 2^(32 - 2 * 10). */
const NUMERATOR_SHIFT = 32n;
const DENOMINATOR_SHIFT = 10n;
const ALPHA_SHIFT = NUMERATOR_SHIFT - 2n * DENOMINATOR_SHIFT;
