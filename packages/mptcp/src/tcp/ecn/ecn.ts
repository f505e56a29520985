import type { Packet, TcpSegment } from "../../wire/index.ts";
import { TCP_FLAG } from "../../wire/index.ts";
import type { TcpConfig } from "../config.ts";
import type { TcpConnection } from "../connection.ts";

/**
 * Explicit Congestion Notification of one connection (RFC 3168 §6.1): what the two ends have agreed on, what the receiving half echoes, and what
 * the sending half has answered. A connection that neither asks nor is asked has none.
 *
 * A controller that wants every mark ({@link CongestionControl.marks}) has them echoed as RFC 8257 §3.2 does: an ACK speaks of the segments that it acknowledges, and
 * of no others.
 */
export class Ecn {
  /** Whether both ends have agreed; before the SYN+ACK it was only asked for. */
  agreed: boolean;
  /** ECN field of the packet that is being looked at. */
  arriving = 0;
  /** Segments with payload that arrived marked, and whether any came that could have been. */
  marksReceived = 0;
  isSeen = false;
  /** Bytes that the peer says were marked. */
  bytesMarked = 0;
  /** How often the window was lowered for marks. */
  reductions = 0;
  /** ACKs say ECE: since a marked segment came, until the peer's CWR does; or with every mark told, since the last one was. */
  private echoing = false;
  /** ACKs that have to leave ahead of others, since what they acknowledge was marked otherwise than what came next: offset and echo of each. */
  private readonly earlier: number[] = [];
  /** The next new data says CWR. */
  private answered = false;
  /** SND.NXT when the window was lowered last: marks and losses below it are of the same congestion. */
  private reducedUntil = -1;

  constructor(agreed: boolean) {
    this.agreed = agreed;
  }

  /** For a connection that we open; null where it does not ask. */
  static asking(config: TcpConfig): Ecn | null {
    return config.ecn === "on" ? new Ecn(false) : null;
  }

  /** For a connection that a SYN opens; null where that does not ask, or we do not want it (RFC 3168 §6.1.1: ECE and CWR). */
  static answering(config: TcpConfig, syn: TcpSegment): Ecn | null {
    return config.ecn !== "off" && (syn.flags & SETUP) === SETUP ? new Ecn(true) : null;
  }

  /** The SYN+ACK came, or a SYN that crosses ours: itself where the peer agrees, else null. */
  onAnswer(segment: TcpSegment): Ecn | null {
    const wanted = (segment.flags & TCP_FLAG.ACK) === 0 ? SETUP : TCP_FLAG.ECE;
    if ((segment.flags & SETUP) !== wanted) return null;
    this.agreed = true;
    return this;
  }

  /** Flags of our SYN or SYN+ACK. A SYN that got no answer is repeated without: something on the path may drop such ones (RFC 3168 §6.1.1.1). */
  synFlags(isAnswer: boolean, repeats: number): number {
    if (isAnswer) return TCP_FLAG.ECE;
    return repeats === 0 ? SETUP : 0;
  }

  /** Flags of any other segment but a RST. */
  get flags(): number {
    return this.echoing ? TCP_FLAG.ECE : 0;
  }

  // ---- receiving

  /** A segment is acceptable, and not yet looked at further. */
  onSegment(tcp: TcpConnection, segment: TcpSegment): void {
    if (!this.agreed || segment.payload.length === 0) return;
    const isMarked = this.arriving === CE;
    if (this.arriving !== 0) this.isSeen = true;
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

  /** Whether an ACK has to leave ahead of all others. */
  get hasEarlier(): boolean {
    return this.earlier.length > 0;
  }

  /** Makes the first such ACK of the ACK that would leave now. @returns the offset that it acknowledges */
  putEarlier(segment: TcpSegment): number {
    const offset = this.earlier.shift() as number;
    const echoes = this.earlier.shift() === 1;
    segment.flags = echoes ? segment.flags | TCP_FLAG.ECE : segment.flags & ~TCP_FLAG.ECE;
    return offset;
  }

  // ---- sending

  /** A segment with payload leaves: new data can be marked (RFC 3168 §6.1.4, §6.1.5: no retransmission, no ACK). */
  onData(packet: Packet, isNew: boolean): void {
    if (!this.agreed || !isNew) return;
    packet.trafficClass |= ECT_0;
    if (!this.answered || packet.tcp === null) return;
    packet.tcp.flags |= TCP_FLAG.CWR;
    this.answered = false;
  }

  /** Bytes of the `delivered` that an ACK says were marked. */
  markedBy(segment: TcpSegment, delivered: number): number {
    const marked = this.agreed && (segment.flags & TCP_FLAG.ECE) !== 0 ? delivered : 0;
    this.bytesMarked += marked;
    return marked;
  }

  /** Whether the ACK says that there were marks at all. */
  tellsOfMarks(segment: TcpSegment): boolean {
    return this.agreed && (segment.flags & TCP_FLAG.ECE) !== 0;
  }

  /** Whether the data at `offset` was out when the congestion window was lowered last: what became of it was answered (RFC 3168 §6.1.2). */
  hasAnswered(offset: number): boolean {
    return offset < this.reducedUntil;
  }

  /** The congestion window was lowered, for whatever reason, while data up to `nxt` was out: the peer hears of it by CWR. */
  onReduced(nxt: number): void {
    this.reducedUntil = nxt;
    this.answered = true;
  }
}

/** ECE and CWR: an ECN-setup SYN. */
const SETUP = TCP_FLAG.ECE | TCP_FLAG.CWR;
/** Codepoints of the ECN field (RFC 3168 §5). */
const ECT_0 = 2;
const CE = 3;
/** Numbers in the list of earlier ACKs: more flips between two polls are told by the ACK that follows. */
const MOST_EARLIER = 32;
