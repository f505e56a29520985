import { SECOND } from "../../core/index.ts";

/**
 * The pace of joins to addresses that the peer announced. Who announces one address after the other could have us send SYNs to anybody
 * (RFC 8684 §5): so many may begin at once, and as many per second from then on. A token bucket.
 */
export class JoinPace {
  private readonly burst: number;
  private tokens: number;
  /** Up to when tokens were given out, ns. */
  private filledAt = 0;

  /** @param burst joins at once, and per second */
  constructor(burst: number) {
    this.burst = burst;
    this.tokens = burst;
  }

  mayJoin(now: number): boolean {
    const since = Math.floor((now - this.filledAt) / this.interval);
    if (since > 0) {
      this.tokens = Math.min(this.burst, this.tokens + since);
      this.filledAt += since * this.interval;
    }
    return this.tokens > 0;
  }

  /** A join begins. */
  take(): void {
    this.tokens--;
  }

  /** When the next token comes, ns. */
  get nextAt(): number {
    return this.filledAt + this.interval;
  }

  private get interval(): number {
    return Math.ceil(SECOND / this.burst);
  }
}
