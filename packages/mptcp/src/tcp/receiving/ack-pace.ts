import { MILLISECOND } from "../../core/index.ts";
import type { TcpConfig } from "../config.ts";

/**
 * When data in order is acknowledged, as Linux does it (`acknowledging: "adaptive"`). RFC 9293 §3.8.6.3 and RFC 5681 §4.2 leave it open within 500 ms
 * and two full segments. The delay follows the intervals between segments; the first segments, and those after a pause, are acknowledged at once; a
 * connection whose application answers lets ACKs ride on the answers; and one whose application reads everything acknowledges what it has read.
 */
export class AckPace {
  /** Estimate of the peer's segment size, bytes. */
  segment: number;
  /** Length of the last segment that was smaller, and may show that the estimate is too large. */
  private odd = 0;
  /** Intervals between segments, smoothed, ns; 0 before the first segment. */
  private interval = 0;
  private arrivedAt = 0;
  /** Segments still to be acknowledged at once. */
  private quick = 0;
  /** Whether the application answers what arrives. */
  private interactive = false;
  /** Segments since the last ACK that end what an application wrote, up to two. */
  private pushes = 0;
  /** Something arrived and was not acknowledged. */
  private owed = false;
  /** Bytes that the application read since the last ACK. */
  private read = 0;

  /** @param window bytes that were offered */
  constructor(config: TcpConfig, window: number) {
    const largest = config.mtu - 40;
    this.segment = Math.max(SMALLEST_SEGMENT, Math.min(USUAL_SEGMENT, largest, Math.floor(window / 2)));
  }

  /**
   * Data arrived in order.
   * @param push whether the segment had PSH
   * @param window bytes on offer
   * @param rto retransmission timeout, ns
   */
  onArrival(length: number, push: boolean, largest: number, window: number, rto: number, now: number): void {
    this.owed = true;
    this.measure(length, push, largest);
    if (this.interval === 0) {
      this.interval = LEAST_DELAY;
      this.hurry(window);
    } else {
      const pause = now - this.arrivedAt;
      if (pause <= LEAST_DELAY / 2) this.interval = this.interval / 2 + LEAST_DELAY / 2;
      else if (pause < this.interval) this.interval = Math.min(rto, this.interval / 2 + pause);
      // The peer may have begun anew with a small window.
      else if (pause > rto) this.hurry(window);
    }
    this.arrivedAt = now;
  }

  /**
   * Whether `unacknowledged` bytes are to be acknowledged at once.
   * @param isWindowKept whether the window is as wide as the last time: it can wait that it is not; null: as far as what was read tells
   */
  isUrgent(unacknowledged: number, isWindowKept: boolean | null): boolean {
    if (this.quick > 0 && !this.interactive) return true;
    return this.isMoreThanOne(unacknowledged) && (isWindowKept ?? this.read >= unacknowledged);
  }

  /** Whether `bytes` are more than a full segment. */
  isMoreThanOne(bytes: number): boolean {
    return bytes > this.segment;
  }

  /**
   * When an ACK that may wait is due.
   * @param armed when one is due already, ns; beyond all times when none is
   * @param srtt ns; 0 when unknown
   * @returns ns; `now` or before: at once
   */
  due(armed: number, srtt: number, now: number): number {
    let delay = this.interval;
    if (delay > LEAST_DELAY) {
      let most = this.interactive || this.pushes > 0 ? LONGEST_DELAY : 500 * MILLISECOND;
      if (srtt > 0) most = Math.min(most, Math.max(srtt, LEAST_DELAY));
      delay = Math.min(delay, most);
    }
    delay = Math.min(delay, LONGEST_DELAY - MILLISECOND);
    if (armed <= now + delay / 4) return now;
    return Math.min(armed, now + delay);
  }

  /** A wider window is on offer, of which the peer hears at once; what is acknowledged at once in the beginning comes after that. */
  onWider(): void {
    this.quick |= 1;
  }

  /** There is not much room for data any more. */
  onScarce(): void {
    this.quick = 0;
  }

  /** The peer's FIN arrived, which the application may answer by its own. */
  onFin(): void {
    this.interactive = true;
    this.owed = true;
  }

  /** The time of an ACK that waited has come. */
  onDue(rto: number): void {
    if (this.interactive) {
      this.interactive = false;
      this.interval = LEAST_DELAY;
    } else {
      this.interval = Math.min(2 * this.interval, rto);
    }
  }

  /** A segment with an ACK left. */
  onSent(): void {
    if (this.owed && this.quick > 0 && --this.quick === 0) this.interval = LEAST_DELAY;
    this.owed = false;
    this.pushes = 0;
    this.read = 0;
  }

  /** Data left: an answer, if something has just arrived. */
  onDataSent(now: number): void {
    if (this.interval > 0 && now - this.arrivedAt < this.interval) this.interactive = true;
  }

  /** The handshake ends with data. @param window bytes on offer */
  onAnswered(window: number, now: number): void {
    this.interval = LEAST_DELAY;
    this.arrivedAt = now;
    this.hurry(window);
  }

  /** The application took `bytes`. @returns whether what it read is to be acknowledged now */
  onRead(bytes: number, isEmpty: boolean, unacknowledged: number): boolean {
    this.read += bytes;
    if (!this.owed) return false;
    if (unacknowledged > this.segment) return true;
    return isEmpty && (this.pushes > 1 || (this.pushes > 0 && !this.interactive));
  }

  /** The next segments are acknowledged at once, or as late as may be, whatever the application does. */
  setQuick(enable: boolean): void {
    this.interactive = !enable;
    this.quick = enable ? MOST_QUICK : 0;
    if (enable) this.interval = LEAST_DELAY;
  }

  /** A segment of `length` bytes shows how large the peer's are. */
  measure(length: number, push: boolean, largest: number): void {
    const { odd } = this;
    this.odd = 0;
    if (length >= this.segment) {
      this.segment = Math.min(length, largest);
      if (push) this.pushes = Math.max(1, this.pushes);
      return;
    }
    if (length >= USUAL_SEGMENT - OPTIONS || (length >= SMALLEST_SEGMENT && !push)) {
      this.odd = length;
      if (length === odd) {
        this.segment = length;
        return;
      }
    }
    this.pushes = Math.min(2, this.pushes + 1);
  }

  private hurry(window: number): void {
    const segments = Math.max(2, Math.floor(window / (2 * this.segment)));
    this.quick = Math.max(this.quick, Math.min(segments, MOST_QUICK));
  }
}

const LEAST_DELAY = 40 * MILLISECOND;
const LONGEST_DELAY = 200 * MILLISECOND;
const MOST_QUICK = 16;
const USUAL_SEGMENT = 536;
const SMALLEST_SEGMENT = 88;
/** Octets of options that a segment of the usual size may have lost to them. */
const OPTIONS = 12;
