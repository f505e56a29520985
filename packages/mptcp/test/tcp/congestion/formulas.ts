import type { AckEvent } from "../../../src/tcp/congestion/control.ts";

// The formulas of the RFCs, written down once more from their text, in their units: windows in bytes for RFC 5681, 3465, 8257 and 6356, in segments and seconds for
// RFC 9438 and RFC 9406.

/** RFC 5681 §3.1 with RFC 3465 (L = 2, and 1 after a timeout). */
export class RenoFormula {
  cwnd: number;
  ssthresh: number;
  protected bytesAcked = 0;
  private afterTimeout = false;
  protected readonly smss: number;

  constructor(cwnd: number, ssthresh: number, smss: number) {
    this.cwnd = cwnd;
    this.ssthresh = ssthresh;
    this.smss = smss;
  }

  ack(acked: number): void {
    let left = acked;
    if (this.cwnd < this.ssthresh) {
      const increase = Math.min(acked, (this.afterTimeout ? 1 : 2) * this.smss);
      if (this.cwnd + increase < this.ssthresh) {
        this.cwnd += increase;
        return;
      }
      left = this.cwnd + increase - this.ssthresh;
      this.cwnd = this.ssthresh;
      this.afterTimeout = false;
    }
    if (left > 0) this.avoid(left);
  }

  /** RFC 3465 §2.1. */
  protected avoid(acked: number): void {
    this.bytesAcked += acked;
    while (this.bytesAcked >= this.cwnd) {
      this.bytesAcked -= this.cwnd;
      this.cwnd += this.smss;
    }
  }

  /** Equation 4. */
  loss(flightSize: number): void {
    const left = Math.max(Math.floor(flightSize / 2), 2 * this.smss);
    // No loss makes a window larger.
    this.ssthresh = left < this.cwnd ? left : Math.max(Math.floor(this.cwnd / 2), 2 * this.smss);
    this.cwnd = this.ssthresh;
    this.bytesAcked = 0;
  }

  timeout(flightSize: number, isFirst: boolean): void {
    if (isFirst) this.ssthresh = Math.max(Math.floor(flightSize / 2), 2 * this.smss);
    this.cwnd = this.smss;
    this.bytesAcked = 0;
    this.afterTimeout = true;
  }
}

/** RFC 9438, in segments and seconds, from the end of a slow start on. */
export class CubicFormula {
  cwnd: number;
  ssthresh: number;
  private wMax = 0;
  private cwndPrior = 0;
  private wEst = 0;
  private tEpoch = -1;
  private k = 0;
  private flat = true;
  private afterTimeout = false;

  constructor(cwnd: number) {
    this.cwnd = cwnd;
    this.ssthresh = cwnd;
  }

  /** §4.2 equation 1. */
  wCubic(t: number): number {
    return 0.4 * (t - this.k) ** 3 + this.wMax;
  }

  ack(segments: number, now: number, rtt: number): void {
    let left = segments;
    if (this.cwnd < this.ssthresh) {
      // RFC 3465 §2.3: L is 1 after a timeout.
      const grown = this.cwnd + (this.afterTimeout ? Math.min(segments, 1) : segments);
      if (grown < this.ssthresh) {
        this.cwnd = grown;
        return;
      }
      left = grown - this.ssthresh;
      this.cwnd = this.ssthresh;
      this.afterTimeout = false;
      if (left <= 0) return;
    }
    if (this.tEpoch < 0) this.begin(now);
    const t = now - this.tEpoch;
    // §4.3 equation 4, with alpha 1 once W_est has reached cwnd_prior.
    const alpha = this.wEst >= this.cwndPrior ? 1 : (3 * (1 - 0.7)) / (1 + 0.7);
    this.wEst += (alpha * left) / this.cwnd;
    // §4.2: between cwnd and 1.5 cwnd.
    const target = Math.min(Math.max(this.wCubic(t + rtt), this.cwnd), 1.5 * this.cwnd);
    // §4.4, §4.5: (target - cwnd) / cwnd for each segment.
    this.cwnd = Math.max(this.cwnd + (left * (target - this.cwnd)) / this.cwnd, this.wEst);
  }

  /** §4.6 and §4.7. */
  loss(): void {
    this.remember();
    this.cwnd = this.ssthresh = Math.max(this.cwnd * 0.7, 2);
    this.flat = false;
  }

  /** §4.8: what follows starts with K = 0. */
  timeout(): void {
    this.remember();
    this.ssthresh = Math.max(this.cwnd * 0.7, 2);
    this.cwnd = 1;
    this.flat = this.afterTimeout = true;
  }

  private remember(): void {
    this.cwndPrior = this.cwnd;
    this.wMax = this.cwnd < this.wMax ? (this.cwnd * (1 + 0.7)) / 2 : this.cwnd;
    this.tEpoch = -1;
  }

  private begin(now: number): void {
    this.tEpoch = now;
    this.wEst = this.cwnd;
    if (this.cwndPrior === 0) this.cwndPrior = this.cwnd;
    if (this.flat || this.cwnd >= this.wMax) {
      this.k = 0;
      this.wMax = this.cwnd;
    } else this.k = Math.cbrt((this.wMax - this.cwnd) / 0.4);
    this.flat = false;
  }
}

/** RFC 9406 §4.2, with sequence numbers; paced, so that L is infinite. Windows in bytes, times in ms. */
export class HyStartFormula {
  cwnd: number;
  ssthresh = Number.POSITIVE_INFINITY;
  private una = 0;
  private windowEnd = -1;
  private lastRoundMinRtt = Number.POSITIVE_INFINITY;
  private currentRoundMinRtt = Number.POSITIVE_INFINITY;
  private rttSampleCount = 0;
  private cssBaselineMinRtt = Number.POSITIVE_INFINITY;
  private inCss = false;
  private cssRounds = 0;

  constructor(cwnd: number) {
    this.cwnd = cwnd;
  }

  /** @param nxt SND.NXT when the ACK came */
  ack(acked: number, nxt: number, rtt: number): void {
    this.una += acked;
    this.cwnd += this.inCss ? Math.ceil(acked / 4) : acked;
    let isOver = false;
    if (this.una > this.windowEnd) {
      this.windowEnd = nxt;
      this.lastRoundMinRtt = this.currentRoundMinRtt;
      this.currentRoundMinRtt = Number.POSITIVE_INFINITY;
      this.rttSampleCount = 0;
      if (this.inCss) isOver = ++this.cssRounds >= 5;
    }
    this.currentRoundMinRtt = Math.min(this.currentRoundMinRtt, rtt);
    this.rttSampleCount++;
    if (this.rttSampleCount >= 8 && !this.inCss && this.lastRoundMinRtt !== Number.POSITIVE_INFINITY) {
      const threshold = Math.max(4, Math.min(this.lastRoundMinRtt / 8, 16));
      if (this.currentRoundMinRtt >= this.lastRoundMinRtt + threshold) {
        this.cssBaselineMinRtt = this.currentRoundMinRtt;
        this.inCss = true;
        this.cssRounds = 0;
      }
    } else if (this.rttSampleCount >= 8 && this.inCss && this.currentRoundMinRtt < this.cssBaselineMinRtt) this.inCss = false;
    if (isOver) this.ssthresh = this.cwnd;
  }
}

/** RFC 8257 §3.3, steps 1 to 9. */
export class DctcpFormula extends RenoFormula {
  alpha = 1;
  private windowEnd = 0;
  private ackedInWindow = 0;
  private marked = 0;
  private readonly g = 1 / 16;

  feedback(acked: number, marked: number, una: number, nxt: number, isFirst: boolean, window: number): void {
    this.ackedInWindow += acked;
    this.marked += marked;
    if (una > this.windowEnd) {
      if (this.ackedInWindow > 0) this.alpha = this.alpha * (1 - this.g) + this.g * (this.marked / this.ackedInWindow);
      this.windowEnd = nxt;
      this.ackedInWindow = 0;
      this.marked = 0;
    }
    // Step 9: cwnd = cwnd * (1 - DCTCP.Alpha / 2), once per window of data.
    if (isFirst) this.cwnd = this.ssthresh = Math.max(Math.floor(Math.min(this.cwnd, window) * (1 - this.alpha / 2)), 2 * this.smss);
  }
}

/** RFC 6356 §3 (1) and (2): by how many bytes an ACK lets the window of one subflow grow. Windows in bytes. */
export function linkedIncrease(acked: number, own: number, smss: number, windows: readonly number[], rtts: readonly number[]): number {
  let total = 0;
  let best = 0;
  let sum = 0;
  windows.forEach((window, i) => {
    const rtt = rtts[i] as number;
    total += window;
    best = Math.max(best, window / rtt ** 2);
    sum += window / rtt;
  });
  const alpha = (total * best) / sum ** 2;
  return Math.min((alpha * acked * smss) / total, (acked * smss) / own);
}

/** What a run of random events is made of. */
export type Step =
  | { readonly kind: "acks"; readonly sizes: readonly number[]; readonly fields?: Partial<AckEvent> }
  | { readonly kind: "loss"; readonly share: number }
  | { readonly kind: "timeout"; readonly consecutive: number };
