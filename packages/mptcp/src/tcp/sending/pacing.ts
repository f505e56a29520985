import { MILLISECOND, SECOND } from "../../core/index.ts";
import type { TcpConfig } from "../config.ts";
import type { TcpConnection } from "../connection.ts";
import { TIMER } from "../timers.ts";

/**
 * Spaces out what leaves: bursts of what takes a millisecond at the pacing rate, two segments at the least, as Linux sizes what it has segmented, each at its
 * departure time (draft-ietf-ccwg-bbr, "Pacing Rate"). A timer that comes late is made up for, so that the rate holds over time with timers of a millisecond.
 */
export class Pacer {
  /** The burst is over, and the time of the next one has not come: there is no room until the timer says so. */
  waiting = false;
  /** When the next burst may leave, ns; may have a fraction. */
  nextSend = 0;
  /** Bytes that may still leave of this burst. */
  private left = 0;
  /** When the timer came that was waited for, ns. */
  private dueAt = 0;
  /** Bytes that leave without being paced: RFC 6928's initial window, which is small enough, so that what is short does not wait. */
  private free: number;
  /** Once so much is acknowledged, ACKs set the pace again after a pause; -1: they do. */
  private restartedAt = -1;

  /** @param free see {@link Pacer.free} */
  constructor(free: number) {
    this.free = free;
  }

  /** Whether nothing may leave now; the timer says when something may. */
  holds(tcp: TcpConnection, now: number): boolean {
    this.waiting = false;
    const rate = this.rate(tcp);
    if (rate === null) return false;
    if (this.nextSend <= now) {
      // Only what a timer missed is made up for: what was not sent for want of data or window is gone.
      if (now - this.dueAt > MILLISECOND) this.nextSend = now;
      this.left = quantumAt(rate, tcp.sender.unit);
      return false;
    }
    if (this.left > 0) return false;
    this.wait(tcp);
    return true;
  }

  /** A segment leaves. */
  sent(tcp: TcpConnection, bytes: number, now: number): void {
    if (this.free > 0) {
      this.free -= bytes;
      return;
    }
    const rate = this.rate(tcp);
    if (rate === null) return;
    if (this.nextSend < now - MOST_LATE) this.nextSend = now;
    this.nextSend += (bytes * SECOND) / rate;
    this.left -= bytes;
    if (this.left <= 0 && this.nextSend > now) this.wait(tcp);
  }

  /** Data leaves after a pause of more than a retransmission timeout: no ACKs are there to pace the window (RFC 7661 §4.4, RFC 5681 §4.1). */
  onRestart(tcp: TcpConnection): void {
    if (tcp.congestion.pacingRate !== null) return;
    this.free = tcp.config.initialWindowSegments * tcp.sender.unit;
    this.restartedAt = tcp.sender.una;
  }

  /** The time of the next burst has come, and perhaps gone. */
  onDue(now: number): void {
    this.waiting = false;
    this.dueAt = now;
    if (this.nextSend < now - MOST_LATE) this.nextSend = now - MOST_LATE;
  }

  /** What of `room` bytes may leave at once, in whole segments. */
  within(room: number, unit: number): number {
    if (this.waiting) return 0;
    // Without a burst under way the next one may begin.
    if (this.left <= 0) return room;
    const left = Math.ceil(this.left / unit) * unit;
    return left < room ? left : room;
  }

  /** Most payload bytes of a super-segment. */
  burst(tcp: TcpConnection): number {
    const rate = this.rate(tcp);
    return rate === null ? MOST_AT_ONCE : Math.max(this.free, quantumAt(rate, tcp.sender.unit));
  }

  /** Bytes per second: that of congestion control, or one that follows from its window; null: as the window lets it. */
  private rate(tcp: TcpConnection): number | null {
    const { pacingRate } = tcp.congestion;
    if (pacingRate !== null) return pacingRate;
    if (isPacedThroughout(tcp.config) && (tcp.rtt.min >= SHORTEST_PACED || tcp.config.pacing === "on")) return windowRate(tcp);
    if (this.restartedAt < 0) return null;
    if (tcp.sender.una <= this.restartedAt) return windowRate(tcp);
    this.restartedAt = -1;
    return null;
  }

  private wait(tcp: TcpConnection): void {
    this.waiting = true;
    tcp.arm(TIMER.pacing, Math.ceil(this.nextSend));
  }
}

/** Whether all that leaves is paced, whatever congestion control says. */
export function isPacedThroughout({ pacing, segmentationLimit }: Pick<TcpConfig, "pacing" | "segmentationLimit">): boolean {
  return pacing === "on" || (pacing === "bursts" && segmentationLimit > 0);
}

/** What leaves in a 1024th of a second at a rate of somewhat more than a window per round trip; on short paths more, up to `most`. */
export function burstOfWindow(tcp: TcpConnection, most: number): number {
  const rate = windowRate(tcp);
  return rate === null ? most : rate / 1024 + most / 2 ** Math.floor(tcp.rtt.min / SHORT_PATH);
}

/** A window per round trip, and somewhat more, so that pacing does not keep it from growing: twice in slow start, 1.2 times near the threshold and after it. */
function windowRate({ congestion, rtt }: TcpConnection): number | null {
  if (rtt.srtt === 0) return null;
  const { threshold, window } = congestion;
  return (window * (2 * window < threshold ? 2 : 1.2) * SECOND) / rtt.srtt;
}

function quantumAt(rate: number, unit: number): number {
  const bytes = (rate * MILLISECOND) / SECOND;
  const most = bytes < MOST_AT_ONCE ? bytes : MOST_AT_ONCE;
  return most > 2 * unit ? most : 2 * unit;
}

/** Draft-ietf-ccwg-bbr, "Send Quantum". */
const MOST_AT_ONCE = 65536;

/** By so much a timer may be late and be made up for, ns. */
const MOST_LATE = 5 * MILLISECOND;

/** Round-trip time from which super-segments are paced, ns: timers of real hosts are no finer, and would hold back one of several paths and not another. */
const SHORTEST_PACED = 2 * MILLISECOND;
/** Round-trip time by which what a super-segment may have more is halved, ns. */
const SHORT_PATH = 512_000;
