import { POLL } from "../emulator/real-time.ts";
import type { RealTime, Source } from "../emulator/real-time.ts";
import { Memory } from "../system/memory.ts";
import { NR } from "../system/system.ts";
import type { System } from "../system/system.ts";
import type { FlowResult } from "./condition.ts";
import { AnswerCounter, PORT, requestOf, RequestReader } from "./ends.ts";
import type { ClientEnd, KeptFlow, OpenFlow, Request } from "./ends.ts";
import { KernelSocket, listenInKernel, MSG_NOSIGNAL, SHUT_WR, SOL_SOCKET } from "./kernel-socket.ts";
import type { KernelPlace } from "./kernel-socket.ts";

/** Serves flows from a namespace. @throws MptcpError with what the kernel refused */
export function serveByKernel(place: KernelPlace): void {
  listenInKernel(place, PORT, (fd) => new Serving(place.system, fd, place.time));
}

/** Answers requests on one connection, one after the other. */
class Serving implements Source {
  readonly fd: number;
  waitsFor: number = POLL.in;
  private readonly system: System;
  private readonly time: RealTime;
  private readonly requests = new RequestReader();
  private request: Request | null = null;
  private left = 0;

  constructor(system: System, fd: number, time: RealTime) {
    this.system = system;
    this.fd = fd;
    this.time = time;
  }

  ready(events: number): void {
    if ((events & POLL.error) !== 0) return this.close();
    if ((events & POLL.in) !== 0) this.read();
    if (this.left > 0) this.write();
  }

  private read(): void {
    const room = buffersOf(this.system).read;
    const length = this.system.call(NR.recvfrom, this.fd, room.address, 1024, 0, 0, 0);
    if (length === 0) return this.close();
    if (length < 0) return;
    this.request = this.requests.take(room.octets.subarray(0, length));
    this.left = this.request?.octets ?? 0;
  }

  private write(): void {
    const room = buffersOf(this.system).zeros;
    while (this.left > 0) {
      const written = this.system.call(NR.sendto, this.fd, room.address, Math.min(this.left, room.octets.length), MSG_NOSIGNAL, 0, 0);
      if (written < 0) {
        this.waitsFor = POLL.in | POLL.out;
        return;
      }
      this.left -= written;
    }
    this.finish();
  }

  private finish(): void {
    this.waitsFor = POLL.in;
    if (this.request?.keep !== true) this.system.call(NR.shutdown, this.fd, SHUT_WR);
  }

  private close(): void {
    this.time.remove(this);
    this.system.call(NR.close, this.fd);
  }
}

/** Clients in a namespace. */
export class KernelClient implements ClientEnd {
  private readonly place: KernelPlace;

  constructor(place: KernelPlace) {
    this.place = place;
  }

  open(octets: number, done: (result: FlowResult) => void): OpenFlow {
    return new Fetching(this.place, octets, done);
  }

  keep(octets: number, done: (result: FlowResult) => void): KeptFlow {
    return new Asking(this.place, octets, done);
  }
}

abstract class Client implements Source, OpenFlow {
  readonly fd: number;
  waitsFor: number = POLL.out;
  octets = 0;
  protected readonly place: KernelPlace;
  private unsent: Uint8Array = new Uint8Array();

  constructor(place: KernelPlace) {
    this.place = place;
    const socket = new KernelSocket(place);
    this.fd = socket.fd;
    place.system.call(NR.connect, this.fd, ...socket.address(PORT));
    place.time.add(this);
  }

  abort(): void {
    const { system } = this.place;
    const linger = new Memory(system).room(8);
    linger.view.setInt32(0, 1, true);
    system.call(NR.setsockopt, this.fd, SOL_SOCKET, SO_LINGER, linger.address, 8);
    this.close(null);
  }

  ready(events: number): void {
    if ((events & POLL.error) !== 0) return this.close(null);
    if ((events & POLL.out) !== 0) this.write();
    if ((events & POLL.in) !== 0) this.read();
  }

  /** Sends a request, once the connection is open. */
  protected request(octets: number, keep: boolean): void {
    this.unsent = requestOf(octets, keep);
    this.waitsFor = POLL.in | POLL.out;
  }

  /** Octets have come. */
  protected came(_now: number): void {}

  /** The connection is over, by the server's end, or for another reason. */
  protected abstract over(at: number | null): void;

  private write(): void {
    const { system } = this.place;
    const { address, octets } = new Memory(system).copy(this.unsent);
    if (octets.length > 0) system.call(NR.sendto, this.fd, address, octets.length, MSG_NOSIGNAL, 0, 0);
    this.unsent = new Uint8Array();
    this.waitsFor = POLL.in;
  }

  private read(): void {
    const { system, time } = this.place;
    const room = buffersOf(system).read;
    for (;;) {
      // Dropped in the kernel: nobody looks at them.
      const length = system.call(NR.recvfrom, this.fd, room.address, room.octets.length, MSG_TRUNC, 0, 0);
      if (length === 0) return this.close(time.clock);
      if (length < 0) return;
      this.octets += length;
      this.came(time.clock);
    }
  }

  private close(at: number | null): void {
    const { system, time } = this.place;
    time.remove(this);
    system.call(NR.close, this.fd);
    this.over(at);
  }
}

class Fetching extends Client {
  private readonly done: (result: FlowResult) => void;
  private readonly startedAt: number;

  constructor(place: KernelPlace, octets: number, done: (result: FlowResult) => void) {
    super(place);
    this.done = done;
    this.startedAt = place.time.clock;
    this.request(octets, false);
  }

  protected over(at: number | null): void {
    this.done({ startedAt: this.startedAt, endedAt: at, octets: this.octets });
  }
}

class Asking extends Client implements KeptFlow {
  private readonly wanted: number;
  private readonly counter: AnswerCounter;

  constructor(place: KernelPlace, octets: number, done: (result: FlowResult) => void) {
    super(place);
    this.wanted = octets;
    this.counter = new AnswerCounter(octets, done);
  }

  ask(): void {
    this.counter.asked(this.place.time.clock);
    this.request(this.wanted, true);
  }

  protected override came(now: number): void {
    this.counter.came(this.octets, now);
  }

  protected over(): void {}
}

/** Octets that all sockets read into and write from. */
function buffersOf(system: System): Buffers {
  buffers ??= { read: new Memory(system).room(1 << 20), zeros: new Memory(system).room(1 << 18) };
  return buffers;
}

interface Buffers {
  readonly read: ReturnType<Memory["room"]>;
  readonly zeros: ReturnType<Memory["room"]>;
}

let buffers: Buffers | null = null;

const MSG_TRUNC = 0x20;
const SO_LINGER = 13;
