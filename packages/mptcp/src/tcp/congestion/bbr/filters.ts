/** The largest sample of this bandwidth probing cycle and the one before (draft-ietf-ccwg-bbr, "BBR.max_bw Max Filter"). */
export class CycleMaximum {
  private before = 0;
  private current = 0;

  /** 0 before the first sample. */
  get value(): number {
    return this.current > this.before ? this.current : this.before;
  }

  take(sample: number): void {
    if (sample > this.current) this.current = sample;
  }

  /** A cycle is over. One without a sample says nothing, and what was known before it stays. */
  advance(): void {
    if (this.current === 0) return;
    this.before = this.current;
    this.current = 0;
  }
}

/** The largest sample of the last round trips, kept with three of them (Kathleen Nichols' filter). */
export class RoundMaximum {
  private first = 0;
  private firstAt = 0;
  private second = 0;
  private secondAt = 0;
  private third = 0;
  private thirdAt = 0;

  get value(): number {
    return this.first;
  }

  /** @param length how many round trips a sample counts for */
  take(sample: number, round: number, length: number): void {
    if (sample >= this.first || round - this.thirdAt > length) {
      this.first = this.second = this.third = sample;
      this.firstAt = this.secondAt = this.thirdAt = round;
      return;
    }
    if (sample >= this.second) {
      this.second = this.third = sample;
      this.secondAt = this.thirdAt = round;
    } else if (sample >= this.third) {
      this.third = sample;
      this.thirdAt = round;
    }
    this.age(sample, round, length);
  }

  /** Lets the largest go when it left the window, and spreads the others over it. */
  private age(sample: number, round: number, length: number): void {
    const age = round - this.firstAt;
    if (age > length) {
      this.shift(sample, round);
      if (round - this.firstAt > length) this.shift(sample, round);
    } else if (this.secondAt === this.firstAt && age > length / 4) {
      this.second = this.third = sample;
      this.secondAt = this.thirdAt = round;
    } else if (this.thirdAt === this.secondAt && age > length / 2) {
      this.third = sample;
      this.thirdAt = round;
    }
  }

  private shift(sample: number, round: number): void {
    this.first = this.second;
    this.firstAt = this.secondAt;
    this.second = this.third;
    this.secondAt = this.thirdAt;
    this.third = sample;
    this.thirdAt = round;
  }
}
