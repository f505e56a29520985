import { NEVER } from "../core/index.ts";

/** What keeps a connection that has something to send from sending. */
export const LIMITED_BY = {
  nothing: 0,
  /** The peer's window. */
  window: 1,
  /** The application would write more, and the send buffer has no room for it. */
  buffer: 2,
} as const;
export type LimitedBy = (typeof LIMITED_BY)[keyof typeof LIMITED_BY];

/** What a connection counts for whoever looks at it, and never reads itself. Times are ns. */
export class Tally {
  /** Segments with payload; a super-segment counts once. */
  dataSegmentsSent = 0;
  dataSegmentsReceived = 0;
  /** When payload last left, and last arrived; -1: never. */
  dataSentAt = -1;
  dataReceivedAt = -1;
  /** Segments whose payload came behind a gap. */
  outOfOrderSegments = 0;
  /** D-SACKs that the peer sent (RFC 2883). */
  duplicateSacks = 0;
  /** Retransmission timeouts, series of them, and how long those took that are over: from the first timeout until something new was acknowledged. */
  timeouts = 0;
  timeoutSeries = 0;
  timeoutTime = 0;
  private timeoutSince = 0;
  private busy = 0;
  private busySince = NEVER;
  private byWindow = 0;
  private byBuffer = 0;
  private limitedBy: LimitedBy = LIMITED_BY.nothing;
  private limitedSince = 0;

  /** Data leaves, or would if the peer's window were open. */
  begin(now: number): void {
    if (this.busySince === NEVER) this.busySince = now;
  }

  /** Everything sent is acknowledged. */
  rest(now: number): void {
    if (this.busySince === NEVER) return;
    this.busy += now - this.busySince;
    this.busySince = NEVER;
    if (this.limitedBy !== LIMITED_BY.nothing) this.limit(LIMITED_BY.nothing, now);
  }

  /** What keeps it from sending is another thing now, or nothing. */
  limit(by: LimitedBy, now: number): void {
    if (by === this.limitedBy) return;
    this.settle(now);
    this.limitedBy = by;
  }

  /** A segment with new data leaves. */
  onData(now: number): void {
    this.begin(now);
    if (this.limitedBy !== LIMITED_BY.nothing) this.limit(LIMITED_BY.nothing, now);
  }

  /** A retransmission timeout. @param isFirst of its series */
  onTimeout(isFirst: boolean, now: number): void {
    this.timeouts++;
    if (!isFirst) return;
    this.timeoutSeries++;
    this.timeoutSince = now;
  }

  /** Something new was acknowledged after a series of timeouts. */
  onTimeoutsOver(now: number): void {
    this.timeoutTime += now - this.timeoutSince;
  }

  /** How long there was something that the peer had not acknowledged, and of that the time that its window, or our send buffer, was what limited us, so far. */
  times(now: number): { readonly busy: number; readonly byWindow: number; readonly byBuffer: number } {
    const since = now - this.limitedSince;
    return {
      busy: this.busySince === NEVER ? this.busy : this.busy + now - this.busySince,
      byWindow: this.limitedBy === LIMITED_BY.window ? this.byWindow + since : this.byWindow,
      byBuffer: this.limitedBy === LIMITED_BY.buffer ? this.byBuffer + since : this.byBuffer,
    };
  }

  private settle(now: number): void {
    const since = now - this.limitedSince;
    if (this.limitedBy === LIMITED_BY.window) this.byWindow += since;
    else if (this.limitedBy === LIMITED_BY.buffer) this.byBuffer += since;
    this.limitedSince = now;
  }
}
