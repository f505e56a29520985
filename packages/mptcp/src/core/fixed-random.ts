import type { RandomSource } from "./random.ts";

/** A number that is drawn next: a whole one, or the octets that are to be drawn, highest first. */
export type FixedNumber = number | bigint | Uint8Array;

/**
 * A source whose next draws can be fixed, for tests and packet scripts. What is fixed is drawn in order; before and after it the source beneath is
 * drawn from, which does not know of it and goes on where it was.
 */
export class FixableRandom implements RandomSource {
  /** Knows of nothing that is fixed. */
  readonly beneath: RandomSource;
  private readonly waiting: FixedNumber[] = [];

  constructor(beneath: RandomSource) {
    this.beneath = beneath;
  }

  /** Draws to come are these, behind those that were fixed before and were not drawn yet. */
  fix(numbers: readonly FixedNumber[]): void {
    this.waiting.push(...numbers);
  }

  /** The next draw of 32 bits where it is fixed; null where it is not, and nothing is drawn. */
  takeFixed(): number | null {
    return this.waiting.length === 0 ? null : this.uint32();
  }

  uint32(): number {
    const next = this.waiting.shift();
    return next === undefined ? this.beneath.uint32() : Number(BigInt.asUintN(32, valueOf(next)));
  }

  fill(target: Uint8Array): void {
    const next = this.waiting.shift();
    if (next === undefined) {
      this.beneath.fill(target);
      return;
    }
    let rest = valueOf(next);
    for (let i = target.length - 1; i >= 0; i--) {
      target[i] = Number(rest & 0xffn);
      rest >>= 8n;
    }
  }
}

function valueOf(fixed: FixedNumber): bigint {
  if (!(fixed instanceof Uint8Array)) return BigInt(fixed);
  let value = 0n;
  for (const octet of fixed) value = (value << 8n) | BigInt(octet);
  return value;
}
