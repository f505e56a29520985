import type { CloseReason, Counters, Deadlines, GiveUpReason, SubflowEndReason } from "../../core/index.ts";
import { GIVE_UP_REASONS, LIMITS, SECOND } from "../../core/index.ts";
import { STREAM_EVENT } from "../../tcp/index.ts";
import { MP_RESET_REASON } from "../../wire/index.ts";
import type { MptcpConfig } from "../config.ts";
import { DEADLINE } from "../deadlines.ts";
import type { DecisionLog } from "../decision-log.ts";
import type { Session } from "../session.ts";

/** What the ending asks of the connection around it. */
export interface EndingContext {
  readonly subflows: readonly EndingSubflow[];
  readonly session: Session;
  readonly config: MptcpConfig;
  readonly deadlines: Deadlines;
  readonly log: DecisionLog;
  readonly counters: Counters;
  /** Notes an event for the application (STREAM_EVENT). */
  raise(event: number): void;
  /** The connection is closed and has no subflow, and is kept for a while. */
  linger(now: number): void;
  /** Nothing of the connection is needed any more. */
  forget(): void;
}

/** A subflow as the ending sees it. */
export interface EndingSubflow {
  readonly pathIndex: number;
  readonly established: boolean;
  readonly stale: boolean;
  /** Whether it waits for the answer to an MP_FASTCLOSE on an ACK. */
  readonly isBreakingOff: boolean;
  readonly rto: number;
  /** Whether the peer's FIN arrived. */
  readonly peerFinished: boolean;
  /** Closes it with a FIN once nothing is left to send. */
  close(now: number): void;
  /** Ends it with a RST. */
  end(reason: SubflowEndReason, now: number): void;
  /** Ends it with a RST that carries an MP_TCPRST. */
  reset(reason: SubflowEndReason, code: number, now: number): void;
  /** Ends it with a RST that carries MP_FASTCLOSE. */
  breakOff(reason: SubflowEndReason, now: number): void;
  /** Sends an ACK with MP_FASTCLOSE, which the peer answers with a RST. */
  askToBreakOff(): void;
  /** A RST of the peer's ended it. */
  onReset(reason: SubflowEndReason, now: number): void;
}

/**
 * How a connection ends (RFC 8684 §3.3.3, §3.5): once both DATA_FINs are acknowledged its subflows close with FINs, the active closer's first;
 * or at once, by MP_FASTCLOSE from either end; or because it has been without a subflow for too long.
 */
export class Ending {
  private readonly context: EndingContext;
  private isClosed = false;
  private reason: CloseReason | null = null;
  /** The peer's DATA_FIN arrived before ours left: the peer is to be the active closer of the subflows too (X3). */
  private passive = false;
  /** The peer can come back for nothing: a subflow closed with FINs after the connection had, so that it knows that all is done, or it broke the connection off. */
  private peerIsDone = false;
  private fastcloseTries = 0;
  private lingering: "not yet" | "now" | "over" = "not yet";
  private isForgotten = false;

  constructor(context: EndingContext) {
    this.context = context;
  }

  /** Whether the application's connection is over; subflows may still be closing. */
  get closed(): boolean {
    return this.isClosed;
  }

  /** Why it broke; null after a regular close, or while it lives. */
  get error(): CloseReason | null {
    return this.reason;
  }

  /** Whether subflows may be opened: while the connection lives, and after it for a last Data ACK that may not have arrived. */
  get mayOpen(): boolean {
    return !this.isClosed || (this.lingering !== "not yet" && !this.peerIsDone && !this.isForgotten);
  }

  // ---- what leads to the end

  /** The peer's DATA_FIN arrived. `first`: before ours left. */
  onPeerFin(first: boolean): void {
    if (first) this.passive = true;
  }

  /** X1: both DATA_FINs are acknowledged: the connection is closed, and its subflows close with FINs. */
  onDone(now: number): void {
    if (this.isClosed) return;
    this.finish(null);
    const { deadlines } = this.context;
    deadlines.set(DEADLINE.orphan, now + ORPHAN_TIMEOUT);
    // X3: the peer's FINs come first, so that TIME-WAIT stays with the active closer.
    const wait = this.context.config.passiveCloseWait;
    if (this.passive && wait > 0 && !this.context.subflows.every((subflow) => subflow.peerFinished)) deadlines.set(DEADLINE.close, now + wait);
    else this.closeSubflows(now);
    this.release(now);
  }

  /**
   * X4: no established subflow is left: break before make. Nothing may arrive for a while.
   * @param optionsDropped the paths let TCP through, and no options: there is less to wait for
   */
  onAlone(optionsDropped: boolean, now: number): void {
    const { config, deadlines } = this.context;
    const patience = optionsDropped ? Math.min(config.noSubflowTimeout, LIMITS.noOptionsTimeout.default) : config.noSubflowTimeout;
    // Joins that fail meanwhile do not begin it anew.
    deadlines.set(DEADLINE.noSubflow, Math.min(deadlines.at(DEADLINE.noSubflow), now + patience));
  }

  /** A subflow was established. */
  onCompany(): void {
    this.context.deadlines.clear(DEADLINE.noSubflow);
  }

  /** The connection never came to be, or never left its first path. */
  onFailedToStart(error: CloseReason, now: number): void {
    this.finish(error);
    this.release(now);
  }

  /** The peer does not answer, or nobody waits for it any more. Should it still be there, it hears of it by RSTs with MP_FASTCLOSE. */
  giveUp(reason: GiveUpReason, now: number): void {
    if (this.isClosed) return;
    this.context.counters.increment(GIVE_UP_REASONS[reason].counter);
    this.finish("ETIMEDOUT", reason);
    for (const subflow of this.context.subflows.slice()) subflow.breakOff("given_up", now);
    this.release(now);
  }

  /** A subflow of a closed connection ended. `inOrder`: with FINs in both directions. */
  onSubflowGone(inOrder: boolean, now: number): void {
    if (inOrder) {
      // The peer knows that all is done, so that joins under way are of no use.
      this.peerIsDone = true;
      for (const subflow of this.context.subflows.slice()) if (!subflow.established) subflow.end("connection_closed", now);
    }
    this.release(now);
  }

  /** The application breaks the connection off. */
  abort(now: number): void {
    if (this.isClosed) return;
    const { subflows, session, config, log } = this.context;
    const announced = session.remoteKnown;
    if (announced) log.observe(null, { kind: "fastclose", direction: "out" });
    const carrier = announced && (config.fastclose === "ack" || !session.version.breaksOffByReset) ? subflows.find((subflow) => subflow.established) : undefined;
    this.finish("ECONNABORTED");
    // RFC 8684 §3.5, option R: a RST with MP_FASTCLOSE on every subflow. Option A: an ACK with it on one, RSTs on the others.
    for (const subflow of subflows.slice()) {
      if (subflow === carrier) continue;
      if (carrier === undefined) subflow.breakOff("aborted", now);
      else subflow.end("aborted", now);
    }
    if (carrier !== undefined) this.sendFastclose(carrier, now);
    this.release(now);
  }

  /**
   * MP_FASTCLOSE with our key arrived on `on`.
   * @param withReset it came on a RST
   * @param done nothing but the acknowledgment of our DATA_FIN is missing: nothing is lost, as by a RST in LAST-ACK (RFC 9293 §3.10.7.4)
   */
  onFastclose(on: EndingSubflow, withReset: boolean, done: boolean, now: number): void {
    this.context.log.observe(on, { kind: "fastclose", direction: "in" });
    this.peerIsDone = true;
    this.finish(done ? null : "ECONNRESET");
    // RFC 8684 §3.5: all subflows are torn down by RST, also when ours crossed it; the one that a RST came on is gone already.
    for (const subflow of this.context.subflows.slice()) {
      if (withReset && subflow === on) subflow.onReset("fastclose", now);
      else subflow.end("fastclose", now);
    }
    this.release(now);
  }

  // ---- time

  handleTimeout(now: number): void {
    const { deadlines, subflows } = this.context;
    if (deadlines.take(DEADLINE.fastclose, now)) {
      const waiting = subflows.find((subflow) => subflow.isBreakingOff);
      if (waiting !== undefined) this.sendFastclose(waiting, now);
    }
    if (deadlines.take(DEADLINE.close, now)) this.closeSubflows(now);
    const isOrphan = deadlines.take(DEADLINE.orphan, now);
    if (deadlines.take(DEADLINE.linger, now)) this.stopLingering(now);
    else if (isOrphan) for (const subflow of subflows.slice()) subflow.end("orphan", now);
  }

  /** The connection has lingered for long enough, or there is no room for it. A subflow that was joined meanwhile does not keep it for longer. */
  stopLingering(now: number): void {
    this.lingering = "over";
    for (const subflow of this.context.subflows.slice()) subflow.end("orphan", now);
    this.release(now);
  }

  /**
   * A connection without any subflow is given up when its time has come.
   * @param done nothing but the acknowledgment of our DATA_FIN is missing, which may have been lost
   */
  giveUpAlone(done: boolean, now: number): void {
    if (!this.context.deadlines.take(DEADLINE.noSubflow, now)) return;
    if (!done) this.context.counters.increment(LIMITS.noSubflowTimeout.counter);
    this.finish(done ? null : "ETIMEDOUT");
    for (const subflow of this.context.subflows.slice()) subflow.end("connection_closed", now);
    this.release(now);
  }

  /** Lets the host forget the connection once it is closed, no subflow is left and nobody can come back for anything. */
  release(now: number): void {
    if (this.isForgotten || !this.isClosed || this.context.subflows.length > 0 || this.lingers(now) || this.hasForgotten) return;
    this.isForgotten = true;
    this.context.deadlines.close();
    this.context.forget();
  }

  // ---- inside

  /** `text`: the reason in full, for the decision log. */
  private finish(error: CloseReason | null, text: string = error ?? "done"): void {
    if (this.isClosed) return;
    const { deadlines, log } = this.context;
    this.isClosed = true;
    this.reason = error;
    deadlines.clear(DEADLINE.noSubflow);
    deadlines.clear(DEADLINE.giveUp);
    log.observe(null, { kind: "connection_closed", reason: text });
    this.context.raise(STREAM_EVENT.closed | STREAM_EVENT.readable);
  }

  /**
   * Whether a closed connection without subflows is to be remembered: TIME-WAIT at connection level (RFC 8684 §3.3.3, Appendix D). A peer
   * that lost its last subflow before it heard our last Data ACK can come back for it by a join, or be joined.
   */
  private lingers(now: number): boolean {
    const { config, deadlines, session } = this.context;
    if (this.peerIsDone || this.reason !== null || !session.fullyEstablished) return false;
    if (this.lingering === "not yet") {
      this.lingering = "now";
      deadlines.set(DEADLINE.linger, now + config.noSubflowTimeout);
      this.context.linger(now);
    }
    return this.isLingering;
  }

  // Asked after the host was told, which may not have room for it.
  private get isLingering(): boolean {
    return this.lingering === "now";
  }
  private get hasForgotten(): boolean {
    return this.isForgotten;
  }

  private closeSubflows(now: number): void {
    for (const subflow of this.context.subflows.slice()) {
      // RFC 8684 §3.3.3: a subflow that still has to retransmit what others delivered may be reset.
      if (subflow.stale) subflow.reset("connection_closed", MP_RESET_REASON.tooMuchOutstandingData, now);
      else if (subflow.established) subflow.close(now);
      // A join that is under way may have to carry the last Data ACK; it closes once it is established.
    }
  }

  /** Option A: the ACK is sent again until the peer's RST arrives, then given up with a RST (RFC 8684 §3.5). */
  private sendFastclose(subflow: EndingSubflow, now: number): void {
    if (this.fastcloseTries > FASTCLOSE_RETRIES) {
      subflow.breakOff("aborted", now);
      return;
    }
    this.fastcloseTries++;
    subflow.askToBreakOff();
    this.context.deadlines.set(DEADLINE.fastclose, now + subflow.rto);
  }
}

/** After a regular close a subflow whose peer does not answer is given up, as Linux does with FIN-WAIT-2, ns. */
const ORPHAN_TIMEOUT = 60 * SECOND;
/** ACKs with MP_FASTCLOSE sent again (RFC 8684 §3.5 recommends 3). */
const FASTCLOSE_RETRIES = 3;
