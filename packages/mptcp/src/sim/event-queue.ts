import { MptcpError, NEVER } from "../core/index.ts";

/** Something that waits in an {@link EventQueue}. The object is its own place in the queue: scheduling allocates nothing. */
export interface Scheduled {
  /** Where the queue keeps it; -1 while it does not wait. Owned by the queue: initialise to -1, never write. */
  slot: number;
  /** True for what only watches (samplers): {@link EventQueue.run} ends when nothing else waits. */
  readonly background: boolean;
  /** Its time has come. It may schedule itself anew; otherwise it has left the queue when this returns. */
  fire(now: number): void;
}

/**
 * The events of one simulation, ordered by (time, insertion).
 *
 * An intrusive 4-ary heap. Times and insertion numbers lie in typed arrays beside the entries, so that the comparisons of
 * a sift read two cache lines instead of four objects. An entry is in one queue at a time and at most once; it can be
 * moved and removed in O(log n).
 */
export class EventQueue {
  /** The time of the event that fires, or that fired last; ns. */
  now = 0;
  /** Events fired so far. */
  fired = 0;
  private count = 0;
  private foreground = 0;
  private order = 0;
  private stopped = false;
  private times = new Float64Array(INITIAL_CAPACITY);
  private orders = new Float64Array(INITIAL_CAPACITY);
  private readonly entries: (Scheduled | null)[] = [];

  /** Entries that wait. */
  get size(): number {
    return this.count;
  }

  /** Time of the earliest entry; NEVER when none waits. */
  get next(): number {
    return this.count === 0 ? NEVER : (this.times[0] as number);
  }

  /** When `entry` will fire; NEVER while it does not wait. */
  timeOf(entry: Scheduled): number {
    return entry.slot < 0 ? NEVER : (this.times[entry.slot] as number);
  }

  /**
   * Makes `entry` fire at `at` (NEVER: not at all), after everything already scheduled for that time. Moves it when it waits already.
   * @throws MptcpError ERR_SIM_TIME when `at` lies before `now`
   */
  schedule(entry: Scheduled, at: number): void {
    if (at === NEVER) this.remove(entry);
    else this.scheduleInOrder(entry, at, this.order++);
  }

  /** The next insertion number: what an entry scheduled now would get. For {@link EventQueue.scheduleInOrder}. */
  takeOrder(): number {
    return this.order++;
  }

  /**
   * Like {@link EventQueue.schedule} with an insertion number taken earlier. A pipe gives each packet one on entry but keeps only its
   * first packet in the queue; packets then arrive in the same order as if each had an event of its own.
   */
  scheduleInOrder(entry: Scheduled, at: number, order: number): void {
    if (!(at >= this.now)) throw new MptcpError("ERR_SIM_TIME", `cannot schedule for ${at} ns: it is ${this.now} ns`);
    const slot = entry.slot;
    if (slot >= 0) {
      const before = this.times[slot] as number;
      if (at > before || (at === before && order > (this.orders[slot] as number))) this.siftDown(slot, entry, at, order);
      else this.siftUp(slot, entry, at, order);
      return;
    }
    const end = this.count++;
    if (end === this.times.length) this.grow();
    else if (end === this.entries.length) this.entries.push(null);
    if (!entry.background) this.foreground++;
    this.siftUp(end, entry, at, order);
  }

  /** Takes `entry` out; does nothing when it does not wait. */
  remove(entry: Scheduled): void {
    const slot = entry.slot;
    if (slot < 0) return;
    entry.slot = -1;
    if (!entry.background) this.foreground--;
    const last = --this.count;
    const moved = this.entries[last] as Scheduled;
    this.entries[last] = null;
    if (last === slot) return;
    const at = this.times[last] as number;
    const order = this.orders[last] as number;
    const parent = (slot - 1) >> 2;
    if (slot > 0 && this.isBefore(at, order, parent)) this.siftUp(slot, moved, at, order);
    else this.siftDown(slot, moved, at, order);
  }

  /** Calls `callback` at `at` (ns). For what happens seldom; what recurs is an entry of its own. */
  call(at: number, callback: (now: number) => void): ScheduledCall {
    const entry = new ScheduledCall(this, callback);
    this.schedule(entry, at);
    return entry;
  }

  /** Fires the earliest entry; false when none waits. */
  step(): boolean {
    if (this.count === 0) return false;
    this.fireFirst();
    return true;
  }

  /**
   * Fires everything up to and including `until` (ns) and sets `now` to it. Without `until`, runs as long as anything but
   * background entries waits. Ends early, and leaves `now` at the last event, when {@link EventQueue.stop} is called.
   */
  run(until: number = NEVER): void {
    this.stopped = false;
    if (until === NEVER) return this.runOut();
    while (this.next <= until) {
      this.fireFirst();
      if (this.stopped) return;
    }
    if (until > this.now) this.now = until;
  }

  private runOut(): void {
    while (this.foreground > 0) {
      this.fireFirst();
      if (this.stopped) return;
    }
  }

  /** Ends {@link EventQueue.run} after the event that fires. */
  stop(): void {
    this.stopped = true;
  }

  /** The entry stays at the root while it fires: one that schedules itself anew costs one sift instead of two. */
  private fireFirst(): void {
    const entry = this.entries[0] as Scheduled;
    const order = this.orders[0] as number;
    const at = this.times[0] as number;
    this.now = at;
    this.fired++;
    entry.fire(at);
    // Insertion numbers are unique: the same one still in its place means that the entry did not schedule itself anew.
    if (entry.slot >= 0 && this.orders[entry.slot] === order) this.remove(entry);
  }

  private isBefore(at: number, order: number, slot: number): boolean {
    const other = this.times[slot] as number;
    return at < other || (at === other && order < (this.orders[slot] as number));
  }

  private siftUp(from: number, entry: Scheduled, at: number, order: number): void {
    const { times, orders, entries } = this;
    let slot = from;
    while (slot > 0) {
      const parent = (slot - 1) >> 2;
      const parentAt = times[parent] as number;
      if (parentAt < at || (parentAt === at && (orders[parent] as number) < order)) break;
      const moved = entries[parent] as Scheduled;
      times[slot] = parentAt;
      orders[slot] = orders[parent] as number;
      entries[slot] = moved;
      moved.slot = slot;
      slot = parent;
    }
    times[slot] = at;
    orders[slot] = order;
    entries[slot] = entry;
    entry.slot = slot;
  }

  private siftDown(from: number, entry: Scheduled, at: number, order: number): void {
    const { times, orders, entries, count } = this;
    let slot = from;
    for (;;) {
      let child = 4 * slot + 1;
      if (child >= count) break;
      const end = child + 4 < count ? child + 4 : count;
      let best = child;
      let bestAt = times[child] as number;
      for (child++; child < end; child++) {
        const childAt = times[child] as number;
        if (childAt < bestAt || (childAt === bestAt && (orders[child] as number) < (orders[best] as number))) {
          best = child;
          bestAt = childAt;
        }
      }
      if (at < bestAt || (at === bestAt && order < (orders[best] as number))) break;
      const moved = entries[best] as Scheduled;
      times[slot] = bestAt;
      orders[slot] = orders[best] as number;
      entries[slot] = moved;
      moved.slot = slot;
      slot = best;
    }
    times[slot] = at;
    orders[slot] = order;
    entries[slot] = entry;
    entry.slot = slot;
  }

  private grow(): void {
    const capacity = this.times.length * 2;
    const times = new Float64Array(capacity);
    const orders = new Float64Array(capacity);
    times.set(this.times);
    orders.set(this.orders);
    this.times = times;
    this.orders = orders;
    this.entries.push(null);
  }
}

/** A callback that waits in an {@link EventQueue}. */
export class ScheduledCall implements Scheduled {
  slot = -1;
  readonly background = false;
  private readonly queue: EventQueue;
  private readonly callback: (now: number) => void;

  constructor(queue: EventQueue, callback: (now: number) => void) {
    this.queue = queue;
    this.callback = callback;
  }

  fire(now: number): void {
    this.callback(now);
  }

  /** Takes it back; does nothing once it has fired. */
  cancel(): void {
    this.queue.remove(this);
  }
}

const INITIAL_CAPACITY = 64;
