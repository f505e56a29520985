import { MptcpError } from "../core/index.ts";
import type { RandomSource } from "../core/index.ts";
import type { Packet } from "../wire/index.ts";

/** Says which packets a link loses. Asked once for each packet, in the order in which they leave the wire. */
export interface LossModel {
  lose(packet: Packet, now: number): boolean;
}

/**
 * The Gilbert-Elliott model: a chain of two states that moves once per packet, before the packet's fate is drawn.
 * The stationary share of the bad state is p / (p + r); a stay there lasts 1 / r packets on average.
 */
export interface GilbertElliottParameters {
  /** Probability of going from good to bad. */
  readonly p: number;
  /** Probability of going from bad to good. */
  readonly r: number;
  /** Probability of loss in the good state (default 0). */
  readonly lossGood?: number;
  /** Probability of loss in the bad state (default 1). */
  readonly lossBad?: number;
}

/** A probability per packet, bursts, or a user's own model. */
export type LossOption = number | GilbertElliottParameters | LossModel;

/** Makes the model that an option describes; null for none. @throws MptcpError ERR_SIM_OPTION */
export function lossModel(option: LossOption, random: RandomSource): LossModel | null {
  if (typeof option === "number") return option === 0 ? null : new RandomLoss(option, random);
  return "lose" in option ? option : new GilbertElliottLoss(option, random);
}

/** Loses each packet with the same probability, whatever happened to the others. */
export class RandomLoss implements LossModel {
  private readonly threshold: number;
  private readonly random: RandomSource;

  /** @throws MptcpError ERR_SIM_OPTION when `probability` is not in [0, 1] */
  constructor(probability: number, random: RandomSource) {
    this.threshold = probabilityThreshold(probability, "loss");
    this.random = random;
  }

  lose(): boolean {
    return this.random.uint32() < this.threshold;
  }
}

/** Loses packets in bursts, see {@link GilbertElliottParameters}. Starts in the good state. */
export class GilbertElliottLoss implements LossModel {
  /** Whether the chain is in the bad state. */
  bad = false;
  private readonly toBad: number;
  private readonly toGood: number;
  private readonly good: number;
  private readonly lossBad: number;
  private readonly random: RandomSource;

  /** @throws MptcpError ERR_SIM_OPTION when a probability is not in [0, 1] */
  constructor(parameters: GilbertElliottParameters, random: RandomSource) {
    this.toBad = probabilityThreshold(parameters.p, "loss.p");
    this.toGood = probabilityThreshold(parameters.r, "loss.r");
    this.good = probabilityThreshold(parameters.lossGood ?? 0, "loss.lossGood");
    this.lossBad = probabilityThreshold(parameters.lossBad ?? 1, "loss.lossBad");
    this.random = random;
  }

  lose(): boolean {
    // Two draws for every packet, whatever the state: a change of one parameter leaves the other draws where they were.
    const step = this.random.uint32();
    const fate = this.random.uint32();
    this.bad = this.bad ? step >= this.toGood : step < this.toBad;
    return fate < (this.bad ? this.lossBad : this.good);
  }
}

/** Loses the packets with the given numbers, counted from 0; for tests and scripts. */
export class ListedLoss implements LossModel {
  /** Packets seen so far. */
  seen = 0;
  private readonly lost: ReadonlySet<number>;

  constructor(lost: Iterable<number>) {
    this.lost = new Set(lost);
  }

  lose(): boolean {
    return this.lost.has(this.seen++);
  }
}

/** The bound below which a uniform 32-bit draw has the given probability. @throws MptcpError ERR_SIM_OPTION outside [0, 1] */
export function probabilityThreshold(probability: number, name: string): number {
  if (!(probability >= 0 && probability <= 1)) throw new MptcpError("ERR_SIM_OPTION", `${name}: ${probability} is no probability`);
  return probability * 0x1_0000_0000;
}
