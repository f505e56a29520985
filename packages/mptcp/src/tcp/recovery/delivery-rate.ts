import { SECOND } from "../../core/index.ts";
import type { CongestionControl, LostSegment, RateSample, SentEvent } from "../congestion/control.ts";
import type { SentSegment } from "../sending/sent-segment.ts";

/** What was known at the moment of a transmission: the per-packet state of draft-ietf-ccwg-bbr, "Per-packet (P) state". */
export class TransmissionStamp {
  /** The transmission that it is about, see {@link SentSegment.serial}; -1: none. */
  serial = -1;
  /** Bytes delivered before it, and when that last changed, ns. */
  delivered = 0;
  deliveredAt = 0;
  /** Time of sending of what was then the newest delivered, ns. */
  firstSentAt = 0;
  /** Bytes lost before it. */
  lost = 0;
  /** Bytes in flight with it. */
  inFlight = 0;
  appLimited = false;

  /** Takes what another one says. */
  copy(other: TransmissionStamp): void {
    this.serial = other.serial;
    this.delivered = other.delivered;
    this.deliveredAt = other.deliveredAt;
    this.firstSentAt = other.firstSentAt;
    this.lost = other.lost;
    this.inFlight = other.inFlight;
    this.appLimited = other.appLimited;
  }
}

/**
 * Measures the rate of delivery of one connection (draft-ietf-ccwg-bbr, "Delivery Rate Samples"), for a controller that wants it. The stamps
 * are kept with the sent segments, and used again with them.
 */
export class DeliveryRate {
  /** Who hears of it. */
  control: CongestionControl;
  /** Bytes delivered, and bytes deemed lost, so far. */
  private delivered = 0;
  private lost = 0;
  /** When `delivered` last changed, ns. */
  private deliveredAt: number;
  /** Time of sending of the newest delivered, or of what was sent after an idle time, ns. */
  private firstSentAt: number;
  /** Once so many bytes are delivered, the application's gap has left the path; 0: there is none. */
  private appLimitedUntil = 0;
  /** What was known at the sending of the newest segment that the present ACK delivers, and when that was, ns. */
  private readonly newest = new TransmissionStamp();
  private newestSentAt = 0;
  /** The newest rate, bytes per second (-1: none yet), and whether the application had nothing to send at some time. */
  latestRate = -1;
  isLatestLimited = false;
  /** `lost` before the present ACK. */
  private priorLost = 0;

  /** @param now the measurement begins, perhaps with segments in flight that it knows nothing of */
  constructor(control: CongestionControl, now: number) {
    this.control = control;
    this.deliveredAt = this.firstSentAt = now;
  }

  /** A segment leaves for the first time. @param inFlight bytes in flight with it */
  onFirstSent(record: SentSegment, inFlight: number, now: number): void {
    this.onSent(record, inFlight - record.length, inFlight, now);
  }

  /** A segment leaves. @param prior bytes in flight before @param inFlight with it */
  onSent(record: SentSegment, prior: number, inFlight: number, now: number): void {
    // Nothing in flight: the network's work on what follows begins now.
    if (prior <= 0) this.firstSentAt = this.deliveredAt = now;
    const stamp = (record.stamp ??= new TransmissionStamp());
    stamp.serial = record.serial;
    stamp.delivered = this.delivered;
    stamp.deliveredAt = this.deliveredAt;
    stamp.firstSentAt = this.firstSentAt;
    stamp.lost = this.lost;
    stamp.inFlight = inFlight;
    stamp.appLimited = this.appLimitedUntil > 0;
    const event = SENT_EVENT;
    event.bytes = record.length;
    event.inFlight = inFlight;
    event.appLimited = stamp.appLimited;
    event.retransmission = record.retransmitted;
    event.now = now;
    this.control.onSent(event);
  }

  /** There was room to send, and nothing to be sent. */
  onApplicationLimited(inFlight: number): void {
    this.appLimitedUntil = Math.max(this.delivered + inFlight, 1);
  }

  /** An ACK is about to be processed. */
  begin(): void {
    this.newest.serial = -1;
    this.priorLost = this.lost;
  }

  /** A segment arrived at the peer. Of the ones that an ACK delivers the last that was sent gives the sample. */
  onDelivered(record: SentSegment): void {
    const { newest } = this;
    const stamp = record.stamp;
    if (record.serial <= newest.serial || stamp === null || stamp.serial !== record.serial) return;
    newest.copy(stamp);
    this.newestSentAt = record.sentAt;
  }

  /** A segment is deemed lost. */
  onLost(record: SentSegment): void {
    this.lost += record.length;
    const stamp = record.stamp;
    if (stamp === null || stamp.serial !== record.serial) return;
    const event = LOST_SEGMENT;
    event.bytes = record.length;
    event.lost = this.lost - stamp.lost;
    event.inFlightThen = stamp.inFlight;
    event.appLimited = stamp.appLimited;
    event.totalDelivered = this.delivered;
    this.control.onSegmentLost(event);
  }

  /**
   * An ACK was processed.
   * @param bytes newly delivered
   * @param inFlight after it
   * @param minRtt a shorter interval gives no rate, ns: the ACK was that of an earlier transmission
   * @returns the sample, which is reused; null when the ACK neither delivered anything nor showed a loss
   */
  finish(bytes: number, inFlight: number, minRtt: number, now: number): RateSample | null {
    const sample = RATE_SAMPLE;
    if (bytes > 0) {
      this.delivered += bytes;
      this.deliveredAt = now;
    } else if (this.lost === this.priorLost) return null;
    if (this.appLimitedUntil > 0 && this.delivered > this.appLimitedUntil) this.appLimitedUntil = 0;
    sample.newlyDelivered = bytes;
    sample.newlyLost = this.lost - this.priorLost;
    sample.totalDelivered = this.delivered;
    sample.inFlight = inFlight;
    sample.hasRate = false;
    sample.rate = 0;
    sample.interval = 0;
    sample.delivered = 0;
    const { newest } = this;
    if (newest.serial < 0) {
      sample.priorDelivered = 0;
      sample.appLimited = this.appLimitedUntil > 0;
      sample.lost = 0;
      sample.inFlightThen = 0;
      return sample;
    }
    sample.priorDelivered = newest.delivered;
    sample.appLimited = newest.appLimited;
    sample.lost = this.lost - newest.lost;
    sample.inFlightThen = newest.inFlight;
    const interval = Math.max(this.newestSentAt - newest.firstSentAt, now - newest.deliveredAt);
    this.firstSentAt = this.newestSentAt;
    sample.delivered = this.delivered - newest.delivered;
    if (interval <= 0 || interval < minRtt) return sample;
    sample.interval = interval;
    sample.hasRate = true;
    sample.rate = (sample.delivered * SECOND) / interval;
    this.latestRate = sample.rate;
    this.isLatestLimited = sample.appLimited;
    return sample;
  }
}

// What controllers are told, filled for one call at a time.
const SENT_EVENT: SentEvent = { bytes: 0, inFlight: 0, appLimited: false, retransmission: false, now: 0 };
const LOST_SEGMENT: LostSegment = { bytes: 0, lost: 0, inFlightThen: 0, appLimited: false, totalDelivered: 0 };
const RATE_SAMPLE: RateSample = {
  hasRate: false, rate: 0, delivered: 0, interval: 0, priorDelivered: 0, totalDelivered: 0, appLimited: false,
  newlyDelivered: 0, newlyLost: 0, lost: 0, inFlightThen: 0, inFlight: 0,
};
