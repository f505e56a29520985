import { booleanFrom, MptcpError, nullableFrom, numberFrom, objectFrom, parametersFrom, plainNumber } from "../../core/index.ts";
import type { PlainObject } from "../../core/index.ts";
import type { AckEvent, CongestionContext, CongestionControl, LossEvent, LostSegment, MarkEvent, SentEvent } from "./control.ts";
import type { CouplingMember, CouplingRule } from "./coupling.ts";

/**
 * What all controllers that react to loss have in common: slow start with appropriate byte counting up to `ssthresh`, congestion
 * avoidance above it, no growth of a window that is not in use, and the collapse to one segment on a timeout (RFC 5681).
 *
 * A controller of your own is a subclass with two methods: how the window grows in congestion avoidance, and what
 * remains of it after a loss. What it saves by {@link CongestionControl.snapshot} is also what it goes back to when a loss was none. With a {@link CouplingRule} it is a member of the connection's group, and the rule slows its growth down.
 *
 * @example
 * ```ts
 * class Timid extends LossBasedControl {
 *   readonly name = "timid";
 *   protected avoidCongestion(acked: number): void {
 *     this.cwnd += (acked * this.mss) / (2 * this.cwnd);
 *   }
 *   protected reduced(loss: LossEvent): number {
 *     return loss.inFlight / 2;
 *   }
 * }
 * const timid: CongestionControlFactory = { name: "timid", parameters: {}, create: (context) => new Timid(context, 2) };
 * ```
 */
export abstract class LossBasedControl implements CongestionControl {
  abstract readonly name: string;
  /** Congestion window, bytes. */
  protected cwnd: number;
  /** Slow-start threshold, bytes; Infinity before the first loss. */
  protected ssthresh: number;
  /** Payload bytes of a full segment. */
  protected readonly mss: number;
  /** Whether what leaves is paced, see {@link CongestionContext.isPaced}. */
  protected readonly isPaced: boolean;
  /** Most bytes by which one ACK grows the window in slow start (RFC 3465's L). */
  private readonly slowStartLimit: number;
  /** Whether a loss leaves a share of the window, see {@link LossBasedParameters.reducesWindow}. */
  private readonly reducesWindow: boolean;
  /** Whether this slow start follows a retransmission timeout. */
  private afterTimeout: boolean;
  /** Its place in the connection's group; null for a controller that is not coupled. */
  protected readonly member: CouplingMember | null;
  /** All that was before the last answer to a loss, and when that was, ns; null when there is nothing to go back to. */
  protected prior: { readonly window: number; readonly state: PlainObject; readonly at: number } | null;

  /**
   * @param slowStartLimit RFC 3465's L in segments: how many an ACK may add in slow start
   * @param rule couples the controller with the others of the connection
   * @param reducesWindow see {@link LossBasedParameters.reducesWindow}
   */
  constructor(context: CongestionContext, slowStartLimit: number, rule: CouplingRule | null = null, reducesWindow = false) {
    this.mss = context.mss;
    this.cwnd = context.handOver?.window ?? context.initialWindow;
    this.ssthresh = context.handOver?.threshold ?? Number.POSITIVE_INFINITY;
    // RFC 9406 §4.3: no limit where what leaves is paced.
    this.isPaced = context.isPaced === true;
    this.slowStartLimit = this.isPaced ? Number.POSITIVE_INFINITY : slowStartLimit * context.mss;
    this.reducesWindow = reducesWindow;
    this.afterTimeout = false;
    this.prior = null;
    this.member = rule === null ? null : context.group.join(this, context.mss, rule);
  }

  get window(): number {
    return this.cwnd;
  }

  get threshold(): number {
    return this.ssthresh;
  }

  get pacingRate(): number | null {
    return null;
  }

  get usesPrr(): boolean {
    return true;
  }

  get wantsSamples(): boolean {
    return false;
  }

  get marks(): "window" | "each" {
    return "window";
  }

  onSent(_sent: SentEvent): void {}

  /** The window goes down to the limit; three quarters of it were tested, up to which slow start finds its way back. */
  onIdleRestart(_idle: number, _now: number, limit: number): void {
    if (this.cwnd <= limit) return;
    this.prior = null;
    this.ssthresh = Math.max(this.ssthresh, Math.floor(this.cwnd * 0.75));
    this.cwnd = Math.floor(limit);
  }

  onAck(ack: AckEvent): void {
    if (this.member !== null) this.member.onAck(ack);
    // RFC 7661 §4.4, in its simplest form: a window that was not the limit has not been tested, so it does not grow.
    if (!ack.cwndLimited || ack.recovery === "fast") return;
    let acked = ack.acked;
    if (this.cwnd < this.ssthresh) {
      acked = this.slowStart(acked);
      if (acked <= 0) return;
    }
    this.avoidCongestion(acked, ack);
  }

  onSegmentLost(_lost: LostSegment): void {}

  onLoss(loss: LossEvent): void {
    this.keep(loss.now);
    const left = this.remaining(loss);
    // Without SACK what arrived behind a hole seems to be in flight, more than the window allows: no loss makes the window larger.
    this.ssthresh = left < this.cwnd ? left : Math.max(Math.floor(this.cwnd / 2), 2 * this.mss);
    this.cwnd = this.ssthresh;
  }

  onRecovered(limit: number, _now: number): void {
    if (this.cwnd > limit) this.cwnd = limit;
  }

  onTimeout(loss: LossEvent): void {
    // RFC 5681 §3.1: ssthresh is lowered once for the same data, however often it times out.
    if (loss.consecutive === 1) {
      this.keep(loss.now);
      if (!this.keepsThreshold(loss)) this.ssthresh = this.remaining(loss);
    }
    // RFC 5681 §3.1: the loss window is one segment.
    this.cwnd = loss.segment;
    this.afterTimeout = true;
  }

  /** All is as it was before the loss, unless the window has become as large again meanwhile (RFC 9438 §4.9). */
  onSpurious(_timeout: boolean, _now: number, limit: number): void {
    const { cwnd, member, prior } = this;
    this.prior = null;
    if (prior === null) return;
    const { at, state, window } = prior;
    if (cwnd < window) {
      // What the group knows of the path is newer; the rule's state is part of the answer.
      this.restore(member === null ? state : { ...state, member: { ...member.snapshot(at), rule: objectFrom(objectFrom(state, "member"), "rule") } }, at);
      if (window > limit) {
        // RFC 4015 §3.4: no burst, and slow start to what was safe before.
        this.cwnd = Math.max(cwnd, Math.floor(limit));
        if (this.cwnd < window) this.ssthresh = Math.max(this.ssthresh, window);
      }
    }
  }

  /** RFC 3168 §6.1.2: as for a loss. Unlike one it is never found to have been none. */
  onMarked({ loss }: MarkEvent): void {
    this.onLoss(loss);
    this.prior = null;
  }

  onPenalty(window: number, _now: number): void {
    this.prior = null;
    this.cwnd = window;
    this.ssthresh = window;
  }

  /** Growth goes on in segments of the size that the connection began with; a timeout leaves one of the present size. */
  onMss(_mss: number): void {}

  release(): void {
    if (this.member !== null) this.member.leave();
  }

  snapshot(now: number): PlainObject {
    const { cwnd, ssthresh, afterTimeout, member, prior } = this;
    return {
      cwnd: plainNumber(cwnd),
      ssthresh: plainNumber(ssthresh),
      afterTimeout,
      prior: prior === null ? null : { window: plainNumber(prior.window), state: prior.state, age: now - prior.at },
      ...(member === null ? {} : { member: member.snapshot(now) }),
    };
  }

  restore(state: PlainObject, now: number): void {
    this.cwnd = numberFrom(state, "cwnd");
    this.ssthresh = numberFrom(state, "ssthresh");
    this.afterTimeout = booleanFrom(state, "afterTimeout");
    const prior = nullableFrom(state, "prior");
    this.prior = prior === null ? null : { window: numberFrom(prior, "window"), state: objectFrom(prior, "state"), at: now - numberFrom(prior, "age") };
    if (this.member !== null) this.member.restore(objectFrom(state, "member"), now);
  }

  /** Grows `cwnd` for `acked` bytes acknowledged in congestion avoidance (what slow start used of this ACK is taken off). */
  protected abstract avoidCongestion(acked: number, ack: AckEvent): void;

  /** What a loss or a timeout leaves of the window, in bytes: the next `ssthresh`, before its lower bound. */
  protected abstract reduced(loss: LossEvent): number;

  /** By how many bytes `acked` bytes (already limited by L) grow the window in slow start. */
  protected slowStartIncrease(acked: number): number {
    return acked;
  }

  /** Keeps what is now: the answer to a loss may have to be taken back. */
  private keep(now: number): void {
    this.prior = null;
    this.prior = { window: this.cwnd, state: this.snapshot(now), at: now };
  }

  /** What a loss takes a share of, in bytes. */
  protected basis(loss: LossEvent): number {
    return this.reducesWindow ? loss.window : loss.inFlight;
  }

  /** Whether a timeout leaves the threshold as fast recovery made it: the window is that of the recovery meanwhile. */
  protected keepsThreshold(loss: LossEvent): boolean {
    return this.reducesWindow && loss.isAnswered;
  }

  private remaining(loss: LossEvent): number {
    const own = this.reduced(loss);
    const left = this.member === null ? own : this.member.rule.reduced(this.member, loss, own);
    // RFC 5681 §3.1 equation 4: never below two segments.
    return Math.max(Math.floor(left), 2 * this.mss);
  }

  /** @returns the acknowledged bytes that were beyond `ssthresh` and count for congestion avoidance */
  private slowStart(acked: number): number {
    // RFC 3465 §2.3: L is one segment in the slow start that follows a timeout.
    const limit = this.afterTimeout ? this.mss : this.slowStartLimit;
    const increase = this.slowStartIncrease(Math.min(acked, limit));
    const room = this.ssthresh - this.cwnd;
    if (increase < room) {
      this.cwnd += increase;
      return 0;
    }
    this.cwnd = this.ssthresh;
    this.afterTimeout = false;
    return increase - room;
  }
}

/** Parameters of a {@link LossBasedControl}. */
export type LossBasedParameters = {
  /** RFC 3465's L: how many segments one ACK may add in slow start. */
  readonly slowStartLimit: number;
  /**
   * A loss leaves its share of the congestion window, as Linux has it, and not of what was in flight (RFC 5681 §3.1, equation 4), which is less where an application
   * sends little. RFC 9438 §4.6 allows it where a window that is not in use does not grow.
   */
  readonly reducesWindow: boolean;
};

/** Parameters with those that were not given taken from `defaults`. @throws MptcpError ERR_MPTCP_PARAMETER when one makes no sense */
export function lossBasedParameters<P extends LossBasedParameters & PlainObject>(defaults: P, given: PlainObject): P {
  const all = parametersFrom(defaults, given);
  if (!(all.slowStartLimit > 0)) throw new MptcpError("ERR_MPTCP_PARAMETER", `slowStartLimit: ${all.slowStartLimit}`);
  return all;
}
