import type { AccurateEcnCounters, RawTcpOption, TcpSegment } from "../../wire/index.ts";
import { accurateEcnOption, sequenceLess, TCP_MINIMUM_HEADER_LENGTH, TCP_OPTION_SPACE, tcpHeaderLength } from "../../wire/index.ts";
import type { TcpConfig } from "../config.ts";
import { CODEPOINT } from "./feedback.ts";

/** The receiving half of accurate ECN (RFC 9768 §3.2): what came with which codepoint, and when the peer is told of it. */
export class SeenCounters {
  /** r.cep: packets that were marked. */
  packets = INITIAL_PACKETS;
  /** r.e0b, r.ceb, r.e1b: octets of payload. */
  readonly octets: AccurateEcnCounters = initialCounters();
  /** The option may be sent: nothing shows that the path drops segments that have it. */
  sendsOption = true;
  /** Marks since an ACK left, and the codepoint of the packet before. */
  private sinceAck = 0;
  private latest: number = CODEPOINT.notEct;
  /** Segments that are to carry the option, and when the last one that did left, ns. */
  private due = 0;
  private sentAt = Number.NEGATIVE_INFINITY;
  /** Counters that changed at any time, and since the last option: a bit for each codepoint. */
  private everChanged = 0;
  private changed = 0;
  /** How often data came again after an ACK with the option, and segments with data since. */
  private repeated = 0;
  private sinceRepeated = 0;
  private hasSentOption = false;
  private isHeldBack = false;
  /** Sequence number of the duplicate that the last segment with the option told of; -1: of none. */
  private toldDuplicate = -1;

  /**
   * A packet came, acceptable, with `octets` of payload.
   * @param count packets of the network that it is
   * @returns whether it is acknowledged at once
   */
  onPacket(codepoint: number, octets: number, count: number, { ecnAcks, ecnOption }: Pick<TcpConfig, "ecnAcks" | "ecnOption">): boolean {
    const isMarked = codepoint === CODEPOINT.ce;
    const isChange = codepoint !== this.latest;
    const isNews = octets > 0 && isChange && (isMarked || ecnAcks === "changes");
    this.latest = codepoint;
    if (octets > 0 && this.repeated > 0 && ++this.sinceRepeated > FORGOTTEN) this.repeated = 0;
    if (codepoint === CODEPOINT.notEct) return isNews;
    const before = this.octetsOf(codepoint);
    if (octets > 0) this.add(codepoint, octets);
    // RFC 9768 §3.2.3.3: a counter that goes on rising is told of with every ACK, or before 2^22 octets are over.
    if (ecnOption === "beacon" ? isChange || isMarked : octets > 0) this.due = REPETITIONS;
    else if (((before ^ this.octetsOf(codepoint)) & LONG_UNTOLD) !== 0) this.announce(1);
    if (!isMarked) return isNews;
    this.packets += count;
    this.sinceAck += count;
    // RFC 9768 §3.2.2.5.1: a mark after none, and every second one; without data every third, so that ACKs of ACKs come to an end.
    return isNews || this.sinceAck >= (octets > 0 ? 2 : 3);
  }

  private octetsOf(codepoint: number): number {
    const { ce, ect0, ect1 } = this.octets;
    return codepoint === CODEPOINT.ect0 ? ect0 : codepoint === CODEPOINT.ce ? ce : ect1;
  }

  private add(codepoint: number, octets: number): void {
    const counters = this.octets;
    if (codepoint === CODEPOINT.ect0) counters.ect0 += octets;
    else if (codepoint === CODEPOINT.ce) counters.ce += octets;
    else counters.ect1 += octets;
    this.everChanged |= 1 << codepoint;
    this.changed |= 1 << codepoint;
  }

  /**
   * Data came again. Where the fewest options are sent its ACK leaves without, and none has one any more where that goes on; elsewhere an ACK that told of that very duplicate, with the option, is
   * what shows that those that have it do not arrive (RFC 9768 §3.2.3.2.2).
   */
  onDuplicate({ sequence }: TcpSegment, option: TcpConfig["ecnOption"]): void {
    if (option !== "news") {
      if (this.toldDuplicate === sequence) this.sendsOption = false;
      return;
    }
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

  /** Octets of the shortest option that would do; 0: none is due. */
  get shortest(): number {
    return !this.isDue ? 0 : 2 + 3 * leastFields(this.changed, orderOf(this.changed, this.everChanged));
  }

  /** The same of {@link writeAll}; 0: nothing has changed. */
  get shortestOfAll(): number {
    return this.changed === 0 ? 0 : 2 + 3 * leastFields(this.changed, 1);
  }

  /** Whether no option has left for so long, ns. */
  isSilent(now: number, time: number): boolean {
    return now - this.sentAt >= time;
  }

  /** Adds the option where it fits, if one is due: with all that ever changed, or only with what the peer does not know yet (RFC 9768 §3.2.3.3). @param room octets of options */
  writeNews(segment: TcpSegment, room: number, now: number): void {
    if (!this.isDue || this.isHeldBack) {
      this.isHeldBack = false;
      this.hasSentOption = false;
      return;
    }
    const order = orderOf(this.everChanged, this.everChanged);
    const all = this.everChanged === 0 ? 3 : leastFields(this.everChanged, order);
    const least = orderOf(this.changed, this.everChanged);
    this.put(
      segment,
      this.optionWithin(segment, order, all, this.everChanged === 0 ? 0 : all, room) ?? this.optionWithin(segment, least, leastFields(this.changed, least), leastFields(this.changed, least), room),
      now,
    );
  }

  /** Adds the option where it fits: with all counters, that of ECT(1) first, or with as many as there is room for. */
  writeAll(segment: TcpSegment, room: number, now: number): void {
    this.put(segment, this.optionWithin(segment, 1, 3, leastFields(this.changed, 1), room), now);
  }

  private put(segment: TcpSegment, option: RawTcpOption | null, now: number): void {
    if (option === null) return;
    segment.otherOptions = [...segment.otherOptions, option];
    if (this.due > 0) this.due--;
    this.changed = 0;
    this.hasSentOption = true;
    this.sentAt = now;
    const [first] = segment.sackBlocks;
    this.toldDuplicate = first !== undefined && sequenceLess(first, segment.acknowledgment) ? first : -1;
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
/** Bits of a counter that do not change in 2^22 octets. */
const LONG_UNTOLD = ~0x3f_ffff;
const MOST_REPEATED = 2;
/** Segments with data after which what came again is no sign any more. */
const FORGOTTEN = 64;
