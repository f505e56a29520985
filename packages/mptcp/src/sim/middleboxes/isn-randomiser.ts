import { sequenceAdd, TCP_FLAG } from "../../wire/index.ts";
import type { Packet, TcpSegment } from "../../wire/index.ts";
import { FlowTable } from "./flow-table.ts";
import { middleboxKind } from "./kind.ts";
import type { MiddleboxKind } from "./kind.ts";
import { opposite, SegmentMiddlebox } from "./middlebox.ts";
import type { Direction, MiddleboxEnvironment } from "./middlebox.ts";
import { choiceParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";
import { includes, senderParameter } from "./segment-filter.ts";

const PARAMETERS = {
  direction: senderParameter("Whose numbers are moved"),
  sack: choiceParameter(
    ["rewrite", "leave"],
    "rewrite",
    "Whether SACK blocks are moved with the acknowledgments, or left as they are, as by firewalls of the time before SACK: then they name what was never sent.",
  ),
};

export type IsnRandomiserParameters = ValuesOf<typeof PARAMETERS>;

/**
 * Moves the sequence numbers of each connection by a random number, as firewalls do for hosts whose initial numbers can be guessed (RFC 6528), and the
 * acknowledgments back. A connection whose SYN did not come by passes as it is. Switched off, the box goes on with the connections that it has moved.
 */
export class IsnRandomiser extends SegmentMiddlebox {
  private readonly parameters: IsnRandomiserParameters;
  private readonly flows = new FlowTable(() => new Shifts());

  constructor(name: string, environment: MiddleboxEnvironment, parameters: IsnRandomiserParameters) {
    super(name, environment);
    this.parameters = parameters;
  }

  protected treat(packet: Packet, segment: TcpSegment, direction: Direction, now: number): void {
    const flow = this.flows.of(packet, segment, direction);
    if ((segment.flags & TCP_FLAG.SYN) !== 0 && flow.begins(segment, direction)) {
      flow.by[direction] = includes(this.parameters.direction, direction) ? this.random.uint32() : 0;
    }
    this.move(packet, segment, flow, direction, now);
  }

  protected override standBy(packet: Packet, direction: Direction, now: number): void {
    const segment = packet.tcp;
    if (segment === null) return this.forward(packet, direction, now);
    const flow = this.flows.of(packet, segment, direction);
    if ((segment.flags & TCP_FLAG.SYN) !== 0 && flow.begins(segment, direction)) flow.by[direction] = 0;
    this.move(packet, segment, flow, direction, now);
  }

  private move(packet: Packet, segment: TcpSegment, { by }: Shifts, direction: Direction, now: number): void {
    const [own, other] = [by[direction], by[opposite(direction)]];
    if (own === 0 && other === 0) return this.forward(packet, direction, now);
    segment.sequence = sequenceAdd(segment.sequence, own);
    if ((segment.flags & TCP_FLAG.ACK) !== 0) segment.acknowledgment = sequenceAdd(segment.acknowledgment, -other);
    if (this.parameters.sack === "rewrite" && segment.sackBlocks.length > 0) segment.sackBlocks = segment.sackBlocks.map((edge) => sequenceAdd(edge, -other));
    this.forwardChanged(packet, direction, now);
  }
}

/** Moves the sequence numbers of each connection by a random number. */
export const isnRandomiser: MiddleboxKind = middleboxKind(
  "isn-randomiser",
  "Moves the sequence numbers of each connection by a random number.",
  PARAMETERS,
  (name, environment, parameters) => new IsnRandomiser(name, environment, parameters),
);

/** By how much the numbers of a connection are moved, by direction of the sender. */
class Shifts {
  readonly by: [number, number] = [0, 0];
  private readonly initial: [number, number] = [-1, -1];

  /** Whether a SYN begins something: another one than that which was seen last. */
  begins({ sequence, flags }: TcpSegment, direction: Direction): boolean {
    if (this.initial[direction] === sequence) return false;
    this.initial[direction] = sequence;
    if ((flags & TCP_FLAG.ACK) === 0) {
      this.initial[opposite(direction)] = -1;
      this.by[opposite(direction)] = 0;
    }
    return true;
  }
}
