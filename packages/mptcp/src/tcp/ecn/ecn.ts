import type { Packet, TcpSegment } from "../../wire/index.ts";
import { TCP_FLAG } from "../../wire/index.ts";
import type { TcpConnection } from "../connection.ts";
import { SEGMENT_ROLE } from "../owner.ts";
import type { SegmentRole } from "../owner.ts";
import type { AckSummary } from "../recovery/acknowledge.ts";
import { CODEPOINT, EcnFeedback } from "./feedback.ts";
import { acceptsAccurate, asksForAccurate } from "./modes.ts";

/**
 * Explicit Congestion Notification as RFC 3168 §6.1 has it: what the receiving half echoes, and what the sending half has answered.
 *
 * A controller that wants every mark ({@link CongestionControl.marks}) has them echoed as RFC 8257 §3.2 does: an ACK speaks of the segments that it acknowledges, and
 * of no others.
 */
export class Ecn extends EcnFeedback {
  /** ACKs say ECE: since a marked segment came, until the peer's CWR does; or with every mark told, since the last one was. */
  private echoing = false;
  /** ACKs that have to leave ahead of others, since what they acknowledge was marked otherwise than what came next: offset and echo of each. */
  private readonly earlier: number[] = [];
  /** The next new data says CWR. */
  private answered = false;

  override onAnswer(_tcp: TcpConnection, segment: TcpSegment): EcnFeedback | null {
    if ((segment.flags & SETUP) !== TCP_FLAG.ECE) return null;
    this.agreed = true;
    return this;
  }

  override onSynAgain({ config }: TcpConnection, segment: TcpSegment): boolean {
    return !acceptsAccurate(config) || !asksForAccurate(segment);
  }

  /** A SYN that got no answer is repeated without: something on the path may drop such ones (RFC 3168 §6.1.1.1). */
  override writeSyn({ config }: TcpConnection, segment: TcpSegment, isAnswer: boolean, repeats: number): void {
    if (isAnswer) segment.flags |= TCP_FLAG.ECE;
    else if (repeats === 0 || !config.ecnFallback) segment.flags |= SETUP;
  }

  override write(_tcp: TcpConnection, segment: TcpSegment): void {
    if (this.echoing) segment.flags |= TCP_FLAG.ECE;
  }

  // ---- receiving

  override onSegment(tcp: TcpConnection, segment: TcpSegment): void {
    if (!this.agreed || segment.payload.length === 0) return;
    const isMarked = this.arriving === CODEPOINT.ce;
    if (this.arriving !== CODEPOINT.notEct) this.isSeen = true;
    if (isMarked) this.marksReceived++;
    if (tcp.congestion.marks === "each") {
      if (isMarked !== this.echoing) this.onFlip(tcp, isMarked);
      return;
    }
    // RFC 3168 §6.1.3: what CWR acknowledges is over; a mark on the same packet is news.
    if ((segment.flags & TCP_FLAG.CWR) !== 0) this.echoing = false;
    if (isMarked) this.echoing = true;
  }

  /** RFC 8257 §3.2: what waits for an ACK is acknowledged as it came, before what came otherwise. */
  private onFlip(tcp: TcpConnection, isMarked: boolean): void {
    const { receiver } = tcp;
    const { earlier } = this;
    if (receiver.nxt > receiver.lastAck && earlier.length < MOST_EARLIER) earlier.push(receiver.nxt, this.echoing ? 1 : 0);
    this.echoing = isMarked;
  }

  override get hasEarlier(): boolean {
    return this.earlier.length > 0;
  }

  override putEarlier(_tcp: TcpConnection, segment: TcpSegment): number {
    const offset = this.earlier.shift() as number;
    const echoes = this.earlier.shift() === 1;
    segment.flags = echoes ? segment.flags | TCP_FLAG.ECE : segment.flags & ~TCP_FLAG.ECE;
    return offset;
  }

  // ---- sending

  override onLeave(_tcp: TcpConnection, packet: Packet, role: SegmentRole, isNew: boolean): void {
    if (!this.agreed || !isNew || role !== SEGMENT_ROLE.data) return;
    packet.trafficClass |= CODEPOINT.ect0;
    if (!this.answered || packet.tcp === null) return;
    packet.tcp.flags |= TCP_FLAG.CWR;
    this.answered = false;
  }

  override read(_tcp: TcpConnection, segment: TcpSegment, { delivered }: AckSummary): number {
    this.tells = this.agreed && (segment.flags & TCP_FLAG.ECE) !== 0;
    if (!this.tells) return 0;
    this.bytesMarked += delivered;
    return delivered;
  }

  /** The peer hears of it by CWR. */
  override onReduced(nxt: number): void {
    super.onReduced(nxt);
    this.answered = true;
  }
}

/** ECE and CWR: an ECN-setup SYN. */
const SETUP = TCP_FLAG.ECE | TCP_FLAG.CWR;
/** Numbers in the list of earlier ACKs: more flips between two polls are told by the ACK that follows. */
const MOST_EARLIER = 32;
