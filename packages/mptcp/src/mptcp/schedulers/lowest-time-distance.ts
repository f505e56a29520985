import type { SchedulableSubflow, Scheduler } from "../scheduler.ts";

/**
 * Gives each segment to the subflow from which it reaches the peer first.
 *
 * draft-barre-mptcp-impl §3.5.3.2 calls that the time-distance: queue / bandwidth + RTT. Subflows pull their data at the moment of
 * transmission, so nothing queues before them and the RTT remains: the smallest one with room wins. Every subflow with room is used
 * as long as there is data; the order matters to what is short or limited by the application.
 *
 * A subflow without an RTT comes last: the handshake gives a sample unless its SYN was lost (Karn's algorithm), and a path that lost
 * one is no favourite. It gets its sample as soon as the others are full. Equals go by path index.
 */
export class LowestTimeDistance implements Scheduler {
  readonly name = "lowest-time-distance";

  select(subflows: readonly SchedulableSubflow[]): SchedulableSubflow | null {
    let best: SchedulableSubflow | null = null;
    let bestDistance = Number.POSITIVE_INFINITY;
    for (let i = 0; i < subflows.length; i++) {
      const subflow = subflows[i] as SchedulableSubflow;
      if (!subflow.hasRoom) continue;
      const distance = subflow.srtt === 0 ? Number.MAX_VALUE : subflow.srtt;
      if (distance < bestDistance) {
        best = subflow;
        bestDistance = distance;
      }
    }
    return best;
  }
}

/** The subflow with room that is nearest in time: the default. */
export const lowestTimeDistance = (): Scheduler => new LowestTimeDistance();
