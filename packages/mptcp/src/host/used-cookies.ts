import { LIMITS, SECOND } from "../core/index.ts";

/**
 * SYN cookies that have made their connection: an ACK that somebody recorded makes none again. Two generations, each as long as a cookie is
 * good for, so that nothing has to be looked through.
 */
export class UsedCookies {
  private latest = new Set<number>();
  private earlier = new Set<number>();
  private since = 0;

  has(id: number): boolean {
    return this.latest.has(id) || this.earlier.has(id);
  }

  /** @returns whether another one had to be forgotten before its time */
  add(id: number, now: number): boolean {
    if (now - this.since >= GENERATION) {
      this.earlier = now - this.since < 2 * GENERATION ? this.latest : new Set();
      this.latest = new Set();
      this.since = now;
    }
    this.latest.add(id);
    if (this.latest.size <= LIMITS.usedCookies.default) return false;
    for (const oldest of this.latest) {
      this.latest.delete(oldest);
      break;
    }
    return true;
  }
}

/** No cookie is good for longer, ns. */
const GENERATION = 60 * SECOND;
