import { MILLISECOND, SECOND } from "../core/index.ts";

/** Spaces out what leaves, at the rate that congestion control gives (draft-ietf-ccwg-bbr, "Pacing Rate"). */
export class Pacer {
  /** A segment was held back, and its time has not come. */
  waiting = false;
  /** When the next segment may leave, ns; may have a fraction. */
  nextSend = 0;

  /** Whether nothing may leave now. */
  holds(now: number): boolean {
    this.waiting = this.nextSend > now;
    return this.waiting;
  }

  /** A segment left. @param rate bytes per second */
  sent(bytes: number, rate: number, now: number): void {
    if (!(rate > 0)) return;
    // What a late timer missed is made up for, up to one quantum.
    const earliest = now - (quantum(rate) * SECOND) / rate;
    if (this.nextSend < earliest) this.nextSend = earliest;
    this.nextSend += (bytes * SECOND) / rate;
  }
}

/** How many bytes may leave at once at a pacing rate (bytes per second): what takes a millisecond, 64 KiB at most. */
export function quantum(rate: number): number {
  const bytes = (rate * MILLISECOND) / SECOND;
  return bytes < MOST_AT_ONCE ? bytes : MOST_AT_ONCE;
}

/** Draft-ietf-ccwg-bbr, "Send Quantum". */
const MOST_AT_ONCE = 65536;
