import { Packet, packetLength, sequenceAdd, TCP_FLAG, TcpSegment } from "../../wire/index.ts";
import { FlowTable } from "./flow-table.ts";
import { middleboxKind } from "./kind.ts";
import type { MiddleboxKind } from "./kind.ts";
import { DIRECTION, opposite, SegmentMiddlebox } from "./middlebox.ts";
import type { Direction, MiddleboxEnvironment } from "./middlebox.ts";
import { choiceParameter, countParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";
import { FILTER_PARAMETERS, SegmentFilter } from "./segment-filter.ts";

const PARAMETERS = {
  to: choiceParameter(["both", "inside", "outside"], "both", "Who gets a RST: both ends, or the one behind the first link (inside) or the second (outside)."),
  numbers: choiceParameter(
    ["exact", "window", "wild"],
    "exact",
    "Which sequence number it has: the one that comes next, one that lies in the window only, which draws a challenge (RFC 5961 §3.2), or one far off.",
  ),
  times: countParameter(1, 1, 1000, "How often that is done on a connection, for a segment that is meant each time."),
  ...FILTER_PARAMETERS,
};

export type RstInjectorParameters = ValuesOf<typeof PARAMETERS>;

/** Sends RSTs in the names of both ends behind a segment that it does not like, as censors and Intrusion Prevention Systems do; the segment passes. */
export class RstInjector extends SegmentMiddlebox {
  private readonly parameters: RstInjectorParameters;
  private readonly filter: SegmentFilter;
  private readonly flows = new FlowTable(() => ({ initial: -1, done: 0 }));

  constructor(name: string, environment: MiddleboxEnvironment, parameters: RstInjectorParameters) {
    super(name, environment);
    this.parameters = parameters;
    this.filter = new SegmentFilter(parameters);
  }

  protected treat(packet: Packet, segment: TcpSegment, direction: Direction, now: number): void {
    const isMeant = this.filter.isMeant(packet, segment, direction, now);
    const flow = this.flows.of(packet, segment, direction);
    if ((segment.flags & (TCP_FLAG.SYN | TCP_FLAG.ACK)) === TCP_FLAG.SYN && segment.sequence !== flow.initial) {
      flow.initial = segment.sequence;
      flow.done = 0;
    }
    const resets = isMeant && flow.done < this.parameters.times && (segment.flags & TCP_FLAG.RST) === 0 ? this.resets(packet, segment, direction) : [];
    if (resets.length > 0) flow.done++;
    this.forward(packet, direction, now);
    for (const [reset, way] of resets) this.forward(reset, way, now);
  }

  private resets(packet: Packet, segment: TcpSegment, direction: Direction): [Packet, Direction][] {
    const { flags, payload } = segment;
    const end = sequenceAdd(segment.sequence, payload.length + Number((flags & TCP_FLAG.SYN) !== 0) + Number((flags & TCP_FLAG.FIN) !== 0));
    const hasAck = (flags & TCP_FLAG.ACK) !== 0;
    const made: [Packet, Direction][] = [];
    if (this.reaches(direction)) made.push([this.reset(packet, false, end, hasAck ? segment.acknowledgment : -1), direction]);
    // A SYN that nobody answered yet is refused by an ACK of it (RFC 9293 §3.10.7.3).
    if (this.reaches(opposite(direction))) made.push([this.reset(packet, true, hasAck ? segment.acknowledgment : 0, end), opposite(direction)]);
    return made;
  }

  /** Whether the end that a direction leads to gets one. */
  private reaches(direction: Direction): boolean {
    return this.parameters.to === "both" || (this.parameters.to === "outside") === (direction === DIRECTION.outward);
  }

  private reset(seen: Packet, isBack: boolean, sequence: number, acknowledgment: number): Packet {
    const { source, destination } = seen;
    const { sourcePort, destinationPort } = seen.tcp as TcpSegment;
    const packet = isBack ? new Packet(destination, source) : new Packet(source, destination);
    packet.hopLimit = seen.hopLimit;
    packet.tcp = Object.assign(new TcpSegment(), {
      sourcePort: isBack ? destinationPort : sourcePort,
      destinationPort: isBack ? sourcePort : destinationPort,
      sequence: sequenceAdd(sequence, OFFSET[this.parameters.numbers]),
      acknowledgment: Math.max(0, acknowledgment),
      flags: acknowledgment < 0 ? TCP_FLAG.RST : TCP_FLAG.RST | TCP_FLAG.ACK,
    });
    packet.length = packetLength(packet);
    return packet;
  }
}

/** Sends RSTs in the names of both ends. */
export const rstInjector: MiddleboxKind = middleboxKind(
  "rst-injector",
  "Sends RSTs in the names of both ends.",
  PARAMETERS,
  (name, environment, parameters) => new RstInjector(name, environment, parameters),
);

const OFFSET = { exact: 0, window: 1000, wild: 2 ** 31 } as const;
