import { booleanFrom, MILLISECOND, numberFrom, plainNumber } from "../../core/index.ts";
import type { PlainObject } from "../../core/index.ts";
import type { AckEvent } from "./control.ts";

/**
 * HyStart++ (RFC 9406): ends the first slow start when the round-trip time rises, before the queue overflows. A rise first leads
 * into conservative slow start, which grows a quarter as fast; if the rise was mere jitter, slow start resumes.
 *
 * RFC 9406 counts rounds by sequence numbers; here a round lasts until the bytes in flight at its start are acknowledged, which is the same.
 */
export class HyStart {
  /** Whether conservative slow start is on: grow by 1 / {@link HYSTART_GROWTH_DIVISOR}. */
  conservative: boolean;
  private lastRoundMinRtt: number;
  private currentRoundMinRtt: number;
  private samples: number;
  /** Smallest RTT of the round in which conservative slow start began, ns. */
  private baseline: number;
  /** Rounds of conservative slow start, the one that it began in included. */
  private rounds: number;
  /** Bytes of this round still to be acknowledged; 0 when a round is to begin. */
  private remaining: number;

  constructor() {
    this.conservative = false;
    this.lastRoundMinRtt = Number.POSITIVE_INFINITY;
    this.currentRoundMinRtt = Number.POSITIVE_INFINITY;
    this.samples = 0;
    this.baseline = Number.POSITIVE_INFINITY;
    this.rounds = 0;
    this.remaining = 0;
  }

  /** From what {@link HyStart.snapshot} kept. @throws MptcpError ERR_MPTCP_STATE */
  static restored(state: PlainObject): HyStart {
    const hystart = new HyStart();
    hystart.conservative = booleanFrom(state, "conservative");
    hystart.lastRoundMinRtt = numberFrom(state, "lastRoundMinRtt");
    hystart.currentRoundMinRtt = numberFrom(state, "currentRoundMinRtt");
    hystart.samples = numberFrom(state, "samples");
    hystart.baseline = numberFrom(state, "baseline");
    hystart.rounds = numberFrom(state, "rounds");
    hystart.remaining = numberFrom(state, "remaining");
    return hystart;
  }

  /** All that it remembers. */
  snapshot(): PlainObject {
    const { conservative, samples, rounds, remaining } = this;
    return {
      conservative,
      lastRoundMinRtt: plainNumber(this.lastRoundMinRtt),
      currentRoundMinRtt: plainNumber(this.currentRoundMinRtt),
      samples,
      baseline: plainNumber(this.baseline),
      rounds,
      remaining,
    };
  }

  /** Follows one acknowledgment of the first slow start. @returns whether slow start is over: set ssthresh to cwnd */
  onAck(ack: AckEvent): boolean {
    if (this.remaining <= 0) this.remaining = ack.priorInFlight;
    if (ack.latestRtt > 0) {
      this.currentRoundMinRtt = Math.min(this.currentRoundMinRtt, ack.latestRtt);
      this.samples++;
    }
    if (this.samples >= SAMPLES) this.judge();
    this.remaining -= ack.acked;
    return this.remaining <= 0 && this.endRound(ack);
  }

  /** RFC 9406 §4.2: a rise enters conservative slow start, a fall below where it began leaves it. */
  private judge(): void {
    if (this.conservative) {
      if (this.currentRoundMinRtt < this.baseline) this.conservative = false;
      return;
    }
    const threshold = Math.max(MIN_RTT_THRESHOLD, Math.min(this.lastRoundMinRtt / RTT_DIVISOR, MAX_RTT_THRESHOLD));
    // Before the second round lastRoundMinRtt is infinite and the condition false.
    if (this.currentRoundMinRtt >= this.lastRoundMinRtt + threshold) {
      this.baseline = this.currentRoundMinRtt;
      this.conservative = true;
      this.rounds = 0;
    }
  }

  private endRound(ack: AckEvent): boolean {
    this.remaining = Math.max(ack.priorInFlight - ack.acked, 0);
    this.lastRoundMinRtt = this.currentRoundMinRtt;
    this.currentRoundMinRtt = Number.POSITIVE_INFINITY;
    this.samples = 0;
    // RFC 9406 §4.2: a round in which conservative slow start began counts as a whole one.
    return this.conservative && ++this.rounds >= CONSERVATIVE_ROUNDS;
  }
}

/** CSS_GROWTH_DIVISOR of RFC 9406 §4.3. */
export const HYSTART_GROWTH_DIVISOR = 4;
/** RFC 9406 §4.3: L of a sender that is not paced, in segments. */
export const HYSTART_LIMIT = 8;

/** RFC 9406 §4.3: MIN_RTT_THRESH, MAX_RTT_THRESH, MIN_RTT_DIVISOR, N_RTT_SAMPLE and CSS_ROUNDS. */
const MIN_RTT_THRESHOLD = 4 * MILLISECOND;
const MAX_RTT_THRESHOLD = 16 * MILLISECOND;
const RTT_DIVISOR = 8;
const SAMPLES = 8;
const CONSERVATIVE_ROUNDS = 5;
