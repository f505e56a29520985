import { NEVER } from "../../core/index.ts";
import { sequenceAdd, sequenceDifference, TCP_FLAG } from "../../wire/index.ts";
import type { Packet, TcpSegment } from "../../wire/index.ts";
import type { Scheduled } from "../event-queue.ts";
import { FlowTable } from "./flow-table.ts";
import { middleboxKind } from "./kind.ts";
import type { MiddleboxKind } from "./kind.ts";
import { SegmentMiddlebox } from "./middlebox.ts";
import type { Direction, MiddleboxEnvironment } from "./middlebox.ts";
import { choiceParameter, countParameter, timeParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";
import { includes, wayParameter } from "./segment-filter.ts";

const PARAMETERS = {
  wait: timeParameter(1_000_000_000, "How long it waits for what is missing."),
  packets: countParameter(256, 1, 4096, "How many segments of a connection and direction it holds at the most."),
  fate: choiceParameter(["release", "drop"], "release", "What becomes of those that waited in vain, or are too many: they leave all the same, or are lost."),
  direction: wayParameter("Which segments are meant"),
};

export type HoleHolderParameters = ValuesOf<typeof PARAMETERS>;

/** Lets no hole in the sequence numbers pass: what lies behind one is held until it is filled, as by traffic normalizers and virus scanners. */
export class HoleHolder extends SegmentMiddlebox implements Scheduled {
  slot = -1;
  readonly background = false;
  private readonly parameters: HoleHolderParameters;
  private readonly flows = new FlowTable<readonly [Stream, Stream]>(() => [new Stream(), new Stream()]);
  /** The streams with something that waits, the one that has waited for longest first. */
  private readonly waiting: Stream[] = [];

  constructor(name: string, environment: MiddleboxEnvironment, parameters: HoleHolderParameters) {
    super(name, environment);
    this.parameters = parameters;
  }

  fire(now: number): void {
    while ((this.waiting[0]?.due ?? NEVER) <= now) this.giveUp(this.waiting[0] as Stream, now);
    this.schedule();
  }

  protected override switchedOff(now: number): void {
    while (this.waiting.length > 0) this.release(this.waiting[0] as Stream, now);
    this.schedule();
  }

  protected treat(packet: Packet, segment: TcpSegment, direction: Direction, now: number): void {
    if (!includes(this.parameters.direction, direction)) return this.forward(packet, direction, now);
    const stream = this.flows.of(packet, segment, direction)[direction];
    const { flags, sequence } = segment;
    const length = segment.payload.length + Number((flags & TCP_FLAG.FIN) !== 0);
    if ((flags & (TCP_FLAG.SYN | TCP_FLAG.RST)) !== 0) {
      if ((flags & TCP_FLAG.SYN) !== 0) stream.next = sequenceAdd(sequence, 1 + segment.payload.length);
      return this.forward(packet, direction, now);
    }
    if (length === 0 || stream.next < 0) return this.forward(packet, direction, now);
    if (sequenceDifference(sequence, stream.next) > 0) this.hold(stream, { packet, direction, sequence, length }, now);
    else {
      this.pass(stream, { packet, direction, sequence, length }, now);
      this.fill(stream, now);
    }
    this.schedule();
  }

  private hold(stream: Stream, held: Held, now: number): void {
    if (stream.held.length === 0) {
      stream.due = now + this.parameters.wait;
      this.waiting.push(stream);
    }
    const at = stream.held.findIndex((other) => sequenceDifference(other.sequence, held.sequence) > 0);
    stream.held.splice(at < 0 ? stream.held.length : at, 0, held);
    if (stream.held.length > this.parameters.packets) this.giveUp(stream, now);
    else if (this.waiting.length > MOST_STREAMS) this.giveUp(this.waiting[0] as Stream, now);
  }

  /** What follows without a hole leaves. */
  private fill(stream: Stream, now: number): void {
    while (stream.held.length > 0 && sequenceDifference((stream.held[0] as Held).sequence, stream.next) <= 0) this.pass(stream, stream.held.shift() as Held, now);
    if (stream.held.length === 0) this.forget(stream);
  }

  private giveUp(stream: Stream, now: number): void {
    if (this.parameters.fate === "release") return this.release(stream, now);
    for (const { packet } of stream.held.splice(0)) this.drop(packet, "firewall", now);
    this.forget(stream);
  }

  private release(stream: Stream, now: number): void {
    for (const held of stream.held.splice(0)) this.pass(stream, held, now);
    this.forget(stream);
  }

  private pass(stream: Stream, { packet, direction, sequence, length }: Held, now: number): void {
    const end = sequenceAdd(sequence, length);
    if (sequenceDifference(end, stream.next) > 0) stream.next = end;
    this.forward(packet, direction, now);
  }

  private forget(stream: Stream): void {
    const at = this.waiting.indexOf(stream);
    if (at >= 0) this.waiting.splice(at, 1);
  }

  private schedule(): void {
    const due = this.waiting[0]?.due ?? NEVER;
    if (due === NEVER) this.queue.remove(this);
    else this.queue.schedule(this, due);
  }
}

/** Holds what lies behind a hole in the sequence numbers until it is filled. */
export const holeHolder: MiddleboxKind = middleboxKind(
  "hole-holder",
  "Holds what lies behind a hole in the sequence numbers until it is filled.",
  PARAMETERS,
  (name, environment, parameters) => new HoleHolder(name, environment, parameters),
);

interface Held {
  readonly packet: Packet;
  readonly direction: Direction;
  readonly sequence: number;
  /** Of what it takes in the sequence space. */
  readonly length: number;
}

/** One direction of a connection. */
class Stream {
  /** The sequence number that comes next; -1 as long as no SYN was seen. */
  next = -1;
  /** When what waits has waited for long enough, ns. */
  due = NEVER;
  /** In order. */
  readonly held: Held[] = [];
}

const MOST_STREAMS = 256;
