// 64-bit nanosecond timestamps as pairs of 32-bit halves: with an epoch they exceed 2^53, so they are never one number.

/** A moment since 1970, exact to the nanosecond. */
export interface Epoch {
  /** Whole seconds since 1970-01-01T00:00:00Z. */
  readonly seconds: number;
  /** 0 to 999,999,999. */
  readonly nanoseconds: number;
}

/** The origin of virtual time, and of captures that know no wall clock. */
export const NO_EPOCH: Epoch = { seconds: 0, nanoseconds: 0 };

/** Upper 32 bits of `epoch` + `now` in nanoseconds. */
export function timestampHigh(epoch: Epoch, now: number): number {
  const seconds = secondsOf(epoch, now);
  const upper = Math.floor(seconds / TWO_16) * BILLION;
  return (Math.floor(upper / TWO_16) + Math.floor(lowerSum(epoch, now, seconds, upper) / TWO_32)) >>> 0;
}

/** Lower 32 bits of `epoch` + `now` in nanoseconds. */
export function timestampLow(epoch: Epoch, now: number): number {
  const seconds = secondsOf(epoch, now);
  const upper = Math.floor(seconds / TWO_16) * BILLION;
  return lowerSum(epoch, now, seconds, upper) % TWO_32;
}

/**
 * Splits a 64-bit count of ticks into seconds and nanoseconds.
 *
 * @param resolution the octet of pcapng's if_tsresol: a negative power of 10, or with the top bit of 2
 * @returns null when the resolution is finer than a moment can be told apart with (beyond 10^-19 or 2^-63)
 */
export function epochOfTicks(high: number, low: number, resolution: number): Epoch | null {
  const exponent = resolution & 0x7f;
  if ((resolution & 0x80) !== 0) return exponent > 63 ? null : binaryTicks(high, low, exponent);
  return exponent > 19 ? null : decimalTicks(high, low, exponent);
}

/** Nanoseconds from `origin` (whole seconds since 1970) to `moment`; exact within 104 days of each other. */
export function nanosecondsSince(origin: number, moment: Epoch): number {
  return (moment.seconds - origin) * BILLION + moment.nanoseconds;
}

function secondsOf(epoch: Epoch, now: number): number {
  const carry = epoch.nanoseconds + (now % BILLION) >= BILLION ? 1 : 0;
  return epoch.seconds + Math.floor(now / BILLION) + carry;
}

/** What the lower half is made of, below 2^47, so exact: its own 32 bits and what carries into the upper half. */
function lowerSum(epoch: Epoch, now: number, seconds: number, upper: number): number {
  const nanoseconds = (epoch.nanoseconds + (now % BILLION)) % BILLION;
  return (upper % TWO_16) * TWO_16 + (seconds % TWO_16) * BILLION + nanoseconds;
}

function decimalTicks(high: number, low: number, exponent: number): Epoch {
  // Long division by 10, one digit of the fraction at a time, in four 16-bit limbs.
  const limbs = [high >>> 16, high & 0xffff, low >>> 16, low & 0xffff];
  let nanoseconds = 0;
  let weight = 1;
  for (let i = exponent; i > 0; i--) {
    let digit = 0;
    for (let j = 0; j < 4; j++) {
      const dividend = digit * TWO_16 + (limbs[j] as number);
      limbs[j] = Math.floor(dividend / 10);
      digit = dividend % 10;
    }
    // Digits below a nanosecond are cut off.
    if (i <= 9) {
      nanoseconds += digit * weight;
      weight *= 10;
    }
  }
  for (let i = exponent; i < 9; i++) nanoseconds *= 10;
  const seconds = (((limbs[0] as number) * TWO_16 + (limbs[1] as number)) * TWO_16 + (limbs[2] as number)) * TWO_16;
  return { seconds: seconds + (limbs[3] as number), nanoseconds };
}

function binaryTicks(high: number, low: number, exponent: number): Epoch {
  let seconds = 0;
  let weight = 1;
  for (let bit = exponent; bit < 64; bit++) {
    if (bitOf(high, low, bit)) seconds += weight;
    weight *= 2;
  }
  let fraction = 0;
  weight = 0.5;
  // 32 bits of fraction are finer than a nanosecond.
  for (let bit = exponent - 1; bit >= Math.max(0, exponent - 32); bit--) {
    if (bitOf(high, low, bit)) fraction += weight;
    weight /= 2;
  }
  return { seconds, nanoseconds: Math.floor(fraction * BILLION) };
}

function bitOf(high: number, low: number, bit: number): boolean {
  return bit < 32 ? ((low >>> bit) & 1) === 1 : ((high >>> (bit - 32)) & 1) === 1;
}

const BILLION = 1_000_000_000;
const TWO_16 = 0x1_0000;
const TWO_32 = 0x1_0000_0000;
