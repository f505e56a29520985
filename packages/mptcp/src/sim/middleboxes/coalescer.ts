import { NEVER } from "../../core/index.ts";
import { encodeMptcpOption, mptcpOptionLength, packetLength, Payload, sequenceAdd, TCP_FLAG } from "../../wire/index.ts";
import type { MptcpOption, Packet, RawTcpOption, TcpSegment } from "../../wire/index.ts";
import type { Scheduled } from "../event-queue.ts";
import { SegmentMiddlebox } from "./middlebox.ts";
import type { Direction, MiddleboxEnvironment } from "./middlebox.ts";
import { choiceParameter, octetsParameter, timeParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";
import { middleboxKind } from "./kind.ts";
import type { MiddleboxKind } from "./kind.ts";
import { includes, wayParameter } from "./segment-filter.ts";
import type { Way } from "./segment-filter.ts";

const PARAMETERS = {
  size: octetsParameter(65_000, 1, 65_495, "The most octets of payload that a joined segment has; less where the next link takes no such packet."),
  wait: timeParameter(100_000, "How long a segment waits for the next one."),
  options: choiceParameter(
    ["equal", "first", "last"],
    "equal",
    "Which options a joined segment has: only segments whose options and acknowledgments are equal are joined, or all are, and those of the first or of the last remain.",
  ),
  direction: wayParameter("Which segments are joined"),
};

export type CoalescerParameters = ValuesOf<typeof PARAMETERS>;

/**
 * Joins segments that follow each other on a flow, as network cards and kernels do on arrival (LRO, GRO). With `equal` options, as in Linux, a
 * joined segment means what its parts meant; with those of the `first` or the `last`, the others are lost, as from older network cards.
 *
 * What waits leaves when the time is over, when a segment of its flow and direction comes that it cannot be joined with, and after a segment with PSH or FIN.
 * Segments without payload, and those with SYN, RST, URG or CWR, do not wait.
 */
export class Coalescer extends SegmentMiddlebox implements Scheduled {
  slot = -1;
  readonly background = false;
  private readonly size: number;
  private readonly wait: number;
  private readonly options: CoalescerParameters["options"];
  private readonly way: Way;
  /** What waits, oldest first: one for each flow and direction. */
  private readonly held: Held[] = [];
  /** When the box is in the event queue for, ns. */
  private due = NEVER;

  constructor(name: string, environment: MiddleboxEnvironment, parameters: CoalescerParameters) {
    super(name, environment);
    this.size = parameters.size;
    this.wait = parameters.wait;
    this.options = parameters.options;
    this.way = parameters.direction;
  }

  /** The time of the oldest that waits is over. */
  fire(now: number): void {
    this.due = NEVER;
    while (this.held.length > 0 && (this.held[0] as Held).until <= now) this.release(0, now);
    this.schedule();
  }

  protected override switchedOff(now: number): void {
    while (this.held.length > 0) this.release(0, now);
    this.schedule();
  }

  protected treat(packet: Packet, segment: TcpSegment, direction: Direction, now: number): void {
    if (!includes(this.way, direction)) return this.forward(packet, direction, now);
    const at = this.find(packet, segment, direction);
    const mayJoin = segment.payload.length > 0 && (segment.flags & LEFT_ALONE) === 0;
    const isLast = (segment.flags & LAST) !== 0;
    const held = this.held[at];
    if (held !== undefined && mayJoin && this.mayFollow(held, packet, segment)) {
      this.append(held, packet, segment);
      if (isLast) this.release(at, now);
    } else {
      if (held !== undefined) this.release(at, now);
      if (mayJoin && !isLast) this.hold(packet, segment, direction, now);
      else this.forward(packet, direction, now);
    }
    this.schedule();
  }

  private find(packet: Packet, segment: TcpSegment, direction: Direction): number {
    for (let i = 0; i < this.held.length; i++) if ((this.held[i] as Held).isOf(packet, segment, direction)) return i;
    return -1;
  }

  private mayFollow(held: Held, packet: Packet, segment: TcpSegment): boolean {
    const first = held.segment;
    if (segment.sequence !== held.next || (segment.flags & ECN) !== (first.flags & ECN)) return false;
    if (packet.trafficClass !== held.packet.trafficClass || packet.hopLimit !== held.packet.hopLimit) return false;
    if (this.options === "equal" && (segment.acknowledgment !== first.acknowledgment || !sameOptions(first, segment))) return false;
    const payload = held.length + segment.payload.length;
    const headers = this.options === "last" ? packet.length - segment.payload.length : held.headers;
    return payload <= this.size && headers + payload <= Math.min(this.largestPacket(held.direction), LARGEST_PACKET);
  }

  private append(held: Held, packet: Packet, segment: TcpSegment): void {
    held.append(segment);
    this.changed++;
    if (this.options === "last") held.takeOptions(packet, segment);
  }

  private hold(packet: Packet, segment: TcpSegment, direction: Direction, now: number): void {
    if (this.held.length === MOST_HELD) this.release(0, now);
    this.held.push(new Held(packet, segment, direction, now + this.wait));
  }

  private release(at: number, now: number): void {
    const [held] = this.held.splice(at, 1) as [Held];
    this.forward(held.finish(), held.direction, now);
  }

  private schedule(): void {
    const due = this.held[0]?.until ?? NEVER;
    if (due === this.due) return;
    this.due = due;
    this.queue.schedule(this, due);
  }
}

/** Joins segments that follow each other. */
export const coalescer: MiddleboxKind = middleboxKind(
  "coalescer",
  "Joins TCP segments that follow each other.",
  PARAMETERS,
  (name, environment, parameters) => new Coalescer(name, environment, parameters),
);

/** A segment that waits for the next one, and those that were joined with it. */
class Held {
  readonly packet: Packet;
  readonly segment: TcpSegment;
  readonly direction: Direction;
  /** When it leaves at the latest, ns. */
  readonly until: number;
  /** The sequence number of what may follow. */
  next: number;
  /** Octets of payload, and of the headers before it. */
  length: number;
  headers: number;
  private readonly parts: Payload[];

  constructor(packet: Packet, segment: TcpSegment, direction: Direction, until: number) {
    this.packet = packet;
    this.segment = segment;
    this.direction = direction;
    this.until = until;
    this.length = segment.payload.length;
    this.headers = packet.length - this.length;
    this.next = sequenceAdd(segment.sequence, this.length);
    this.parts = [segment.payload];
  }

  isOf(packet: Packet, segment: TcpSegment, direction: Direction): boolean {
    return (
      direction === this.direction &&
      segment.sourcePort === this.segment.sourcePort &&
      segment.destinationPort === this.segment.destinationPort &&
      packet.source.equals(this.packet.source) &&
      packet.destination.equals(this.packet.destination)
    );
  }

  append(segment: TcpSegment): void {
    this.parts.push(segment.payload);
    this.length += segment.payload.length;
    this.next = sequenceAdd(this.next, segment.payload.length);
    this.segment.flags |= segment.flags;
    this.segment.acknowledgment = segment.acknowledgment;
    this.segment.window = segment.window;
  }

  takeOptions(packet: Packet, segment: TcpSegment): void {
    const own = this.segment;
    own.hasTimestamps = segment.hasTimestamps;
    own.timestampValue = segment.timestampValue;
    own.timestampEcho = segment.timestampEcho;
    own.sackBlocks = segment.sackBlocks;
    own.mptcp = segment.mptcp;
    own.otherOptions = segment.otherOptions;
    this.headers = packet.length - segment.payload.length;
  }

  finish(): Packet {
    if (this.parts.length > 1) {
      this.segment.payload = joined(this.parts, this.length);
      this.packet.length = packetLength(this.packet);
    }
    return this.packet;
  }
}

/** Payloads in one: without a copy where they lie beside each other in one buffer, as the pieces of one segment do, or are all virtual. */
function joined(parts: readonly Payload[], length: number): Payload {
  const first = parts[0] as Payload;
  let isAdjacent = true;
  let end = first.offset;
  for (const part of parts) {
    if (part.bytes !== first.bytes || (part.bytes !== null && part.offset !== end)) isAdjacent = false;
    end += part.length;
  }
  if (isAdjacent) return first.bytes === null ? Payload.virtual(length) : new Payload(first.bytes, first.offset, length);
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) at += part.copyTo(bytes, at);
  return Payload.of(bytes);
}

/** Whether the options of two segments without SYN are the same, octet for octet. */
function sameOptions(a: TcpSegment, b: TcpSegment): boolean {
  if (a.hasTimestamps !== b.hasTimestamps || (a.hasTimestamps && (a.timestampValue !== b.timestampValue || a.timestampEcho !== b.timestampEcho))) return false;
  if (a.sackBlocks.length !== b.sackBlocks.length || a.mptcp.length !== b.mptcp.length || a.otherOptions.length !== b.otherOptions.length) return false;
  for (let i = 0; i < a.sackBlocks.length; i++) if (a.sackBlocks[i] !== b.sackBlocks[i]) return false;
  for (let i = 0; i < a.mptcp.length; i++) if (!sameMptcp(a.mptcp[i] as MptcpOption, b.mptcp[i] as MptcpOption)) return false;
  for (let i = 0; i < a.otherOptions.length; i++) if (!sameRaw(a.otherOptions[i] as RawTcpOption, b.otherOptions[i] as RawTcpOption)) return false;
  return true;
}

function sameMptcp(a: MptcpOption, b: MptcpOption): boolean {
  if (a === b) return true;
  const length = mptcpOptionLength(a);
  if (a.kind !== b.kind || mptcpOptionLength(b) !== length) return false;
  encodeMptcpOption(a, SCRATCH, 0);
  encodeMptcpOption(b, SCRATCH, OPTION_SPACE);
  for (let i = 0; i < length; i++) if (SCRATCH[i] !== SCRATCH[OPTION_SPACE + i]) return false;
  return true;
}

function sameRaw(a: RawTcpOption, b: RawTcpOption): boolean {
  if (a === b) return true;
  return a.kind === b.kind && a.data.length === b.data.length && a.data.every((octet, i) => octet === b.data[i]);
}

/** With these a segment is never joined with another. */
/** CWR is among those that are left alone. */
const ECN = TCP_FLAG.ECE | TCP_FLAG.AE;
const LEFT_ALONE = TCP_FLAG.SYN | TCP_FLAG.RST | TCP_FLAG.URG | TCP_FLAG.CWR;
/** With these a segment is the last of a joined one. */
const LAST = TCP_FLAG.PSH | TCP_FLAG.FIN;
const LARGEST_PACKET = 65_535;
/** Flows that wait at once; one more, and the oldest leaves. */
const MOST_HELD = 64;
/** More than the longest option. */
const OPTION_SPACE = 256;
const SCRATCH = new Uint8Array(2 * OPTION_SPACE);
