import type { Deadlines } from "../../core/index.ts";
import type { TcpConfig } from "../../tcp/index.ts";
import { LONGEST_CORK } from "../../tcp/index.ts";
import { DEADLINE } from "../deadlines.ts";

/**
 * Whether less than a full segment leaves now or waits. Nagle's algorithm (RFC 9293 §3.7.4) runs over all the data of a connection (RFC 6897 §4.4.2): the subflows' own is off,
 * since it would see each subflow alone. A cork, and more that is said to come, hold it back whatever is outstanding, for 200 ms at the most.
 */
export class SmallSegments {
  private readonly deadlines: Deadlines;
  private noDelay: boolean;
  private corked: boolean;
  private more = false;
  /** It waited for long enough: what waits now leaves. */
  private isReleased = false;

  constructor({ noDelay, cork }: Pick<TcpConfig, "noDelay" | "cork">, deadlines: Deadlines) {
    this.deadlines = deadlines;
    this.noDelay = noDelay;
    this.corked = cork;
  }

  get isNoDelay(): boolean {
    return this.noDelay;
  }
  get isCorked(): boolean {
    return this.corked;
  }
  /** More is said to come. */
  get hasMore(): boolean {
    return this.more;
  }
  /** Whether it is held back even when nothing is outstanding. */
  get isHeld(): boolean {
    return (this.corked || this.more) && !this.isReleased;
  }

  /** Whether less than a full segment has to wait now. @param isOutstanding data is on its way, so that an acknowledgment will come */
  waits(isOutstanding: boolean, now: number): boolean {
    if (!this.corked && !this.more) return isOutstanding && !this.noDelay;
    if (this.isReleased) return false;
    if (!this.deadlines.has(DEADLINE.cork)) this.deadlines.set(DEADLINE.cork, now + LONGEST_CORK);
    return true;
  }

  /** Nagle's algorithm is turned off or on. `hasUnsent`: something waits, which leaves once in spite of a cork, as in Linux. @returns whether what was held back may leave */
  setNoDelay(enable: boolean, hasUnsent: boolean): boolean {
    const isReleased = enable && !this.noDelay;
    this.noDelay = enable;
    if (enable && this.corked && hasUnsent) this.isReleased = true;
    return isReleased || this.isReleased;
  }

  /** @returns whether what was held back may leave */
  setCork(cork: boolean): boolean {
    this.corked = cork;
    return this.onChange();
  }

  /** Something is written, and more is said to come or not. @returns whether what was held back may leave */
  onWrite(more: boolean): boolean {
    if (more === this.more) return false;
    this.more = more;
    return this.onChange();
  }

  /** New data leaves. */
  onSent(): void {
    if (!this.corked && !this.more) return;
    this.isReleased = false;
    this.deadlines.clear(DEADLINE.cork);
  }

  /** @returns whether what was held back may leave now */
  handleTimeout(now: number): boolean {
    if (!this.deadlines.take(DEADLINE.cork, now)) return false;
    this.isReleased = true;
    return true;
  }

  private onChange(): boolean {
    if (this.corked || this.more) return false;
    this.isReleased = false;
    this.deadlines.clear(DEADLINE.cork);
    return true;
  }
}
