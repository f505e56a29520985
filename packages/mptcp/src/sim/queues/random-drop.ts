import { randomBelow } from "../../core/index.ts";
import type { Packet } from "../../wire/index.ts";
import { choiceParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";
import type { QueueEnvironment } from "./discipline.ts";
import { queueDisciplineKind } from "./discipline.ts";
import { FifoDiscipline } from "./fifo.ts";

const PARAMETERS = {
  which: choiceParameter(["any", "oldest"], "any", "Who makes room: any of those that wait, drawn at random, or the oldest."),
};

/**
 * Random drop on full, or drop front on full (RFC 2309 §3): a packet that finds the queue full takes the place of one that waits, so that
 * no flow is locked out by the luck of its timing.
 */
export class RandomDrop extends FifoDiscipline {
  private readonly drawn: boolean;

  constructor(environment: QueueEnvironment, { which }: ValuesOf<typeof PARAMETERS>) {
    super(environment);
    this.drawn = which === "any";
  }

  override enqueue(packet: Packet, wire: number, now: number): void {
    const { environment, queue } = this;
    while (queue.packets > 0 && this.isFull(wire)) environment.drop(queue.removeAt(this.drawn ? randomBelow(environment.random, queue.packets) : 0), false, now);
    super.enqueue(packet, wire, now);
  }
}

/** Drops a random packet of those that wait when the queue is full. */
export const randomDrop = queueDisciplineKind(
  "random-drop",
  "A packet that finds the queue full takes the place of one drawn among those that wait (RFC 2309 §3).",
  PARAMETERS,
  (environment, parameters) => new RandomDrop(environment, parameters),
);
