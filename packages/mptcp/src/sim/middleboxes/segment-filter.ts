import { sequenceAdd, TCP_FLAG } from "../../wire/index.ts";
import type { Packet, TcpSegment } from "../../wire/index.ts";
import { FlowTable } from "./flow-table.ts";
import { DIRECTION } from "./middlebox.ts";
import type { Direction } from "./middlebox.ts";
import { choiceParameter, listParameter, octetsParameter, timeParameter } from "../parameters.ts";
import type { Parameter, ValuesOf } from "../parameters.ts";

/**
 * Sorts of segments. One segment may be of two: data that completes a handshake is `third-ack` and `data`.
 *
 * - `syn`: SYN without ACK;
 * - `syn-ack`: SYN with ACK;
 * - `third-ack`: completes the handshake, again and again until the peer has sent something: it acknowledges the SYN+ACK and nothing more;
 * - `data`: has a payload;
 * - `ack`: has neither payload nor SYN nor RST; FINs alone are among these;
 * - `rst`.
 */
export const SEGMENT_SORTS = ["syn", "syn-ack", "third-ack", "data", "ack", "rst"] as const;

export type SegmentSort = (typeof SEGMENT_SORTS)[number];

/** Which ways a box works. */
const WAYS = ["both", "outward", "inward"] as const;

export type Way = (typeof WAYS)[number];

/** Whether a box that works these ways works in a direction. */
export function includes(way: Way, direction: Direction): boolean {
  return way === "both" || DIRECTION[way] === direction;
}

/** Which packets on their way a box treats. @param question what is asked, such as "Which segments are cut" */
export function wayParameter(question: string): Parameter<Way> {
  return choiceParameter(WAYS, "both", `${question}: those on the way out (from the first link to the second), on the way in, or both.`);
}

/** Whose packets a box treats, where it treats those that answer them as well. */
export function senderParameter(question: string): Parameter<Way> {
  return choiceParameter(WAYS, "both", `${question}: those of who sends outward (from the first link to the second), inward, or both.`);
}

/** The parameters of a {@link SegmentFilter}. */
export const FILTER_PARAMETERS = {
  direction: wayParameter("Which packets are meant"),
  segments: listParameter(SEGMENT_SORTS, SEGMENT_SORTS, "The sorts of segments that are meant."),
  afterTime: timeParameter(0, "Nothing is done before this time since the start of the simulation."),
  afterBytes: octetsParameter(0, 0, Number.MAX_SAFE_INTEGER, "On each flow nothing is done before so many octets of payload have passed, both directions taken together."),
};

/** Says which segments a middlebox is to treat. */
export class SegmentFilter {
  private readonly way: Way;
  private readonly wanted: number;
  private readonly afterTime: number;
  private readonly afterBytes: number;
  /** Null when nothing has to be remembered. */
  private readonly flows: FlowTable<FlowState> | null;

  constructor(parameters: ValuesOf<typeof FILTER_PARAMETERS>) {
    this.way = parameters.direction;
    this.wanted = parameters.segments.reduce((bits, sort) => bits | BIT[sort], 0);
    this.afterTime = parameters.afterTime;
    this.afterBytes = parameters.afterBytes;
    const needsHandshake = (this.wanted & BIT["third-ack"]) !== 0 && (this.wanted & DATA_AND_ACKS) !== DATA_AND_ACKS;
    this.flows = needsHandshake || this.afterBytes > 0 ? new FlowTable(newFlow) : null;
  }

  /** Whether a segment is meant. To be asked once about each that arrives, in the order of arrival. */
  isMeant(packet: Packet, segment: TcpSegment, direction: Direction, now: number): boolean {
    const flow = this.flows === null ? null : this.flows.of(packet, segment, direction);
    const sorts = flow === null ? sortsOf(segment) : sortsOf(segment) | flow.see(segment, direction);
    const isEarly = flow !== null && flow.bytes < this.afterBytes;
    if (flow !== null) flow.bytes += segment.payload.length;
    return !isEarly && now >= this.afterTime && (sorts & this.wanted) !== 0 && includes(this.way, direction);
  }
}

/** As much of a connection as is needed to tell its third ACK and to count its bytes. */
class FlowState {
  /** Octets of payload that passed, repetitions included. */
  bytes = 0;
  /** The direction of the SYN; the numbers of the segment that answers the SYN+ACK, once that has passed. */
  private initiator: Direction = DIRECTION.outward;
  private synSequence = -1;
  private isAnswered = false;
  private sequence = 0;
  private acknowledgment = 0;
  /** Whether the handshake was completed by a segment without payload: data after it is only data. */
  private isCompletedByAck = false;

  /** Takes note of a segment. @returns the bit of `third-ack` when it is one */
  see(segment: TcpSegment, direction: Direction): number {
    const { flags } = segment;
    if ((flags & TCP_FLAG.SYN) !== 0) {
      if ((flags & TCP_FLAG.ACK) === 0) this.begin(segment, direction);
      else this.answer(segment, direction);
      return 0;
    }
    if (!this.isAnswered || direction !== this.initiator || (flags & TCP_FLAG.RST) !== 0) return 0;
    if (segment.sequence !== this.sequence || segment.acknowledgment !== this.acknowledgment) return 0;
    if (segment.payload.length > 0) return this.isCompletedByAck ? 0 : BIT["third-ack"];
    this.isCompletedByAck = true;
    return BIT["third-ack"];
  }

  /** A SYN, unless it is one that came before, begins a new connection. */
  private begin(segment: TcpSegment, direction: Direction): void {
    if (segment.sequence === this.synSequence && direction === this.initiator) return;
    this.bytes = 0;
    this.initiator = direction;
    this.synSequence = segment.sequence;
    this.isAnswered = false;
    this.isCompletedByAck = false;
  }

  private answer(segment: TcpSegment, direction: Direction): void {
    this.initiator = direction === DIRECTION.outward ? DIRECTION.inward : DIRECTION.outward;
    this.isAnswered = true;
    this.sequence = segment.acknowledgment;
    this.acknowledgment = sequenceAdd(segment.sequence, 1);
  }
}

function newFlow(): FlowState {
  return new FlowState();
}

/** The bits of all sorts of a segment but `third-ack`. */
function sortsOf(segment: TcpSegment): number {
  const { flags } = segment;
  let sorts = segment.payload.length > 0 ? BIT.data : 0;
  if ((flags & TCP_FLAG.RST) !== 0) sorts |= BIT.rst;
  else if ((flags & TCP_FLAG.SYN) !== 0) sorts |= (flags & TCP_FLAG.ACK) !== 0 ? BIT["syn-ack"] : BIT.syn;
  else if (sorts === 0) sorts = BIT.ack;
  return sorts;
}

const BIT: Readonly<Record<SegmentSort, number>> = { syn: 1, "syn-ack": 2, "third-ack": 4, data: 8, ack: 16, rst: 32 };
const DATA_AND_ACKS = BIT.data | BIT.ack;
