import { randomFraction } from "../../core/index.ts";
import type { Packet } from "../../wire/index.ts";
import { countParameter, fractionParameter, octetsParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";
import type { QueueEnvironment } from "./discipline.ts";
import { queueDisciplineKind } from "./discipline.ts";
import { FifoDiscipline } from "./fifo.ts";

const PARAMETERS = {
  least: countParameter(5, 1, 1_000_000, "min_th: below this average length, in packets, nothing is marked or dropped."),
  most: countParameter(15, 2, 1_000_000, "max_th: from this average length on everything is dropped."),
  probability: fractionParameter(0.02, 0, 1, "max_p: the probability of a mark or drop just below the upper threshold."),
  weight: fractionParameter(0.002, 0, 1, "w_q: the weight of the present length in the average."),
  meanPacket: octetsParameter(500, 40, 65_535, "Octets of a typical packet: as many of them as would have left while nothing waited lower the average."),
};

/**
 * Random Early Detection (S. Floyd, V. Jacobson, "Random Early Detection Gateways for Congestion Avoidance", IEEE/ACM Transactions on Networking, August 1993,
 * figure 2): marks with a probability that grows with the average length of the queue, at intervals that are uniformly distributed. Above the upper
 * threshold packets are dropped, whether they can be marked or not (RFC 3168 §7).
 */
export class Red extends FifoDiscipline {
  /** avg: packets. */
  average = 0;
  /** Packets since the last mark; -1 while the average is below the lower threshold. */
  private count = -1;
  /** q_time: since when nothing waits, ns. */
  private emptySince = 0;
  private readonly parameters: ValuesOf<typeof PARAMETERS>;

  constructor(environment: QueueEnvironment, parameters: ValuesOf<typeof PARAMETERS>) {
    super(environment);
    this.parameters = parameters;
  }

  override enqueue(packet: Packet, wire: number, now: number): void {
    const { least, most } = this.parameters;
    this.updateAverage(now);
    if (this.average >= most) {
      this.count = 0;
      this.environment.drop(packet, true, now);
      return;
    }
    if (this.average < least) this.count = -1;
    else if (this.isDrawn()) {
      this.count = 0;
      if (!this.signal(packet, now)) return;
    }
    super.enqueue(packet, wire, now);
  }

  override dequeue(now: number): Packet | null {
    const packet = super.dequeue(now);
    if (this.packets === 0 && packet !== null) this.emptySince = now;
    return packet;
  }

  private updateAverage(now: number): void {
    const { weight, meanPacket } = this.parameters;
    if (this.packets > 0) {
      this.average += weight * (this.packets - this.average);
      return;
    }
    const { nsPerByte } = this.environment;
    if (nsPerByte === 0) this.average = 0;
    else this.average *= power(1 - weight, Math.floor((now - this.emptySince) / (meanPacket * nsPerByte)));
  }

  /** p_a = p_b / (1 - count p_b). */
  private isDrawn(): boolean {
    const { least, most, probability } = this.parameters;
    this.count++;
    const base = (probability * (this.average - least)) / (most - least);
    const left = 1 - this.count * base;
    return randomFraction(this.environment.random) * left < base;
  }
}

/** Powers by squaring, which are the same in all engines. */
function power(base: number, exponent: number): number {
  let result = 1;
  for (let square = base, left = exponent; left > 0 && result > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result *= square;
    square *= square;
  }
  return result;
}

/** Random Early Detection, with the parameters of the paper. */
export const red = queueDisciplineKind(
  "red",
  "Random Early Detection (Floyd and Jacobson 1993, RFC 2309): marks or drops at random, more often the longer the queue is on average.",
  PARAMETERS,
  (environment, parameters) => new Red(environment, parameters),
);
