/** Randomness comes in through this: seeded in the simulator, cryptographic on real networks. */
export interface RandomSource {
  /** A uniform integer in [0, 2^32). */
  uint32(): number;
  /** Fills `target` with uniform octets. */
  fill(target: Uint8Array): void;
}

/** A uniform number in [0, 1) with 32 bits of resolution. */
export function randomFraction(random: RandomSource): number {
  return random.uint32() / 0x1_0000_0000;
}

/** A uniform integer in [0, `bound`); `bound` at most 2^32. The bias is below `bound` / 2^32. */
export function randomBelow(random: RandomSource, bound: number): number {
  return Math.floor((random.uint32() / 0x1_0000_0000) * bound);
}

/** xoshiro128**: a fast seeded generator for the simulator. Never for keys on real networks. */
export class SeededRandom implements RandomSource {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  /** @param seed any integer; equal seeds give equal streams */
  constructor(seed: number) {
    // splitmix32 spreads the seed, so that neighbouring seeds give unrelated streams.
    let state = (seed ^ Math.floor(seed / 0x1_0000_0000)) | 0;
    const next = (): number => {
      state = (state + 0x9e3779b9) | 0;
      let z = state;
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return z ^ (z >>> 15);
    };
    this.a = next();
    this.b = next();
    this.c = next();
    this.d = next() | 1;
  }

  uint32(): number {
    const s = Math.imul(this.b, 5);
    const result = Math.imul((s << 7) | (s >>> 25), 9) >>> 0;
    const t = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= t;
    this.d = (this.d << 11) | (this.d >>> 21);
    return result;
  }

  fill(target: Uint8Array): void {
    for (let i = 0; i < target.length; i += 4) {
      const word = this.uint32();
      for (let j = i; j < Math.min(i + 4, target.length); j++) target[j] = word >>> ((j - i) * 8);
    }
  }

  /** A generator of its own, derived from this one: one per link or host keeps their draws apart. */
  fork(): SeededRandom {
    return new SeededRandom(this.uint32());
  }
}
