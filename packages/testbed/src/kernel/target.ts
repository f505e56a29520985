import type { Call, CallResult, CommandOutcome, LeftPacket, StartedCall, Target, Wiring } from "mptcp/drill";
import { isReady, wayOf } from "./blocking.ts";
import { Commands } from "./commands.ts";
import { Descriptors } from "./descriptors.ts";
import { Device } from "../system/device.ts";
import { Memory } from "../system/memory.ts";
import type { Room } from "../system/memory.ts";
import { Namespace } from "../system/namespace.ts";
import { prefixOf, setUp } from "../system/netlink.ts";
import { prepare } from "./prepare.ts";
import type { PreparedCall } from "./prepare.ts";
import { Promptness } from "../system/promptness.ts";
import { REHEARSAL, rehearse } from "./rehearsal.ts";
import { errorName, NR, system } from "../system/system.ts";
import type { System } from "../system/system.ts";
import { CONGESTION, Sysctl } from "../system/sysctl.ts";
import { Threads } from "./threads.ts";
import type { ThreadedCall } from "./threads.ts";
import { MptcpError } from "mptcp";

/**
 * This machine's kernel under a script, in a network namespace of its own with a TUN device `tun0`: what is written to the device has arrived, what is read from it has left.
 * Time is real; it begins with the first call, packet or wait.
 * @throws MptcpError ERR_MPTCP_PLATFORM, ERR_MPTCP_KOFFI_MISSING, ERR_MPTCP_TUN_MISSING, ERR_MPTCP_TUN_PERMISSION or ERR_MPTCP_TUN, with the remedy
 */
export function kernelTarget(wiring: Wiring): Target {
  const calls = system();
  const isFirst = shared === null;
  shared ??= sharedBy(calls);
  // They start while the namespace is set up.
  shared.threads.warm();
  // A wiring that is no wiring is said before anything is made.
  for (const text of [...wiring.local, ...wiring.remote]) prefixOf(text);
  if (isFirst) {
    const trial = new KernelTarget(calls, shared, REHEARSAL);
    try {
      rehearse(trial);
    } finally {
      trial.close();
    }
  }
  return new KernelTarget(calls, shared, wiring);
}

/** What the targets of this thread have in common. */
interface Shared {
  readonly promptness: Promptness;
  readonly threads: Threads;
}

function sharedBy(calls: System): Shared {
  const promptness = new Promptness(calls);
  return { promptness, threads: new Threads(calls, promptness) };
}

let shared: Shared | null = null;

/** A call that a thread has not returned from, as far as is known. */
interface Pending {
  readonly call: Call;
  readonly prepared: PreparedCall;
  readonly threaded: ThreadedCall;
  readonly started: Started;
}

class Started implements StartedCall {
  result: CallResult | null = null;
  at: number;

  constructor(at: number) {
    this.at = at;
  }
}

class KernelTarget implements Target {
  readonly name = "kernel";
  private readonly system: System;
  private readonly threads: Threads;
  private readonly promptness: Promptness;
  private readonly namespace: Namespace;
  private readonly device: Device;
  private readonly sysctl: Sysctl;
  private readonly commands: Commands;
  private readonly descriptors: Descriptors;
  /** Written by a thread whose call has returned. */
  private readonly wake: number;
  private readonly waiting: Room;
  private readonly left: LeftPacket[] = [];
  private pending: Pending[] = [];
  /** What the kernel sends from where it is. */
  private readonly lent: PreparedCall[] = [];
  private start: bigint | null = null;
  private isClosed = false;

  constructor(calls: System, common: Shared, wiring: Wiring) {
    this.system = calls;
    this.threads = common.threads;
    this.promptness = common.promptness;
    this.descriptors = new Descriptors(calls);
    this.namespace = new Namespace(calls);
    this.sysctl = new Sysctl(this.namespace);
    this.commands = new Commands(this.namespace, this.sysctl, common.promptness);
    const undo = [() => this.namespace.close()];
    try {
      for (const [name, value] of QUIET) this.sysctl.write(name, value);
      // What the machine has as its default, one that paces for instance, is not what scripts count on.
      if (this.sysctl.write(CONGESTION, "cubic") !== null) this.sysctl.write(CONGESTION, "reno");
      this.device = this.namespace.inside(() => new Device(calls, DEVICE, wiring.segmentation ? "segmentation" : "none"));
      undo.push(() => this.device.close());
      this.namespace.inside(() => setUp(calls, DEVICE, wiring));
      this.wake = calls.must("eventfd", NR.eventfd2, 0, EFD_NONBLOCK | EFD_CLOEXEC);
    } catch (error) {
      for (const one of undo.toReversed()) one();
      throw error;
    }
    this.waiting = this.waitingRoom();
    process.once("exit", this.end);
  }

  get now(): number {
    return this.start === null ? 0 : Number(process.hrtime.bigint() - this.start);
  }

  inject(octets: Uint8Array): void {
    this.begun();
    this.device.write(octets);
  }

  begin(call: Call): StartedCall {
    this.begun();
    const { system: calls, descriptors } = this;
    const way = wayOf(calls, descriptors, call);
    const prepared = prepare(calls, descriptors, call);
    const started = new Started(this.now);
    if ("refused" in prepared) {
      started.result = { value: -1, errno: prepared.refused };
      return started;
    }
    if (isLent(call)) this.lent.push(prepared);
    // Whoever waits for the same would have it from under a call that is made here.
    const isHere = way === "here" || (way === "if ready" && this.pending.length === 0 && "fd" in call && isReady(calls, descriptors.own(call.fd)));
    descriptors.begin(call);
    if (isHere) {
      const value = call.name === "socket" ? this.socket(prepared) : calls.call(prepared.number, ...prepared.parameters);
      this.returned(started, call, prepared, value, this.now);
      return started;
    }
    this.pending.push({ call, prepared, threaded: this.threads.run(prepared, this.wake), started });
    this.collect();
    return started;
  }

  advance(until: number): void {
    this.begun();
    for (;;) {
      if (this.collect() || this.drain()) return;
      const rest = until - this.now;
      if (rest <= 0) return;
      // The last of it is not slept through, since what is woken by a clock is late.
      if (rest > SPIN) this.sleep(rest - SPIN);
    }
  }

  take(): LeftPacket | null {
    if (this.left.length === 0) this.drain();
    return this.left.shift() ?? null;
  }

  command(words: readonly string[]): CommandOutcome {
    return this.commands.run(words);
  }

  explain(): readonly string[] {
    return [];
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    if (this.start !== null) this.promptness.lower();
    process.off("exit", this.end);
    const stuck = this.pending.filter(({ threaded }) => !this.threads.free(threaded));
    this.pending = [];
    this.descriptors.closeAll();
    this.device.close();
    // A thread that is stuck will write to it.
    if (stuck.length === 0) this.system.call(NR.close, this.wake);
    this.namespace.close();
    if (stuck.length > 0) throw new MptcpError("ERR_MPTCP_TUN", `nothing ends ${stuck.map(({ call }) => call.name).join(", ")}`);
  }

  /** The process does not end while a thread of it is in a call. */
  private readonly end = (): void => this.close();

  /** Sockets are of the namespace in which they are made. */
  private socket({ number, parameters }: PreparedCall): number {
    const { system: calls, sysctl } = this;
    const fd = this.namespace.inside(() => calls.call(number, ...parameters));
    if (fd < 0 || sysctl.congestion === null) return fd;
    // Connections that a listener accepts have its own. A socket that has none, of UDP for one, refuses.
    const name = new Memory(calls).copy(new TextEncoder().encode(sysctl.congestion));
    calls.call(NR.setsockopt, fd, SOL_TCP, TCP_CONGESTION, name.address, name.octets.length);
    return fd;
  }

  private begun(): void {
    if (this.isClosed) throw new MptcpError("ERR_MPTCP_TUN", "this target is closed");
    if (this.start !== null) return;
    this.threads.ready();
    this.promptness.raise();
    this.start = process.hrtime.bigint();
  }

  private returned(started: Started, call: Call, { fill }: PreparedCall, value: number, at: number): void {
    const result: CallResult = value < 0 ? { value: -1, errno: errorName(-value) } : { value, errno: null, ...fill(value) };
    this.descriptors.end(call, result);
    started.at = at;
    started.result = result;
  }

  /** Looks which calls have returned. @returns whether any has */
  private collect(): boolean {
    if (!this.pending.some(({ threaded }) => threaded.isDone)) return false;
    const done = this.pending.filter(({ threaded }) => threaded.isDone);
    this.pending = this.pending.filter(({ threaded }) => !done.some((one) => one.threaded === threaded));
    for (const { call, prepared, threaded, started } of done) {
      const { value, at } = threaded.outcome;
      this.threads.release(threaded);
      this.returned(started, call, prepared, value, at - Number(this.start ?? 0n));
    }
    // Its count is of no interest.
    this.system.call(NR.read, this.wake, this.waiting.address + COUNT, 8);
    return true;
  }

  /** Reads what has left. @returns whether there is anything to take */
  private drain(): boolean {
    for (let packet = this.device.read(); packet !== null; packet = this.device.read()) this.left.push({ at: this.now, ...packet });
    return this.left.length > 0;
  }

  /** Sleeps until a packet leaves or a call returns, and for `rest` ns at most. */
  private sleep(rest: number): void {
    const { view, address } = this.waiting;
    view.setBigInt64(TIMEOUT, BigInt(Math.floor(rest / 1e9)), true);
    view.setBigInt64(TIMEOUT + 8, BigInt(Math.floor(rest % 1e9)), true);
    this.system.call(NR.ppoll, address, 2, address + TIMEOUT, 0, 8);
  }

  /** Two of `struct pollfd`, a `struct timespec`, and room for the count of the threads' descriptor. */
  private waitingRoom(): Room {
    const room = new Memory(this.system).room(COUNT + 8);
    [this.device.fd, this.wake].forEach((fd, at) => {
      room.view.setInt32(8 * at, fd, true);
      room.view.setUint16(8 * at + 4, POLLIN, true);
    });
    return room;
  }
}

/** Whether the kernel sends from the octets that it is given, after the call has returned. */
const isLent = (call: Call): boolean => "flags" in call && "data" in call && (call.flags & MSG_ZEROCOPY) !== 0;

/** The name that packetdrill's device has, and scripts use. */
const DEVICE = "tun0";
/** What the kernel would send of its own accord, or drop for where it comes from. */
const QUIET = [
  ["net.ipv4.conf.all.rp_filter", "0"],
  ["net.ipv4.conf.default.rp_filter", "0"],
  ["net.ipv6.conf.all.accept_ra", "0"],
  ["net.ipv6.conf.default.accept_ra", "0"],
  ["net.ipv6.conf.default.router_solicitations", "0"],
  ["net.ipv6.conf.default.accept_dad", "0"],
  // No address of the link.
  ["net.ipv6.conf.default.addr_gen_mode", "1"],
] as const;
/** ns. */
const SPIN = 500_000;
const TIMEOUT = 16;
const COUNT = 32;
const POLLIN = 0x1;
const EFD_NONBLOCK = 0o4000;
const EFD_CLOEXEC = 0o2000000;
const SOL_TCP = 6;
const TCP_CONGESTION = 13;
const MSG_ZEROCOPY = 0x400_0000;
