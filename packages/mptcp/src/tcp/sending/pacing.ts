import { MILLISECOND, SECOND } from "../../core/index.ts";
import type { CongestionControl } from "../congestion/control.ts";
import type { TcpConnection } from "../connection.ts";
import { TIMER } from "../timers.ts";

/** Spaces out what leaves, at the rate that congestion control gives (draft-ietf-ccwg-bbr, "Pacing Rate"). */
export class Pacer {
  /** A segment was held back, and its time has not come. */
  waiting = false;
  /** When the next segment may leave, ns; may have a fraction. */
  nextSend = 0;
  private readonly control: CongestionControl;

  constructor(control: CongestionControl) {
    this.control = control;
  }

  /** Whether nothing may leave now; the timer says when something may. */
  holds(tcp: TcpConnection, now: number): boolean {
    this.waiting = this.nextSend > now && this.control.pacingRate !== null;
    if (this.waiting) tcp.arm(TIMER.pacing, Math.ceil(this.nextSend));
    return this.waiting;
  }

  /** A segment left. */
  sent(bytes: number, now: number): void {
    const rate = this.control.pacingRate;
    if (rate === null || !(rate > 0)) return;
    // What a late timer missed is made up for, up to one quantum.
    const earliest = now - (quantumAt(rate) * SECOND) / rate;
    if (this.nextSend < earliest) this.nextSend = earliest;
    this.nextSend += (bytes * SECOND) / rate;
  }

  /** How many bytes may leave at once: what takes a millisecond, 64 KiB at most. */
  get quantum(): number {
    const rate = this.control.pacingRate;
    return rate === null ? MOST_AT_ONCE : Math.floor(quantumAt(rate));
  }
}

function quantumAt(rate: number): number {
  const bytes = (rate * MILLISECOND) / SECOND;
  return bytes < MOST_AT_ONCE ? bytes : MOST_AT_ONCE;
}

/** Draft-ietf-ccwg-bbr, "Send Quantum". */
const MOST_AT_ONCE = 65536;
