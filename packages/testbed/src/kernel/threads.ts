import { closeSync, openSync, readSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { MptcpError } from "mptcp";
import type { PreparedCall } from "./prepare.ts";
import type { Promptness } from "../system/promptness.ts";
import { koffiPath, NR, SYSCALL } from "../system/system.ts";
import type { System } from "../system/system.ts";

/** Where a thread is; it is told, and tells, by this word. */
const STARTING = 0;
const IDLE = 1;
const CALLED = 2;
const DONE = 3;

/** Words of 64 bits that a thread shares: a call's number and parameters, the descriptor that it wakes; its result, when that was, the thread's own number. */
const WAKE = 7;
const RESULT = 8;
const AT = 9;
const THREAD = 10;
const SHARED_LENGTH = 128;
/** Where those words begin. */
const WORDS = 32;

/**
 * What a thread runs: the calls that it is told, one at a time. It is a text, since a thread loads its program from a file, which would be another one in sources than in
 * what is built of them. It needs nothing of the event loop of whoever started it.
 */
const PROGRAM = `
const { workerData: { path, shared, syscallOf } } = require("node:worker_threads");
const koffi = require(path);
const call = koffi.load(null).func(syscallOf.name, syscallOf.result, syscallOf.parameters);
const state = new Int32Array(shared);
const words = new Float64Array(shared, ${WORDS});
const one = new Uint8Array(8);
one[0] = 1;
const oneAt = Number(koffi.address(one));
words[${THREAD}] = call(${NR.gettid}, 0, 0, 0, 0, 0, 0);
for (;;) {
  Atomics.store(state, 0, ${IDLE});
  Atomics.notify(state, 0);
  Atomics.wait(state, 0, ${IDLE});
  const value = call(words[0], words[1], words[2], words[3], words[4], words[5], words[6]);
  words[${RESULT}] = value < 0 ? -koffi.errno() : value;
  words[${AT}] = Number(process.hrtime.bigint());
  Atomics.store(state, 0, ${DONE});
  Atomics.notify(state, 0);
  call(${NR.write}, words[${WAKE}], oneAt, 8, 0, 0, 0);
}
`;

/** A thread for calls that may block. */
class Thread {
  private readonly system: System;
  private readonly worker: Worker;
  private readonly state: Int32Array;
  private readonly words: Float64Array;
  private readonly promptness: Promptness;
  private status: number | null = null;
  private isReady = false;

  constructor(system: System, promptness: Promptness) {
    this.system = system;
    this.promptness = promptness;
    const shared = new SharedArrayBuffer(SHARED_LENGTH);
    this.state = new Int32Array(shared);
    this.words = new Float64Array(shared, WORDS);
    this.worker = new Worker(PROGRAM, { eval: true, execArgv: [], workerData: { path: koffiPath(), shared, syscallOf: SYSCALL } });
    // What it says of itself is heard when it does not start.
    this.worker.on("error", () => {});
    this.worker.unref();
  }

  /** @param wake an eventfd that is written when the call has returned */
  call({ number, parameters }: PreparedCall, wake: number): void {
    this.ready();
    this.words.fill(0, 0, WAKE);
    this.words[0] = number;
    this.words.set(parameters, 1);
    this.words[WAKE] = wake;
    Atomics.store(this.state, 0, CALLED);
    Atomics.notify(this.state, 0);
  }

  /** Waits until it can be called. @throws MptcpError for one that does not start */
  ready(): void {
    if (this.isReady) return;
    if (!this.settled(STARTING, LONGEST_START)) throw new MptcpError("ERR_MPTCP_TUN", "a thread for system calls does not start");
    this.promptness.raiseThread(this.words[THREAD] as number);
    this.isReady = true;
  }

  get isDone(): boolean {
    return Atomics.load(this.state, 0) !== CALLED;
  }

  /** What the call gave: a value, or minus an error's number; and when, ns of the monotonic clock. */
  get outcome(): { value: number; at: number } {
    return { value: this.words[RESULT] as number, at: this.words[AT] as number };
  }

  /** Waits for the call to return, for as long as it does not sleep in the kernel, and no longer than `milliseconds`. */
  linger(milliseconds: number): void {
    const end = performance.now() + milliseconds;
    let asleep = 0;
    while (!this.isDone && performance.now() < end) {
      // What sleeps may do so for a moment: for a lock, or for memory.
      if (this.sleepsIn(this.words[0] as number) && ++asleep === 2) return;
      Atomics.wait(this.state, 0, CALLED, LOOK);
    }
  }

  /** Has the call fail with EINTR where it has not returned. @returns false for one that nothing wakes */
  interrupt(): boolean {
    const end = performance.now() + LONGEST_FREEING;
    // A signal that comes before the thread is in the kernel wakes nothing.
    while (!this.isDone) {
      if (performance.now() > end) return false;
      this.system.call(NR.tgkill, process.pid, this.words[THREAD] as number, SIGNAL);
      Atomics.wait(this.state, 0, CALLED, 1);
    }
    return true;
  }

  /** Waits until it may be called again. */
  rest(): void {
    this.settled(DONE, LONGEST_START);
  }

  end(): void {
    if (this.status !== null) closeSync(this.status);
    this.status = null;
    void this.worker.terminate();
  }

  /** Whether it is in a call of the kernel's with that number, and waits there. */
  private sleepsIn(number: number): boolean {
    try {
      this.status ??= openSync(`/proc/self/task/${this.words[THREAD]}/syscall`, "r");
      const length = readSync(this.status, line, 0, line.length, 0);
      return line.toString("latin1", 0, length).startsWith(`${number} `);
    } catch {
      // A kernel that does not tell: the time alone decides.
      return false;
    }
  }

  private settled(from: number, milliseconds: number): boolean {
    const end = performance.now() + milliseconds;
    while (Atomics.load(this.state, 0) === from) {
      if (performance.now() > end) return false;
      Atomics.wait(this.state, 0, from, 10);
    }
    return true;
  }
}

/** A call that a thread makes. */
export interface ThreadedCall {
  readonly isDone: boolean;
  readonly outcome: { readonly value: number; readonly at: number };
}

/**
 * The threads of this process. They stay when a target ends, for the next one: they are in the process' own namespace and hold nothing of a target's, and they keep
 * no process from ending.
 */
export class Threads {
  private readonly system: System;
  private readonly promptness: Promptness;
  private readonly idle: Thread[] = [];
  private readonly busy = new Set<Thread>();
  private isReady = false;

  constructor(system: System, promptness: Promptness) {
    this.system = system;
    this.promptness = promptness;
  }

  /** Has threads start, without waiting for them. */
  warm(): void {
    if (!this.isReady) this.system.catchSignal(SIGNAL);
    this.isReady = true;
    while (this.idle.length < FIRST) this.idle.push(new Thread(this.system, this.promptness));
  }

  /** Waits for those that start: what begins now is not to wait for them. */
  ready(): void {
    for (const thread of this.idle) thread.ready();
  }

  /**
   * Has a thread make a call, and waits for a call that does not sleep.
   * @throws MptcpError when too many are under way
   */
  run(call: PreparedCall, wake: number): ThreadedCall {
    if (this.busy.size >= MOST_BUSY) throw new MptcpError("ERR_MPTCP_TUN", `more than ${MOST_BUSY} system calls are under way`);
    const thread = this.idle.pop() ?? new Thread(this.system, this.promptness);
    thread.call(call, wake);
    this.busy.add(thread);
    thread.linger(LONGEST_LINGER);
    return thread;
  }

  /** Takes a thread back whose call has returned. */
  release(call: ThreadedCall): void {
    const thread = call as Thread;
    if (!this.busy.delete(thread)) return;
    thread.rest();
    if (this.idle.length < MOST_IDLE) this.idle.push(thread);
    else thread.end();
  }

  /** Ends a call that is under way. @returns false for one that does not end */
  free(call: ThreadedCall): boolean {
    const isFree = (call as Thread).interrupt();
    if (isFree) this.release(call);
    return isFree;
  }
}

const line = Buffer.alloc(256);
/** SIGURG, which does nothing in a process that does not ask for it. */
const SIGNAL = 23;
const MOST_BUSY = 32;
/** A script rarely has more than one call under way. */
const FIRST = 2;
const MOST_IDLE = 4;
/** ms. */
const LOOK = 0.05;
const LONGEST_LINGER = 2;
const LONGEST_FREEING = 2000;
const LONGEST_START = 20_000;
