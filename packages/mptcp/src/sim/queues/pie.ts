import { MILLISECOND, randomFraction, SECOND } from "../../core/index.ts";
import type { Packet } from "../../wire/index.ts";
import { fractionParameter, timeParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";
import type { QueueEnvironment } from "./discipline.ts";
import { queueDisciplineKind } from "./discipline.ts";
import { FifoDiscipline } from "./fifo.ts";

const PARAMETERS = {
  target: timeParameter(15 * MILLISECOND, "The wait that it steers to; QDELAY_REF."),
  update: timeParameter(15 * MILLISECOND, "How often the probability is worked out; T_UPDATE."),
  alpha: fractionParameter(0.125, 0, 1000, "Weight of the distance from the target, per second of it."),
  beta: fractionParameter(1.25, 0, 1000, "Weight of the change since the last time, per second of it."),
  burst: timeParameter(150 * MILLISECOND, "How long a burst after a quiet time is let through; MAX_BURST."),
  markBelow: fractionParameter(0.1, 0, 1, "Up to this probability packets are marked where that is possible, and dropped above; MARK_ECNTH."),
};

/**
 * PIE (RFC 8033 §4): drops what arrives with a probability that a proportional-integral controller works out of the wait. The wait is that of a packet
 * that came now, by the length of the queue and the rate of the link (§4.3). Marks as §5.1 has it.
 *
 * Nothing happens between two packets that the controller would see, so what it would have worked out meanwhile is made up for when the next one comes or leaves.
 */
export class Pie extends FifoDiscipline {
  /** drop_prob_. */
  probability = 0;
  /** qdelay_old_, ns. */
  private oldDelay = 0;
  /** burst_allowance_, ns. */
  private allowance: number;
  /** When the probability is worked out next, ns; -1 before the first packet. */
  private updateAt = -1;
  private readonly parameters: ValuesOf<typeof PARAMETERS>;

  constructor(environment: QueueEnvironment, parameters: ValuesOf<typeof PARAMETERS>) {
    super(environment);
    this.parameters = { ...parameters, update: Math.max(1, parameters.update) };
    this.allowance = parameters.burst;
  }

  override enqueue(packet: Packet, wire: number, now: number): void {
    if (this.updateAt < 0) this.updateAt = now + this.parameters.update;
    this.catchUp(now);
    if (!this.isFull(wire) && this.isDrawn()) {
      if (this.probability > this.parameters.markBelow || !this.environment.mark(packet)) {
        this.environment.drop(packet, true, now);
        return;
      }
    }
    super.enqueue(packet, wire, now);
  }

  override dequeue(now: number): Packet | null {
    this.catchUp(now);
    return super.dequeue(now);
  }

  /** RFC 8033 §4.1 and §4.4. */
  private isDrawn(): boolean {
    if (this.allowance > 0) return false;
    const { environment, probability } = this;
    if ((this.oldDelay < this.parameters.target / 2 && probability < CALM) || this.bytes <= 2 * environment.mtu) return false;
    return randomFraction(environment.random) < probability;
  }

  private catchUp(now: number): void {
    const { update } = this.parameters;
    while (this.updateAt <= now && this.updateAt >= 0) {
      const isAtRest = this.bytes === 0 && this.oldDelay === 0 && this.probability === 0 && this.allowance === this.parameters.burst;
      // A long silence changes nothing more.
      if (isAtRest) this.updateAt += Math.floor((now - this.updateAt) / update) * update;
      else this.update();
      this.updateAt += update;
    }
  }

  /** RFC 8033 §4.2. */
  private update(): void {
    const { target, update, alpha, beta, burst } = this.parameters;
    const { oldDelay } = this;
    const delay = this.bytes * this.environment.nsPerByte;
    let step = (alpha * (delay - target) + beta * (delay - oldDelay)) / SECOND;
    // The lower the probability, the smaller the steps: it is tuned to the number of flows.
    for (const [below, divisor] of TUNING) {
      if (this.probability >= below) continue;
      step /= divisor;
      break;
    }
    // §5.5: a probability that is high already does not jump.
    if (this.probability >= 0.1 && step > MOST_STEP) step = MOST_STEP;
    let probability = this.probability + step;
    if (delay === 0 && oldDelay === 0) probability *= DECAY;
    this.probability = Math.min(1, Math.max(0, probability));
    this.allowance = Math.max(0, this.allowance - update);
    if (this.probability === 0 && delay < target / 2 && oldDelay < target / 2) this.allowance = burst;
    this.oldDelay = delay;
  }
}

/** PIE, with the parameters of its RFC. */
export const pie = queueDisciplineKind(
  "pie",
  "PIE (RFC 8033): drops or marks what arrives at random, with a probability that steers the wait to a target.",
  PARAMETERS,
  (environment, parameters) => new Pie(environment, parameters),
);

/** RFC 8033 §4.1: below this probability, and half of the target, nothing is dropped. */
const CALM = 0.2;
/** RFC 8033 §4.2: below which probability steps are divided by how much. */
const TUNING: readonly (readonly [below: number, divisor: number])[] = [[0.000_001, 2048], [0.000_01, 512], [0.000_1, 128], [0.001, 32], [0.01, 8], [0.1, 2]];
const DECAY = 0.98;
const MOST_STEP = 0.02;
