import type { Call, CallResult } from "mptcp/drill";
import type { Descriptors } from "./descriptors.ts";
import { Memory } from "../system/memory.ts";
import type { Room } from "../system/memory.ts";
import { dataOf, emptyVectors, fullVectors, Message } from "./messages.ts";
import { isKnownIoctl, isRefusedQuestion, isRefusedSetting, isScriptFamily, isScriptFile, mayOpen, SCRIPT_FCNTL } from "./guard.ts";
import { putSocketAddress, SOCKADDR_ROOM, takeSocketAddress } from "../system/socket-address.ts";
import { NR } from "../system/system.ts";
import type { System } from "../system/system.ts";

/** What a call filled in. */
type Filled = Omit<CallResult, "value" | "errno">;

/** A system call as the kernel takes it. */
export interface PreparedCall {
  readonly number: number;
  readonly parameters: readonly number[];
  /** What it filled in, when it gave `value`, which is no error. */
  readonly fill: (value: number) => Filled;
  /** Holds what the parameters point to. */
  readonly memory: Memory;
}

/** A call that is not handed to the kernel, since it would reach beyond what the script has: the name of the error that it gets. */
export interface RefusedCall {
  readonly refused: string;
}

/** Octets of a file that shell lines wrote, as the engine has it. */
const SCRIPT_FILE = 1024 * 1024;
const NOTHING: Filled = {};
const nothing = (): Filled => NOTHING;

/** Lays a call out in memory. @throws RangeError for a value that no structure has room for */
export function prepare(system: System, descriptors: Descriptors, call: Call): PreparedCall | RefusedCall {
  const memory = new Memory(system);
  const layout = new Layout(system, memory, descriptors);
  const laid = layout.of(call);
  if ("refused" in laid) return laid;
  const [number, parameters, fill = nothing] = laid;
  return { number, parameters, fill, memory };
}

type Laid = readonly [number: number, parameters: readonly number[], fill?: (value: number) => Filled] | RefusedCall;

class Layout {
  private readonly system: System;
  private readonly memory: Memory;
  private readonly own: (fd: number) => number;

  constructor(system: System, memory: Memory, descriptors: Descriptors) {
    this.system = system;
    this.memory = memory;
    this.own = (fd) => descriptors.own(fd);
  }

  of(call: Call): Laid {
    const { memory, own } = this;
    switch (call.name) {
      case "socket":
        return isScriptFamily(call.domain) ? [NR.socket, [call.domain, call.type, call.protocol]] : { refused: "EAFNOSUPPORT" };
      case "bind":
      case "connect": {
        const address = putSocketAddress(memory, call.address);
        return [call.name === "bind" ? NR.bind : NR.connect, [own(call.fd), address.address, address.octets.length]];
      }
      case "listen":
        return [NR.listen, [own(call.fd), call.backlog]];
      case "accept":
        return this.named(NR.accept4, call.fd, call.flags);
      case "getsockname":
        return this.named(NR.getsockname, call.fd);
      case "getpeername":
        return this.named(NR.getpeername, call.fd);
      case "shutdown":
        return [NR.shutdown, [own(call.fd), call.how]];
      case "close":
        return [NR.close, [own(call.fd)]];
      case "poll":
      case "epoll_create":
      case "epoll_ctl":
      case "epoll_wait":
        return this.polling(call);
      case "fcntl":
      case "ioctl":
      case "setsockopt":
      case "getsockopt":
        return this.property(call);
      case "pipe": {
        const ends = memory.room(8);
        return [NR.pipe2, [ends.address, call.flags], () => ({ ends: [ends.view.getInt32(0, true), ends.view.getInt32(4, true)] })];
      }
      case "open": {
        if (!mayOpen(call.path, call.flags)) return { refused: "EACCES" };
        // What shell lines wrote is no file of this machine: the program finds it full of zeros, as on the engine.
        if (isScriptFile(call.path)) return [NR.memfd_create, [memory.copy(new TextEncoder().encode("script\0")).address, 0], (fd) => this.fillWithZeros(fd)];
        return [NR.openat, [AT_FDCWD, memory.copy(new TextEncoder().encode(`${call.path}\0`)).address, call.flags, 0]];
      }
      case "splice":
        return [NR.splice, [own(call.input), 0, own(call.output), 0, call.length, call.flags]];
      case "sendfile": {
        const offset = call.offset === null ? null : memory.room(8);
        offset?.view.setBigInt64(0, BigInt(call.offset ?? 0), true);
        return [NR.sendfile, [own(call.output), own(call.input), offset?.address ?? 0, call.length]];
      }
      default:
        return this.transfer(call);
    }
  }

  private fillWithZeros(fd: number): Filled {
    this.system.call(NR.ftruncate, fd, SCRIPT_FILE);
    return NOTHING;
  }

  /** Calls that carry octets. */
  private transfer(call: Extract<Call, { name: Transfer }>): Laid {
    const { memory } = this;
    const fd = this.own(call.fd);
    const { isNowhere } = call;
    const roomFor = (length: number): Room => (isNowhere === true ? memory.nowhere(length) : memory.room(length));
    const copyOf = (octets: Uint8Array): Room => (isNowhere === true ? memory.nowhere(octets.length) : memory.copy(octets));
    switch (call.name) {
      case "read": {
        const room = roomFor(most(call.lengths[0] ?? 0));
        return [NR.read, [fd, room.address, room.octets.length], (value) => ({ data: room.octets.slice(0, value) })];
      }
      case "readv": {
        const vectors = emptyVectors(memory, call.lengths.map(most), isNowhere);
        return [NR.readv, [fd, vectors.room.address, vectors.count], (value) => ({ data: dataOf(vectors, value) })];
      }
      case "write": {
        const room = copyOf(call.data[0] ?? new Uint8Array());
        return [NR.write, [fd, room.address, room.octets.length]];
      }
      case "writev": {
        const vectors = fullVectors(memory, call.data, isNowhere);
        return [NR.writev, [fd, vectors.room.address, vectors.count]];
      }
      case "recv":
      case "recvfrom": {
        const room = roomFor(most(call.length));
        if (call.name === "recv") return [NR.recvfrom, [fd, room.address, room.octets.length, call.flags, 0, 0], (value) => ({ data: room.octets.slice(0, value) })];
        const { address, length, name } = this.nameRoom();
        return [NR.recvfrom, [fd, room.address, room.octets.length, call.flags, address, length], (value) => ({ data: room.octets.slice(0, value), address: name() })];
      }
      case "send":
      case "sendto": {
        const room = copyOf(call.data);
        const address = call.name === "sendto" && call.address !== null ? putSocketAddress(memory, call.address) : null;
        return [NR.sendto, [fd, room.address, room.octets.length, call.flags, address?.address ?? 0, address?.octets.length ?? 0]];
      }
      case "recvmsg": {
        const message = Message.empty(memory, call.lengths.map(most), call.controlLength, isNowhere);
        return [NR.recvmsg, [fd, message.header.address, call.flags], (value) => message.received(value)];
      }
      case "sendmsg": {
        const message = Message.full(memory, call.address, call.data, call.control, isNowhere);
        return [NR.sendmsg, [fd, message.header.address, call.flags]];
      }
    }
  }

  private polling(call: Extract<Call, { name: "poll" | "epoll_create" | "epoll_ctl" | "epoll_wait" }>): Laid {
    const { memory } = this;
    switch (call.name) {
      case "poll": {
        const room = memory.room(POLLFD_LENGTH * call.descriptors.length);
        call.descriptors.forEach(({ fd, events }, at) => {
          // A negative descriptor is passed over.
          room.view.setInt32(POLLFD_LENGTH * at, fd < 0 ? fd : this.own(fd), true);
          room.view.setUint16(POLLFD_LENGTH * at + 4, events, true);
        });
        const revents = (): number[] => call.descriptors.map((_, at) => room.view.getUint16(POLLFD_LENGTH * at + 6, true));
        return [NR.ppoll, [room.address, call.descriptors.length, this.timeout(call.timeout), 0, 8], () => ({ revents: revents() })];
      }
      case "epoll_create":
        return [NR.epoll_create1, [call.flags]];
      case "epoll_ctl": {
        const event = call.event === null ? null : memory.room(EPOLL_EVENT_LENGTH);
        event?.view.setUint32(0, (call.event?.events ?? 0) >>> 0, true);
        event?.view.setBigUint64(4, BigInt.asUintN(64, call.event?.data ?? 0n), true);
        return [NR.epoll_ctl, [this.own(call.epoll), call.operation, this.own(call.fd), event?.address ?? 0]];
      }
      case "epoll_wait": {
        const room = memory.room(EPOLL_EVENT_LENGTH * Math.min(Math.max(call.count, 0), MOST_EVENTS));
        const events = (count: number) =>
          Array.from({ length: count }, (_, at) => ({ events: room.view.getUint32(EPOLL_EVENT_LENGTH * at, true), data: room.view.getBigUint64(EPOLL_EVENT_LENGTH * at + 4, true) }));
        return [NR.epoll_pwait, [this.own(call.epoll), room.address, Math.min(call.count, MOST_EVENTS), call.timeout, 0, 8], (count) => ({ events: events(count) })];
      }
    }
  }

  private property(call: Extract<Call, { name: "fcntl" | "ioctl" | "setsockopt" | "getsockopt" }>): Laid {
    const { memory } = this;
    const fd = this.own(call.fd);
    switch (call.name) {
      case "fcntl":
        return SCRIPT_FCNTL.has(call.command) ? [NR.fcntl, [fd, call.command, call.argument]] : { refused: "EPERM" };
      case "ioctl": {
        if (!isKnownIoctl(call.request)) return { refused: "ENOTTY" };
        const argument = memory.room(8);
        argument.view.setInt32(0, call.argument ?? 0, true);
        return [NR.ioctl, [fd, call.request, argument.address], () => ({ argument: argument.view.getInt32(0, true) })];
      }
      case "setsockopt": {
        if (isRefusedSetting(call.level, call.option)) return { refused: "EPERM" };
        const value = call.isNowhere === true ? memory.nowhere(call.value.length) : memory.copy(call.value);
        return [NR.setsockopt, [fd, call.level, call.option, value.address, value.octets.length]];
      }
      case "getsockopt": {
        if (isRefusedQuestion(call.level, call.option)) return { refused: "EPERM" };
        const value = memory.copy(call.value);
        const length = memory.room(4);
        length.view.setUint32(0, value.octets.length, true);
        return [NR.getsockopt, [fd, call.level, call.option, value.address, length.address], () => ({ option: value.octets.slice(0, length.view.getUint32(0, true)) })];
      }
    }
  }

  /** A call that gives an address and takes nothing but flags besides. */
  private named(number: number, fd: number, ...rest: readonly number[]): Laid {
    const { address, length, name } = this.nameRoom();
    return [number, [this.own(fd), address, length, ...rest], () => ({ address: name() })];
  }

  private nameRoom(): { address: number; length: number; name: () => ReturnType<typeof takeSocketAddress> } {
    const room = this.memory.room(SOCKADDR_ROOM);
    const length = this.memory.room(4);
    length.view.setUint32(0, SOCKADDR_ROOM, true);
    return { address: room.address, length: length.address, name: () => takeSocketAddress(room, length.view.getUint32(0, true)) };
  }

  /** `struct timespec` of a time in ms; no structure at all for one without an end. */
  private timeout(milliseconds: number): number {
    if (milliseconds < 0) return 0;
    const room = this.memory.room(16);
    room.view.setBigInt64(0, BigInt(Math.floor(milliseconds / 1000)), true);
    room.view.setBigInt64(8, BigInt(Math.round((milliseconds % 1000) * 1e6)), true);
    return room.address;
  }
}

type Transfer = "read" | "readv" | "write" | "writev" | "recv" | "recvfrom" | "send" | "sendto" | "recvmsg" | "sendmsg";

/** More octets than a socket has are not made room for: a script may ask for as many as it likes. */
const most = (length: number): number => Math.min(Math.max(length, 0), MOST_OCTETS);
const MOST_OCTETS = 1 << 24;
const MOST_EVENTS = 4096;
const AT_FDCWD = -100;
const POLLFD_LENGTH = 8;
/** `struct epoll_event` is packed on x86-64. */
const EPOLL_EVENT_LENGTH = 12;
