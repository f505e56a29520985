import { MILLISECOND, SECOND } from "../../../core/index.ts";
import type { CongestionContext } from "../control.ts";
import type { PathModel } from "./model.ts";
import { LARGEST_QUANTUM, OFFLOAD_QUANTA, PACING_MARGIN, QUANTUM_TIME, STARTUP_PACING_GAIN } from "./parameters.ts";

/** What BBR lets the sender do: window and pacing rate (draft-ietf-ccwg-bbr, "Updating Control Parameters"). */
export class ControlParameters {
  /** C.cwnd, bytes. */
  window: number;
  /** C.pacing_rate, bytes per second. */
  pacingRate: number;
  /** The largest window that neither a recovery nor ProbeRTT had made smaller: BBR.prior_cwnd. */
  private saved = 0;
  /** The first rate comes of a round-trip time. */
  private hasRtt: boolean;
  private readonly model: PathModel;

  constructor(model: PathModel, { handOver, initialWindow, srtt }: CongestionContext) {
    this.model = model;
    this.window = handOver?.window ?? initialWindow;
    this.hasRtt = srtt > 0;
    this.pacingRate = this.initialRate(this.hasRtt ? srtt : MILLISECOND);
  }

  /** C.send_quantum, bytes. */
  get quantum(): number {
    const bytes = Math.min((this.pacingRate * QUANTUM_TIME) / SECOND, LARGEST_QUANTUM);
    return Math.max(bytes, 2 * this.model.mss);
  }

  /** What is to be in flight for the path to be full `gain` times: Inflight. */
  inflight(gain: number, bandwidth: number, isUp: boolean): number {
    return this.budgeted(this.model.product(gain, bandwidth), isUp);
  }

  /** InitPacingRate, once a round-trip time is known. */
  onRtt(srtt: number): void {
    if (this.hasRtt || srtt <= 0) return;
    this.hasRtt = true;
    this.pacingRate = this.initialRate(srtt);
  }

  /** SetPacingRateWithGain */
  setRate(gain: number): void {
    const { bandwidth, isFullReached, mss } = this.model;
    const rate = gain * bandwidth * (1 - PACING_MARGIN);
    // A segment per second is the least, so that something leaves in any case.
    if (isFullReached || rate > this.pacingRate) this.pacingRate = Math.max(rate, mss);
  }

  /**
   * SetCwnd, up to its floor.
   * @param gain of the state
   */
  grow(acked: number, gain: number, isUp: boolean): void {
    const { model } = this;
    const most = this.budgeted(model.product(gain) + model.extraAcked, isUp);
    if (model.isFullReached) this.window = Math.min(this.window + acked, most);
    else if (this.window < most || model.delivered < model.initialWindow) this.window += acked;
    this.window = Math.max(this.window, model.minPipe);
  }

  /** BoundCwndForProbeRTT, BoundCwndForModel */
  bound(most: number): void {
    this.window = Math.min(this.window, Math.max(most, this.model.minPipe));
  }

  /** SaveCwnd. @param isLowered a recovery or ProbeRTT has made it smaller already */
  save(isLowered: boolean): void {
    this.saved = isLowered ? Math.max(this.saved, this.window) : this.window;
  }

  /** RestoreCwnd */
  restore(): void {
    this.window = Math.max(this.window, this.saved);
  }

  /** Something else than the model makes it smaller, down to one segment. */
  lower(window: number): void {
    this.window = Math.min(this.window, window);
  }

  /** QuantizationBudget with UpdateOffloadBudget */
  private budgeted(inflight: number, isUp: boolean): number {
    const { minPipe, mss } = this.model;
    const enough = Math.max(inflight, OFFLOAD_QUANTA * this.quantum, minPipe);
    return isUp ? enough + 2 * mss : enough;
  }

  private initialRate(srtt: number): number {
    return (STARTUP_PACING_GAIN * this.window * SECOND) / srtt;
  }
}
