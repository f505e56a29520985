import { SeededRandom } from "mptcp";

/** A ratio of two figures, and what nineteen of twenty resamplings gave. */
export interface Ratio {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** A figure of a sample, say its median; the sample is in ascending order. */
export type Figure = (sorted: readonly number[]) => number;

/** The value that `share` of a sample does not exceed (nearest rank). */
export const quantile =
  (share: number): Figure =>
  (sorted) =>
    sorted[Math.max(Math.ceil(share * sorted.length) - 1, 0)] ?? Number.NaN;

export const median: Figure = quantile(0.5);

/** How a figure of one sample is to that of another, by the bootstrap (percentiles of resamplings of both); the same for the same samples. */
export function ratioOf(sample: readonly number[], reference: readonly number[], figure: Figure): Ratio {
  const random = new SeededRandom(1, "bootstrap");
  const [mine, theirs] = [ascending(sample), ascending(reference)];
  const ratios = Array.from({ length: RESAMPLINGS }, () => figure(resample(mine, random)) / figure(resample(theirs, random))).toSorted((one, other) => one - other);
  return { value: figure(mine) / figure(theirs), low: quantile(0.025)(ratios), high: quantile(0.975)(ratios) };
}

function resample(sample: readonly number[], random: SeededRandom): readonly number[] {
  return ascending(sample.map(() => sample[Math.floor((random.uint32() / 2 ** 32) * sample.length)] as number));
}

const ascending = (sample: readonly number[]): readonly number[] => sample.toSorted((one, other) => one - other);

const RESAMPLINGS = 1000;
