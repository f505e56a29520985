import { Memory } from "./memory.ts";
import { NR } from "./system.ts";
import type { System } from "./system.ts";

/**
 * Whether the thread that runs scripts is run before others. Segments are due within some milliseconds, and on a machine that has more to do than it can, a thread like any
 * other waits for longer. What it starts is like any other, but for commands that it waits for.
 */
export class Promptness {
  private readonly system: System;
  private users = 0;
  private policy = 0;
  private readonly priority: Int32Array;
  private readonly address: number;

  constructor(system: System) {
    this.system = system;
    const room = new Memory(system).room(4);
    this.priority = new Int32Array(room.view.buffer);
    this.address = room.address;
  }

  /** From now on; where that may not be had, the thread goes on as it was. */
  raise(): void {
    if (this.users++ > 0) return;
    this.policy = this.system.call(NR.sched_getscheduler, 0);
    if (this.policy !== SCHED_OTHER) return;
    this.set(0, SCHED_RR | SCHED_RESET_ON_FORK, LOWEST);
  }

  /** Ends what {@link Promptness.raise} began, once for each time. */
  lower(): void {
    if (--this.users > 0 || this.policy !== SCHED_OTHER) return;
    this.set(0, SCHED_OTHER, 0);
  }

  /** Runs `action`, which starts processes and waits for them: they come before others as this thread does. */
  share<T>(action: () => T): T {
    if (this.users === 0 || this.policy !== SCHED_OTHER) return action();
    this.set(0, SCHED_RR, LOWEST);
    try {
      return action();
    } finally {
      this.set(0, SCHED_RR | SCHED_RESET_ON_FORK, LOWEST);
    }
  }

  /** As {@link Promptness.raise}, for another thread and for good. */
  raiseThread(thread: number): void {
    this.set(thread, SCHED_RR | SCHED_RESET_ON_FORK, LOWEST);
  }

  private set(thread: number, policy: number, priority: number): void {
    this.priority[0] = priority;
    this.system.call(NR.sched_setscheduler, thread, policy, this.address);
  }
}

/** include/uapi/linux/sched.h. */
const SCHED_OTHER = 0;
const SCHED_RR = 2;
const SCHED_RESET_ON_FORK = 0x4000_0000;
/** Any of them comes before what has none. */
const LOWEST = 1;
