// Controllers that show what the interface must be able to carry: sketches, without the care that real ones would need.
import { numberFrom, plainNumber, SECOND } from "../../src/core/index.ts";
import type { PlainObject } from "../../src/core/index.ts";
import { coupled, LiaRule } from "../../src/mptcp/index.ts";
import type { AckEvent, CongestionContext, CongestionControl, CongestionControlFactory, CouplingMember, LossEvent } from "../../src/tcp/index.ts";
import { CouplingRule, Cubic, CUBIC_PARAMETERS, LossBasedControl } from "../../src/tcp/index.ts";

/** EWTCP (Honda et al., "Multipath congestion control for shared bottleneck"): each of n subflows has the window of TCP over n. */
export const ewtcp: CongestionControlFactory = coupled(
  () =>
    new (class extends CouplingRule {
      readonly name = "ewtcp";
      bytesPerSegment(member: CouplingMember): number {
        return member.control.window * member.group.members.length ** 2;
      }
    })(),
);

/** COUPLED (Wischik et al., NSDI 2011): all subflows grow as one, and a loss on any takes half of the total from it. */
export const fullyCoupled: CongestionControlFactory = coupled(
  () =>
    new (class extends CouplingRule {
      readonly name = "coupled";
      bytesPerSegment(member: CouplingMember): number {
        return Math.max(this.total(member), member.control.window);
      }
      override reduced(member: CouplingMember, loss: LossEvent, own: number): number {
        return own - (this.total(member) - loss.window) / 2;
      }
      private total({ group, now }: CouplingMember): number {
        return group.members.reduce((sum, other) => sum + other.window(now), 0);
      }
    })(),
);

class CubicLiaRule extends LiaRule {
  override readonly name = "cubic-lia";
}

/** CUBIC whose growth is that of Linked Increases beside standard TCP's. */
export const coupledCubic: CongestionControlFactory = {
  name: "cubic-lia",
  parameters: CUBIC_PARAMETERS,
  create: (context) => new Cubic(context, CUBIC_PARAMETERS, new CubicLiaRule()),
};

/** Delay-based, after wVegas (Cao, Xu, Fu, ICNP 2012): a share of `alpha` segments may stand in queues, by the subflow's share of the rate. */
class WeightedVegas extends LossBasedControl {
  readonly name = "weighted-vegas";
  private readonly alpha: number;
  /** Bytes until this round trip is over, and the smallest sample in it, ns. */
  private left = 0;
  private roundRtt = Number.POSITIVE_INFINITY;

  constructor(context: CongestionContext, alpha: number) {
    super(context, 2, new VegasRule());
    this.alpha = alpha;
  }

  override onAck(ack: AckEvent): void {
    if (ack.latestRtt > 0) this.roundRtt = Math.min(this.roundRtt, ack.latestRtt);
    super.onAck(ack);
    this.left -= ack.acked;
    if (this.left > 0 || !ack.cwndLimited) return;
    this.left = this.cwnd;
    const queued = this.queued(ack);
    // Slow start ends when the queue begins to build up.
    if (this.cwnd < this.ssthresh && queued > 2) this.ssthresh = this.cwnd;
    else if (this.cwnd >= this.ssthresh) {
      const share = this.alpha * this.weight(ack.now);
      if (queued < share) this.cwnd += this.mss;
      else if (queued > share && this.cwnd > 2 * this.mss) this.cwnd -= this.mss;
    }
    this.roundRtt = Number.POSITIVE_INFINITY;
  }

  override snapshot(now: number): PlainObject {
    return { ...super.snapshot(now), left: this.left, roundRtt: plainNumber(this.roundRtt) };
  }

  override restore(state: PlainObject, now: number): void {
    super.restore(state, now);
    this.left = numberFrom(state, "left");
    this.roundRtt = numberFrom(state, "roundRtt");
  }

  protected avoidCongestion(): void {}

  protected reduced(loss: LossEvent): number {
    return loss.inFlight / 2;
  }

  /** Segments that stand in queues. */
  private queued(ack: AckEvent): number {
    const rtt = Number.isFinite(this.roundRtt) ? this.roundRtt : ack.srtt;
    return (this.cwnd * (rtt - ack.minRtt)) / rtt / this.mss;
  }

  /** This subflow's share of the connection's rate. */
  private weight(now: number): number {
    let own = 1;
    let total = 1;
    for (const other of this.member?.group.members ?? []) {
      const rate = other.rtt === 0 ? 0 : other.window(now) / other.rtt;
      total += rate;
      if (other === this.member) own += rate;
    }
    return own / total;
  }
}

class VegasRule extends CouplingRule {
  readonly name = "weighted-vegas";
  bytesPerSegment(member: CouplingMember): number {
    return member.control.window;
  }
}

export const weightedVegas: CongestionControlFactory = { name: "weighted-vegas", parameters: { alpha: 10 }, create: (context) => new WeightedVegas(context, 10) };

type Phase = 0 | 1 | 2;
const STARTUP = 0;
const DRAIN = 1;
const CRUISE = 2;

/** Paces by a model of the path, after the first version of BBR: the highest rate of ten round trips, and the smallest round-trip time. */
class RateModel implements CongestionControl {
  readonly name = "rate-model";
  readonly usesPrr = false;
  readonly wantsSamples = true;
  readonly marks = "window";
  private mss: number;
  private cwnd: number;
  private rate: number;
  private phase: Phase = STARTUP;
  /** Highest delivery rate of each of the last rounds, bytes per second. */
  private readonly rates: number[] = new Array<number>(ROUNDS).fill(0);
  private round = 0;
  private roundEnd = 0;
  /** The rate that startup last found a quarter higher, and rounds since. */
  private plateau = 0;
  private plateauRounds = 0;
  private minRtt: number;
  private cycle = 0;
  private cycleAt: number;
  /** The window before a timeout, until what was lost then is repaired; 0: none was. */
  private priorWindow = 0;

  constructor(context: CongestionContext) {
    this.mss = context.mss;
    this.cwnd = context.handOver?.window ?? context.initialWindow;
    this.minRtt = context.srtt;
    this.rate = (STARTUP_GAIN * this.cwnd * SECOND) / (context.srtt || SECOND / 1000);
    this.cycleAt = context.now;
  }

  get window(): number {
    return this.cwnd;
  }
  get threshold(): number {
    return this.phase === STARTUP ? Number.POSITIVE_INFINITY : this.cwnd;
  }
  get pacingRate(): number {
    return this.rate;
  }

  onSent(): void {}
  onSegmentLost(): void {}
  onLoss(): void {}
  onMarked(): void {}
  onRecovered(): void {}
  onSpurious(): void {}
  release(): void {}

  onAck(ack: AckEvent): void {
    const { sample, now } = ack;
    if (sample === null) return;
    if (ack.latestRtt > 0 && (this.minRtt === 0 || ack.latestRtt < this.minRtt)) this.minRtt = ack.latestRtt;
    const isNewRound = sample.priorDelivered >= this.roundEnd;
    if (isNewRound) {
      this.roundEnd = sample.totalDelivered;
      this.round++;
      this.rates[this.round % ROUNDS] = 0;
    }
    const best = Math.max(...this.rates);
    if (sample.hasRate && (!sample.appLimited || sample.rate > best)) {
      this.rates[this.round % ROUNDS] = Math.max(this.rates[this.round % ROUNDS] as number, sample.rate);
    }
    if (isNewRound && !sample.appLimited && this.phase === STARTUP) this.lookForPlateau();
    const bdp = this.bdp();
    if (this.phase === DRAIN && sample.inFlight <= bdp) {
      this.phase = CRUISE;
      this.cycle = 2;
      this.cycleAt = now;
    }
    if (this.phase === CRUISE && now - this.cycleAt > this.minRtt) {
      this.cycle = (this.cycle + 1) % GAINS.length;
      this.cycleAt = now;
    }
    this.setRate();
    const most = 2 * bdp + 3 * this.mss;
    if (ack.recovery === "none" && this.priorWindow > 0) {
      this.cwnd = Math.max(this.cwnd, this.priorWindow);
      this.priorWindow = 0;
    }
    this.cwnd = Math.max(4 * this.mss, Math.min(this.cwnd + sample.newlyDelivered, bdp === 0 ? Number.POSITIVE_INFINITY : most));
  }

  onTimeout(loss: LossEvent): void {
    this.priorWindow = Math.max(this.priorWindow, this.cwnd);
    this.cwnd = loss.segment;
  }

  onPenalty(window: number): void {
    this.cwnd = Math.min(this.cwnd, window);
  }

  onIdleRestart(_idle: number, now: number): void {
    this.cycleAt = now;
  }

  onMss(mss: number): void {
    this.mss = mss;
  }

  snapshot(now: number): PlainObject {
    const { mss, cwnd, rate, phase, rates, round, roundEnd, plateau, plateauRounds, minRtt, cycle, priorWindow } = this;
    return { mss, cwnd, rate, phase, rates: Object.fromEntries(rates.map((value, i) => [String(i), value])), round, roundEnd, plateau, plateauRounds, minRtt, cycle, priorWindow, cycleAge: now - this.cycleAt };
  }

  restore(state: PlainObject, now: number): void {
    this.mss = numberFrom(state, "mss");
    this.cwnd = numberFrom(state, "cwnd");
    this.rate = numberFrom(state, "rate");
    this.phase = numberFrom(state, "phase") as Phase;
    const rates = state["rates"] as PlainObject;
    for (let i = 0; i < ROUNDS; i++) this.rates[i] = numberFrom(rates, String(i));
    this.round = numberFrom(state, "round");
    this.roundEnd = numberFrom(state, "roundEnd");
    this.plateau = numberFrom(state, "plateau");
    this.plateauRounds = numberFrom(state, "plateauRounds");
    this.minRtt = numberFrom(state, "minRtt");
    this.cycle = numberFrom(state, "cycle");
    this.priorWindow = numberFrom(state, "priorWindow");
    this.cycleAt = now - numberFrom(state, "cycleAge");
  }

  private bdp(): number {
    return (Math.max(...this.rates) * this.minRtt) / SECOND;
  }

  private setRate(): void {
    const gain = this.phase === STARTUP ? STARTUP_GAIN : this.phase === DRAIN ? 1 / STARTUP_GAIN : (GAINS[this.cycle] as number);
    const rate = gain * Math.max(...this.rates);
    if (rate > this.rate || (this.phase !== STARTUP && rate > 0)) this.rate = rate;
  }

  private lookForPlateau(): void {
    const best = Math.max(...this.rates);
    if (best >= 1.25 * this.plateau) {
      this.plateau = best;
      this.plateauRounds = 0;
    } else if (++this.plateauRounds >= 3) this.phase = DRAIN;
  }
}

const ROUNDS = 10;
const STARTUP_GAIN = 2.77;
const GAINS = [1.25, 0.75, 1, 1, 1, 1, 1, 1];

export const rateModel: CongestionControlFactory = { name: "rate-model", parameters: {}, create: (context) => new RateModel(context) };
