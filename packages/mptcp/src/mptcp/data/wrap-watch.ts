import { SECOND } from "../../core/index.ts";

/**
 * The watch over how fast one direction of the data sequence space is used up. Where half of the 32-bit space goes by within a Maximum Segment
 * Lifetime, an old segment's lower 32 bits could be taken for those of a new one, and full numbers are due (RFC 8684 §3.3.1). Half, because whoever
 * reads 32 bits takes the position nearest to the one that it expects (RFC 7323 §5.1 counts in the same way).
 *
 * Times are taken at marks in the stream, so that nearly every look at a position is one comparison.
 */
export class WrapWatch {
  private isFast = false;
  private nextMark = 0;
  /** When each of the latest marks was passed, ns; a ring. */
  private readonly passedAt: number[] = [];

  /** The stream has come to `position`. @returns whether full numbers are due, from now on */
  look(position: number, now: number): boolean {
    while (position >= this.nextMark) this.pass(now);
    return this.isFast;
  }

  private pass(now: number): void {
    const index = (this.nextMark / MARK) % MARKS;
    const before = this.passedAt[index];
    if (before !== undefined && now - before < MAXIMUM_SEGMENT_LIFETIME) this.isFast = true;
    this.passedAt[index] = now;
    // A rate once reached may come again at any time.
    this.nextMark = this.isFast ? Number.POSITIVE_INFINITY : this.nextMark + MARK;
  }
}

/** Bytes between marks, and how many marks half of the space has. */
const MARK = 2 ** 27;
const MARKS = 2 ** 31 / MARK;
/** RFC 9293 §3.4.2: two minutes, ns. */
const MAXIMUM_SEGMENT_LIFETIME = 120 * SECOND;
