import { NEVER } from "../../core/index.ts";
import { Packet, packetLength, sequenceAdd, sequenceDifference, sequenceLess, TCP_FLAG, TcpSegment } from "../../wire/index.ts";
import type { Scheduled } from "../event-queue.ts";
import { EarlyAcks } from "./early-acks.ts";
import { FlowTable } from "./flow-table.ts";
import { middleboxKind } from "./kind.ts";
import type { MiddleboxKind } from "./kind.ts";
import { opposite, SegmentMiddlebox } from "./middlebox.ts";
import type { Direction, MiddleboxEnvironment } from "./middlebox.ts";
import { choiceParameter, octetsParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";
import { FILTER_PARAMETERS, SegmentFilter } from "./segment-filter.ts";
import { WindowScales } from "./window-scales.ts";

const PARAMETERS = {
  options: choiceParameter(["none", "last"], "none", "Which of Multipath TCP's options its ACKs have: none, or the Data ACK that the receiver said last; before it has said one, data of Multipath TCP is left to it."),
  buffer: octetsParameter(65_536, 1, 1_073_741_824, "How many octets of a connection and direction it keeps at the most; what comes beyond waits for the receiver's own ACK."),
  ...FILTER_PARAMETERS,
};

export type ProactiveAckerParameters = ValuesOf<typeof PARAMETERS>;

/**
 * Acknowledges data before the receiver does, and keeps it until it has: what is lost behind the box is sent again by the box, as by performance enhancing proxies for
 * satellites (RFC 3135 §3.1). SYN and FIN are left to the ends; ACKs of the receiver that say less than was said already stay here, but for those with options of
 * Multipath TCP. What the filter means is which data is acknowledged. Switched off, it goes on with what it has promised.
 */
export class ProactiveAcker extends SegmentMiddlebox implements Scheduled {
  slot = -1;
  readonly background = false;
  private readonly buffer: number;
  private readonly copiesOptions: boolean;
  private readonly filter: SegmentFilter;
  private readonly flows = new FlowTable(() => new Flow());
  /** What has copies, with where to. */
  private readonly busy = new Map<EarlyAcks, Direction>();
  /** When the box wakes, ns. */
  private due = NEVER;

  constructor(name: string, environment: MiddleboxEnvironment, parameters: ProactiveAckerParameters) {
    super(name, environment);
    this.buffer = parameters.buffer;
    this.copiesOptions = parameters.options === "last";
    this.filter = new SegmentFilter(parameters);
  }

  fire(now: number): void {
    this.due = NEVER;
    for (const [acks, direction] of this.busy) {
      if (acks.due <= now && acks.timedOut()) this.repeat(acks, 1, direction, now);
      if (acks.due === NEVER) this.busy.delete(acks);
      else this.wakeFor(acks);
    }
  }

  protected treat(packet: Packet, segment: TcpSegment, direction: Direction, now: number): void {
    this.relay(packet, segment, direction, this.filter.isMeant(packet, segment, direction, now), now);
  }

  protected override standBy(packet: Packet, direction: Direction, now: number): void {
    if (packet.tcp === null) this.forward(packet, direction, now);
    else this.relay(packet, packet.tcp, direction, false, now);
  }

  private relay(packet: Packet, segment: TcpSegment, direction: Direction, isMeant: boolean, now: number): void {
    const flow = this.flows.of(packet, segment, direction);
    const own = flow.acks[direction];
    const peer = flow.acks[opposite(direction)];
    const { flags, payload } = segment;
    flow.scales.see(segment, direction);
    if ((flags & TCP_FLAG.RST) !== 0) {
      own.forget();
      peer.forget();
    } else if ((flags & TCP_FLAG.SYN) !== 0) {
      own.begin(sequenceAdd(segment.sequence, 1 + payload.length));
      flow.isMultipath = segment.mptcp.length > 0;
    }
    const isStale = (flags & TCP_FLAG.ACK) !== 0 && (flags & TCP_FLAG.RST) === 0 && this.isBehind(peer, segment, flow, direction, now);
    if (isStale) packet.length = packetLength(packet);
    const end = sequenceAdd(segment.sequence, payload.length + Number((flags & (TCP_FLAG.FIN | TCP_FLAG.SYN)) !== 0));
    if (flow.end[direction] < 0 || sequenceLess(flow.end[direction], end) || (flags & TCP_FLAG.SYN) !== 0) flow.end[direction] = end;
    if (isStale && payload.length === 0 && flags === TCP_FLAG.ACK && segment.mptcp.length === 0) this.drop(packet, "filtered", now);
    else if (payload.length === 0 || own.next < 0 || (flags & (TCP_FLAG.SYN | TCP_FLAG.RST)) !== 0) this.forward(packet, direction, now);
    else this.data(packet, segment, flow, direction, isMeant, now);
  }

  /** What the receiver of the other direction says. @returns whether it acknowledges less than was promised in its name; then it is made to say that */
  private isBehind(acks: EarlyAcks, segment: TcpSegment, flow: Flow, direction: Direction, now: number): boolean {
    if (acks.next < 0) return false;
    const scale = flow.scales.of(segment, direction);
    this.repeat(acks, acks.seeReceiver(segment, scale, now), opposite(direction), now);
    if (acks.promised < 0 || sequenceDifference(segment.acknowledgment, acks.promised) >= 0) return false;
    segment.acknowledgment = acks.promised;
    segment.window = acks.windowField(scale);
    segment.sackBlocks = NO_BLOCKS;
    return true;
  }

  private data(packet: Packet, segment: TcpSegment, flow: Flow, direction: Direction, isMeant: boolean, now: number): void {
    const acks = flow.acks[direction];
    const { sequence, payload } = segment;
    const end = sequenceAdd(sequence, payload.length);
    acks.seeSender(segment);
    const isOld = acks.promised >= 0 && sequenceDifference(end, acks.promised) <= 0;
    const isNext = sequence === acks.next;
    if (isNext) acks.next = end;
    const canSay = !this.copiesOptions || !flow.isMultipath || acks.hasDataAck;
    const isTaken = isNext && isMeant && canSay && acks.bytes + payload.length <= this.buffer && acks.follows(sequence) && (this.busy.size < MOST_BUSY || this.busy.has(acks));
    if (isTaken) {
      acks.promise(packet, sequence, end, now);
      this.busy.set(acks, direction);
      this.wakeFor(acks);
    }
    const ack = isTaken || isOld ? this.ackOf(packet, segment, flow, direction) : null;
    // Of what it has a copy the box takes care.
    if (isOld && (segment.flags & TCP_FLAG.FIN) === 0) this.drop(packet, "filtered", now);
    else this.forward(packet, direction, now);
    if (ack !== null) this.forward(ack, opposite(direction), now);
  }

  private ackOf(packet: Packet, data: TcpSegment, flow: Flow, direction: Direction): Packet {
    const ack = new Packet(packet.destination, packet.source);
    ack.hopLimit = packet.hopLimit;
    const segment = new TcpSegment();
    segment.sourcePort = data.destinationPort;
    segment.destinationPort = data.sourcePort;
    segment.sequence = flow.end[opposite(direction)] < 0 ? data.acknowledgment : flow.end[opposite(direction)];
    flow.acks[direction].fillAck(segment, data, flow.scales.of(segment, opposite(direction)), this.copiesOptions);
    ack.tcp = segment;
    ack.length = packetLength(ack);
    return ack;
  }

  private repeat(acks: EarlyAcks, count: number, direction: Direction, now: number): void {
    for (let i = 0; i < count; i++) {
      const packet = acks.repeat(now);
      if (packet === null) return;
      packet.length = packetLength(packet);
      this.forward(packet, direction, now);
    }
  }

  /** Sees to it that the box wakes in time for what one direction of a connection waits for. Deadlines that move later are found to have moved when they come. */
  private wakeFor(acks: EarlyAcks): void {
    if (acks.due >= this.due) return;
    this.due = acks.due;
    this.queue.schedule(this, Math.ceil(acks.due));
  }
}

/** Acknowledges data before the receiver does, and sends again what is lost behind it. */
export const proactiveAcker: MiddleboxKind = middleboxKind(
  "proactive-acker",
  "Acknowledges data before the receiver does, and sends again what is lost behind it.",
  PARAMETERS,
  (name, environment, parameters) => new ProactiveAcker(name, environment, parameters),
);

/** A connection: by direction of the data. */
class Flow {
  readonly scales = new WindowScales();
  readonly acks: readonly [EarlyAcks, EarlyAcks] = [new EarlyAcks(), new EarlyAcks()];
  /** Whether the last SYN had options of Multipath TCP. */
  isMultipath = false;
  /** The highest sequence number that each side has reached; -1 while none was seen. */
  readonly end: [number, number] = [-1, -1];
}

/** Directions of connections with copies at once; the data of others is left to the ends. */
const MOST_BUSY = 1024;
const NO_BLOCKS: readonly number[] = [];
