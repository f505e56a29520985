import { booleanFrom, nullableFrom, numberFrom, SECOND } from "../../core/index.ts";
import type { PlainObject } from "../../core/index.ts";
import type { AckEvent, CongestionContext, CongestionControlFactory, LossEvent } from "./control.ts";
import type { CouplingRule } from "./coupling.ts";
import { cubeRoot } from "./cube-root.ts";
import { HyStart, HYSTART_GROWTH_DIVISOR, HYSTART_LIMIT } from "./hystart.ts";
import { LossBasedControl, lossBasedParameters } from "./loss-based.ts";
import type { LossBasedParameters } from "./loss-based.ts";

/**
 * CUBIC (RFC 9438) with HyStart++ (RFC 9406) in the first slow start. After a loss the window grows as a cubic function of time: fast
 * at first, flat near the window where the loss was, then fast again; never slower than standard TCP would.
 *
 * Windows are bytes here and segments in the RFC; times are ns here and seconds there.
 */
export class Cubic extends LossBasedControl {
  readonly name: string;
  /** W_max: window where growth is flat, bytes; 0 while undefined. */
  private maxWindow: number;
  /** cwnd_prior: window at the time of the last reduction, bytes. */
  private priorWindow: number;
  /** W_est: window that standard TCP would have, bytes. */
  private renoWindow: number;
  /** t_epoch: when this congestion avoidance stage began, ns, put off by the time in which the window was not in use; -1 when none runs. */
  private epochStart: number;
  /** K: time from the start of the epoch to W_max, seconds. */
  private timeToMax: number;
  /** Whether the next stage is to start flat (K = 0), as after a timeout. */
  private flatStart: boolean;
  /** Growth below one byte, kept for the next ACK. */
  private fraction: number;
  /** Time of the previous ACK, ns. */
  private lastAck: number;
  private readonly delayEndsSlowStart: boolean;
  /** HyStart++, during the first slow start only. */
  private hystart: HyStart | null;

  constructor(context: CongestionContext, parameters: CubicParameters = CUBIC_PARAMETERS, rule: CouplingRule | null = null) {
    super(context, parameters.slowStartLimit, rule, parameters.reducesWindow);
    this.name = rule === null ? "cubic" : rule.name;
    this.maxWindow = 0;
    this.priorWindow = 0;
    this.renoWindow = 0;
    this.epochStart = -1;
    this.timeToMax = 0;
    this.flatStart = true;
    this.fraction = 0;
    this.lastAck = 0;
    this.delayEndsSlowStart = parameters.delayEndsSlowStart;
    this.hystart = parameters.hyStart && this.ssthresh === Number.POSITIVE_INFINITY ? new HyStart(this.isPaced, this.delayEndsSlowStart) : null;
  }

  override onAck(ack: AckEvent): void {
    // RFC 9438 §4.2: time during which the application left the window unused does not count.
    if (!ack.cwndLimited && this.epochStart >= 0) this.epochStart += ack.now - this.lastAck;
    this.lastAck = ack.now;
    if (this.delayEndsSlowStart) this.watchSlowStart(ack);
    super.onAck(ack);
    if (!this.delayEndsSlowStart) this.watchSlowStart(ack);
  }

  private watchSlowStart(ack: AckEvent): void {
    if (this.hystart === null || !this.hystart.onAck(ack, this.cwnd / this.mss)) return;
    this.ssthresh = this.cwnd;
    this.hystart = null;
  }

  override onLoss(loss: LossEvent): void {
    super.onLoss(loss);
    this.remember(loss.window);
    this.flatStart = false;
  }

  override onRecovered(limit: number, now: number): void {
    super.onRecovered(limit, now);
    this.epochStart = -1;
  }

  override onTimeout(loss: LossEvent): void {
    super.onTimeout(loss);
    if (loss.consecutive === 1) {
      if (!this.keepsThreshold(loss)) this.remember(loss.window);
      // RFC 9438 §4.8: the stage after a timeout starts with K = 0 and W_max = cwnd.
      this.flatStart = true;
    }
  }

  override onIdleRestart(idle: number, now: number, limit: number): void {
    const before = this.cwnd;
    super.onIdleRestart(idle, now, limit);
    if (this.cwnd !== before) this.epochStart = -1;
  }

  override onPenalty(window: number, now: number): void {
    const before = this.cwnd;
    super.onPenalty(window, now);
    // A window that was lowered from outside begins a new stage.
    if (this.cwnd !== before) this.epochStart = -1;
  }

  override snapshot(now: number): PlainObject {
    const { maxWindow, priorWindow, renoWindow, timeToMax, flatStart, fraction, hystart } = this;
    return {
      ...super.snapshot(now),
      maxWindow,
      priorWindow,
      renoWindow,
      epochAge: this.epochStart < 0 ? null : now - this.epochStart,
      timeToMax,
      flatStart,
      fraction,
      sinceAck: now - this.lastAck,
      hystart: hystart === null ? null : hystart.snapshot(now),
    };
  }

  override restore(state: PlainObject, now: number): void {
    super.restore(state, now);
    this.maxWindow = numberFrom(state, "maxWindow");
    this.priorWindow = numberFrom(state, "priorWindow");
    this.renoWindow = numberFrom(state, "renoWindow");
    const age = numberFrom(state, "epochAge");
    this.epochStart = age === Number.POSITIVE_INFINITY ? -1 : now - age;
    this.timeToMax = numberFrom(state, "timeToMax");
    this.flatStart = booleanFrom(state, "flatStart");
    this.fraction = numberFrom(state, "fraction");
    this.lastAck = now - numberFrom(state, "sinceAck");
    const hystart = nullableFrom(state, "hystart");
    this.hystart = hystart === null ? null : HyStart.restored(hystart, this.isPaced, this.delayEndsSlowStart, now);
  }

  protected override slowStartIncrease(acked: number): number {
    return this.hystart !== null && this.hystart.conservative ? Math.ceil(acked / HYSTART_GROWTH_DIVISOR) : acked;
  }

  protected avoidCongestion(bytes: number, ack: AckEvent): void {
    if (this.epochStart < 0) this.startEpoch(ack.now);
    const { cwnd, mss, member } = this;
    // Coupled, a window's worth of acknowledgments is as many bytes as the rule says.
    const acked = member === null ? bytes : (bytes * cwnd) / member.rule.bytesPerSegment(member);
    // RFC 9438 §4.3: W_est += alpha * segments_acked / cwnd, with alpha 1 once it has reached cwnd_prior.
    const alpha = this.renoWindow < this.priorWindow ? RENO_ALPHA : 1;
    this.renoWindow += (alpha * acked * mss) / cwnd;

    // RFC 9438 §4.2: W_cubic one round trip from now, between cwnd and 1.5 cwnd.
    const t = (ack.now - this.epochStart + ack.srtt) / SECOND - this.timeToMax;
    const target = Math.min(Math.max(this.maxWindow + C * t * t * t * mss, cwnd), 1.5 * cwnd);
    // RFC 9438 §4.4, §4.5: (target - cwnd) / cwnd for each segment; one ACK of many segments never passes the target.
    let grown = this.fraction + (target - cwnd) * Math.min(acked / cwnd, 1);
    // RFC 9438 §4.3: the Reno-friendly region, where standard TCP would be ahead.
    if (this.renoWindow > cwnd + grown) grown = Math.min(this.renoWindow - cwnd, cwnd / 2);
    const whole = Math.floor(grown);
    this.fraction = grown - whole;
    this.cwnd = cwnd + whole;
  }

  protected reduced(loss: LossEvent): number {
    return this.basis(loss) * BETA;
  }

  /** RFC 9438 §4.6, §4.7: notes the window before its reduction, with fast convergence. */
  private remember(window: number): void {
    this.priorWindow = window;
    this.maxWindow = window < this.maxWindow ? (window * (1 + BETA)) / 2 : window;
    this.epochStart = -1;
    this.fraction = 0;
    this.hystart = null;
  }

  /** RFC 9438 §4.2: a new congestion avoidance stage, from the present window. */
  private startEpoch(now: number): void {
    this.epochStart = now;
    this.fraction = 0;
    this.renoWindow = this.cwnd;
    // RFC 9438 §4.10: after a slow start without loss, cwnd_prior is the window too.
    if (this.priorWindow === 0) this.priorWindow = this.cwnd;
    if (this.flatStart || this.maxWindow <= this.cwnd) {
      this.maxWindow = this.cwnd;
      this.timeToMax = 0;
    } else {
      this.timeToMax = cubeRoot((this.maxWindow - this.cwnd) / this.mss / C);
    }
    this.flatStart = false;
  }
}

/** The parameters of {@link Cubic}. */
export type CubicParameters = LossBasedParameters & {
  /** Whether HyStart++ ends the first slow start when the round-trip time rises (RFC 9406). */
  readonly hyStart: boolean;
  /**
   * As in Linux, which has the HyStart of before the RFC: round-trip times of a round that are all longer than the connection's least one end slow start at once, by
   * the ACK that shows it, and not a round of slower growth that finds them still longer than those of the round before.
   */
  readonly delayEndsSlowStart: boolean;
};

export const CUBIC_PARAMETERS: CubicParameters = { slowStartLimit: HYSTART_LIMIT, reducesWindow: false, hyStart: true, delayEndsSlowStart: false };

/** RFC 9438 with other parameters than usual, see {@link CubicParameters}. @throws MptcpError ERR_MPTCP_PARAMETER */
export function cubicWith(parameters: PlainObject): CongestionControlFactory {
  const all = lossBasedParameters(CUBIC_PARAMETERS, parameters);
  return { name: "cubic", parameters: all, create: (context) => new Cubic(context, all) };
}

/** RFC 9438 with HyStart++: the choice for a single fast path. */
export const cubic: CongestionControlFactory = cubicWith({});

/** RFC 9438 §4.6: what remains of the window after a loss. */
const BETA = 0.7;
/** RFC 9438 §5.1: segments per cubic second. */
const C = 0.4;
/** RFC 9438 §4.3: 3 (1 - beta) / (1 + beta). */
const RENO_ALPHA = (3 * (1 - BETA)) / (1 + BETA);
