import type { Packet, TcpSegment } from "../../wire/index.ts";
import { ACE, aceFlags, aceOf, sequenceLess, TCP_FLAG, TCP_OPTION_SPACE } from "../../wire/index.ts";
import type { TcpConfig } from "../config.ts";
import type { TcpConnection } from "../connection.ts";
import { TIMESTAMP_SPACE } from "../negotiation.ts";
import { SEGMENT_ROLE } from "../owner.ts";
import type { SegmentRole } from "../owner.ts";
import type { AckSummary } from "../recovery/acknowledge.ts";
import { Ecn } from "./ecn.ts";
import { CODEPOINT, EcnFeedback } from "./feedback.ts";
import { respondToMarks } from "./marks.ts";
import { asksForClassic } from "./modes.ts";
import { ReportedCounters } from "./reported.ts";
import { SeenCounters } from "./seen.ts";

/**
 * Accurate ECN (RFC 9768): the receiver tells how many packets were marked, by three flags that are one counter, and how many octets came with each codepoint, by
 * an option where there is room for it. So a sender hears of each mark, and not of one in a round trip.
 */
export class AccurateEcn extends EcnFeedback {
  readonly seen = new SeenCounters();
  readonly reported = new ReportedCounters();
  /** What is sent is marked as ECN-capable: nothing shows that the path, or the peer, cannot bear that. */
  mayMark = true;
  /** The peer's ACE field is believed. */
  private responds = true;
  /** ECN field of the peer's latest SYN or SYN+ACK, as {@link EcnFeedback.arriving}. */
  private opening: number;
  /** The next ACK without data tells of it, and not of the counter (RFC 9768 §3.2.2.1). */
  private reflects = false;
  private hasCountedOpening = false;
  /** SYN+ACKs that left. */
  private answers = 0;
  /** No segment but SYNs has come. */
  private isFirst = true;
  /** What is being looked at has no counter in its flags. */
  private isUncounted = false;
  /** The handshake told of a mark on our part of it, which is answered once there is a window. */
  private owesResponse = false;
  /** The latest timestamp of what was read; -1: none. */
  private timestamp = -1;

  constructor(agreed: boolean, opening = CODEPOINT.notEct as number) {
    super(agreed);
    this.opening = opening;
  }

  // ---- the handshake

  /** RFC 9768 §3.1.2: the SYN+ACK says what the peer speaks, and how our SYN came there. */
  override onAnswer(tcp: TcpConnection, segment: TcpSegment): EcnFeedback | null {
    const answer = aceOf(segment);
    // All three are what a host sends that returns whatever it gets.
    if (answer === 0 || answer === 7) return null;
    if (answer === ECHO) return new Ecn(true);
    this.agreed = true;
    this.onSynAck();
    // RFC 9768 §3.1.3: the combination that is kept for later says that nothing happened to the SYN.
    if (answer !== RESERVED) this.onReflected(tcp, answer);
    this.noteTimestamp(segment);
    this.reported.onFirst(segment);
    // The third ACK, and the first data.
    this.seen.announce(2);
    tcp.receiver.ackFirst = true;
    return this;
  }

  /** How our SYN or SYN+ACK, which is not ECN-capable, came to the peer: anything else shows that the path changes the field (RFC 9768 §3.2.2.3). */
  private onReflected({ config }: TcpConnection, reflected: number): void {
    if (reflected === REFLECTED[CODEPOINT.notEct]) return;
    if (config.ecnFallback) this.mayMark = false;
    if (reflected === REFLECTED[CODEPOINT.ce]) this.owesResponse = true;
  }

  override onSynAgain(_tcp: TcpConnection, segment: TcpSegment): boolean {
    if (!this.agreed) return true;
    if (asksForClassic(segment)) return false;
    this.opening = this.arriving;
    this.seen.sendsOption = false;
    // Who sends a SYN without may take our SYN+ACK without, and speak none (RFC 9768 §3.1.5).
    if ((segment.flags & ACE) === 0) this.mayMark = false;
    return true;
  }

  /** Its flags do not count any more (RFC 9768 §3.1.5), but how it came does. */
  override onSynAckAgain(): void {
    if (this.agreed) this.onSynAck();
  }

  /** RFC 9768 §3.2.2.2: a mark on it counts, once however many there are. */
  private onSynAck(): void {
    this.opening = this.arriving;
    this.reflects = true;
    if (this.arriving !== CODEPOINT.ce || this.hasCountedOpening) return;
    this.hasCountedOpening = true;
    this.seen.packets++;
  }

  override onEstablished(tcp: TcpConnection, now: number): void {
    this.seen.sendsOption = true;
    if (!this.owesResponse) return;
    this.owesResponse = false;
    respondToMarks(tcp, this, now);
  }

  /** RFC 9768 §3.1.4.1, §3.2.3.2.2: asked twice, then without; answered with the option, without it, and without ECN. */
  override writeSyn({ config }: TcpConnection, segment: TcpSegment, isAnswer: boolean, repeats: number, now: number): void {
    if (!isAnswer) {
      if (repeats < 2 || !config.ecnFallback) segment.flags |= ACE;
      return;
    }
    if (repeats >= 2) {
      this.mayMark = false;
      return;
    }
    segment.flags |= reflectedFlags(this.opening);
    if (this.answers++ > 0 || config.ecnOption === "never") return;
    this.seen.announce(1);
    this.writeOption(config, segment, TCP_OPTION_SPACE, now);
  }

  override write(tcp: TcpConnection, segment: TcpSegment, role: SegmentRole, isNew: boolean, now: number): void {
    if (!this.agreed || (tcp.state === "TIME-WAIT" && !tcp.config.timeWaitEcn)) return;
    this.seen.onAckSent();
    if (this.reflects && role === SEGMENT_ROLE.ack && segment.sackBlocks.length === 0) {
      this.reflects = false;
      segment.flags |= reflectedFlags(this.opening);
    } else segment.flags |= aceFlags(this.seen.packets);
    // What is sent again goes without, since the option may have been what it was lost for.
    if (tcp.config.ecnOption === "news" ? !isNew || role === SEGMENT_ROLE.probe : !this.isDue(tcp, now)) return;
    const most = tcp.maxPayload + (tcp.timestamps ? TIMESTAMP_SPACE : 0);
    this.writeOption(tcp.config, segment, most - (segment.segmentSize > 0 ? segment.segmentSize : segment.payload.length), now);
  }

  private writeOption({ ecnOption }: TcpConfig, segment: TcpSegment, room: number, now: number): void {
    if (ecnOption === "news") this.seen.writeNews(segment, room, now);
    else this.seen.writeAll(segment, room, now);
  }

  /** Whether the next segment is to have the option. Who does not go by news alone sends it to a peer whose own has come. @param now at any time, where it is not said */
  private isDue({ config: { ecnBeacons, ecnOption }, rtt }: TcpConnection, now = Number.NEGATIVE_INFINITY): boolean {
    const { seen } = this;
    if (ecnOption === "never" || !(seen.sendsOption || ecnOption === "persistent")) return false;
    if (ecnOption === "news") return seen.isDue;
    const { options } = this.reported;
    if (options !== "seen" && options !== "cleared") return false;
    return ecnOption !== "beacon" || seen.isDue || (ecnBeacons > 0 && seen.isSilent(now, rtt.srtt / ecnBeacons));
  }

  // ---- receiving

  override onSegment(tcp: TcpConnection, segment: TcpSegment): void {
    if (!this.agreed) return;
    this.isUncounted = (segment.flags & TCP_FLAG.SYN) !== 0;
    if (this.isUncounted) this.reported.onFirst(segment);
    else if (this.isFirst) this.onFirst(tcp, segment);
    const { length } = segment.payload;
    if (this.arriving !== CODEPOINT.notEct) this.isSeen = true;
    if (this.arriving === CODEPOINT.ce && length > 0) this.marksReceived++;
    // What is longer than any packet was put together on the way: each part of it was marked.
    const count = length > tcp.maxPayload ? Math.ceil(length / tcp.maxPayload) : 1;
    if (this.seen.onPacket(this.arriving, length, count, tcp.config)) tcp.receiver.ackNow = true;
  }

  /** The first segment but SYNs: for who answered a SYN it has the option, and the third ACK tells how our SYN+ACK came there (RFC 9768 §3.2.2.1). */
  private onFirst(tcp: TcpConnection, segment: TcpSegment): void {
    this.isFirst = false;
    const ace = aceOf(segment);
    if (tcp.state === "SYN-RECEIVED") {
      this.noteTimestamp(segment);
      if (!tcp.active) this.reported.onFirst(segment);
      this.isUncounted = segment.payload.length === 0 && segment.sackBlocks.length === 0;
      if (this.isUncounted && REFLECTED.includes(ace)) {
        if (ace === REFLECTED[CODEPOINT.ce]) this.reported.packets++;
        this.onReflected(tcp, ace);
      }
    }
    // RFC 9768 §3.2.2.4: no counter begins at 0, and three marks take it there.
    if (ace === 0 && tcp.sender.nxt <= 2 * tcp.sender.unit) {
      this.mayMark = false;
      this.responds = false;
    }
  }

  /** What ends where the window begins is acceptable to those who look at no more than that. */
  override onDuplicate(tcp: TcpConnection, segment: TcpSegment, end: number): void {
    if (!this.agreed) return;
    this.seen.onDuplicate(segment, tcp.config.ecnOption);
    if (tcp.config.timestampsOf === "examined" && end >= tcp.receiver.lastAck) this.seen.onPacket(this.arriving, segment.payload.length, 1, tcp.config);
  }

  override reserved(tcp: TcpConnection): number {
    if (tcp.config.ecnOption === "news") return this.seen.shortest;
    return this.isDue(tcp) ? this.seen.shortestOfAll : 0;
  }

  /** Where every segment has the option, payload leaves it as many octets as other options do. */
  override space(tcp: TcpConnection, others: number): number {
    if (!this.agreed || tcp.config.ecnOption === "news" || !this.isDue(tcp)) return 0;
    return Math.min(LONGEST_OPTION, Math.max(0, TCP_OPTION_SPACE - others) & ~3);
  }

  override wantsAck({ config }: TcpConnection): boolean {
    return this.reflects || (config.ecnOption === "news" && this.seen.isOwed);
  }

  override lastFlags({ config }: TcpConnection): number {
    return this.agreed && config.timeWaitEcn ? aceFlags(this.seen.packets) : 0;
  }

  override get isWhole(): boolean {
    return (aceFlags(this.seen.packets) & TCP_FLAG.CWR) !== 0;
  }

  // ---- sending

  override onLeave({ config }: TcpConnection, packet: Packet, role: SegmentRole, isNew: boolean): void {
    if (this.agreed && this.mayMark && (config.ecnCapable === "all" || (role === SEGMENT_ROLE.data && isNew))) packet.trafficClass |= CODEPOINT.ect0;
  }

  override codepoint({ config }: TcpConnection): number {
    return this.agreed && this.mayMark && config.ecnCapable === "all" ? CODEPOINT.ect0 : CODEPOINT.notEct;
  }

  override read(tcp: TcpConnection, segment: TcpSegment, summary: AckSummary): number {
    this.tells = false;
    if (!this.agreed || this.isUncounted || this.isOvertaken(tcp, segment, summary)) return 0;
    const { reported } = this;
    reported.onAck(segment, { segments: summary.segments, octets: Math.max(0, summary.delivered), unit: tcp.sender.unit, isCapable: this.mayMark, trustsFirst: tcp.config.ecnWrap === "fewest" });
    if (reported.contradicts) this.mayMark = false;
    if (!this.responds) return 0;
    this.bytesMarked = reported.octets.ce;
    this.tells = reported.newPackets > 0 || reported.newOctets > 0;
    return Math.min(reported.newOctets, summary.delivered);
  }

  /** Whether a later ACK may have come before this one (RFC 9768 Appendix A.1): it says nothing new, and its timestamp is no later. */
  private isOvertaken(tcp: TcpConnection, segment: TcpSegment, summary: AckSummary): boolean {
    const isLater = tcp.timestamps && segment.hasTimestamps && (this.timestamp < 0 || sequenceLess(this.timestamp, segment.timestampValue));
    if (summary.isOld) return true;
    // Before any of our data is there the answer to a SYN+ACK that was repeated may come late, with what the third ACK says instead of a counter.
    if (summary.advanced === 0 && !summary.sacked && (!isLater || (tcp.sender.una === 0 && this.answers > 1))) return true;
    if (isLater) this.timestamp = segment.timestampValue;
    return false;
  }

  private noteTimestamp(segment: TcpSegment): void {
    if (segment.hasTimestamps) this.timestamp = segment.timestampValue;
  }

  // ---- what one can read

  /** Why what is sent is not ECN-capable, or the peer not believed; "none" where all is well. */
  get failure(): "none" | "field_changed" | "counter_cleared" {
    return !this.responds ? "counter_cleared" : this.mayMark ? "none" : "field_changed";
  }
}

/** The flags that tell a peer with which ECN field its SYN or SYN+ACK came (RFC 9768 §3.1.2, §3.2.2.1). */
export function reflectedFlags(codepoint: number): number {
  return aceFlags(REFLECTED[codepoint & 3] as number);
}

/** By codepoint. */
const REFLECTED: readonly number[] = [2, 3, 4, 6];
/** The ACE field of a SYN+ACK of RFC 3168, and the one that is reserved. */
const ECHO = 1;
const RESERVED = 5;
/** Octets of all counters, with a NOP. */
const LONGEST_OPTION = 12;
