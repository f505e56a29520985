import { SECOND } from "../../core/index.ts";

/** Round-trip time and retransmission timeout of one connection (RFC 6298, with the sampling advice of RFC 7323 §4.2). */
export class RttEstimator {
  /** Smoothed round-trip time, ns; 0 before the first sample. */
  srtt = 0;
  /** Round-trip time variation, ns. */
  variation = 0;
  /** The newest sample, ns; 0 before the first. */
  latest = 0;
  /** Retransmission timeout without backoff, ns. */
  rto: number;
  /** Samples taken so far. */
  samples = 0;
  /** What the smoothed time and its variation were before the last series of timeouts, ns; since when a sample begins them anew, ns; -1: none does. */
  private priorSrtt = 0;
  private priorVariation = 0;
  private adaptsFrom = -1;
  private readonly smallest = new WindowedMinimum();
  private readonly minRto: number;
  private readonly maxRto: number;
  private readonly granularity: number;

  /** @param granularity what the RTO exceeds the smoothed round-trip time by at the least, ns (G of RFC 6298 §2.3) */
  constructor(initialRto: number, minRto: number, maxRto: number, granularity = 0) {
    this.rto = initialRto;
    this.minRto = minRto;
    this.maxRto = maxRto;
    this.granularity = granularity;
  }

  /** The smallest recent sample, ns; 0 before the first. */
  get min(): number {
    return this.smallest.value;
  }

  /**
   * Takes a sample of a segment that was sent once, or is known by its timestamp (Karn's rule, RFC 6298 §3).
   * @param rtt ns
   * @param perRound samples expected per round trip: what one counts for shrinks by it
   */
  sample(rtt: number, perRound: number, now: number): void {
    this.latest = rtt;
    this.samples++;
    this.smallest.update(rtt, now);
    if (this.adaptsFrom >= 0 && now - rtt >= this.adaptsFrom) {
      // RFC 4015 §3.1 step 11.
      this.adaptsFrom = -1;
      this.srtt = rtt > this.priorSrtt ? rtt : this.priorSrtt;
      this.variation = rtt / 2 > this.priorVariation ? rtt / 2 : this.priorVariation;
    } else if (this.srtt === 0) {
      // RFC 6298 §2.2
      this.srtt = rtt < 1 ? 1 : rtt;
      this.variation = rtt / 2;
    } else {
      // RFC 6298 §2.3; RFC 7323 §4.2 and appendix G: the gains are meant for one sample per round trip.
      const n = perRound < 1 ? 1 : perRound;
      const error = this.srtt > rtt ? this.srtt - rtt : rtt - this.srtt;
      this.variation += (error - this.variation) / (4 * n);
      this.srtt += (rtt - this.srtt) / (8 * n);
    }
    const rto = this.srtt + Math.max(this.granularity, 4 * this.variation);
    this.rto = rto < this.minRto ? this.minRto : rto > this.maxRto ? this.maxRto : rto;
  }

  /** The first timeout of a series (RFC 4015 §3.1 step 0). */
  onTimeout(): void {
    this.priorSrtt = this.srtt + 2 * this.granularity;
    this.priorVariation = this.variation;
  }

  /** It was for nothing: the path may have become another, so that what is sent from now on measures it afresh (RFC 4015 §3.6). */
  onSpuriousTimeout(now: number): void {
    this.adaptsFrom = now;
  }
}

/** The minimum over the last five minutes, kept with three samples (Kathleen Nichols' filter). */
export class WindowedMinimum {
  /** 0 before the first update. */
  value = 0;
  private at = 0;
  private second = 0;
  private secondAt = 0;
  private third = 0;
  private thirdAt = 0;

  update(value: number, now: number): void {
    if (this.value === 0 || value <= this.value || now - this.thirdAt > MIN_RTT_WINDOW) {
      this.value = this.second = this.third = value;
      this.at = this.secondAt = this.thirdAt = now;
      return;
    }
    if (value <= this.second) {
      this.second = this.third = value;
      this.secondAt = this.thirdAt = now;
    } else if (value <= this.third) {
      this.third = value;
      this.thirdAt = now;
    }
    this.age(value, now);
  }

  /** Lets the best sample go when it left the window, and spreads the others over it. */
  private age(value: number, now: number): void {
    const age = now - this.at;
    if (age > MIN_RTT_WINDOW) {
      this.shift(value, now);
      if (now - this.at > MIN_RTT_WINDOW) this.shift(value, now);
    } else if (this.secondAt === this.at && age > MIN_RTT_WINDOW / 4) {
      this.second = this.third = value;
      this.secondAt = this.thirdAt = now;
    } else if (this.thirdAt === this.secondAt && age > MIN_RTT_WINDOW / 2) {
      this.third = value;
      this.thirdAt = now;
    }
  }

  private shift(value: number, now: number): void {
    this.value = this.second;
    this.at = this.secondAt;
    this.second = this.third;
    this.secondAt = this.thirdAt;
    this.third = value;
    this.thirdAt = now;
  }
}

const MIN_RTT_WINDOW = 300 * SECOND;
