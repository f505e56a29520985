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

/** Whose state an event touches: a node of the network, or one direction of a link. */
export interface EventOwner {
  readonly kind: OwnerKind;
  /** No other owner of the kind has it. */
  readonly name: string;
  /** Its place among simultaneous events. Owned by the queue: initialise to 0, never write. */
  rank: number;
}

export type OwnerKind = "link" | "node";

/**
 * The events of one simulation, ordered by (time, rank of the owner, order of scheduling).
 *
 * Simultaneous events fire in this order, whatever was made or scheduled first:
 *
 * 1. the experimenter's ({@link EventQueue.schedule}, {@link EventQueue.call}), in the order of their scheduling: the network meets a time as it was
 *    set up for that time;
 * 2. arrivals, by the names of the links' directions: a timer comes after the packet that makes it needless;
 * 3. what the nodes scheduled, by the names of the nodes, and for each node in the order of its scheduling;
 * 4. what only watches: it sees how things have settled.
 *
 * What is scheduled for the present time takes its place among what still waits for that time. So over links without delay a packet crosses
 * the network before any timer of the same time fires.
 *
 * This order permits cutting a network into pieces that run apart. An event touches the state of one piece alone. The events of a piece follow from
 * its earlier ones and from what arrives over the links that are cut, and the delay of such a link makes an arrival known before its time. Names
 * compare in a piece as they do in the whole, so what fires first of all that waits is also the first of what waits in its piece. By
 * induction each piece fires the same events in the same order as it would within the whole.
 *
 * An intrusive 4-ary heap. Times and keys (rank and order in one number) lie in typed arrays beside the entries, so that the comparisons of
 * a sift read two cache lines instead of four objects. An entry is in one queue at a time and at most once; it can be moved and removed
 * in O(log n).
 */
export class EventQueue {
  /** The time of the event that fires, or that fired last; ns. */
  now = 0;
  /** Events fired so far. */
  fired = 0;
  private count = 0;
  private foreground = 0;
  private order = 0;
  private isStopped = false;
  /** Whether {@link EventQueue.sort} is due. */
  private isUnsorted = false;
  /** Whether something is to be seen to before the next event. */
  private isHalted = false;
  private times = new Float64Array(INITIAL_CAPACITY);
  private keys = new Float64Array(INITIAL_CAPACITY);
  private readonly entries: (Scheduled | null)[] = [];
  /** By rank, from 1. Those that came since the last event are at the end, until then in the order of their coming. */
  private owners: EventOwner[] = [];
  private readonly names = new Set<string>();

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

  // ---- owners

  /** Gives `owner` its place. @throws MptcpError ERR_SIM_OPTION when another of its kind has its name, or when there are two million already */
  register(owner: EventOwner): void {
    const text = `${owner.kind} ${owner.name}`;
    if (this.names.has(text)) throw new MptcpError("ERR_SIM_OPTION", `there is a ${text} already`);
    if (this.owners.length + 1 === WATCHERS) throw new MptcpError("ERR_SIM_OPTION", "too many nodes and links");
    this.names.add(text);
    owner.rank = this.owners.push(owner);
    this.requestSort();
  }

  // ---- scheduling

  /**
   * Makes `entry` fire at `at` (NEVER: not at all), as an event of the experimenter's, or of a watcher when it is one. Moves it when it waits already.
   * @throws MptcpError ERR_SIM_TIME when `at` lies before `now`
   */
  schedule(entry: Scheduled, at: number): void {
    if (at === NEVER) this.remove(entry);
    else this.place(entry, at, entry.background ? WATCHERS : 0);
  }

  /** Like {@link EventQueue.schedule}, as an event of `owner`. */
  scheduleFor(owner: EventOwner, entry: Scheduled, at: number): void {
    if (at === NEVER) this.remove(entry);
    else this.place(entry, at, owner.rank);
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
    const { times, keys } = this;
    times[slot] = times[last] as number;
    keys[slot] = keys[last] as number;
    if (slot > 0 && this.isBefore(slot, (slot - 1) >> 2)) this.siftUp(slot, moved);
    else this.siftDown(slot, moved);
  }

  /** Calls `callback` at `at` (ns). For what happens seldom; what recurs is an entry of its own. */
  call(at: number, callback: (now: number) => void): ScheduledCall {
    const entry = new ScheduledCall(this, callback);
    this.schedule(entry, at);
    return entry;
  }

  // ---- running

  /** Fires the earliest entry; false when none waits. */
  step(): boolean {
    if (this.count === 0) return false;
    if (this.isUnsorted) this.sort();
    this.fireFirst();
    return true;
  }

  /**
   * Fires everything up to and including `until` (ns) and sets `now` to it. Without `until`, runs as long as anything but
   * background entries waits. Ends early, and leaves `now` at the last event, when {@link EventQueue.stop} is called.
   */
  run(until: number = NEVER): void {
    this.isStopped = false;
    this.isHalted = this.isUnsorted;
    if (until === NEVER) return this.runOut();
    while (this.count > 0 && (this.times[0] as number) <= until) {
      if (this.isHalted && this.attend()) return;
      this.fireFirst();
    }
    if (!this.isStopped && until > this.now) this.now = until;
  }

  private runOut(): void {
    while (this.foreground > 0) {
      if (this.isHalted && this.attend()) return;
      this.fireFirst();
    }
  }

  /** Ends {@link EventQueue.run} after the event that fires. */
  stop(): void {
    this.isStopped = true;
    this.isHalted = true;
  }

  /** Sees to what came up while an event fired. @returns whether the run is to end */
  private attend(): boolean {
    this.isHalted = false;
    if (this.isUnsorted) this.sort();
    return this.isStopped;
  }

  /** The entry stays at the root while it fires: one that schedules itself anew costs one sift instead of two. */
  private fireFirst(): void {
    const entry = this.entries[0] as Scheduled;
    const key = this.keys[0] as number;
    const at = this.times[0] as number;
    this.now = at;
    this.fired++;
    entry.fire(at);
    // No two keys are the same: this one still in its place means that the entry did not schedule itself anew.
    if (entry.slot >= 0 && this.keys[entry.slot] === key) this.remove(entry);
  }

  // ---- the order of owners

  private requestSort(): void {
    this.isUnsorted = true;
    this.isHalted = true;
  }

  /** Puts the owners in order, gives what waits its new key, and heaps it up again. Between two events. */
  private sort(): void {
    this.isUnsorted = false;
    const { keys, entries, owners, count } = this;
    const ranks = new Float64Array(owners.length + 1);
    this.owners = owners.toSorted(compareOwners);
    this.owners.forEach((owner, index) => {
      ranks[owner.rank] = index + 1;
      owner.rank = index + 1;
    });
    const slots = Array.from({ length: count }, (_, slot) => slot).toSorted((x, y) => ((keys[x] as number) % SPAN) - ((keys[y] as number) % SPAN));
    slots.forEach((slot, order) => {
      const rank = Math.floor((keys[slot] as number) / SPAN);
      keys[slot] = (rank === WATCHERS ? rank : (ranks[rank] as number)) * SPAN + order;
    });
    this.order = count;
    for (let slot = (count - 2) >> 2; slot >= 0; slot--) this.siftDown(slot, entries[slot] as Scheduled);
  }

  // ---- the heap

  private place(entry: Scheduled, at: number, rank: number): void {
    if (!(at >= this.now)) throw new MptcpError("ERR_SIM_TIME", `cannot schedule for ${at} ns: it is ${this.now} ns`);
    // A key would cost an object as an argument; rank and order are small.
    const key = rank * SPAN + this.order++;
    if (this.order === MANY) this.requestSort();
    const slot = entry.slot;
    if (slot >= 0) {
      const { times, keys } = this;
      const before = times[slot] as number;
      const isLater = at > before || (at === before && key > (keys[slot] as number));
      times[slot] = at;
      keys[slot] = key;
      if (isLater) this.siftDown(slot, entry);
      else this.siftUp(slot, entry);
      return;
    }
    const end = this.count++;
    if (end === this.times.length) this.grow();
    else if (end === this.entries.length) this.entries.push(null);
    if (!entry.background) this.foreground++;
    this.times[end] = at;
    this.keys[end] = key;
    this.siftUp(end, entry);
  }

  private isBefore(slot: number, other: number): boolean {
    const { times, keys } = this;
    const at = times[slot] as number;
    const otherAt = times[other] as number;
    return at < otherAt || (at === otherAt && (keys[slot] as number) < (keys[other] as number));
  }

  /** Brings `entry`, whose time and key are in the slot `from`, up to its place. */
  private siftUp(from: number, entry: Scheduled): void {
    const { times, keys, entries } = this;
    const at = times[from] as number;
    const key = keys[from] as number;
    let slot = from;
    while (slot > 0) {
      const parent = (slot - 1) >> 2;
      const parentAt = times[parent] as number;
      if (parentAt < at || (parentAt === at && (keys[parent] as number) < key)) break;
      const moved = entries[parent] as Scheduled;
      times[slot] = parentAt;
      keys[slot] = keys[parent] as number;
      entries[slot] = moved;
      moved.slot = slot;
      slot = parent;
    }
    times[slot] = at;
    keys[slot] = key;
    entries[slot] = entry;
    entry.slot = slot;
  }

  /** The same downwards. */
  private siftDown(from: number, entry: Scheduled): void {
    const { times, keys, entries, count } = this;
    const at = times[from] as number;
    const key = keys[from] as number;
    let slot = from;
    for (;;) {
      let child = 4 * slot + 1;
      if (child >= count) break;
      const end = child + 4 < count ? child + 4 : count;
      let best = child;
      let bestAt = times[child] as number;
      for (child++; child < end; child++) {
        const childAt = times[child] as number;
        if (childAt < bestAt || (childAt === bestAt && (keys[child] as number) < (keys[best] as number))) {
          best = child;
          bestAt = childAt;
        }
      }
      if (at < bestAt || (at === bestAt && key < (keys[best] as number))) break;
      const moved = entries[best] as Scheduled;
      times[slot] = bestAt;
      keys[slot] = keys[best] as number;
      entries[slot] = moved;
      moved.slot = slot;
      slot = best;
    }
    times[slot] = at;
    keys[slot] = key;
    entries[slot] = entry;
    entry.slot = slot;
  }

  private grow(): void {
    const capacity = this.times.length * 2;
    const times = new Float64Array(capacity);
    const keys = new Float64Array(capacity);
    times.set(this.times);
    keys.set(this.keys);
    this.times = times;
    this.keys = keys;
    this.entries.push(null);
  }
}

/** The event queue as a node sees it: what is scheduled here takes the node's place among simultaneous events. */
export class NodeEvents implements EventOwner {
  readonly kind = "node";
  readonly name: string;
  rank = 0;
  private readonly queue: EventQueue;

  /** @throws MptcpError ERR_SIM_OPTION when there is a node of that name */
  constructor(queue: EventQueue, name: string) {
    this.queue = queue;
    this.name = name;
    queue.register(this);
  }

  /** Virtual time, ns. */
  get now(): number {
    return this.queue.now;
  }

  /** See {@link EventQueue.schedule}. */
  schedule(entry: Scheduled, at: number): void {
    this.queue.scheduleFor(this, entry, at);
  }

  /** See {@link EventQueue.call}. */
  call(at: number, callback: (now: number) => void): ScheduledCall {
    const entry = new ScheduledCall(this.queue, callback);
    this.schedule(entry, at);
    return entry;
  }

  /** Takes `entry` out; does nothing when it does not wait. */
  remove(entry: Scheduled): void {
    this.queue.remove(entry);
  }

  /** When `entry` will fire; NEVER while it does not wait. */
  timeOf(entry: Scheduled): number {
    return this.queue.timeOf(entry);
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

/** Links before nodes, and then by name. Code units are compared: the same on every machine. */
function compareOwners(x: EventOwner, y: EventOwner): number {
  if (x.kind !== y.kind) return x.kind === "link" ? -1 : 1;
  return x.name < y.name ? -1 : 1;
}

const INITIAL_CAPACITY = 64;
/** A key is rank x SPAN + order: 21 bits and 32 bits, as many as a number has. */
const SPAN = 2 ** 32;
/** When the numbers get here, those that wait are numbered anew. More are left than one event can take. */
const MANY = 2 ** 30;
/** The rank of what only watches; that of the experimenter is 0. */
const WATCHERS = 2 ** 21 - 1;
