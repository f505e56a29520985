import type { Deadlines, GiveUpReason } from "../../core/index.ts";
import { NEVER } from "../../core/index.ts";
import { DEADLINE } from "../deadlines.ts";

/** What the patience asks of the connection around it. */
export interface PatienceContext {
  readonly subflows: readonly PatienceSubflow[];
  readonly sender: PatienceSender;
  readonly receiver: { readonly finReached: boolean };
  readonly deadlines: Deadlines;
  readonly patienceLimits: PatienceLimits;
  /** Nobody waits for the connection any more. @returns false when the host has too many of those */
  orphaned(): boolean;
}

/** The limits of TcpConfig that hold for the connection; see there. */
export interface PatienceLimits {
  readonly retries: number;
  readonly minRto: number;
  readonly maxRto: number;
  readonly userTimeout: number;
  readonly silenceTimeout: number;
  readonly orphanTimeout: number;
}

/** A subflow as the patience sees it. */
export interface PatienceSubflow {
  readonly established: boolean;
  /** When anything last came from the peer, ns; -1: never. */
  readonly heardAt: number;
  /** Retransmission timeout without backoff, ns. */
  readonly baseRto: number;
  /** What it carries and its own TCP repeats. */
  readonly sent: { readonly size: number };
}

/** The sending half as the patience sees it. */
export interface PatienceSender {
  /** Whether the peer owes a Data ACK: for data that was written, or for the DATA_FIN. */
  readonly isOwed: boolean;
  readonly finQueued: boolean;
  readonly una: number;
  readonly sentEnd: number;
  /** When a Data ACK last acknowledged something new, ns; -1: never. */
  readonly advancedAt: number;
}

/**
 * How long a connection waits for a peer that does not answer. Each subflow's TCP counts its own retransmissions; here it is about what no
 * TCP counts: a DATA_FIN, a probe of a closed window, data that TCP acknowledged and no Data ACK covers. The limits are times:
 *
 * - nothing was heard on any subflow for as long as `retries` repetitions with growing intervals take, at the most `silenceTimeout`;
 * - the peer speaks, and for `silenceTimeout` no Data ACK covers what was sent;
 * - no Data ACK covered anything new for `userTimeout` (RFC 5482 §3.3);
 * - an orphan, which no application waits for, made no progress for `orphanTimeout`.
 *
 * A peer that answers and keeps its window closed is waited for without end (RFC 9293 §3.8.6.1), but by an orphan.
 */
export class Patience {
  private readonly context: PatienceContext;
  /** The soonest that any limit can be reached, ns from the start. */
  private soonest: number;
  /** When the peer began to owe an answer, ns. */
  private owedSince = 0;
  /** What subflows that are gone had heard, ns; -1: nothing. */
  private heardBefore = -1;
  private isAbandoned = false;
  /** Since when nobody waits for the connection, ns; -1: somebody does. */
  private orphanedAt = -1;
  private isRefused = false;

  constructor(context: PatienceContext) {
    this.context = context;
    this.soonest = soonestOf(context.patienceLimits);
  }

  /** The limits are others from now on. What the peer owes is looked at anew. */
  onLimits(now: number): void {
    const { deadlines, patienceLimits } = this.context;
    this.soonest = soonestOf(patienceLimits);
    if (deadlines.has(DEADLINE.giveUp)) deadlines.set(DEADLINE.giveUp, Math.min(deadlines.at(DEADLINE.giveUp), now + this.soonest));
  }

  /** Whether the application is gone. */
  get abandoned(): boolean {
    return this.isAbandoned;
  }

  /** The application is gone: it neither reads nor waits any more. */
  abandon(): void {
    this.isAbandoned = true;
  }

  onSubflowGone(subflow: PatienceSubflow): void {
    this.heardBefore = Math.max(this.heardBefore, subflow.heardAt);
  }

  /** Something may have changed: begins to wait when the peer owes an answer, and stops when it has given it. */
  watch(now: number): void {
    const { deadlines, sender, receiver } = this.context;
    if (this.orphanedAt < 0 && (this.isAbandoned || (sender.finQueued && receiver.finReached))) {
      // With both ends reached the application can get nothing any more.
      this.orphanedAt = now;
      this.isRefused = !this.context.orphaned();
      if (this.isRefused) deadlines.set(DEADLINE.giveUp, now);
      else deadlines.set(DEADLINE.giveUp, Math.min(deadlines.at(DEADLINE.giveUp), now + this.context.patienceLimits.orphanTimeout));
      return;
    }
    if (sender.isOwed || this.orphanedAt >= 0) {
      if (deadlines.has(DEADLINE.giveUp)) return;
      this.owedSince = now;
      deadlines.set(DEADLINE.giveUp, now + this.soonest);
    } else if (deadlines.has(DEADLINE.giveUp)) deadlines.clear(DEADLINE.giveUp);
  }

  /** Why the connection is to be given up now; null while there is hope. */
  handleTimeout(now: number): GiveUpReason | null {
    const { deadlines } = this.context;
    if (!deadlines.take(DEADLINE.giveUp, now)) return null;
    if (this.isRefused) return "too_many_orphans";
    const { at, reason } = this.end();
    if (now >= at) return reason;
    deadlines.set(DEADLINE.giveUp, at);
    return null;
  }

  /** Which limit is reached first, and when, if nothing happens until then. */
  private end(): { readonly at: number; readonly reason: GiveUpReason } {
    const { patienceLimits: limits, sender, subflows } = this.context;
    let at = NEVER;
    let reason: GiveUpReason = "peer_silent";
    const consider = (time: number, why: GiveUpReason): void => {
      if (time >= at) return;
      at = time;
      reason = why;
    };
    if (this.orphanedAt >= 0) consider(Math.max(this.orphanedAt, sender.advancedAt) + limits.orphanTimeout, "orphan");
    if (!sender.isOwed) return { at, reason };
    const progress = Math.max(this.owedSince, sender.advancedAt);
    if (limits.userTimeout > 0) consider(progress + limits.userTimeout, "user_timeout");
    let heard = Math.max(this.owedSince, this.heardBefore);
    let rto = 0;
    let isCarried = false;
    for (const subflow of subflows) {
      heard = Math.max(heard, subflow.heardAt);
      if (subflow.established) rto = Math.max(rto, subflow.baseRto);
      isCarried ||= subflow.sent.size > 0;
    }
    // What a subflow carries is counted by its TCP; and without a subflow there is nothing to repeat.
    const repetitions = isCarried || rto === 0 ? NEVER : timeOf(limits.retries, rto, limits.maxRto);
    consider(heard + Math.min(limits.silenceTimeout, repetitions), "peer_silent");
    if (sender.una < sender.sentEnd) consider(progress + limits.silenceTimeout, "data_unacknowledged");
    return { at, reason };
  }
}

function soonestOf({ maxRto, minRto, retries, silenceTimeout, userTimeout }: PatienceLimits): number {
  return Math.min(silenceTimeout, userTimeout > 0 ? userTimeout : NEVER, timeOf(retries, minRto, maxRto));
}

/** How long a first transmission and `retries` repetitions take, at intervals that begin with `rto` and double up to `longest`. */
function timeOf(retries: number, rto: number, longest: number): number {
  let total = 0;
  let interval = rto;
  for (let i = 0; i <= retries; i++) {
    total += Math.min(interval, longest);
    interval = Math.min(2 * interval, longest);
  }
  return total;
}
