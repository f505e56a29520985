import type { Simulation } from "mptcp/sim";
import { Memory } from "../system/memory.ts";
import { NR } from "../system/system.ts";
import type { System } from "../system/system.ts";
import { AddedDelay } from "./added-delay.ts";

/** Something of the real world that takes part in a simulation: a device, a socket. */
export interface Source {
  /** What is waited for on it. */
  readonly fd: number;
  /** Bits of poll(2): {@link POLL}. */
  readonly waitsFor: number;
  /** False for what somebody else closes. */
  readonly isOwned?: boolean;
  /** What was waited for has come, or an error; the time of the simulation is `now`. */
  ready(events: number, now: number): void;
}

/** Bits of poll(2). */
export const POLL = { in: 1, out: 4, error: 8, hangUp: 16 } as const;

/**
 * Runs a simulation by the machine's clock: its time is the time that has passed since this was made. What is due happens as soon as the machine lets it, and how late that was is
 * counted; in between, the thread sleeps until something is due or comes from outside. Nothing else can be done in the thread while it runs.
 */
export class RealTime {
  /** How late events of the simulation were. */
  readonly lateness = new AddedDelay();
  private readonly system: System;
  private readonly simulation: Simulation;
  private readonly start = process.hrtime.bigint();
  private sources: Source[] = [];
  private waiting: ReturnType<Memory["room"]>;

  constructor(system: System, simulation: Simulation) {
    this.system = system;
    this.simulation = simulation;
    this.waiting = new Memory(system).room(roomFor(16));
  }

  /** ns since this was made. */
  get clock(): number {
    return Number(process.hrtime.bigint() - this.start);
  }

  add(source: Source): void {
    this.sources.push(source);
  }

  remove(source: Source): void {
    this.sources = this.sources.filter((one) => one !== source);
  }

  /** Closes whatever still takes part, but for devices, which are their owners'. */
  close(): void {
    for (const { fd, isOwned } of this.sources) if (isOwned !== false) this.system.call(NR.close, fd);
    this.sources = [];
  }

  /** Runs until `isDone` says so or the time is `until`, ns. */
  run(isDone: () => boolean, until: number): void {
    const { simulation, lateness } = this;
    for (;;) {
      const now = this.clock;
      const due = simulation.queue.next;
      if (due < now) lateness.add(now - due);
      simulation.run(now);
      if (isDone() || now >= until) return;
      this.wait(Math.min(simulation.queue.next, until) - this.clock);
    }
  }

  /** Sleeps for `time` ns at the most, and gives what came to whom it is for. */
  private wait(time: number): void {
    const { sources, system } = this;
    if (this.waiting.octets.length < roomFor(sources.length)) this.waiting = new Memory(system).room(roomFor(2 * sources.length));
    const { view, address } = this.waiting;
    const sleep = Math.min(Math.max(time, 0), LONGEST_SLEEP);
    view.setBigInt64(0, BigInt(Math.floor(sleep / 1e9)), true);
    view.setBigInt64(8, BigInt(Math.floor(sleep % 1e9)), true);
    sources.forEach(({ fd, waitsFor }, at) => {
      view.setInt32(TIMEOUT + 8 * at, fd, true);
      view.setUint32(TIMEOUT + 8 * at + 4, waitsFor, true);
    });
    if (system.call(NR.ppoll, address + TIMEOUT, sources.length, address, 0, 8) <= 0) return;
    // Those that go while others are told are not told any more.
    const came = sources.map((_, at) => view.getUint16(TIMEOUT + 8 * at + 6, true));
    this.simulation.run(this.clock);
    sources.forEach((source, at) => {
      const events = came[at] as number;
      if (events !== 0 && this.sources.includes(source)) source.ready(events, this.simulation.now);
    });
  }
}

/** Octets of a `struct timespec`, which lies before the descriptors. */
const TIMEOUT = 16;
const roomFor = (count: number): number => TIMEOUT + 8 * count;
/** ns; whoever asks whether all is done is heard that often. */
const LONGEST_SLEEP = 50e6;
