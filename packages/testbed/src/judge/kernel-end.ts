import type { IpAddress } from "mptcp/wire";
import { POLL } from "../emulator/real-time.ts";
import type { RealTime, Source } from "../emulator/real-time.ts";
import { Memory } from "../system/memory.ts";
import type { Namespace } from "../system/namespace.ts";
import { AF_INET, AF_INET6, putSocketAddress } from "../system/socket-address.ts";
import { NR } from "../system/system.ts";
import type { System } from "../system/system.ts";
import type { FlowResult } from "./condition.ts";
import { AnswerCounter, PORT, requestOf, RequestReader } from "./ends.ts";
import type { ClientEnd, KeptFlow, OpenFlow, Request } from "./ends.ts";

/** What kernel sockets of a run have in common. */
export interface KernelPlace {
  readonly system: System;
  readonly namespace: Namespace;
  readonly time: RealTime;
  /** Of the server, in both roles. */
  readonly address: IpAddress;
  /** Name of the congestion control. */
  readonly congestion: string;
  /** Whether sockets are of Multipath TCP. */
  readonly isMultipath: boolean;
}

/** Serves flows from a namespace. @throws MptcpError with what the kernel refused */
export function serveByKernel(place: KernelPlace): void {
  const { system, time } = place;
  const socket = new KernelSocket(place);
  system.must("bind", NR.bind, socket.fd, ...socket.address(PORT));
  system.must("listen", NR.listen, socket.fd, 1024);
  time.add(new Listening(place, socket.fd));
}

/** A socket that does not block, and calls on it. */
class KernelSocket {
  readonly fd: number;
  private readonly place: KernelPlace;
  private readonly memory: Memory;

  constructor(place: KernelPlace) {
    const { system, namespace, address } = place;
    this.place = place;
    this.memory = new Memory(system);
    const family = address.family === 4 ? AF_INET : AF_INET6;
    this.fd = namespace.inside(() => system.must("socket", NR.socket, family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, place.isMultipath ? IPPROTO_MPTCP : 0));
    const name = this.memory.copy(new TextEncoder().encode(place.congestion));
    system.must("TCP_CONGESTION", NR.setsockopt, this.fd, IPPROTO_TCP, TCP_CONGESTION, name.address, name.octets.length);
  }

  /** What bind(2) and connect(2) are given. */
  address(port: number): readonly [number, number] {
    const { address } = this.place;
    const room = putSocketAddress(this.memory, { family: address.family === 4 ? AF_INET : AF_INET6, address: String(address), port });
    return [room.address, room.octets.length];
  }
}

class Listening implements Source {
  readonly fd: number;
  readonly waitsFor = POLL.in;
  private readonly place: KernelPlace;

  constructor(place: KernelPlace, fd: number) {
    this.place = place;
    this.fd = fd;
  }

  ready(): void {
    const { system } = this.place;
    for (let fd = this.accept(); fd >= 0; fd = this.accept()) this.place.time.add(new Serving(system, fd, this.place.time));
  }

  private accept(): number {
    return this.place.system.call(NR.accept4, this.fd, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC);
  }
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

const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO_TCP = 6;
const IPPROTO_MPTCP = 262;
const TCP_CONGESTION = 13;
const MSG_TRUNC = 0x20;
const MSG_NOSIGNAL = 0x4000;
const SHUT_WR = 1;
const SOL_SOCKET = 1;
const SO_LINGER = 13;
