import { NEVER } from "../core/index.ts";
import type { Timed } from "../mptcp/index.ts";

/** What the heap files: something with a deadline, and the heap's notes of where it stands. */
export interface Filed extends Timed {
  /** Place in the heap; -1: none. */
  timerSlot: number;
  /** The time that it is filed under, ns. */
  timerAt: number;
}

/**
 * The deadlines of everything on a host: a binary heap that knows each entry's place. A deadline that moves later is left where it
 * is and looked at again when it comes up, since retransmission timers move later with every acknowledgment.
 */
export class TimerHeap {
  /** Nothing is filed under an earlier time: while due entries are worked off it is later than now, so that none comes up twice. */
  floor = 0;
  private readonly heap: Filed[] = [];
  /** The entries of what keeps no notes itself, from its first deadline on. */
  private readonly entries = new Map<Timed, Entry>();

  /** Earliest time at which something may be due, ns; NEVER when nothing is. */
  get next(): number {
    return this.heap.length === 0 ? NEVER : (this.heap[0] as Filed).timerAt;
  }

  /** The earliest deadline, ns; NEVER when there is none. Those that moved later are filed anew. */
  get earliest(): number {
    for (let top = this.heap[0]; top !== undefined; top = this.heap[0]) {
      if (top.nextTimeout <= top.timerAt) return top.timerAt;
      this.postpone(top);
    }
    return NEVER;
  }

  get size(): number {
    return this.heap.length;
  }

  /** What is filed, in the heap's own order, and under which times, ns. */
  all(): readonly { readonly timed: Timed; readonly at: number }[] {
    return this.heap.map((filed) => ({ timed: filed instanceof Entry ? filed.timed : filed, at: filed.timerAt }));
  }

  /** Files something that was filed elsewhere, under the same time, ns: it may be earlier than its `nextTimeout`. In the order of `all()` a heap becomes the same. */
  fileAt(timed: Timed | Filed, at: number): void {
    const filed = "timerSlot" in timed ? timed : this.entryOf(timed);
    filed.timerAt = at;
    filed.timerSlot = this.heap.length;
    this.heap.push(filed);
    this.up(filed.timerSlot);
  }

  /** Files `timed` under its `nextTimeout`, unless it is filed under an earlier time already. */
  file(timed: Filed): void {
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

  /** The same for something without notes: the heap keeps them, until {@link TimerHeap.removeFor}. */
  fileFor(timed: Timed): void {
    this.file(this.entryOf(timed));
  }

  removeFor(timed: Timed): void {
    const entry = this.entries.get(timed);
    if (entry === undefined) return;
    this.remove(entry);
    this.entries.delete(timed);
  }

  remove(timed: Filed): void {
    const at = timed.timerSlot;
    if (at < 0) return;
    timed.timerSlot = -1;
    timed.timerAt = NEVER;
    const last = this.heap.pop() as Filed;
    if (last === timed) return;
    this.heap[at] = last;
    last.timerSlot = at;
    this.up(at);
    this.down(last.timerSlot);
  }

  /** Takes out one entry that is due at `now`, or null; entries whose deadline moved are filed anew on the way. */
  due(now: number): Filed | null {
    while (this.heap.length > 0) {
      const top = this.heap[0] as Filed;
      if (top.timerAt > now) return null;
      if (top.nextTimeout <= now) {
        this.remove(top);
        return top;
      }
      this.postpone(top);
    }
    return null;
  }

  /** Files the first entry, whose deadline moved later, anew. */
  private postpone(top: Filed): void {
    if (top.nextTimeout === NEVER) {
      this.remove(top);
      return;
    }
    top.timerAt = Math.max(Math.ceil(top.nextTimeout), this.floor);
    this.down(0);
  }

  private entryOf(timed: Timed): Entry {
    let entry = this.entries.get(timed);
    if (entry === undefined) {
      entry = new Entry(timed);
      this.entries.set(timed, entry);
    }
    return entry;
  }

  private up(at: number): void {
    const { heap } = this;
    const moving = heap[at] as Filed;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const other = heap[parent] as Filed;
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
    const moving = heap[at] as Filed;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] as Filed).timerAt < (heap[child] as Filed).timerAt) child++;
      const other = heap[child] as Filed;
      if (moving.timerAt <= other.timerAt) break;
      heap[at] = other;
      other.timerSlot = at;
      at = child;
    }
    heap[at] = moving;
    moving.timerSlot = at;
  }
}

/** The heap's notes of something that knows nothing of heaps. */
class Entry implements Filed {
  timerSlot = -1;
  timerAt = NEVER;
  readonly timed: Timed;

  constructor(timed: Timed) {
    this.timed = timed;
  }

  get nextTimeout(): number {
    return this.timed.nextTimeout;
  }

  handleTimeout(now: number): void {
    this.timed.handleTimeout(now);
  }
}
