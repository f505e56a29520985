import { NEVER } from "./time.ts";

/**
 * A table of deadlines, by small numbers that its user names, with one `nextTimeout` for all of them. Nothing else arms timers.
 *
 * A table may have further tables below it, which come and go with what they belong to: their times count in its `nextTimeout`.
 *
 * `nextTimeout` may be earlier than the first deadline, since a deadline that moves later leaves it where it is: the call that comes too
 * early finds nothing due, and {@link Deadlines.settle} then finds the right time. It is never too late.
 */
export class Deadlines {
  private readonly times: number[];
  private readonly parent: Deadlines | null;
  private readonly owner: DeadlineOwner | null;
  private readonly below: Deadlines[] = [];
  private earliest = NEVER;
  private isOver = false;

  /**
   * @param count how many deadlines there are: 0 to `count - 1`
   * @param owner hears when `nextTimeout` moved to an earlier time
   */
  constructor(count: number, owner: DeadlineOwner | null = null, parent: Deadlines | null = null) {
    this.times = new Array<number>(count).fill(NEVER);
    this.owner = owner;
    this.parent = parent;
  }

  /** When to look at the table again, ns; NEVER when nothing is set. */
  get nextTimeout(): number {
    return this.earliest;
  }

  /** When a deadline is, ns; NEVER when it is not set. */
  at(name: number): number {
    return this.times[name] as number;
  }

  /** Whether a deadline is set. */
  has(name: number): boolean {
    return this.times[name] !== NEVER;
  }

  /** Sets a deadline, or moves it; NEVER takes it away. ns */
  set(name: number, at: number): void {
    if (this.isOver) return;
    this.times[name] = at;
    this.pullIn(at);
  }

  /** Takes a deadline away. */
  clear(name: number): void {
    this.times[name] = NEVER;
  }

  /** Whether a deadline has come; it is taken away then. */
  take(name: number, now: number): boolean {
    if (now < (this.times[name] as number)) return false;
    this.times[name] = NEVER;
    return true;
  }

  /** A table below this one. */
  branch(count: number): Deadlines {
    const table = new Deadlines(count, null, this);
    this.below.push(table);
    return table;
  }

  /** Takes all deadlines away and lets none be set any more; a table below another one leaves it. */
  close(): void {
    this.isOver = true;
    this.times.fill(NEVER);
    this.earliest = NEVER;
    for (const table of this.below.slice()) table.close();
    if (this.parent === null) return;
    const at = this.parent.below.indexOf(this);
    if (at >= 0) this.parent.below.splice(at, 1);
  }

  /** After what was due is done: finds `nextTimeout` anew, and tells it. */
  settle(): void {
    if (this.isOver) return;
    this.recompute();
    this.owner?.onEarlierDeadline();
  }

  private recompute(): number {
    let next = NEVER;
    for (let i = 0; i < this.times.length; i++) if ((this.times[i] as number) < next) next = this.times[i] as number;
    for (const table of this.below) {
      const earliest = table.recompute();
      if (earliest < next) next = earliest;
    }
    this.earliest = next;
    return next;
  }

  private pullIn(at: number): void {
    if (this.isOver || at >= this.earliest) return;
    this.earliest = at;
    if (this.parent !== null) this.parent.pullIn(at);
    else this.owner?.onEarlierDeadline();
  }
}

/** Whose deadlines they are. */
export interface DeadlineOwner {
  /** `nextTimeout` moved to an earlier time. */
  onEarlierDeadline(): void;
}
