import type { RttEstimator } from "./rtt.ts";
import type { Scoreboard } from "./scoreboard.ts";
import type { SentSegment } from "../sending/sent-segment.ts";

/** Loss detection by time, RACK (RFC 8985 §6). Tail loss probes are in sender.ts; timers are the caller's. */
export class Rack {
  /** How often an original segment was delivered after one sent later. */
  reorderings = 0;
  /** How far behind the highest octet delivered such a segment began, at the most, octets. */
  reorderingDistance = 0;
  /** Reordering window in quarters of the minimum RTT. */
  windowMultiplier = 1;
  /** When detection has to run again, ns; 0 when it need not. */
  nextCheck = 0;
  /**
   * The most recently sent segment that was delivered: number of its transmission, and end. The number stands for the time, since it
   * also orders what was sent within one tick of the clock.
   */
  private serial = -1;
  private endOffset = 0;
  /** Round-trip time of the newest delivery, ns. */
  private rtt = 0;
  /** Highest stream offset delivered. */
  private forward = 0;
  /** Recoveries for which the widened window still holds. */
  private persist = PERSIST;
  /** SND.NXT when a D-SACK last widened the window; -1: none in this round. */
  private dsackRound = -1;

  /**
   * A segment was delivered, or a super-segment up to the offset `end` (steps 2 and 3).
   * @param valid false when the ACK may be that of an earlier transmission of it
   */
  onDelivered(segment: SentSegment, end: number, valid: boolean, now: number): void {
    if (valid) {
      this.rtt = now - segment.sentAt;
      if (segment.serial > this.serial || (segment.serial === this.serial && end > this.endOffset)) {
        this.serial = segment.serial;
        this.endOffset = end;
      }
    }
    if (end > this.forward) this.forward = end;
    else if (end < this.forward && !segment.retransmitted) {
      this.reorderings++;
      if (this.forward - segment.offset > this.reorderingDistance) this.reorderingDistance = this.forward - segment.offset;
    }
  }

  /** What was deemed lost has arrived: it was late (step 3). */
  onReordered(): void {
    this.reorderings++;
  }

  /** What was taken for the newest delivery was none. */
  restart(): void {
    this.serial = -1;
    this.endOffset = 0;
    this.nextCheck = 0;
  }

  /** An ACK carried a D-SACK: widen the reordering window, once per round trip (step 4). */
  onDuplicateSack(una: number, nxt: number): void {
    if (this.dsackRound >= 0 && una >= this.dsackRound) this.dsackRound = -1;
    if (this.dsackRound >= 0) return;
    this.dsackRound = nxt;
    this.windowMultiplier++;
    this.persist = PERSIST;
  }

  /** Fast or RTO recovery ended (step 4). */
  onRecovered(): void {
    if (--this.persist <= 0) this.windowMultiplier = 1;
  }

  /**
   * Marks as lost what was sent long enough before something that was delivered (step 5).
   * @param recovering whether fast or RTO recovery is under way
   * @returns whether anything was marked
   */
  detect(board: Scoreboard, rtt: RttEstimator, recovering: boolean, now: number): boolean {
    this.nextCheck = 0;
    if (this.serial < 0) return false;
    const wait = this.rtt + this.reorderingWindow(board, rtt, recovering);
    let marked = false;
    // In order of transmission, so that the first one that is too young ends the search.
    let segment = board.oldest;
    while (segment !== null) {
      const sentAt = segment.sentAt;
      // The halves of a segment that was split were sent at once, in order.
      if (segment.serial > this.serial || (segment.serial === this.serial && segment.offset + segment.length >= this.endOffset)) break;
      if (sentAt + wait > now) {
        this.nextCheck = sentAt + wait;
        break;
      }
      const next: SentSegment | null = segment.newer;
      board.markLost(segment, board.indexOf(segment.offset));
      marked = true;
      segment = next;
    }
    return marked;
  }

  /**
   * The retransmission timer fired: the first segment is lost, and others that were sent long enough ago (§6.3).
   */
  markOnTimeout(board: Scoreboard, rtt: RttEstimator, now: number): void {
    const wait = this.rtt + this.reorderingWindow(board, rtt, true);
    if (board.count > 0) {
      const first = board.at(0);
      if (!first.lost && !first.sacked) board.markLost(first, 0);
    }
    let segment = board.oldest;
    while (segment !== null && segment.sentAt + wait <= now) {
      const next: SentSegment | null = segment.newer;
      board.markLost(segment, board.indexOf(segment.offset));
      segment = next;
    }
  }

  /** Bytes below this were delivered, cumulatively or by SACK. */
  get forwardAck(): number {
    return this.forward;
  }

  private reorderingWindow(board: Scoreboard, rtt: RttEstimator, recovering: boolean): number {
    if (this.reorderings === 0 && (recovering || board.sackedSegments >= DUP_THRESH)) return 0;
    const window = (this.windowMultiplier * rtt.min) / 4;
    return window < rtt.srtt ? window : rtt.srtt;
  }
}

/** RFC 5681, RFC 6675 and RFC 8985. */
export const DUP_THRESH = 3;
const PERSIST = 16;
