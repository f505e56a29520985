import type { DecisionEvent, Observer } from "../core/index.ts";

/** The packets that the network said it lost: what a box or a link loses, it tells the observer (`packet_lost`). */
export class ReportedLosses implements Observer {
  packets = 0;
  /** IP octets of all of them. */
  octets = 0;
  /** Those that were lost because a queue was full. */
  queued = 0;

  event(event: DecisionEvent): void {
    if (event.kind !== "packet_lost") return;
    this.packets++;
    this.octets += event.length;
    if (event.cause === "queue") this.queued++;
  }
}
