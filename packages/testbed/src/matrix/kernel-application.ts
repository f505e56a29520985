import { patternSource } from "mptcp/sim";
import type { ByteConsumer } from "mptcp/sim";
import { POLL } from "../emulator/real-time.ts";
import type { RealTime, Source } from "../emulator/real-time.ts";
import { KernelSocket, MSG_NOSIGNAL, SHUT_WR, SOL_SOCKET } from "../judge/kernel-socket.ts";
import type { KernelPlace } from "../judge/kernel-socket.ts";
import { Memory } from "../system/memory.ts";
import type { Room } from "../system/memory.ts";
import { errorName, NR } from "../system/system.ts";
import type { System } from "../system/system.ts";

/** What an application at a kernel's socket does. */
export interface KernelTask {
  /** Octets of the pattern to write, before its direction is ended. */
  readonly writes: number;
  /** Gets what is read. */
  readonly reader: ByteConsumer;
  /** The peer's end of stream was read; nothing is closed yet. */
  readonly onEnd: () => void;
}

/** An application at a socket of the kernel: it writes, ends its direction, and reads to the end. */
export class KernelApplication implements Source {
  readonly fd: number;
  waitsFor: number;
  /** When it heard that the connection is over, ns; -1: it has not. */
  closedAt = -1;
  /** What it heard where that was an error. */
  error: string | null = null;
  private readonly system: System;
  private readonly time: RealTime;
  private readonly task: KernelTask;
  private written = 0;
  private isShut = false;
  private room: Room;

  /** @param fd a connected socket */
  constructor(place: Pick<KernelPlace, "system" | "time">, fd: number, task: KernelTask) {
    this.system = place.system;
    this.time = place.time;
    this.fd = fd;
    this.task = task;
    this.room = new Memory(this.system).room(CHUNK);
    this.waitsFor = task.writes > 0 ? POLL.in | POLL.out : POLL.in;
  }

  /** One whose connection is being opened. @throws MptcpError with what the kernel refused */
  static connect(place: KernelPlace, port: number, task: KernelTask): KernelApplication {
    const socket = new KernelSocket(place);
    place.system.call(NR.connect, socket.fd, ...socket.address(port));
    const application = new KernelApplication(place, socket.fd, task);
    place.time.add(application);
    return application;
  }

  ready(events: number): void {
    if ((events & POLL.error) !== 0) {
      const error = this.pendingError();
      if (error !== 0) return this.close(errorName(error));
    }
    if ((events & (POLL.in | POLL.hangUp | POLL.error)) !== 0) this.read();
    if (this.closedAt < 0 && (events & POLL.out) !== 0) this.write();
  }

  /** Gives it up: nobody waits for it any more. */
  abandon(): void {
    if (this.closedAt >= 0) return;
    this.time.remove(this);
    this.system.call(NR.close, this.fd);
  }

  private read(): void {
    const { room } = this;
    for (;;) {
      const length = this.system.call(NR.recvfrom, this.fd, room.address, room.octets.length, 0, 0, 0);
      if (length === 0) return this.end();
      if (length === -EAGAIN) return;
      if (length < 0) return this.close(errorName(-length));
      this.task.reader.update(room.octets.subarray(0, length));
    }
  }

  private write(): void {
    const { writes } = this.task;
    while (this.written < writes) {
      const length = Math.min(CHUNK, writes - this.written);
      this.room.octets.set(patternSource(this.written, length).toUint8Array());
      const taken = this.system.call(NR.sendto, this.fd, this.room.address, length, MSG_NOSIGNAL, 0, 0);
      if (taken === -EAGAIN) return;
      if (taken < 0) return this.close(errorName(-taken));
      this.written += taken;
    }
    this.waitsFor = POLL.in;
    this.shut();
  }

  /** The peer has ended its direction: so do we. */
  private end(): void {
    this.task.onEnd();
    // Who has not written all is not done: that is no end in good order.
    if (this.written < this.task.writes) return this.close("the end came early");
    this.shut();
    this.close(null);
  }

  private shut(): void {
    if (this.isShut) return;
    this.isShut = true;
    this.system.call(NR.shutdown, this.fd, SHUT_WR);
  }

  private close(error: string | null): void {
    this.error = error;
    this.closedAt = this.time.clock;
    this.time.remove(this);
    this.system.call(NR.close, this.fd);
  }

  private pendingError(): number {
    const memory = new Memory(this.system);
    const [value, length] = [memory.room(4), memory.room(4)];
    length.view.setUint32(0, 4, true);
    this.system.call(NR.getsockopt, this.fd, SOL_SOCKET, SO_ERROR, value.address, length.address);
    return value.view.getInt32(0, true);
  }
}

/** Octets that are read or written at a time. */
const CHUNK = 1 << 16;
const EAGAIN = 11;
const SO_ERROR = 4;
