import type { Counters } from "../core/index.ts";
import { LIMITS } from "../core/index.ts";
import { Packet } from "../wire/index.ts";
import { resetFor } from "./reset.ts";
import type { ResetReason } from "./reset.ts";
import type { WaitingTuple } from "./time-waits.ts";

/**
 * What leaves a host and belongs to no connection, by link: RSTs, SYN cookies, and the ACKs that those in TIME-WAIT owe. Each answers something
 * that came in, from whomever, so that there is room for so many alone.
 */
export class Strays {
  /** By the driver's number of the link. */
  readonly queues: (Packet | WaitingTuple)[][] = [];
  private readonly counters: Counters;

  constructor(counters: Counters) {
    this.counters = counters;
  }

  /** The next packet for a link, or null. */
  next(link: number, now: number): Packet | null {
    const queue = this.queues[link];
    if (queue === undefined) return null;
    for (let stray = queue.shift(); stray !== undefined; stray = queue.shift()) {
      if (stray instanceof Packet) return stray;
      if (!stray.owes) continue;
      this.counters.segments.TcpOutSegs++;
      return stray.takeAcknowledgment(now);
    }
    return null;
  }

  /** Whether one more may wait for a link; counts it when not. */
  hasRoom(link: number): boolean {
    if (this.queueOf(link).length < LIMITS.strays.default) return true;
    this.counters.increment(LIMITS.strays.counter);
    return false;
  }

  send(packet: Packet, link: number): void {
    if (this.hasRoom(link)) this.queueOf(link).push(packet);
  }

  /** A connection in TIME-WAIT owes an ACK. Whether there is room was asked before it came to owe it. */
  owe(waiting: WaitingTuple, link: number): void {
    this.queueOf(link).push(waiting);
  }

  /** Answers a segment for which there is no connection, see {@link resetFor}. */
  reset(packet: Packet, link: number, why: ResetReason | null, isStamped: boolean): void {
    const reset = resetFor(packet, why, isStamped);
    if (reset === null) return;
    this.counters.increment("TcpOutRsts");
    this.send(reset, link);
  }

  private queueOf(link: number): (Packet | WaitingTuple)[] {
    return (this.queues[link] ??= []);
  }
}
