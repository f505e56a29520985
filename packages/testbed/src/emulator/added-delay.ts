/**
 * How late things happened, against when they were due: what the emulator adds to the delay of a path. Counted in classes, each a thirty-second of its power of two wide, so that
 * a quantile is exact to 3 %, and memory is bounded.
 */
export class AddedDelay {
  private readonly counts = new Uint32Array(CLASSES);
  private sum = 0;
  count = 0;
  /** The most there was, ns. */
  largest = 0;

  /** One more, ns; what happened before its time was on time. */
  add(delay: number): void {
    const value = delay > 0 ? delay : 0;
    this.count++;
    this.sum += value;
    if (value > this.largest) this.largest = value;
    const at = classOf(value);
    this.counts[at] = (this.counts[at] as number) + 1;
  }

  /** All that another counted as well. */
  addAll(other: AddedDelay): void {
    other.counts.forEach((count, at) => void (this.counts[at] = (this.counts[at] as number) + count));
    this.count += other.count;
    this.sum += other.sum;
    this.largest = Math.max(this.largest, other.largest);
  }

  /** ns; 0 for none. */
  get mean(): number {
    return this.count === 0 ? 0 : this.sum / this.count;
  }

  /** The delay that `share` of all did not exceed, ns; 0 for none. */
  quantile(share: number): number {
    const wanted = Math.ceil(share * this.count);
    let seen = 0;
    for (let at = 0; at < CLASSES; at++) {
      seen += this.counts[at] as number;
      if (seen >= wanted && seen > 0) return Math.min(endOf(at), this.largest);
    }
    return 0;
  }
}

const PER_POWER = 32;
/** 2^40 ns are 18 minutes. */
const POWERS = 40;
const CLASSES = POWERS * PER_POWER;

function classOf(value: number): number {
  if (value < PER_POWER) return Math.floor(value);
  const power = Math.min(Math.floor(Math.log2(value)), POWERS + 3);
  const within = Math.floor((value / 2 ** power - 1) * PER_POWER);
  return Math.min((power - 4) * PER_POWER + within, CLASSES - 1);
}

/** The largest value of a class. */
function endOf(at: number): number {
  if (at < PER_POWER) return at;
  const power = Math.floor(at / PER_POWER) + 4;
  return 2 ** power * (1 + ((at % PER_POWER) + 1) / PER_POWER);
}
