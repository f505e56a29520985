import type { Packet } from "../../wire/index.ts";
import { countParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";
import type { QueueEnvironment } from "./discipline.ts";
import { queueDisciplineKind } from "./discipline.ts";
import { FifoDiscipline } from "./fifo.ts";

const PARAMETERS = {
  packets: countParameter(65, 1, 1_000_000, "K: a packet that finds so many waiting or more is marked."),
};

/**
 * Marks by the present length of the queue (RFC 8257 §3.1). Packets whose sender does not speak ECN are dropped when the queue is full alone.
 */
export class ThresholdMarking extends FifoDiscipline {
  private readonly threshold: number;

  constructor(environment: QueueEnvironment, parameters: ValuesOf<typeof PARAMETERS>) {
    super(environment);
    this.threshold = parameters.packets;
  }

  override enqueue(packet: Packet, wire: number, now: number): void {
    if (!this.isFull(wire) && this.packets >= this.threshold) this.environment.mark(packet);
    super.enqueue(packet, wire, now);
  }
}

/** Marks every packet that finds more than so many waiting: what DCTCP wants of a switch. */
export const threshold = queueDisciplineKind(
  "threshold",
  "Marks ECN-capable packets that find so many waiting (RFC 8257 §3.1), and drops what finds the queue full.",
  PARAMETERS,
  (environment, parameters) => new ThresholdMarking(environment, parameters),
);
