/** Randomness comes in through this: seeded in the simulator, cryptographic on real networks. */
export interface RandomSource {
  /** A uniform integer in [0, 2^32). */
  uint32(): number;
  /** Fills `target` with uniform octets. */
  fill(target: Uint8Array): void;
}

/**
 * What the engine draws random numbers for, with a source for each: a script can fix one of them, and the others draw what they would have
 * drawn. A further purpose is a line here and one in {@link randomSources}.
 */
export interface RandomSources {
  /** Keys of Multipath TCP connections (RFC 8684 §3.1). */
  readonly keys: RandomSource;
  /** Nonces of joins (RFC 8684 §3.2). */
  readonly nonces: RandomSource;
  /** The secret behind initial sequence numbers (RFC 6528 §3). */
  readonly sequenceNumbers: RandomSource;
  /** The secret behind offsets of timestamp clocks (RFC 7323 §5.4). */
  readonly timestampOffsets: RandomSource;
  /** The secret behind the order of ephemeral ports (RFC 6056 §3.3.4). */
  readonly ports: RandomSource;
  /** The secret behind SYN cookies (RFC 4987 §3.6). */
  readonly cookieSecrets: RandomSource;
}

/** One of the things that the engine draws random numbers for. */
export type RandomPurpose = keyof RandomSources;

/** The sources that `make` gives for each purpose, but for those in `fixed`. */
export function randomSources(make: (purpose: RandomPurpose) => RandomSource, fixed: Partial<RandomSources> = {}): RandomSources {
  return {
    keys: fixed.keys ?? make("keys"),
    nonces: fixed.nonces ?? make("nonces"),
    sequenceNumbers: fixed.sequenceNumbers ?? make("sequenceNumbers"),
    timestampOffsets: fixed.timestampOffsets ?? make("timestampOffsets"),
    ports: fixed.ports ?? make("ports"),
    cookieSecrets: fixed.cookieSecrets ?? make("cookieSecrets"),
  };
}

/** Seeded sources, each a {@link SeededRandom} of its own that is named `names` and the purpose. */
export function seededSources(seed: number, names: readonly string[] = [], fixed: Partial<RandomSources> = {}): RandomSources {
  return randomSources((purpose) => new SeededRandom(seed, ...names, purpose), fixed);
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

  /**
   * @param seed any integer; equal seeds give equal streams
   * @param names give each who draws a stream of its own, whoever else draws: a node, a link, a purpose
   */
  constructor(seed: number, ...names: readonly string[]) {
    const state = names.length === 0 ? stateOfSeed(seed) : stateOfNames(seed, names);
    this.a = state[0] as number;
    this.b = state[1] as number;
    this.c = state[2] as number;
    this.d = (state[3] as number) | 1;
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
}

/** splitmix32 spreads the seed, so that neighbouring seeds give unrelated streams. */
function stateOfSeed(seed: number): Int32Array {
  let state = (seed ^ Math.floor(seed / 0x1_0000_0000)) | 0;
  return Int32Array.from({ length: 4 }, () => {
    state = (state + 0x9e3779b9) | 0;
    return scramble(state);
  });
}

/**
 * A hash of 128 bits of the seed and the names, each with its end marked. All of them go into the state, since of many thousand streams
 * with states of 32 bits some would be the same.
 */
function stateOfNames(seed: number, names: readonly string[]): Int32Array {
  const state = Int32Array.of(0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344);
  absorb(state, seed | 0);
  absorb(state, Math.floor(seed / 0x1_0000_0000) | 0);
  for (const name of names) {
    for (let i = 0; i < name.length; i++) absorb(state, name.charCodeAt(i));
    absorb(state, END_OF_NAME);
  }
  // What came last reaches every word.
  for (let i = 0; i < 4; i++) absorb(state, i);
  return state.map(scramble);
}

/** Mixes one value into the four words: each takes it in and passes on to the next. */
function absorb(state: Int32Array, value: number): void {
  let carried = (state[3] as number) ^ value;
  for (let i = 0; i < 4; i++) {
    const word = (state[i] as number) ^ carried;
    carried = (Math.imul((word << 15) | (word >>> 17), MULTIPLIERS[i] as number) + (state[(i + 1) & 3] as number)) | 0;
    state[i] = carried ^ (carried >>> 13);
  }
}

/** The finish of splitmix32: each bit of the argument decides about each of the result. */
function scramble(value: number): number {
  let z = value;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return z ^ (z >>> 15);
}

/** Odd, and no two alike. */
const MULTIPLIERS = [0x239b961b, 0xab0e9789, 0x38b34ae5, 0xa1e38b93];
/** No code unit of a text. */
const END_OF_NAME = 0x1_0000;
