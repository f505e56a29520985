import { booleanFrom, MILLISECOND, numberFrom, plainNumber } from "../../core/index.ts";
import type { PlainObject } from "../../core/index.ts";
import type { AckEvent } from "./control.ts";

/**
 * HyStart++ (RFC 9406): ends the first slow start when the round-trip time rises, before the queue overflows. A rise first leads
 * into conservative slow start, which grows a quarter as fast; if the rise was mere jitter, slow start resumes.
 *
 * A train of ACKs that is half a round trip long ends it as well, as in the HyStart that came before (Ha and Rhee, 2011) and is Linux's.
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
  /** Bytes of this round still to be acknowledged; 0 before the first. */
  private remaining: number;
  /** When the round began, and when the last ACK came that followed without a gap, ns. */
  private trainStart: number;
  private trainEnd: number;
  /** What leaves is not paced, which would spread the ACKs of any window over the round trip. */
  private readonly seesTrains: boolean;
  /** A delay ends slow start at once, see {@link CubicParameters.delayEndsSlowStart}. */
  private readonly endsAtOnce: boolean;

  constructor(isPaced: boolean, endsAtOnce: boolean) {
    this.seesTrains = !isPaced;
    this.endsAtOnce = endsAtOnce;
    this.trainStart = 0;
    this.trainEnd = 0;
    this.conservative = false;
    this.lastRoundMinRtt = Number.POSITIVE_INFINITY;
    this.currentRoundMinRtt = Number.POSITIVE_INFINITY;
    this.samples = 0;
    this.baseline = Number.POSITIVE_INFINITY;
    this.rounds = 0;
    this.remaining = 0;
  }

  /** From what {@link HyStart.snapshot} kept. @throws MptcpError ERR_MPTCP_STATE */
  static restored(state: PlainObject, isPaced: boolean, endsAtOnce: boolean, now: number): HyStart {
    const hystart = new HyStart(isPaced, endsAtOnce);
    hystart.trainStart = now - numberFrom(state, "sinceTrainStart");
    hystart.trainEnd = now - numberFrom(state, "sinceTrainEnd");
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
  snapshot(now: number): PlainObject {
    const { conservative, samples, rounds, remaining } = this;
    return {
      sinceTrainStart: now - this.trainStart,
      sinceTrainEnd: now - this.trainEnd,
      conservative,
      lastRoundMinRtt: plainNumber(this.lastRoundMinRtt),
      currentRoundMinRtt: plainNumber(this.currentRoundMinRtt),
      samples,
      baseline: plainNumber(this.baseline),
      rounds,
      remaining,
    };
  }

  /** Follows one acknowledgment of the first slow start. @param segments in the window @returns whether slow start is over: set ssthresh to cwnd */
  onAck(ack: AckEvent, segments: number): boolean {
    // A round begins with the first ACK beyond the one before, which is that of a window's first segment. If it began with the last ACK of the one before, what
    // that ACK lets out would be left over, and twice as much each time, until a round began in the middle of a window, where the queue is longest.
    const isOver = ack.acked > this.remaining && this.startRound(ack);
    if (ack.latestRtt > 0) {
      this.currentRoundMinRtt = Math.min(this.currentRoundMinRtt, ack.latestRtt);
      this.samples++;
    }
    const isLate = this.endsAtOnce && this.isDelayed(ack.minRtt, segments);
    if (!this.endsAtOnce && this.samples >= SAMPLES) this.judge();
    this.remaining -= ack.acked;
    return this.isTrainLong(ack, segments) || isLate || isOver;
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

  /** As in Linux: whether more than eight samples of a round are all longer than the least of the connection, by the measure of RFC 9406 §4.2. */
  private isDelayed(minRtt: number, segments: number): boolean {
    const threshold = Math.max(MIN_RTT_THRESHOLD, Math.min(minRtt / RTT_DIVISOR, MAX_RTT_THRESHOLD));
    return segments >= LEAST_TRAIN && this.samples > SAMPLES && this.currentRoundMinRtt > minRtt + threshold;
  }

  /**
   * Whether ACKs have followed each other for half of a round trip: the path delivers so many segments in that time, and the window is as much as it holds.
   * RFC 9406 leaves that out for paths that hold ACKs back; the minimum of a round trip alone sees a queue only once it does not drain in one, when the window is
   * twice what the path holds.
   */
  private isTrainLong({ cwndLimited, minRtt, now }: AckEvent, segments: number): boolean {
    if (now - this.trainEnd > LONGEST_GAP) return false;
    this.trainEnd = now;
    return this.seesTrains && cwndLimited && segments >= LEAST_TRAIN && minRtt > 0 && now - this.trainStart > minRtt / 2;
  }

  private startRound(ack: AckEvent): boolean {
    this.remaining = ack.priorInFlight;
    this.trainStart = this.trainEnd = ack.now;
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

/** As Linux: ACKs that follow each other within so long are of one train, which counts from a window of so many segments on. */
const LONGEST_GAP = 2 * MILLISECOND;
const LEAST_TRAIN = 16;
