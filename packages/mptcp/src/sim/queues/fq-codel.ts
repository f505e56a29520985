import type { Packet } from "../../wire/index.ts";
import { countParameter, octetsParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";
import { flowHash } from "../router.ts";
import { Codel, CODEL_PARAMETERS } from "./codel.ts";
import type { QueueDiscipline, QueueEnvironment } from "./discipline.ts";
import { queueDisciplineKind } from "./discipline.ts";
import { PacketQueue } from "./packet-queue.ts";

const PARAMETERS = {
  ...CODEL_PARAMETERS,
  flows: countParameter(1024, 1, 65_536, "Queues among which flows are shared by their addresses and ports."),
  quantum: octetsParameter(1514, 1, 65_535, "Octets that a queue may send before the next one's turn."),
};

/**
 * FlowQueue CoDel (RFC 8290 §4): a queue with CoDel of its own for each flow, and deficit round robin among them in which a queue that was empty comes first. So
 * a flow that sends less than its share does not wait behind the others.
 */
export class FqCodel implements QueueDiscipline {
  packets = 0;
  bytes = 0;
  /** By hash; made when first used. */
  private readonly flows: (Flow | null)[];
  private readonly made: Flow[] = [];
  private readonly fresh: Flow[] = [];
  private readonly old: Flow[] = [];
  private readonly salt: number;
  /** Octets of the largest packet that came. */
  private largest = 0;
  private readonly environment: QueueEnvironment;
  private readonly parameters: ValuesOf<typeof PARAMETERS>;

  constructor(environment: QueueEnvironment, parameters: ValuesOf<typeof PARAMETERS>) {
    this.environment = environment;
    this.parameters = parameters;
    // RFC 8290 §4.1.1: the hash is salted, so that flows that share a queue do not do so everywhere.
    this.salt = environment.random.uint32();
    this.flows = Array.from({ length: parameters.flows }, () => null);
  }

  enqueue(packet: Packet, wire: number, now: number): void {
    const flow = this.flowOf(packet);
    flow.queue.push(packet, wire, now);
    this.packets++;
    this.bytes += wire;
    if (wire > this.largest) this.largest = wire;
    if (!flow.isActive) {
      flow.isActive = true;
      flow.credit = this.parameters.quantum;
      this.fresh.push(flow);
    }
    const { environment } = this;
    while (this.packets > environment.limitPackets || (this.bytes > environment.limitBytes && this.packets > 0)) this.dropFromFattest(now);
  }

  /** RFC 8290 §4.2. */
  dequeue(now: number): Packet | null {
    for (;;) {
      const list = this.fresh.length > 0 ? this.fresh : this.old;
      const flow = list[0];
      if (flow === undefined) return null;
      if (flow.credit <= 0) {
        flow.credit += this.parameters.quantum;
        list.shift();
        this.old.push(flow);
        continue;
      }
      const { queue } = flow;
      const { packets, bytes } = queue;
      const packet = flow.codel.dequeue(queue, now);
      this.packets -= packets - queue.packets;
      this.bytes -= bytes - queue.bytes;
      if (packet !== null) {
        flow.credit -= queue.takenWire;
        return packet;
      }
      list.shift();
      // A queue that was new gets behind the old ones once more, or it could be new for ever and starve them.
      if (list === this.fresh) this.old.push(flow);
      else flow.isActive = false;
    }
  }

  octetsOf(count: number): number {
    return count >= this.packets ? this.bytes : Math.min(this.bytes, count * this.largest);
  }

  takeOut(): Packet | null {
    for (const flow of this.made) {
      const packet = flow.queue.shift();
      if (packet === null) continue;
      this.packets--;
      this.bytes -= flow.queue.takenWire;
      return packet;
    }
    return null;
  }

  private flowOf(packet: Packet): Flow {
    const index = flowHash(packet, this.salt) % this.flows.length;
    let flow = this.flows[index] as Flow | null;
    if (flow === null) {
      flow = new Flow(this.environment, this.parameters);
      this.flows[index] = flow;
      this.made.push(flow);
    }
    return flow;
  }

  /** RFC 8290 §4.1.2: from the head of the queue with most octets, half of its packets, 64 at the most, so that an overload costs one search for many. */
  private dropFromFattest(now: number): void {
    let fattest = this.made[0] as Flow;
    for (const flow of this.made) if (flow.queue.bytes > fattest.queue.bytes) fattest = flow;
    const { queue } = fattest;
    for (let left = Math.min(MOST_AT_ONCE, Math.ceil(queue.packets / 2)); left > 0; left--) {
      const packet = queue.shift() as Packet;
      this.packets--;
      this.bytes -= queue.takenWire;
      this.environment.drop(packet, false, now);
    }
  }
}

/** The queue of one flow, or of several that hash alike. */
class Flow {
  readonly queue = new PacketQueue();
  readonly codel: Codel;
  /** Octets that it may still send in this turn. */
  credit = 0;
  /** Whether it is in one of the lists. */
  isActive = false;

  constructor(environment: QueueEnvironment, parameters: ValuesOf<typeof PARAMETERS>) {
    this.codel = new Codel(environment, parameters);
  }
}

/** FQ-CoDel, with the parameters of its RFC. */
export const fqCodel = queueDisciplineKind(
  "fq-codel",
  "FlowQueue CoDel (RFC 8290): a queue with CoDel for each flow, in turns; what sends little comes first.",
  PARAMETERS,
  (environment, parameters) => new FqCodel(environment, parameters),
);

const MOST_AT_ONCE = 64;
