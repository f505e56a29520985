import { objectFrom, SECOND } from "../../../core/index.ts";
import type { PlainObject } from "../../../core/index.ts";
import type { CongestionContext, RateSample } from "../control.ts";
import { CycleMaximum, RoundMaximum } from "./filters.ts";
import { BETA, EXTRA_ACKED_ROUNDS, FULL_BANDWIDTH_GROWTH, FULL_BANDWIDTH_ROUNDS, HEADROOM, LOSS_THRESHOLD, MIN_PIPE_SEGMENTS, MIN_RTT_WINDOW, PACING_MARGIN, PROBE_RTT_INTERVAL, QUEUED_RTT } from "./parameters.ts";
import { plainOf, takePlain } from "./plain.ts";

/**
 * What BBR knows of the path (draft-ietf-ccwg-bbr, "Updating Network Path Model Parameters"): its rate, its delay, and how much it takes in flight,
 * each for long and, as losses say, for the time being. Rates are bytes per second, volumes bytes, times ns.
 */
export class PathModel {
  /** Payload bytes of a full segment. */
  mss: number;
  /** C.has_selective_acks */
  readonly hasSelectiveAcks: boolean;
  readonly initialWindow: number;

  /** BBR.bw */
  bandwidth = 0;
  /** BBR.bw_shortterm */
  shortTermBandwidth = Number.POSITIVE_INFINITY;
  /** BBR.inflight_longterm and BBR.inflight_shortterm */
  longTermInflight = Number.POSITIVE_INFINITY;
  shortTermInflight = Number.POSITIVE_INFINITY;
  /** BBR.min_rtt; Infinity before the first sample. */
  minRtt: number;
  private minRttAt: number;
  /** BBR.probe_rtt_min_delay and its stamp, and whether it is due to be measured anew. */
  private probeRttMin: number;
  private probeRttMinAt: number;
  probeRttExpired = false;

  /** BBR.round_count, whether the present ACK begins one, and what will have been delivered at its end. */
  round = 0;
  roundStart = false;
  private roundEnd = 0;
  roundsSinceProbe = 0;

  /** The same for round trips that are counted from a loss. */
  lossRoundStart = false;
  private lossRoundEnd = 0;
  isLossInRound = false;
  /** ACKs of this round trip that showed a loss. */
  private lossyAcks = 0;
  /** The least round-trip time since the last loss round began; Infinity without a sample. */
  private leastRtt = Number.POSITIVE_INFINITY;
  /** BBR.bw_latest and BBR.inflight_latest */
  private latestBandwidth = 0;
  latestInflight = 0;

  /** BBR.full_bw and what is known of it. */
  private fullBandwidth = 0;
  private fullCount = 0;
  isFullNow = false;
  isFullReached = false;

  /** C.delivered */
  delivered = 0;
  /** Samples of what was sent while so much was delivered do not show what the path can do, since sending was held down. */
  private heldFrom = -1;
  private heldUntil = -1;

  private readonly bandwidths = new CycleMaximum();
  private readonly aggregation = new RoundMaximum();
  /** BBR.extra_acked_interval_start and BBR.extra_acked_delivered */
  private aggregatedSince: number;
  private aggregated = 0;

  constructor({ mss, initialWindow, srtt, sack, now }: CongestionContext) {
    this.mss = mss;
    this.initialWindow = initialWindow;
    this.hasSelectiveAcks = sack !== false;
    this.minRtt = this.probeRttMin = srtt > 0 ? srtt : Number.POSITIVE_INFINITY;
    this.minRttAt = this.probeRttMinAt = this.aggregatedSince = now;
  }

  /** BBR.max_bw */
  get maxBandwidth(): number {
    return this.bandwidths.value;
  }

  /** BBR.extra_acked */
  get extraAcked(): number {
    return this.aggregation.value;
  }

  /** BBR.MinPipeCwnd */
  get minPipe(): number {
    return MIN_PIPE_SEGMENTS * this.mss;
  }

  /** `gain` times what fills the path without a queue at a rate; the initial window before there is a round-trip time. */
  product(gain: number, bandwidth = this.bandwidth): number {
    return this.minRtt === Number.POSITIVE_INFINITY ? this.initialWindow : (gain * bandwidth * this.minRtt) / SECOND;
  }

  /** How much there may be in flight if others are to have room; Infinity without a limit. */
  get inflightWithHeadroom(): number {
    const limit = this.longTermInflight;
    if (limit === Number.POSITIVE_INFINITY) return limit;
    return Math.max(limit - Math.max(this.mss, HEADROOM * limit), this.minPipe);
  }

  /** Whether the sample is of what was sent while the application, or ProbeRTT, held sending down. */
  isLimited(sample: RateSample): boolean {
    return sample.appLimited || this.wasHeldDown(sample);
  }

  /** Whether the sample is of what was sent while ProbeRTT held sending down. */
  wasHeldDown({ priorDelivered }: RateSample): boolean {
    return priorDelivered >= this.heldFrom && priorDelivered <= this.heldUntil;
  }

  /** What is in flight now, and what follows, is held down: MarkConnectionAppLimited. */
  onHeldDown(inFlight: number): void {
    if (this.heldUntil < this.delivered) this.heldFrom = this.delivered;
    this.heldUntil = this.delivered + inFlight;
  }

  /** Whether so much lost of so much in flight is too much: IsInflightTooHigh. */
  isTooMuch(lost: number, inFlight: number): boolean {
    return lost > inFlight * LOSS_THRESHOLD || (lost > 0 && !this.hasSelectiveAcks);
  }

  /** Whether packets waited on the path all through this loss round. */
  private get hasQueue(): boolean {
    return this.leastRtt !== Number.POSITIVE_INFINITY && this.leastRtt > QUEUED_RTT * this.minRtt;
  }

  // ---- one call for each ACK, in this order

  /** UpdateLatestDeliverySignals */
  updateLatest(sample: RateSample): void {
    this.delivered = sample.totalDelivered;
    this.lossRoundStart = false;
    if (sample.rate > this.latestBandwidth) this.latestBandwidth = sample.rate;
    if (sample.delivered > this.latestInflight) this.latestInflight = sample.delivered;
    if (sample.newlyLost > 0) this.lossyAcks++;
    if (sample.delivered > 0 && sample.priorDelivered >= this.lossRoundEnd) {
      this.lossRoundEnd = this.delivered;
      this.lossRoundStart = true;
    }
  }

  /** UpdateMaxBw with UpdateRound */
  updateBandwidth(sample: RateSample): void {
    this.roundStart = sample.delivered > 0 && sample.priorDelivered >= this.roundEnd;
    if (this.roundStart) {
      this.startRound();
      this.round++;
      this.roundsSinceProbe++;
    }
    if (sample.hasRate && (sample.rate >= this.maxBandwidth || !this.isLimited(sample))) this.bandwidths.take(sample.rate);
  }

  /**
   * Once per round trip that lost too much, while bandwidth is not being sought: InitLowerBounds and LossLowerBounds. So much as is lost the rate is to become
   * smaller ("Design Considerations for Choosing Constant Parameters"), but the pseudocode compares what was delivered with the bandwidth, of which less is sent:
   * PacingMarginPercent less, and a tenth less in ProbeBW_DOWN. Each lossy round trip would take that off once more. And the full rate is to be had where one
   * packet in a hundred is lost ("High-Level Design Goals"): what is safe while bandwidth is sought, LossThresh, is no sign of less bandwidth here either, as long
   * as no queue was there all the time. Where one was, it is what packets are lost in, and others that fill it are given room.
   * @param gain at which the round trip was paced, 1 at the most
   */
  adaptLowerBounds(sample: RateSample, window: number, gain: number): void {
    if (!this.isLossInRound || !(this.hasQueue || this.isTooMuch(sample.lost, sample.inFlightThen))) return;
    if (this.shortTermBandwidth === Number.POSITIVE_INFINITY) this.shortTermBandwidth = this.maxBandwidth;
    if (this.shortTermInflight === Number.POSITIVE_INFINITY) this.shortTermInflight = window;
    const delivered = Math.min(this.latestBandwidth / (gain * (1 - PACING_MARGIN)), this.shortTermBandwidth);
    this.shortTermBandwidth = Math.max(delivered, BETA * this.shortTermBandwidth);
    this.shortTermInflight = Math.max(this.latestInflight, BETA * this.shortTermInflight);
  }

  /** UpdateACKAggregation */
  updateAggregation(acked: number, window: number, now: number): void {
    let expected = (this.bandwidth * (now - this.aggregatedSince)) / SECOND;
    if (this.aggregated <= expected) {
      this.aggregated = 0;
      this.aggregatedSince = now;
      expected = 0;
    }
    this.aggregated += acked;
    this.aggregation.take(Math.min(this.aggregated - expected, window), this.round, this.isFullReached ? EXTRA_ACKED_ROUNDS : 1);
  }

  /** CheckFullBWReached */
  checkFull(sample: RateSample): void {
    if (this.isFullNow || !this.roundStart || !sample.hasRate || this.isLimited(sample)) return;
    if (sample.rate >= this.fullBandwidth * FULL_BANDWIDTH_GROWTH) {
      this.resetFull(sample.rate);
      return;
    }
    this.fullCount++;
    this.isFullNow = this.fullCount >= FULL_BANDWIDTH_ROUNDS;
    if (this.isFullNow) this.isFullReached = true;
  }

  /** UpdateMinRTT. @param rtt of the segment that was sent last; 0 without a sample */
  updateMinRtt(rtt: number, now: number): void {
    if (rtt > 0 && rtt < this.leastRtt) this.leastRtt = rtt;
    this.probeRttExpired = now > this.probeRttMinAt + PROBE_RTT_INTERVAL;
    if (rtt > 0 && (rtt < this.probeRttMin || this.probeRttExpired)) {
      this.probeRttMin = rtt;
      this.probeRttMinAt = now;
    }
    if (this.probeRttMin < this.minRtt || now > this.minRttAt + MIN_RTT_WINDOW) {
      this.minRtt = this.probeRttMin;
      this.minRttAt = this.probeRttMinAt;
    }
  }

  /** AdvanceLatestDeliverySignals, and BoundBWForModel */
  settle(sample: RateSample): void {
    if (this.lossRoundStart) {
      this.latestBandwidth = sample.rate;
      this.latestInflight = sample.delivered;
      this.lossyAcks = 0;
      this.leastRtt = Number.POSITIVE_INFINITY;
    }
    this.bandwidth = Math.min(this.maxBandwidth, this.shortTermBandwidth);
  }

  // ---- what the states do to it

  /** StartRound */
  startRound(): void {
    this.roundEnd = this.delivered;
  }

  /** ResetFullBW, from a rate on. */
  resetFull(from: number): void {
    this.fullBandwidth = from;
    this.fullCount = 0;
    this.isFullNow = false;
  }

  /** A round trip of losses in Startup ends the search, or a recovery that was for nothing resumes it. */
  setFull(isFull: boolean): void {
    this.isFullReached = isFull;
    this.isFullNow = isFull;
  }

  /** Whether a round trip of fast recovery that now ends lost too much, on too many ACKs. */
  isStartupLossy(sample: RateSample, most: number): boolean {
    return this.lossRoundStart && this.lossyAcks >= most && this.isTooMuch(sample.lost, sample.inFlightThen);
  }

  /** ResetCongestionSignals */
  resetSignals(): void {
    this.isLossInRound = false;
    this.latestBandwidth = 0;
    this.latestInflight = 0;
  }

  /** ResetShortTermModel */
  resetShortTerm(): void {
    this.shortTermBandwidth = this.shortTermInflight = Number.POSITIVE_INFINITY;
  }

  /** AdvanceMaxBwFilter */
  advanceCycle(): void {
    this.bandwidths.advance();
  }

  /** What its filters hold, for {@link PathModel.restore}. */
  snapshot(): PlainObject {
    return { bandwidths: plainOf(this.bandwidths, [], 0), aggregation: plainOf(this.aggregation, [], 0) };
  }

  /** @throws MptcpError ERR_MPTCP_STATE when it is not such state */
  restore(state: PlainObject): void {
    takePlain(this.bandwidths, objectFrom(state, "bandwidths"), [], 0);
    takePlain(this.aggregation, objectFrom(state, "aggregation"), [], 0);
  }

  /** The first loss in a round trip. @param delivered so far */
  startLossRound(delivered: number): void {
    this.isLossInRound = true;
    this.lossRoundEnd = this.delivered = delivered;
  }

  /** ProbeRTT is over, or the connection was idle: the next one is due an interval from now. */
  scheduleProbeRtt(now: number): void {
    this.probeRttMinAt = now;
  }

  /** Data leaves after a pause, in which nothing was acknowledged. */
  onIdleRestart(now: number): void {
    this.aggregatedSince = now;
  }
}
