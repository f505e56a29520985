import { SeededRandom } from "mptcp";

/** A ratio of two figures, and what nineteen of twenty resamplings gave. */
export interface Ratio {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** A figure of a sample, say its median; the sample is in ascending order. */
export type Figure = (sorted: ArrayLike<number>) => number;

/** The value that `share` of a sample does not exceed (nearest rank). */
export const quantile =
  (share: number): Figure =>
  (sorted) =>
    sorted[Math.max(Math.ceil(share * sorted.length) - 1, 0)] ?? Number.NaN;

export const median: Figure = quantile(0.5);

export const mean: Figure = (sorted) => {
  let sum = 0;
  for (let at = 0; at < sorted.length; at++) sum += sorted[at] as number;
  return sum / sorted.length;
};

/** How a figure of one sample is to that of another, by the bootstrap (percentiles of resamplings of both); the same for the same samples. */
export function ratioOf(sample: readonly number[], reference: readonly number[], figure: Figure): Ratio {
  const random = new SeededRandom(1, "bootstrap");
  const [mine, theirs] = [ascending(sample), ascending(reference)];
  const [ofMine, ofTheirs] = [new Resampling(mine, random), new Resampling(theirs, random)];
  const ratios = Array.from({ length: RESAMPLINGS }, () => figure(ofMine.next()) / figure(ofTheirs.next())).toSorted((one, other) => one - other);
  return { value: figure(mine) / figure(theirs), low: quantile(0.025)(ratios), high: quantile(0.975)(ratios) };
}

/** Draws from a sample as many as there are, with replacement. */
class Resampling {
  private readonly sample: readonly number[];
  private readonly random: SeededRandom;
  private readonly counts: Uint32Array;
  private readonly drawn: Float64Array;

  constructor(sample: readonly number[], random: SeededRandom) {
    this.sample = sample;
    this.random = random;
    this.counts = new Uint32Array(sample.length);
    this.drawn = new Float64Array(sample.length);
  }

  /** In ascending order, which counting gives without sorting; valid until the next one. */
  next(): Float64Array {
    const { counts, drawn, random, sample } = this;
    const { length } = sample;
    counts.fill(0);
    for (let at = 0; at < length; at++) counts[Math.floor((random.uint32() / 2 ** 32) * length)]!++;
    let to = 0;
    for (let at = 0; at < length; at++) {
      const value = sample[at] as number;
      for (let count = counts[at] as number; count > 0; count--) drawn[to++] = value;
    }
    return drawn;
  }
}

const ascending = (sample: readonly number[]): readonly number[] => sample.toSorted((one, other) => one - other);

const RESAMPLINGS = 1000;
