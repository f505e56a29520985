import type { Counters } from "../core/index.ts";
import { LIMITS } from "../core/index.ts";

/** A closed connection that is kept for a while. */
export interface Lingerer {
  /** There is no room for it any more. */
  stopLingering(now: number): void;
}

/**
 * Closed connections without a subflow, which a peer that missed the last Data ACK may come back to (RFC 8684 §3.3.3). The oldest makes room for
 * the newest.
 */
export class Lingering {
  private readonly counters: Counters;
  private readonly limit: number;
  /** In order of arrival. */
  private readonly entries = new Set<Lingerer>();

  /** @param limit connections that may linger at a time */
  constructor(counters: Counters, limit: number) {
    this.counters = counters;
    this.limit = limit;
  }

  get size(): number {
    return this.entries.size;
  }

  add(entry: Lingerer, now: number): void {
    this.entries.add(entry);
    while (this.entries.size > this.limit) {
      const [oldest] = this.entries;
      if (oldest === undefined) return;
      this.counters.increment(LIMITS.lingering.counter);
      this.entries.delete(oldest);
      oldest.stopLingering(now);
    }
  }

  remove(entry: object): void {
    this.entries.delete(entry as Lingerer);
  }
}
