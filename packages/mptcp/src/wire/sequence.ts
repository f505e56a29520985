/**
 * Sequence arithmetic: the one module that knows that TCP's 32-bit and MPTCP's 64-bit numbers wrap.
 *
 * Everywhere else a position in a stream is a plain number counted from the stream's start.
 */

/**
 * `sequence + n` modulo 2^32 (RFC 9293 §3.4). `n` may be any integer below 2^53 in magnitude.
 *
 * `| 0` and `>>> 0` take any such integer modulo 2^32, at a fraction of what `%` costs on numbers that are no 32-bit integers. Every packet
 * asks several times.
 */
export function sequenceAdd(sequence: number, n: number): number {
  return (sequence + (n | 0)) >>> 0;
}

/** Signed distance from `b` to `a`, in [-2^31, 2^31): positive when `a` comes after `b`. */
export function sequenceDifference(a: number, b: number): number {
  return (a - b) | 0;
}

/** Whether `a` comes strictly before `b` on the 32-bit circle. */
export function sequenceLess(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

/** Whether `a` comes before `b` or is `b` on the 32-bit circle. */
export function sequenceLessOrEqual(a: number, b: number): boolean {
  return ((a - b) | 0) <= 0;
}

/**
 * The stream position nearest to `near` whose 32-bit form, counted from `origin`, is `sequence`.
 *
 * @param sequence the number on the wire, 32 bits
 * @param origin the 32-bit number of position 0
 * @param near a position known to be within 2^31 of the answer
 * @returns a position; negative when the number lies before the stream's start
 */
export function positionNear(sequence: number, origin: number, near: number): number {
  return near + ((sequence - origin - (near | 0)) | 0);
}

/**
 * One direction of an MPTCP connection's 64-bit data sequence space (RFC 8684 §3.1, §3.3.1).
 *
 * Position 0 is the first byte of application data, whose data sequence number is IDSN + 1:
 * MP_CAPABLE occupies the octet before it.
 */
export class DataSequenceSpace {
  /** Upper and lower half of the initial data sequence number. */
  readonly idsnHigh: number;
  readonly idsnLow: number;

  constructor(idsnHigh: number, idsnLow: number) {
    this.idsnHigh = idsnHigh >>> 0;
    this.idsnLow = idsnLow >>> 0;
  }

  /** Upper 32 bits of the data sequence number of `position`. */
  high(position: number): number {
    const below = position >>> 0;
    const carry = this.idsnLow + 1 + below >= TWO_32 ? 1 : 0;
    return (this.idsnHigh + (position - below) / TWO_32 + carry) >>> 0;
  }

  /** Lower 32 bits of the data sequence number of `position`. */
  low(position: number): number {
    return (this.idsnLow + 1 + (position | 0)) >>> 0;
  }

  /** The position of a full 64-bit data sequence number; negative before the stream, NaN when beyond 2^53. */
  position(high: number, low: number): number {
    const borrow = low >>> 0 < this.idsnLow ? 1 : 0;
    const highDifference = (high - this.idsnHigh - borrow) | 0;
    const lowDifference = (low - this.idsnLow) >>> 0;
    // The 1 is taken off first: a sum beyond 2^53 must not round back into the safe range.
    const position = highDifference * TWO_32 + (lowDifference - 1);
    return Number.isSafeInteger(position) ? position : Number.NaN;
  }

  /** The position of a data sequence number sent as its lower 32 bits, nearest to `near`. */
  positionNear(low: number, near: number): number {
    return positionNear(low, (this.idsnLow + 1) >>> 0, near);
  }
}

const TWO_32 = 0x1_0000_0000;
