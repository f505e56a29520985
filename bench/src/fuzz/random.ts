/**
 * The fuzzers' random numbers (sfc32). Every case is seeded by its own number, so that one case replays without those
 * before it.
 */
export class FuzzRandom {
  private a = 0;
  private b = 0;
  private c = 0;
  private counter = 1;

  /** Starts case `index` of the run `seed`. */
  start(seed: number, index: number): void {
    this.a = seed | 0;
    this.b = index | 0;
    this.c = Math.floor(index / 0x1_0000_0000) ^ Math.floor(seed / 0x1_0000_0000);
    this.counter = 1;
    for (let i = 0; i < 12; i++) this.uint32();
  }

  /** A uniform integer in [0, 2^32). */
  uint32(): number {
    const sum = (this.a + this.b + this.counter++) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + sum;
    return sum >>> 0;
  }

  /** A uniform integer in [0, `bound`). */
  below(bound: number): number {
    return Math.floor((this.uint32() / 0x1_0000_0000) * bound);
  }

  /** True once in `n` times. */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }

  /** A 32-bit number, often one at an edge. */
  edge32(): number {
    const edge = EDGES[this.below(EDGES.length * 2)];
    return edge ?? this.uint32();
  }

  /** Fills octets `at` to `end`. */
  fill(target: Uint8Array, at: number, end: number): void {
    let word = 0;
    for (let i = at; i < end; i++) {
      if (((i - at) & 3) === 0) word = this.uint32();
      target[i] = word;
      word >>>= 8;
    }
  }

  /** `length` octets. */
  octets(length: number): Uint8Array {
    const made = new Uint8Array(length);
    this.fill(made, 0, length);
    return made;
  }
}

const EDGES: readonly number[] = [0, 1, 2, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, 0xffff_fffe, 0xffff_ffff];
