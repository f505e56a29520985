import { sequenceLess } from "../../wire/index.ts";

/**
 * Finds out whether a loss recovery was for nothing, because what was sent again had arrived. Two signs show it: the first new acknowledgment
 * echoes a timestamp older than that of the first retransmission (the Eifel detection, RFC 3522), or the peer reports by
 * D-SACK all that was sent again as duplicate (RFC 3708). It is only found out: nothing is undone.
 */
export class SpuriousRecovery {
  /** Whether the last recovery, under way or over, may still turn out to have been for nothing. */
  watching = false;
  /** Whether it began with a timeout. */
  timeout = false;
  /** Once more than this stream offset is acknowledged, no D-SACK can come any more. */
  until = Number.POSITIVE_INFINITY;
  /** What was outstanding when it began: stream offsets. */
  private start = 0;
  private end = 0;
  /** Bytes sent again, and bytes of them that were reported as duplicates. */
  private resent = 0;
  private duplicates = 0;
  /** Our timestamp on the first retransmission, until an ACK was compared with it; -1: none to compare. */
  private timestamp = -1;

  /** Fast recovery or recovery from a timeout begins, with [start, end) outstanding. */
  begin(start: number, end: number, timeout: boolean): void {
    this.watching = true;
    this.timeout = timeout;
    this.until = Number.POSITIVE_INFINITY;
    this.start = start;
    this.end = end;
    this.resent = 0;
    this.duplicates = 0;
    this.timestamp = -1;
  }

  /** A segment is sent again. @param timestamp ours on it; -1 without timestamps */
  onRetransmission(offset: number, length: number, timestamp: number): void {
    if (!this.watching) return;
    // RFC 3522 §3.2 step 1. The echo tells of the left edge alone, so that only the segment there will do.
    if (this.resent === 0 && offset === this.start) this.timestamp = timestamp;
    this.resent += length;
  }

  /** New data is acknowledged. @param echo the timestamp that the ACK echoes @returns whether the recovery was for nothing */
  onAcknowledged(echo: number): boolean {
    if (this.timestamp < 0) return false;
    // RFC 3522 §3.2 steps 2 and 3: the first acknowledgment after the retransmission decides.
    const isOlder = sequenceLess(echo, this.timestamp);
    this.timestamp = -1;
    if (isOlder) this.watching = false;
    return isOlder;
  }

  /** A D-SACK reports [start, end). @returns whether the recovery was for nothing */
  onDuplicate(start: number, end: number): boolean {
    if (start < this.start || end > this.end) return false;
    this.duplicates += end - start;
    if (this.resent === 0 || this.duplicates < this.resent) return false;
    this.watching = false;
    return true;
  }
}
