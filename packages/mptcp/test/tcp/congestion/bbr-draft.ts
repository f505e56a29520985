import { RoundMaximum } from "../../../src/tcp/congestion/bbr/filters.ts";
import type { LostSegment, RateSample } from "../../../src/tcp/congestion/control.ts";

/** The numbers that the draft leaves to chance: BBR.bw_probe_wait in seconds, and 0 or 1 for BBR.rounds_since_probe_up. */
export type ProbeWait = () => { readonly wait: number; readonly rounds: number };

/**
 * The pseudocode of draft-ietf-ccwg-bbr, "Detailed Algorithm", written down once more with the draft's names: bytes, seconds, bytes per second. Where the controller is
 * meant to differ, the line says so.
 */
export class BbrDraft {
  state: "Startup" | "Drain" | "ProbeBW_DOWN" | "ProbeBW_CRUISE" | "ProbeBW_REFILL" | "ProbeBW_UP" | "ProbeRTT" = "Startup";
  cwnd: number;
  pacing_rate: number;
  private bw = 0;
  private bw_shortterm = Number.POSITIVE_INFINITY;
  private inflight_shortterm = Number.POSITIVE_INFINITY;
  private inflight_longterm = Number.POSITIVE_INFINITY;
  private readonly max_bw_filter: [number, number] = [0, 0];
  private bw_latest = 0;
  private inflight_latest = 0;
  /** Since the last loss round began. */
  private leastRtt = 0;
  private min_rtt: number;
  private min_rtt_stamp: number;
  private probe_rtt_min_delay: number;
  private probe_rtt_min_stamp: number;
  private probe_rtt_expired = false;
  private probe_rtt_done_stamp = 0;
  private probe_rtt_round_done = false;
  private heldFrom = -1;
  private heldUntil = -1;
  private prior_cwnd = 0;
  private next_round_delivered = 0;
  private round_start = false;
  private round_count = 0;
  private rounds_since_probe_up = 0;
  private loss_round_delivered = 0;
  private loss_round_start = false;
  private is_loss_in_round = false;
  private full_bw = 0;
  private full_bw_count = 0;
  private full_bw_now = false;
  private full_bw_reached = false;
  private drain_start_round = 0;
  private is_bw_probe_sample = false;
  private prev_probe_too_high = false;
  private prev_probe_precautionary = false;
  private ack_phase: "INIT" | "REFILLING" | "STARTING" | "FEEDBACK" | "STOPPING" = "INIT";
  private bw_probe_up_acked = 0;
  private probe_up_acked_per_inc = Number.POSITIVE_INFINITY;
  private bw_probe_up_rounds = 0;
  private cycle_stamp: number;
  private bw_probe_wait = 0;
  private extra_acked_interval_start: number;
  private extra_acked_delivered = 0;
  private readonly extra_acked_filter = new RoundMaximum();
  private delivered = 0;
  private readonly initialCwnd: number;
  private readonly smss: number;
  private readonly probeWait: ProbeWait;

  constructor(initialCwnd: number, smss: number, srtt: number, now: number, probeWait: ProbeWait) {
    this.cwnd = this.initialCwnd = initialCwnd;
    this.smss = smss;
    this.min_rtt = this.probe_rtt_min_delay = srtt;
    this.min_rtt_stamp = this.probe_rtt_min_stamp = this.cycle_stamp = this.extra_acked_interval_start = now;
    this.pacing_rate = (2.77 * initialCwnd) / srtt;
    this.probeWait = probeWait;
  }

  /** UpdateOnACK, with the rate sample made. */
  onAck(RS: RateSample, rtt: number, is_cwnd_limited: boolean, now: number): void {
    this.delivered = RS.totalDelivered;
    // UpdateLatestDeliverySignals
    this.loss_round_start = false;
    this.bw_latest = Math.max(this.bw_latest, RS.rate);
    this.inflight_latest = Math.max(this.inflight_latest, RS.delivered);
    if (RS.priorDelivered >= this.loss_round_delivered) {
      this.loss_round_delivered = this.delivered;
      this.loss_round_start = true;
    }
    // UpdateCongestionSignals: UpdateMaxBw with UpdateRound
    this.round_start = RS.priorDelivered >= this.next_round_delivered;
    if (this.round_start) {
      this.StartRound();
      this.round_count++;
      this.rounds_since_probe_up++;
    }
    if (RS.rate >= this.max_bw || !this.limited(RS)) this.max_bw_filter[1] = Math.max(this.max_bw_filter[1], RS.rate);
    if (this.loss_round_start) {
      this.AdaptLowerBoundsFromCongestion(RS);
      this.is_loss_in_round = false;
    }
    this.UpdateACKAggregation(RS, now);
    // CheckFullBWReached
    if (!this.full_bw_now && this.round_start && !this.limited(RS)) {
      if (RS.rate >= this.full_bw * 1.25) this.ResetFullBW(RS.rate);
      else {
        this.full_bw_count++;
        this.full_bw_now = this.full_bw_count >= 3;
        if (this.full_bw_now) this.full_bw_reached = true;
      }
    }
    // CheckStartupDone, without high loss, and CheckDrainDone
    if (this.state === "Startup" && this.full_bw_reached) {
      this.state = "Drain";
      this.drain_start_round = this.round_count;
    }
    if (this.state === "Drain" && (RS.inFlight <= this.Inflight(1, this.bw) || this.round_count > this.drain_start_round + 3)) this.StartProbeBW_DOWN(now);
    this.UpdateProbeBWCyclePhase(RS, is_cwnd_limited, now);
    this.UpdateMinRTT(rtt, now);
    this.CheckProbeRTT(RS, now);
    // AdvanceLatestDeliverySignals, BoundBWForModel
    if (this.loss_round_start) {
      this.bw_latest = RS.rate;
      this.inflight_latest = RS.delivered;
      this.leastRtt = 0;
    }
    this.bw = Math.min(this.max_bw, this.bw_shortterm);
    // SetPacingRate, SetCwnd
    const rate = (this.pacing_gain * this.bw * 99) / 100;
    if (this.full_bw_reached || rate > this.pacing_rate) this.pacing_rate = rate;
    this.SetCwnd(RS);
  }

  /** HandleLostPacket */
  onLost(P: LostSegment, now: number): void {
    if (!this.is_loss_in_round) {
      this.loss_round_delivered = P.totalDelivered;
      this.SaveCwnd();
    }
    this.is_loss_in_round = true;
    if (!this.is_bw_probe_sample || P.lost <= P.inFlightThen * 0.02) return;
    const inflight_prev = P.inFlightThen - P.bytes;
    const lost_prefix = (0.02 * inflight_prev - (P.lost - P.bytes)) / (1 - 0.02);
    this.prev_probe_too_high = true;
    this.is_bw_probe_sample = false;
    if (!P.appLimited) this.inflight_longterm = Math.max(inflight_prev + lost_prefix, this.TargetInflight() * 0.7);
    if (this.state === "ProbeBW_UP") this.StartProbeBW_DOWN(now);
  }

  private get max_bw(): number {
    return Math.max(...this.max_bw_filter);
  }

  private get isProbeBW(): boolean {
    return this.state.startsWith("ProbeBW");
  }

  private get pacing_gain(): number {
    return { Startup: 2.77, Drain: 0.5, ProbeBW_DOWN: 0.9, ProbeBW_CRUISE: 1, ProbeBW_REFILL: 1, ProbeBW_UP: 1.25, ProbeRTT: 1 }[this.state];
  }

  private get cwnd_gain(): number {
    return this.state === "ProbeBW_UP" ? 2.25 : this.state === "ProbeRTT" ? 0.5 : 2;
  }

  /** RS.is_app_limited: what ProbeRTT marks is kept here, since the samples come from the test. */
  private limited(RS: RateSample): boolean {
    return RS.appLimited || this.held(RS);
  }

  private held(RS: RateSample): boolean {
    return RS.priorDelivered >= this.heldFrom && RS.priorDelivered <= this.heldUntil;
  }

  private StartRound(): void {
    this.next_round_delivered = this.delivered;
  }

  private ResetFullBW(from: number): void {
    this.full_bw = from;
    this.full_bw_count = 0;
    this.full_bw_now = false;
  }

  private AdaptLowerBoundsFromCongestion(RS: RateSample): void {
    const isProbing = this.state === "Startup" || this.state === "ProbeBW_REFILL" || this.state === "ProbeBW_UP";
    // Meant to differ: what ProbeRTT holds down is left out, and so are round trips that lost no more than LossThresh without a queue ...
    if (isProbing || !this.is_loss_in_round || this.held(RS)) return;
    if (RS.lost <= RS.inFlightThen * 0.02 && !(this.leastRtt > 1.25 * this.min_rtt)) return;
    if (this.bw_shortterm === Number.POSITIVE_INFINITY) this.bw_shortterm = this.max_bw;
    if (this.inflight_shortterm === Number.POSITIVE_INFINITY) this.inflight_shortterm = this.cwnd;
    // ... and what was sent less does not count as delivered less.
    const sent = 0.99 * (this.state === "ProbeBW_DOWN" ? 0.9 : 1);
    this.bw_shortterm = Math.min(this.bw_shortterm, Math.max(this.bw_latest / sent, 0.7 * this.bw_shortterm));
    this.inflight_shortterm = Math.max(this.inflight_latest, 0.7 * this.inflight_shortterm);
  }

  private UpdateACKAggregation(RS: RateSample, now: number): void {
    let expected = this.bw * (now - this.extra_acked_interval_start);
    if (this.extra_acked_delivered <= expected) {
      this.extra_acked_delivered = 0;
      this.extra_acked_interval_start = now;
      expected = 0;
    }
    this.extra_acked_delivered += RS.newlyDelivered;
    this.extra_acked_filter.take(Math.min(this.extra_acked_delivered - expected, this.cwnd), this.round_count, this.full_bw_reached ? 10 : 1);
  }

  private UpdateProbeBWCyclePhase(RS: RateSample, is_cwnd_limited: boolean, now: number): void {
    if (!this.full_bw_reached || this.AdaptLongTermModel(RS, is_cwnd_limited)) return;
    switch (this.state) {
      case "ProbeBW_DOWN":
        if (!this.IsTimeToProbeBW(now) && RS.inFlight <= this.InflightWithHeadroom() && RS.inFlight <= this.Inflight(1, this.max_bw)) this.state = "ProbeBW_CRUISE";
        break;
      case "ProbeBW_CRUISE":
        this.IsTimeToProbeBW(now);
        break;
      case "ProbeBW_REFILL":
        if (!this.round_start) break;
        this.is_bw_probe_sample = true;
        this.ack_phase = "STARTING";
        this.StartRound();
        this.ResetFullBW(RS.rate);
        this.state = "ProbeBW_UP";
        this.RaiseInflightLongtermSlope();
        break;
      case "ProbeBW_UP":
        if (!this.IsTimeToGoDown(RS, is_cwnd_limited)) break;
        this.prev_probe_too_high = false;
        this.StartProbeBW_DOWN(now);
        break;
      default:
    }
  }

  private AdaptLongTermModel(RS: RateSample, is_cwnd_limited: boolean): boolean {
    if (this.ack_phase === "STARTING" && this.round_start) this.ack_phase = "FEEDBACK";
    if (this.ack_phase === "STOPPING" && this.round_start) {
      this.is_bw_probe_sample = false;
      this.ack_phase = "INIT";
      // AdvanceMaxBwFilter; a cycle without a sample is none.
      if (this.isProbeBW && !this.limited(RS) && this.max_bw_filter[1] > 0) {
        this.max_bw_filter[0] = this.max_bw_filter[1];
        this.max_bw_filter[1] = 0;
      }
      if (this.isProbeBW && this.prev_probe_precautionary && !this.prev_probe_too_high) {
        this.StartProbeBW_REFILL();
        return true;
      }
    }
    if (RS.lost > RS.inFlightThen * 0.02 || this.inflight_longterm === Number.POSITIVE_INFINITY) return false;
    this.inflight_longterm = Math.max(this.inflight_longterm, RS.inFlightThen);
    if (this.state !== "ProbeBW_UP" || !is_cwnd_limited || this.cwnd < this.inflight_longterm) return false;
    // ProbeInflightLongtermUpward
    this.bw_probe_up_acked += RS.newlyDelivered;
    if (this.bw_probe_up_acked >= this.probe_up_acked_per_inc) {
      const delta = Math.floor(this.bw_probe_up_acked / this.probe_up_acked_per_inc);
      this.bw_probe_up_acked -= delta * this.probe_up_acked_per_inc;
      this.inflight_longterm += delta * this.smss;
    }
    if (this.round_start) this.RaiseInflightLongtermSlope();
    return false;
  }

  private RaiseInflightLongtermSlope(): void {
    const growth_this_round = 2 ** this.bw_probe_up_rounds;
    this.bw_probe_up_rounds = Math.min(this.bw_probe_up_rounds + 1, 30);
    this.probe_up_acked_per_inc = Math.max(this.cwnd / growth_this_round, this.smss);
  }

  private StartProbeBW_DOWN(now: number): void {
    this.is_loss_in_round = false;
    this.bw_latest = this.inflight_latest = 0;
    this.probe_up_acked_per_inc = Number.POSITIVE_INFINITY;
    const { wait, rounds } = this.probeWait();
    this.rounds_since_probe_up = rounds;
    this.bw_probe_wait = wait;
    this.cycle_stamp = now;
    this.ack_phase = "STOPPING";
    this.StartRound();
    this.state = "ProbeBW_DOWN";
  }

  private StartProbeBW_REFILL(): void {
    this.bw_shortterm = this.inflight_shortterm = Number.POSITIVE_INFINITY;
    this.bw_probe_up_rounds = 0;
    this.bw_probe_up_acked = 0;
    this.prev_probe_precautionary = false;
    this.ack_phase = "REFILLING";
    this.StartRound();
    this.state = "ProbeBW_REFILL";
  }

  private IsTimeToProbeBW(now: number): boolean {
    const reno_rounds = this.TargetInflight() / this.smss;
    if (now <= this.cycle_stamp + this.bw_probe_wait && this.rounds_since_probe_up < Math.min(reno_rounds, 63)) return false;
    this.StartProbeBW_REFILL();
    return true;
  }

  private IsTimeToGoDown(RS: RateSample, is_cwnd_limited: boolean): boolean {
    if (this.prev_probe_too_high && RS.inFlight >= this.inflight_longterm) {
      this.prev_probe_precautionary = true;
      return true;
    }
    if (is_cwnd_limited && this.cwnd >= this.inflight_longterm) {
      this.ResetFullBW(RS.rate);
      return false;
    }
    return this.full_bw_now;
  }

  private UpdateMinRTT(rtt: number, now: number): void {
    this.leastRtt = this.leastRtt === 0 ? rtt : Math.min(this.leastRtt, rtt);
    this.probe_rtt_expired = now > this.probe_rtt_min_stamp + 5;
    if (rtt < this.probe_rtt_min_delay || this.probe_rtt_expired) {
      this.probe_rtt_min_delay = rtt;
      this.probe_rtt_min_stamp = now;
    }
    if (this.probe_rtt_min_delay < this.min_rtt || now > this.min_rtt_stamp + 10) {
      this.min_rtt = this.probe_rtt_min_delay;
      this.min_rtt_stamp = this.probe_rtt_min_stamp;
    }
  }

  private CheckProbeRTT(RS: RateSample, now: number): void {
    if (this.state !== "ProbeRTT" && this.probe_rtt_expired) {
      this.SaveCwnd();
      this.state = "ProbeRTT";
      this.probe_rtt_done_stamp = 0;
      this.ack_phase = "STOPPING";
      this.StartRound();
    }
    if (this.state !== "ProbeRTT") return;
    // MarkConnectionAppLimited
    if (this.heldUntil < this.delivered) this.heldFrom = this.delivered;
    this.heldUntil = this.delivered + RS.inFlight;
    if (this.probe_rtt_done_stamp === 0) {
      if (RS.inFlight > this.ProbeRTTCwnd()) return;
      this.probe_rtt_done_stamp = now + 0.2;
      this.probe_rtt_round_done = false;
      this.StartRound();
      return;
    }
    if (this.round_start) this.probe_rtt_round_done = true;
    if (!this.probe_rtt_round_done || now <= this.probe_rtt_done_stamp) return;
    this.probe_rtt_min_stamp = now;
    this.cwnd = Math.max(this.cwnd, this.prior_cwnd);
    this.bw_shortterm = this.inflight_shortterm = Number.POSITIVE_INFINITY;
    if (this.full_bw_reached) {
      this.StartProbeBW_DOWN(now);
      this.state = "ProbeBW_CRUISE";
    } else this.state = "Startup";
  }

  private SaveCwnd(): void {
    this.prior_cwnd = this.state === "ProbeRTT" ? Math.max(this.prior_cwnd, this.cwnd) : this.cwnd;
  }

  private SetCwnd(RS: RateSample): void {
    const max_inflight = this.QuantizationBudget(this.cwnd_gain * this.bw * this.min_rtt + this.extra_acked_filter.value);
    if (this.full_bw_reached) this.cwnd = Math.min(this.cwnd + RS.newlyDelivered, max_inflight);
    else if (this.cwnd < max_inflight || this.delivered < this.initialCwnd) this.cwnd += RS.newlyDelivered;
    this.cwnd = Math.max(this.cwnd, 4 * this.smss);
    if (this.state === "ProbeRTT") this.cwnd = Math.min(this.cwnd, this.ProbeRTTCwnd());
    // BoundCwndForModel
    let cap = Number.POSITIVE_INFINITY;
    if (this.isProbeBW && this.state !== "ProbeBW_CRUISE") cap = this.inflight_longterm;
    else if (this.state === "ProbeRTT" || this.state === "ProbeBW_CRUISE") cap = this.InflightWithHeadroom();
    this.cwnd = Math.min(this.cwnd, Math.max(Math.min(cap, this.inflight_shortterm), 4 * this.smss));
  }

  private ProbeRTTCwnd(): number {
    return Math.max(0.5 * this.bw * this.min_rtt, 4 * this.smss);
  }

  private TargetInflight(): number {
    return Math.min(this.bw * this.min_rtt, this.cwnd);
  }

  private Inflight(gain: number, bw: number): number {
    return this.QuantizationBudget(gain * bw * this.min_rtt);
  }

  private InflightWithHeadroom(): number {
    const longterm = this.inflight_longterm;
    return longterm === Number.POSITIVE_INFINITY ? longterm : Math.max(longterm - Math.max(this.smss, 0.15 * longterm), 4 * this.smss);
  }

  private QuantizationBudget(inflight_cap: number): number {
    const send_quantum = Math.max(Math.min(this.pacing_rate * 0.001, 65_536), 2 * this.smss);
    return Math.max(inflight_cap, 3 * send_quantum, 4 * this.smss) + (this.state === "ProbeBW_UP" ? 2 * this.smss : 0);
  }
}
