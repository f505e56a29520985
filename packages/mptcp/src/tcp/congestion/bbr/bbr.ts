import { objectFrom } from "../../../core/index.ts";
import type { PlainObject } from "../../../core/index.ts";
import type { AckEvent, CongestionContext, CongestionControl, CongestionControlFactory, LossEvent, LostSegment, MarkEvent, SentEvent } from "../control.ts";
import { PathModel } from "./model.ts";
import { ControlParameters } from "./outputs.ts";
import { BETA } from "./parameters.ts";
import { plainOf, takePlain } from "./plain.ts";
import { StateMachine } from "./states.ts";

/**
 * BBR (draft-ietf-ccwg-bbr): sends at the rate that the path was seen to deliver, with about a round trip's worth in flight, and looks for more every few
 * seconds; losses up to two percent of what is sent do not slow it down. It needs pacing and delivery-rate samples. Not coupled: each subflow is a flow of its own.
 */
export class Bbr implements CongestionControl {
  private readonly model: PathModel;
  private readonly outputs: ControlParameters;
  private readonly machine: StateMachine;
  /** A recovery is under way, and in which round trip fast recovery began. */
  private recovery: "none" | "fast" | "timeout" = "none";
  private recoveryRound = 0;
  /** Time of the last event, ns: losses come without one. */
  private now: number;

  constructor(context: CongestionContext) {
    this.model = new PathModel(context);
    this.outputs = new ControlParameters(this.model, context);
    this.machine = new StateMachine(this.model, this.outputs, context);
    this.now = context.now;
  }

  get name(): string {
    return "bbr";
  }

  get window(): number {
    return this.outputs.window;
  }

  get threshold(): number {
    return this.model.isFullReached ? this.outputs.window : Number.POSITIVE_INFINITY;
  }

  get pacingRate(): number {
    return this.outputs.pacingRate;
  }

  get usesPrr(): boolean {
    return false;
  }

  get wantsSamples(): boolean {
    return true;
  }

  get marks(): "window" {
    return "window";
  }

  /** The state by its name: `startup`, `drain`, `down`, `cruise`, `refill`, `up` or `probe-rtt`. */
  get state(): string {
    return this.machine.state;
  }

  onSent(_sent: SentEvent): void {}

  onIdleRestart(_idle: number, now: number, _limit: number): void {
    this.now = now;
    this.machine.onIdleRestart(now);
  }

  onAck(ack: AckEvent): void {
    const { machine, model, outputs } = this;
    const { sample } = ack;
    this.now = ack.now;
    if (this.recovery === "timeout" && ack.recovery !== "timeout") this.recovered();
    outputs.onRtt(ack.srtt);
    if (sample === null || sample.newlyDelivered <= 0) return;
    machine.onAck(ack, sample, this.recovery === "fast" && model.round > this.recoveryRound);
    outputs.setRate(machine.pacingGain);
    outputs.grow(sample.newlyDelivered, machine.windowGain, machine.state === "up");
    outputs.bound(machine.mostInflight);
  }

  onSegmentLost(lost: LostSegment): void {
    this.machine.onSegmentLost(lost, this.recovery !== "none", this.now);
  }

  /** OnEnterFastRecovery: what the loss means is the model's business. */
  onLoss(loss: LossEvent): void {
    this.now = loss.now;
    this.saveForUndo();
    this.recovery = "fast";
    this.recoveryRound = this.model.round;
  }

  onRecovered(limit: number, now: number): void {
    this.now = now;
    this.recovered();
    this.outputs.lower(limit);
  }

  /** OnEnterRTO */
  onTimeout(loss: LossEvent): void {
    this.now = loss.now;
    this.saveForUndo();
    this.recovery = "timeout";
    this.outputs.lower(loss.segment);
  }

  onSpurious(_timeout: boolean, now: number): void {
    this.now = now;
    this.machine.onSpurious();
  }

  /** The draft says nothing of ECN. RFC 3168 §6.1.2 asks for the answer to a loss: that to one too many (BBRBeta), until bandwidth is sought again. */
  onMarked({ loss }: MarkEvent): void {
    this.onPenalty(Math.max(BETA * loss.inFlight, this.model.minPipe), loss.now);
  }

  /** It holds for as long as losses would: until bandwidth is sought again. */
  onPenalty(window: number, now: number): void {
    this.now = now;
    this.outputs.lower(window);
    this.model.shortTermInflight = Math.min(this.model.shortTermInflight, Math.max(window, this.model.minPipe));
  }

  onMss(mss: number): void {
    this.model.mss = mss;
  }

  release(): void {}

  snapshot(now: number): PlainObject {
    const { machine, model, outputs } = this;
    return { ...plainOf(this, TIMES, now), model: plainOf(model, MODEL_TIMES, now), filters: model.snapshot(), outputs: plainOf(outputs, [], now), machine: plainOf(machine, MACHINE_TIMES, now) };
  }

  restore(state: PlainObject, now: number): void {
    takePlain(this, state, TIMES, now);
    takePlain(this.model, objectFrom(state, "model"), MODEL_TIMES, now);
    this.model.restore(objectFrom(state, "filters"));
    takePlain(this.outputs, objectFrom(state, "outputs"), [], now);
    takePlain(this.machine, objectFrom(state, "machine"), MACHINE_TIMES, now);
  }

  /** The first loss of this round trip has done it already, and may have changed the state since. */
  private saveForUndo(): void {
    if (!this.model.isLossInRound) this.machine.saveForUndo(this.recovery !== "none");
  }

  /** A recovery is over: RestoreCwnd, which the next ACK bounds by what the model has become. */
  private recovered(): void {
    this.recovery = "none";
    this.outputs.restore();
  }
}

/** Fields that hold a time. */
export const TIMES = ["now"] as const;
export const MODEL_TIMES = ["aggregatedSince", "minRttAt", "probeRttMinAt"] as const;
export const MACHINE_TIMES = ["cycleAt", "probeRttDoneAt"] as const;

/** BBR (draft-ietf-ccwg-bbr), for each connection or subflow by itself. */
export const bbr: CongestionControlFactory = { name: "bbr", parameters: {}, create: (context) => new Bbr(context) };
