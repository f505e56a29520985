import type { Packet, TcpSegment } from "../../wire/index.ts";
import type { TcpConnection } from "../connection.ts";
import type { SegmentRole } from "../owner.ts";
import type { AckSummary } from "../recovery/acknowledge.ts";

/**
 * Explicit Congestion Notification of one connection, whichever way the receiver tells the sender of marks: that of RFC 3168, or of RFC 9768. A connection
 * that neither asks nor is asked has none.
 */
export abstract class EcnFeedback {
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
  /** Whether the ACK that was read last tells of marks. */
  tells = false;
  /** SND.NXT when the window was lowered last: marks and losses below it are of the same congestion. */
  protected reducedUntil = -1;

  constructor(agreed: boolean) {
    this.agreed = agreed;
  }

  // ---- the handshake

  /** What is spoken once the SYN+ACK has come; null: nothing. */
  abstract onAnswer(tcp: TcpConnection, segment: TcpSegment): EcnFeedback | null;

  /** A SYN came again before the handshake was over. @returns false where the connection has to be reset (RFC 9768 §3.1.5) */
  abstract onSynAgain(tcp: TcpConnection, segment: TcpSegment): boolean;

  /** A SYN+ACK came again, and is answered. */
  onSynAckAgain(): void {}

  /** The handshake is over. */
  onEstablished(_tcp: TcpConnection, _now: number): void {}

  // ---- receiving

  /** A segment is acceptable, and not yet looked at further. */
  abstract onSegment(tcp: TcpConnection, segment: TcpSegment): void;

  /** Data came that had come before, so that our ACK of it may have been lost. @param end its end, a stream offset */
  onDuplicate(_tcp: TcpConnection, _segment: TcpSegment, _end: number): void {}

  /** Flags, and options, of our SYN or SYN+ACK. @param repeats how often it was sent before because no answer came */
  abstract writeSyn(tcp: TcpConnection, segment: TcpSegment, isAnswer: boolean, repeats: number, now: number): void;

  /** Flags, and options, of any other segment but a RST, which has all other options. @param isNew whether it is no retransmission */
  abstract write(tcp: TcpConnection, segment: TcpSegment, role: SegmentRole, isNew: boolean, now: number): void;

  /** Octets of options that SACK blocks, of which there may be more than two, are to leave. */
  reserved(_tcp: TcpConnection): number {
    return 0;
  }

  /** Octets of options that the payload of a data segment is to leave. @param others octets that other options take */
  space(_tcp: TcpConnection, _others: number): number {
    return 0;
  }

  /** Whether an ACK says more than a full data segment has room for, and leaves ahead of that. */
  wantsAck(_tcp: TcpConnection): boolean {
    return false;
  }

  /** Flags of ACKs in TIME-WAIT. */
  lastFlags(_tcp: TcpConnection): number {
    return 0;
  }

  /** Whether a link that cuts a super-segment would change the flags of its parts: CWR is on the first alone. */
  get isWhole(): boolean {
    return false;
  }

  /** Whether an ACK of less than has come has to leave ahead of all others. */
  get hasEarlier(): boolean {
    return false;
  }

  /** Makes the first such ACK of the ACK that would leave now. @returns the offset that it acknowledges */
  putEarlier(tcp: TcpConnection, _segment: TcpSegment): number {
    return tcp.receiver.nxt;
  }

  // ---- sending

  /** A packet leaves that is neither SYN nor RST: new data can be marked (RFC 3168 §6.1.4, §6.1.5: no retransmission, no ACK). */
  abstract onLeave(tcp: TcpConnection, packet: Packet, role: SegmentRole, isNew: boolean): void;

  /** The ECN field of ACKs in TIME-WAIT. */
  codepoint(_tcp: TcpConnection): number {
    return CODEPOINT.notEct;
  }

  /** An ACK is read: {@link EcnFeedback.tells} is whether it tells of marks. @returns bytes that it says were marked */
  abstract read(tcp: TcpConnection, segment: TcpSegment, summary: AckSummary): number;

  /** Whether the data at `offset` was out when the congestion window was lowered last: what became of it was answered (RFC 3168 §6.1.2). */
  hasAnswered(offset: number): boolean {
    return offset < this.reducedUntil;
  }

  /** The congestion window was lowered, for whatever reason, while data up to `nxt` was out. */
  onReduced(nxt: number): void {
    this.reducedUntil = nxt;
  }
}

/** Codepoints of the ECN field (RFC 3168 §5). */
export const CODEPOINT = { notEct: 0, ect1: 1, ect0: 2, ce: 3 } as const;
