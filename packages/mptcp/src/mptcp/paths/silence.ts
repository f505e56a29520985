import type { Deadlines } from "../../core/index.ts";
import { SECOND } from "../../core/index.ts";
import { DEADLINE } from "../deadlines.ts";

/** What the watch over silent subflows asks of the connection around it. */
export interface SilenceContext {
  readonly subflows: readonly SilentSubflow[];
  readonly sender: { readonly una: number };
  readonly receiver: { readonly nxt: number };
  readonly deadlines: Deadlines;
}

/** A subflow as the watch sees it. */
export interface SilentSubflow {
  readonly established: boolean;
  /** Asks whether its other end is still there, when it has been silent for long, and ends it when nothing answers. */
  lookForLife(now: number): void;
}

/**
 * The watch over subflows that are silent while others carry data: whose other end is gone, which who only receives could not see, or whose path
 * is out, which who sends would try at ever longer intervals. An idle connection is not watched.
 */
export class SilenceWatch {
  private readonly context: SilenceContext;
  /** What both directions had carried at the last look. */
  private progress = 0;

  constructor(context: SilenceContext) {
    this.context = context;
  }

  /** Something may have arrived: a look is due a little later. */
  watch(now: number): void {
    const { deadlines, receiver, sender, subflows } = this.context;
    if (subflows.length < 2 || deadlines.has(DEADLINE.silence) || this.progress === sender.una + receiver.nxt) return;
    deadlines.set(DEADLINE.silence, now + LOOK_INTERVAL);
  }

  handleTimeout(now: number): void {
    const { deadlines, receiver, sender, subflows } = this.context;
    if (!deadlines.take(DEADLINE.silence, now)) return;
    this.progress = sender.una + receiver.nxt;
    for (const subflow of subflows.slice()) if (subflow.established) subflow.lookForLife(now);
  }
}

/** How one subflow is asked whether it lives: after a silence, some times in a row, and less often while it answers and carries nothing. */
export class LifeCheck {
  private asked = 0;
  private askedAt = 0;
  private patience = SHORTEST_SILENCE;
  private carried = 0;

  /**
   * What is to be done.
   * @param heardAt when anything last came on it, ns
   * @param carried bytes that it has carried so far
   * @param rto retransmission timeout without backoff, ns
   */
  look(heardAt: number, carried: number, rto: number, now: number): "nothing" | "ask" | "gone" {
    if (carried !== this.carried) {
      this.carried = carried;
      this.patience = SHORTEST_SILENCE;
    }
    if (this.asked > 0 && heardAt > this.askedAt) {
      this.asked = 0;
      this.patience = Math.min(2 * this.patience, LONGEST_SILENCE);
    }
    const isEarly = this.asked === 0 ? now - heardAt < Math.max(this.patience, 4 * rto) : now - this.askedAt < 2 * rto;
    if (isEarly) return "nothing";
    if (this.asked >= QUESTIONS) return "gone";
    this.asked++;
    this.askedAt = now;
    return "ask";
  }
}

/** Between looks, and so between questions, ns. */
const LOOK_INTERVAL = 3 * SECOND;
/** Silence, while others carry data, after which a subflow is asked, ns; an idle one that answered is asked less often, up to the longest. */
const SHORTEST_SILENCE = 10 * SECOND;
const LONGEST_SILENCE = 240 * SECOND;
/** Questions without an answer. */
const QUESTIONS = 3;
