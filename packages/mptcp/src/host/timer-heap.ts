import { NEVER } from "../core/index.ts";
import type { Timed } from "../mptcp/index.ts";

/**
 * The deadlines of everything on a host: a binary heap that knows each entry's place. A deadline that moves later is left where it
 * is and looked at again when it comes up, since retransmission timers move later with every acknowledgment.
 */
export class TimerHeap {
  /** Nothing is filed under an earlier time: while due entries are worked off it is later than now, so that none comes up twice. */
  floor = 0;
  private readonly heap: Timed[] = [];

  /** Earliest time at which something may be due, ns; NEVER when nothing is. */
  get next(): number {
    return this.heap.length === 0 ? NEVER : (this.heap[0] as Timed).timerAt;
  }

  get size(): number {
    return this.heap.length;
  }

  /** Files `timed` under its `nextTimeout`, unless it is filed under an earlier time already. */
  file(timed: Timed): void {
    // Smoothed times have fractions; the driver's clock is in whole nanoseconds.
    const at = Math.max(Math.ceil(timed.nextTimeout), this.floor);
    if (timed.timerSlot < 0) {
      if (at === NEVER) return;
      timed.timerAt = at;
      timed.timerSlot = this.heap.length;
      this.heap.push(timed);
      this.up(timed.timerSlot);
    } else if (at < timed.timerAt) {
      timed.timerAt = at;
      this.up(timed.timerSlot);
    }
  }

  remove(timed: Timed): void {
    const at = timed.timerSlot;
    if (at < 0) return;
    timed.timerSlot = -1;
    timed.timerAt = NEVER;
    const last = this.heap.pop() as Timed;
    if (last === timed) return;
    this.heap[at] = last;
    last.timerSlot = at;
    this.up(at);
    this.down(last.timerSlot);
  }

  /** Takes out one entry that is due at `now`, or null; entries whose deadline moved are filed anew on the way. */
  due(now: number): Timed | null {
    while (this.heap.length > 0) {
      const top = this.heap[0] as Timed;
      if (top.timerAt > now) return null;
      if (top.nextTimeout <= now) {
        this.remove(top);
        return top;
      }
      if (top.nextTimeout === NEVER) this.remove(top);
      else {
        top.timerAt = Math.max(Math.ceil(top.nextTimeout), this.floor);
        this.down(0);
      }
    }
    return null;
  }

  private up(at: number): void {
    const { heap } = this;
    const moving = heap[at] as Timed;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const other = heap[parent] as Timed;
      if (other.timerAt <= moving.timerAt) break;
      heap[at] = other;
      other.timerSlot = at;
      at = parent;
    }
    heap[at] = moving;
    moving.timerSlot = at;
  }

  private down(at: number): void {
    const { heap } = this;
    const moving = heap[at] as Timed;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] as Timed).timerAt < (heap[child] as Timed).timerAt) child++;
      const other = heap[child] as Timed;
      if (moving.timerAt <= other.timerAt) break;
      heap[at] = other;
      other.timerSlot = at;
      at = child;
    }
    heap[at] = moving;
    moving.timerSlot = at;
  }
}
