import type { AckEvent, CongestionContext, LostSegment, RateSample } from "../control.ts";
import type { PathModel } from "./model.ts";
import type { ControlParameters } from "./outputs.ts";
import {
  BETA, DEFAULT_CWND_GAIN, DRAIN_PACING_GAIN, DRAIN_ROUNDS, LOSS_THRESHOLD, PROBE_BW_PACING_GAIN, PROBE_RTT_CWND_GAIN, PROBE_RTT_DURATION, PROBE_UP_CWND_GAIN, PROBE_WAIT,
  PROBE_WAIT_SPREAD, RENO_ROUNDS, STARTUP_LOSSES, STARTUP_PACING_GAIN,
} from "./parameters.ts";

/** Startup and Drain, the four states of ProbeBW, and ProbeRTT. */
export type BbrState = "startup" | "drain" | "down" | "cruise" | "refill" | "up" | "probe-rtt";

/** What the ACKs that come say of bandwidth probing: BBR.ack_phase. */
type AckPhase = "init" | "refilling" | "starting" | "feedback" | "stopping";

/** The states of BBR and what leads from one to another (draft-ietf-ccwg-bbr, "State Machine Operation"). */
export class StateMachine {
  state: BbrState = "startup";
  private ackPhase: AckPhase = "init";
  private drainStart = 0;

  /** BBR.is_bw_probe_sample */
  private isProbeSample = false;
  /** BBR.prev_probe_too_high and BBR.prev_probe_precautionary */
  private wasTooHigh = false;
  private wasCautious = false;
  /** BBR.bw_probe_up_acked, BBR.probe_up_acked_per_inc, BBR.bw_probe_up_rounds */
  private upAcked = 0;
  private upAckedPerSegment = Number.POSITIVE_INFINITY;
  private upRounds = 0;
  /** BBR.cycle_stamp and BBR.bw_probe_wait, ns. */
  private cycleAt: number;
  private probeWait = 0;
  /** Of pseudo-random numbers, which spread the probes of several flows. */
  private random: number;

  /** BBR.probe_rtt_done_stamp, Infinity while ProbeRTT has not come down; BBR.probe_rtt_round_done */
  private probeRttDoneAt = Number.POSITIVE_INFINITY;
  private isProbeRttRoundDone = false;
  /** BBR.idle_restart */
  private isIdleRestart = false;

  /** BBR.undo_state and what goes with it, from the beginning of the last recovery. */
  private undoState: BbrState | "none" = "none";
  private undoBandwidth = 0;
  private undoShortTermInflight = 0;
  private undoLongTermInflight = 0;

  private readonly model: PathModel;
  private readonly outputs: ControlParameters;

  constructor(model: PathModel, outputs: ControlParameters, { mss, srtt, now }: CongestionContext) {
    this.model = model;
    this.outputs = outputs;
    this.cycleAt = now;
    this.random = (Math.imul(srtt % 0x1_0000_0000, 0x9e3779b1) ^ mss ^ 0x2545f491) | 1;
  }

  /** BBR.pacing_gain */
  get pacingGain(): number {
    const { state } = this;
    if (state === "startup") return STARTUP_PACING_GAIN;
    if (state === "drain") return DRAIN_PACING_GAIN;
    return state === "probe-rtt" ? 1 : PROBE_BW_PACING_GAIN[state];
  }

  /** BBR.cwnd_gain */
  get windowGain(): number {
    const { state } = this;
    if (state === "up") return PROBE_UP_CWND_GAIN;
    return state === "probe-rtt" ? PROBE_RTT_CWND_GAIN : DEFAULT_CWND_GAIN;
  }

  /** Whether it is one of the four states of ProbeBW. */
  get isProbeBw(): boolean {
    const { state } = this;
    return state === "cruise" || state === "down" || state === "refill" || state === "up";
  }

  /** How much may be in flight besides what the gain allows: ProbeRTTCwnd, and BoundCwndForModel. */
  get mostInflight(): number {
    const { model, state } = this;
    let most = model.shortTermInflight;
    if (state === "probe-rtt") most = Math.min(most, this.probeRttWindow, model.inflightWithHeadroom);
    else if (state === "cruise") most = Math.min(most, model.inflightWithHeadroom);
    else if (this.isProbeBw) most = Math.min(most, model.longTermInflight);
    return most;
  }

  /** UpdateModelAndState. @param isRecovering fast recovery is under way since a whole round trip */
  onAck(ack: AckEvent, sample: RateSample, isRecovering: boolean): void {
    const { model, outputs } = this;
    const { now } = ack;
    model.updateLatest(sample);
    model.updateBandwidth(sample);
    if (model.lossRoundStart) {
      // What ProbeRTT held down says as little of the path as the losses meanwhile, for which leaving ProbeRTT resets the short-term model.
      if (!this.isProbingBandwidth && !model.wasHeldDown(sample)) model.adaptLowerBounds(sample, outputs.window, this.state === "down" ? this.pacingGain : 1);
      model.isLossInRound = false;
    }
    model.updateAggregation(sample.newlyDelivered, outputs.window, now);
    model.checkFull(sample);
    this.checkStartupDone(sample, isRecovering);
    if (this.state === "drain" && (sample.inFlight <= this.inflight(model.bandwidth) || model.round > this.drainStart + DRAIN_ROUNDS)) this.startDown(now);
    this.updateCycle(ack, sample);
    model.updateMinRtt(ack.latestRtt, now);
    this.checkProbeRtt(sample, now);
    this.stir(ack.latestRtt + sample.totalDelivered);
    model.settle(sample);
  }

  /** HandleLostPacket. @param isRecovering see {@link ControlParameters.save} */
  onSegmentLost(lost: LostSegment, isRecovering: boolean, now: number): void {
    const { model } = this;
    if (!model.isLossInRound) {
      model.startLossRound(lost.totalDelivered);
      this.saveForUndo(isRecovering);
    }
    if (!this.isProbeSample || !model.isTooMuch(lost.lost, lost.inFlightThen)) return;
    this.wasTooHigh = true;
    this.isProbeSample = false;
    // InflightAtLoss: where in the segment, which may be a long one, the losses became too many.
    const before = lost.inFlightThen - lost.bytes;
    const prefix = (LOSS_THRESHOLD * before - (lost.lost - lost.bytes)) / (1 - LOSS_THRESHOLD);
    if (!lost.appLimited) model.longTermInflight = Math.max(before + prefix, this.targetInflight * BETA);
    if (this.state !== "up") return;
    this.undoState = "up";
    this.startDown(now);
  }

  /** SaveStateUponLoss */
  saveForUndo(isRecovering: boolean): void {
    const { model } = this;
    this.outputs.save(isRecovering || this.state === "probe-rtt");
    this.undoState = "none";
    this.undoBandwidth = model.shortTermBandwidth;
    this.undoShortTermInflight = model.shortTermInflight;
    this.undoLongTermInflight = model.longTermInflight;
  }

  /** HandleSpuriousLossDetection */
  onSpurious(): void {
    const { model, outputs, state, undoState } = this;
    outputs.restore();
    model.isLossInRound = false;
    model.resetFull(0);
    model.shortTermBandwidth = Math.max(model.shortTermBandwidth, this.undoBandwidth);
    model.shortTermInflight = Math.max(model.shortTermInflight, this.undoShortTermInflight);
    model.longTermInflight = Math.max(model.longTermInflight, this.undoLongTermInflight);
    this.undoState = "none";
    if (undoState === "startup" && state !== "startup") {
      model.setFull(false);
      if (state !== "probe-rtt") this.state = "startup";
    } else if (undoState === "up" && state !== "up" && state !== "probe-rtt") this.startRefill();
  }

  /** HandleRestartFromIdle */
  onIdleRestart(now: number): void {
    this.isIdleRestart = true;
    this.model.onIdleRestart(now);
    if (this.isProbeBw) this.outputs.setRate(1);
    else if (this.state === "probe-rtt") this.checkProbeRttDone(now);
  }

  // ---- Startup and Drain

  private checkStartupDone(sample: RateSample, isRecovering: boolean): void {
    const { model } = this;
    if (!model.isFullReached && isRecovering && (model.hasSelectiveAcks ? model.isStartupLossy(sample, STARTUP_LOSSES) : sample.newlyLost > 0)) {
      this.undoState = "startup";
      model.setFull(true);
      model.longTermInflight = Math.max(model.product(1), model.latestInflight);
    }
    if (this.state !== "startup" || !model.isFullReached) return;
    this.state = "drain";
    this.drainStart = model.round;
  }

  // ---- ProbeBW

  /** UpdateProbeBWCyclePhase */
  private updateCycle(ack: AckEvent, sample: RateSample): void {
    const { model, state } = this;
    if (!model.isFullReached || this.adaptLongTerm(ack, sample)) return;
    switch (state) {
      case "down":
        if (!this.probesNow(ack.now) && this.isTimeToCruise(sample)) this.state = "cruise";
        break;
      case "cruise":
        this.probesNow(ack.now);
        break;
      case "refill":
        if (!model.roundStart) break;
        this.isProbeSample = true;
        this.startUp(sample);
        break;
      case "up":
        if (!this.isTimeToGoDown(ack, sample)) break;
        this.wasTooHigh = false;
        this.startDown(ack.now);
        break;
      default:
    }
  }

  /** AdaptLongTermModel. @returns whether it led to another state */
  private adaptLongTerm(ack: AckEvent, sample: RateSample): boolean {
    const { model } = this;
    if (this.ackPhase === "starting" && model.roundStart) this.ackPhase = "feedback";
    if (this.ackPhase === "stopping" && model.roundStart) {
      this.isProbeSample = false;
      this.ackPhase = "init";
      if (this.isProbeBw) {
        if (!model.isLimited(sample)) model.advanceCycle();
        if (this.wasCautious && !this.wasTooHigh) {
          this.startRefill();
          return true;
        }
      }
    }
    if (model.isTooMuch(sample.lost, sample.inFlightThen) || model.longTermInflight === Number.POSITIVE_INFINITY) return false;
    if (sample.inFlightThen > model.longTermInflight) model.longTermInflight = sample.inFlightThen;
    if (this.state === "up") this.probeUpward(ack, sample);
    return false;
  }

  /** ProbeInflightLongtermUpward */
  private probeUpward(ack: AckEvent, sample: RateSample): void {
    const { model, outputs } = this;
    if (!ack.cwndLimited || outputs.window < model.longTermInflight) return;
    this.upAcked += sample.newlyDelivered;
    if (this.upAcked >= this.upAckedPerSegment) {
      const segments = Math.floor(this.upAcked / this.upAckedPerSegment);
      this.upAcked -= segments * this.upAckedPerSegment;
      model.longTermInflight += segments * model.mss;
    }
    if (model.roundStart) this.raiseSlope();
  }

  /** RaiseInflightLongtermSlope */
  private raiseSlope(): void {
    const growth = 2 ** this.upRounds;
    this.upRounds = Math.min(this.upRounds + 1, 30);
    this.upAckedPerSegment = Math.max(this.outputs.window / growth, this.model.mss);
  }

  private startDown(now: number): void {
    const { model } = this;
    model.resetSignals();
    this.upAckedPerSegment = Number.POSITIVE_INFINITY;
    // PickProbeWait
    model.roundsSinceProbe = this.stir(0) & 1;
    this.probeWait = PROBE_WAIT + Math.floor(((this.stir(0) >>> 0) / 0x1_0000_0000) * PROBE_WAIT_SPREAD);
    this.cycleAt = now;
    this.ackPhase = "stopping";
    model.startRound();
    this.state = "down";
  }

  private startRefill(): void {
    const { model } = this;
    model.resetShortTerm();
    this.upRounds = 0;
    this.upAcked = 0;
    this.wasCautious = false;
    this.ackPhase = "refilling";
    model.startRound();
    this.state = "refill";
  }

  private startUp(sample: RateSample): void {
    const { model } = this;
    this.ackPhase = "starting";
    model.startRound();
    model.resetFull(sample.rate);
    this.state = "up";
    this.raiseSlope();
  }

  /** IsTimeToProbeBW */
  private probesNow(now: number): boolean {
    const { model } = this;
    const renoRounds = Math.min(this.targetInflight / model.mss, RENO_ROUNDS);
    if (now <= this.cycleAt + this.probeWait && model.roundsSinceProbe < renoRounds) return false;
    this.startRefill();
    return true;
  }

  private isTimeToCruise({ inFlight }: RateSample): boolean {
    const { model } = this;
    return inFlight <= model.inflightWithHeadroom && inFlight <= this.inflight(model.maxBandwidth);
  }

  private isTimeToGoDown(ack: AckEvent, sample: RateSample): boolean {
    const { model } = this;
    if (this.wasTooHigh && sample.inFlight >= model.longTermInflight) {
      this.wasCautious = true;
      return true;
    }
    if (ack.cwndLimited && this.outputs.window >= model.longTermInflight) {
      // What the path can do does not show behind that limit.
      model.resetFull(sample.rate);
      return false;
    }
    return model.isFullNow;
  }

  /** IsProbingBW */
  private get isProbingBandwidth(): boolean {
    return this.state === "startup" || this.state === "refill" || this.state === "up";
  }

  /** TargetInflight */
  private get targetInflight(): number {
    return Math.min(this.model.product(1), this.outputs.window);
  }

  private inflight(bandwidth: number): number {
    return this.outputs.inflight(1, bandwidth, this.state === "up");
  }

  // ---- ProbeRTT

  private checkProbeRtt(sample: RateSample, now: number): void {
    const { model } = this;
    if (this.state !== "probe-rtt" && model.probeRttExpired && !this.isIdleRestart) {
      this.outputs.save(false);
      this.state = "probe-rtt";
      this.probeRttDoneAt = Number.POSITIVE_INFINITY;
      this.ackPhase = "stopping";
      model.startRound();
    }
    if (this.state === "probe-rtt") this.inProbeRtt(sample, now);
    if (sample.delivered > 0) this.isIdleRestart = false;
  }

  /** HandleProbeRTT */
  private inProbeRtt({ inFlight }: RateSample, now: number): void {
    const { model } = this;
    model.onHeldDown(inFlight);
    if (this.probeRttDoneAt === Number.POSITIVE_INFINITY) {
      if (inFlight > this.probeRttWindow) return;
      this.probeRttDoneAt = now + PROBE_RTT_DURATION;
      this.isProbeRttRoundDone = false;
      model.startRound();
      return;
    }
    if (model.roundStart) this.isProbeRttRoundDone = true;
    if (this.isProbeRttRoundDone) this.checkProbeRttDone(now);
  }

  private checkProbeRttDone(now: number): void {
    const { model } = this;
    if (now <= this.probeRttDoneAt) return;
    model.scheduleProbeRtt(now);
    this.outputs.restore();
    model.resetShortTerm();
    if (model.isFullReached) {
      this.startDown(now);
      this.state = "cruise";
    } else this.state = "startup";
  }

  private get probeRttWindow(): number {
    return Math.max(this.model.product(PROBE_RTT_CWND_GAIN), this.model.minPipe);
  }

  /** The next pseudo-random number (Marsaglia's xorshift), with what happened mixed in so that two flows differ. */
  private stir(happened: number): number {
    let x = this.random ^ happened % 0x8000_0000;
    if (x === 0) x = 1;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.random = x;
    return x;
  }
}
