import { sequenceLess } from "../../wire/index.ts";
import { ForwardRto } from "./forward-rto.ts";

/** What shows that a recovery was for nothing. */
export type SpuriousSign = "timestamps" | "duplicates" | "forward";

/**
 * Finds out whether a loss recovery was for nothing, because what was sent again had arrived. Three signs show it: an acknowledgment of new data echoes a timestamp
 * older than that of the first retransmission (the Eifel detection, RFC 3522); the peer reports by D-SACK all that was sent again as duplicate (RFC 3708); or,
 * after a timeout, data arrives that was not sent again (F-RTO, RFC 5682). What then happens is undo.ts's.
 */
export class SpuriousRecovery {
  /** Whether the last recovery, under way or over, may still turn out to have been for nothing. */
  watching = false;
  /** Whether it began with a timeout. */
  timeout = false;
  /** Once more than this stream offset is acknowledged, no D-SACK can come any more. */
  until = Number.POSITIVE_INFINITY;
  readonly forward = new ForwardRto();
  /** What was outstanding when it began: stream offsets. */
  private start = 0;
  private end = 0;
  /** Ranges that were sent again and not reported as duplicates yet, in the order in which they left: start and end in turns. What left twice is there twice. */
  private readonly resent: number[] = [];
  /** Bytes that were sent again before it began, and may be reported as well. */
  private underWay = 0;
  /** Whether a duplicate was the network's, or there is too much to remember: D-SACKs say nothing then (RFC 3708 §3). */
  private isDoubtful = false;
  /** Where what was sent again ends, as a stream offset. */
  private resentEnd = 0;
  /** Our timestamp on the first retransmission; -1: none, or an ACK has shown that it was what arrived. */
  private timestamp = -1;

  /**
   * Fast recovery or recovery from a timeout begins, with [start, end) outstanding.
   * @param underWay bytes that were sent again before it and may still be reported as duplicates
   */
  begin(start: number, end: number, timeout: boolean, underWay: number): void {
    this.watching = true;
    this.timeout = timeout;
    this.until = Number.POSITIVE_INFINITY;
    this.start = start;
    this.end = end;
    this.resent.length = 0;
    this.underWay = underWay;
    this.isDoubtful = false;
    this.resentEnd = 0;
    this.timestamp = -1;
  }

  /** It is known to have been for nothing, or something else has answered a loss since. */
  stop(): void {
    this.watching = false;
    this.resent.length = 0;
    this.forward.stop();
  }

  /** A segment is sent again. @param timestamp ours on it; -1 without timestamps */
  onRetransmission(offset: number, length: number, timestamp: number): void {
    if (!this.watching) return;
    // RFC 3522 §3.2 step 1. The echo tells of the left edge alone, so that only the segment there will do.
    if (this.resentEnd === 0 && offset === this.start) this.timestamp = timestamp;
    const end = offset + length;
    this.forward.onRetransmission(end);
    if (end > this.resentEnd) this.resentEnd = end;
    const { resent } = this;
    if (resent.length > 0 && resent[resent.length - 1] === offset) resent[resent.length - 1] = end;
    else if (resent.length < MOST_RANGES) resent.push(offset, end);
    else this.isDoubtful = true;
  }

  /**
   * New data is acknowledged, up to the stream offset `ack`.
   * @param echo the timestamp that the ACK echoes
   * @returns whether it was for nothing
   */
  onAcknowledged(ack: number, echo: number): boolean {
    if (this.timestamp < 0) return false;
    // RFC 3522 §3.2 steps 2 and 3.
    if (!sequenceLess(echo, this.timestamp)) {
      this.timestamp = -1;
      return false;
    }
    // One that is late beside one that is lost is no reason to forget the loss: in fast recovery all that was outstanding, or sent again, has to have been late.
    return this.timeout || ack >= this.end || ack >= this.resentEnd;
  }

  /** A D-SACK reports [start, end). @returns whether the recovery was for nothing */
  onDuplicate(start: number, end: number): boolean {
    if (start < this.start || end > Math.max(this.end, this.resentEnd)) return false;
    this.underWay -= end - start - this.strike(start, end);
    // RFC 3708 §3: a duplicate of what was not sent again, or not as often, came into being on the way.
    if (this.underWay < 0) this.isDoubtful = true;
    return this.resentEnd > 0 && this.resent.length === 0 && this.underWay === 0 && !this.isDoubtful;
  }

  /** Takes [start, end) out of what was sent again, each byte once. @returns bytes that were there */
  private strike(start: number, end: number): number {
    if (start >= end) return 0;
    const { resent } = this;
    for (let at = 0; at < resent.length; at += 2) {
      const [first, last] = [resent[at] as number, resent[at + 1] as number];
      if (last <= start || first >= end) continue;
      const [low, high] = [Math.max(first, start), Math.min(last, end)];
      if (low > first && high < last) resent.splice(at + 1, 0, low, high);
      else if (low > first) resent[at + 1] = low;
      else if (high < last) resent[at] = high;
      else resent.splice(at, 2);
      return high - low + this.strike(start, low) + this.strike(high, end);
    }
    return 0;
  }
}

/** Numbers that are kept of what was sent again. */
const MOST_RANGES = 1024;
