import type { SchedulableSubflow, Scheduler } from "../scheduler.ts";

/**
 * Gives each segment to the subflow whose data in flight is through soonest, at the pace of its window: bytes in flight * RTT / window. Of those
 * that have nothing in flight it is the first by path index, so that what is said now and then stays on one path.
 *
 * So Linux chooses (its "linger time"), which hands subflows more than leaves at once; here they pull, and nothing queues before them.
 */
export class ShortestQueue implements Scheduler {
  readonly name = "shortest-queue";

  select(subflows: readonly SchedulableSubflow[]): SchedulableSubflow | null {
    let best: SchedulableSubflow | null = null;
    let shortest = Number.POSITIVE_INFINITY;
    for (let i = 0; i < subflows.length; i++) {
      const subflow = subflows[i] as SchedulableSubflow;
      if (!subflow.hasRoom) continue;
      const queue = (subflow.inFlight * subflow.srtt) / subflow.cwnd;
      if (queue < shortest) {
        best = subflow;
        shortest = queue;
      }
    }
    return best;
  }
}

/** The subflow with room whose data in flight is through soonest. */
export const shortestQueue = (): Scheduler => new ShortestQueue();
