import type { AccurateEcnCounters, RawTcpOption, TcpSegment } from "../../wire/index.ts";
import { accurateEcnOption, TCP_MINIMUM_HEADER_LENGTH, TCP_OPTION_SPACE, tcpHeaderLength } from "../../wire/index.ts";
import { CODEPOINT } from "./feedback.ts";

/** The receiving half of accurate ECN (RFC 9768 §3.2): what came with which codepoint, and when the peer is told of it. */
export class SeenCounters {
  /** r.cep: packets that were marked. */
  packets = INITIAL_PACKETS;
  /** r.e0b, r.ceb, r.e1b: octets of payload. */
  readonly octets: AccurateEcnCounters = initialCounters();
  /** The option may be sent: nothing shows that the path drops segments that have it. */
  sendsOption = true;
  /** Marks since an ACK left, and whether the packet before was marked. */
  private sinceAck = 0;
  private wasMarked = false;
  /** Segments that are to carry the option. */
  private due = 0;
  /** Counters that changed at any time, and since the last option: a bit for each codepoint. */
  private everChanged = 0;
  private changed = 0;
  /** How often data came again after an ACK with the option, and segments with data since. */
  private repeated = 0;
  private sinceRepeated = 0;
  private hasSentOption = false;
  private isHeldBack = false;

  /**
   * A packet came, acceptable, with `octets` of payload.
   * @param count packets of the network that it is
   * @returns whether it is acknowledged at once
   */
  onPacket(codepoint: number, octets: number, count: number): boolean {
    const isMarked = codepoint === CODEPOINT.ce;
    const isNews = isMarked && !this.wasMarked && octets > 0;
    this.wasMarked = isMarked;
    if (octets > 0 && this.repeated > 0 && ++this.sinceRepeated > FORGOTTEN) this.repeated = 0;
    if (codepoint === CODEPOINT.notEct) return false;
    if (octets > 0) this.add(codepoint, octets);
    if (!isMarked) return false;
    this.packets += count;
    this.sinceAck += count;
    // RFC 9768 §3.2.2.5.1: a mark after none, and every second one; without data every third, so that ACKs of ACKs come to an end.
    return isNews || this.sinceAck >= (octets > 0 ? 2 : 3);
  }

  private add(codepoint: number, octets: number): void {
    const counters = this.octets;
    if (codepoint === CODEPOINT.ect0) counters.ect0 += octets;
    else if (codepoint === CODEPOINT.ce) counters.ce += octets;
    else counters.ect1 += octets;
    this.everChanged |= 1 << codepoint;
    this.changed |= 1 << codepoint;
    this.due = REPETITIONS;
  }

  /** Data came again, and its ACK leaves without the option: where that goes on, those that have it do not arrive (RFC 9768 §3.2.3.2.2). */
  onDuplicate(): void {
    if (!this.hasSentOption) return;
    this.hasSentOption = false;
    this.isHeldBack = true;
    this.sinceRepeated = 0;
    if (++this.repeated >= MOST_REPEATED) this.sendsOption = false;
  }

  onAckSent(): void {
    this.sinceAck = 0;
  }

  /** The next `count` segments carry the option, whether anything changed or not. */
  announce(count: number): void {
    this.due = Math.max(this.due, count);
  }

  get isDue(): boolean {
    return this.due > 0 && this.sendsOption;
  }

  /** Whether the peer has not been told of all by an option yet. */
  get isOwed(): boolean {
    return this.changed !== 0 && this.isDue;
  }

  /** Octets of the shortest option that would do. */
  get shortest(): number {
    return this.isDue ? 2 + 3 * leastFields(this.changed, orderOf(this.changed, this.everChanged)) : 0;
  }

  /** Adds the option where it fits: with all that ever changed, or only with what the peer does not know yet (RFC 9768 §3.2.3.3). @param room octets of options */
  writeOption(segment: TcpSegment, room: number): void {
    if (!this.isDue || this.isHeldBack) {
      this.isHeldBack = false;
      this.hasSentOption = false;
      return;
    }
    const order = orderOf(this.everChanged, this.everChanged);
    const all = this.everChanged === 0 ? 3 : leastFields(this.everChanged, order);
    const least = orderOf(this.changed, this.everChanged);
    const option = this.optionWithin(segment, order, all, this.everChanged === 0 ? 0 : all, room) ?? this.optionWithin(segment, least, leastFields(this.changed, least), leastFields(this.changed, least), room);
    if (option === null) return;
    segment.otherOptions = [...segment.otherOptions, option];
    this.due--;
    this.changed = 0;
    this.hasSentOption = true;
  }

  /** The longest option of `most` down to `least` fields that fits; null where none does. */
  private optionWithin(segment: TcpSegment, order: 0 | 1, most: number, least: number, room: number): RawTcpOption | null {
    const others = segment.otherOptions;
    for (let fields = most; fields >= least; fields--) {
      const option = accurateEcnOption(this.octets, order, fields);
      segment.otherOptions = [...others, option];
      const length = tcpHeaderLength(segment) - TCP_MINIMUM_HEADER_LENGTH;
      segment.otherOptions = others;
      if (length <= room && length <= TCP_OPTION_SPACE) return option;
    }
    return null;
  }
}

/** RFC 9768 §3.2.1. */
export function initialCounters(): AccurateEcnCounters {
  return { ect0: 1, ce: 0, ect1: 1 };
}

/** The order in which what changed takes the fewest fields; where both will do, the one that the other counters that ever changed are in. */
function orderOf(changed: number, everChanged: number): 0 | 1 {
  const known = (changed & ECT) === 0 ? everChanged : changed;
  return (known & ECT) === ECT_1 ? 1 : 0;
}

/** Fields of the option down to the last one that changed. */
function leastFields(changed: number, order: 0 | 1): number {
  const third = order === 0 ? ECT_1 : ECT_0;
  const first = order === 0 ? ECT_0 : ECT_1;
  if ((changed & third) !== 0) return 3;
  return (changed & (1 << CODEPOINT.ce)) !== 0 ? 2 : (changed & first) !== 0 ? 1 : 0;
}

/** RFC 9768 §3.2.1: r.cep. */
export const INITIAL_PACKETS = 5;
const ECT_0 = 1 << CODEPOINT.ect0;
const ECT_1 = 1 << CODEPOINT.ect1;
const ECT = ECT_0 | ECT_1;
/** So many segments tell of a change, so that one of them may be lost. */
const REPETITIONS = 2;
const MOST_REPEATED = 2;
/** Segments with data after which what came again is no sign any more. */
const FORGOTTEN = 64;
