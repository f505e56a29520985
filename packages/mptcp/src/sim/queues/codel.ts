import { MILLISECOND } from "../../core/index.ts";
import type { Packet } from "../../wire/index.ts";
import { timeParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";
import type { QueueEnvironment } from "./discipline.ts";
import { queueDisciplineKind } from "./discipline.ts";
import { FifoDiscipline } from "./fifo.ts";
import type { PacketQueue } from "./packet-queue.ts";

/** What CoDel may be told, of one queue or of each of several. */
export const CODEL_PARAMETERS = {
  target: timeParameter(5 * MILLISECOND, "So long packets may wait for ever; TARGET."),
  interval: timeParameter(100 * MILLISECOND, "When the shortest wait is longer for so long, a packet is marked or dropped: the longest usual round-trip time; INTERVAL."),
};

export type CodelParameters = ValuesOf<typeof CODEL_PARAMETERS>;

/**
 * Controlled delay (RFC 8289 §5.5): when what leaves a queue has waited longer than the target for a whole interval, it drops from the
 * head, at first once per interval and then at intervals that shrink with the square root of the count, until a wait is short again. What can be marked is marked
 * instead, and leaves.
 */
export class Codel {
  /** Whether it drops at present. */
  dropping = false;
  /** Drops since it began to, less those that did not help; RFC 8289's count_ and lastcount_. */
  count = 0;
  private lastCount = 0;
  /** When the next drop is due, ns. */
  private dropNext = 0;
  /** When the wait will have been too long for an interval, ns; 0 while it is short. */
  private firstAboveTime = 0;
  private isLong = false;
  private readonly environment: QueueEnvironment;
  private readonly parameters: CodelParameters;

  constructor(environment: QueueEnvironment, parameters: CodelParameters) {
    this.environment = environment;
    this.parameters = parameters;
  }

  /** The next packet to leave the queue; null when none is left. */
  dequeue(queue: PacketQueue, now: number): Packet | null {
    let packet = this.take(queue, now);
    if (this.dropping) {
      if (!this.isLong) this.dropping = false;
      // Time is not looked at again: a high rate may have several due at once.
      while (this.dropping && now >= this.dropNext) {
        this.count++;
        const isMarked = this.environment.mark(packet as Packet);
        if (!isMarked) {
          this.environment.drop(packet as Packet, true, now);
          packet = this.take(queue, now);
          if (!this.isLong) this.dropping = false;
        }
        if (this.dropping) this.dropNext = this.controlLaw(this.dropNext);
        if (isMarked) break;
      }
    } else if (this.isLong) {
      if (!this.environment.mark(packet as Packet)) {
        this.environment.drop(packet as Packet, true, now);
        packet = this.take(queue, now);
      }
      this.dropping = true;
      // RFC 8289 §5.5: where it dropped not long ago, the rate that was enough then is what it begins with.
      const since = this.count - this.lastCount;
      this.count = since > 1 && now - this.dropNext < MEMORY * this.parameters.interval ? since : 1;
      this.dropNext = this.controlLaw(now);
      this.lastCount = this.count;
    }
    return packet;
  }

  /** Takes the oldest packet, and tells by its wait whether the queue has been standing for too long (dodequeue). */
  private take(queue: PacketQueue, now: number): Packet | null {
    const packet = queue.shift();
    this.isLong = false;
    if (packet === null || now - queue.takenAt < this.parameters.target || queue.bytes <= this.environment.mtu) this.firstAboveTime = 0;
    else if (this.firstAboveTime === 0) this.firstAboveTime = now + this.parameters.interval;
    else this.isLong = now >= this.firstAboveTime;
    return packet;
  }

  private controlLaw(from: number): number {
    return from + this.parameters.interval / Math.sqrt(this.count);
  }
}

/** One queue with CoDel. */
export class CodelQueue extends FifoDiscipline {
  private readonly codel: Codel;

  constructor(environment: QueueEnvironment, parameters: CodelParameters) {
    super(environment);
    this.codel = new Codel(environment, parameters);
  }

  override dequeue(now: number): Packet | null {
    return this.codel.dequeue(this.queue, now);
  }
}

/** CoDel, with the target and the interval of its RFC. */
export const codel = queueDisciplineKind(
  "codel",
  "Controlled delay (RFC 8289): marks or drops what leaves, once packets have waited too long for some time.",
  CODEL_PARAMETERS,
  (environment, parameters) => new CodelQueue(environment, parameters),
);

/** In intervals: how long ago it may have dropped. */
const MEMORY = 16;
