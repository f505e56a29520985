import type { SchedulableSubflow, Scheduler } from "../scheduler.ts";

/** Takes the subflows in turn, one segment each, passing over those without room. */
export class RoundRobin implements Scheduler {
  readonly name = "round-robin";
  /** Path index that had the last turn. */
  private last = 0;

  select(subflows: readonly SchedulableSubflow[]): SchedulableSubflow | null {
    // The list is in order of path index: the next turn is the first index above the last one, or else the lowest.
    let first: SchedulableSubflow | null = null;
    for (let i = 0; i < subflows.length; i++) {
      const subflow = subflows[i] as SchedulableSubflow;
      if (!subflow.hasRoom) continue;
      if (subflow.pathIndex > this.last) {
        this.last = subflow.pathIndex;
        return subflow;
      }
      first ??= subflow;
    }
    if (first !== null) this.last = first.pathIndex;
    return first;
  }
}

/** Each subflow in turn: an even spread over the paths, whatever their speed. For experiments. */
export const roundRobin = (): Scheduler => new RoundRobin();
