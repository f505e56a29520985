import type { Call, CallResult } from "mptcp/drill";
import { NR } from "../system/system.ts";
import type { System } from "../system/system.ts";

/** The descriptors that a script's calls opened, and that it may name: the process has others. */
export class Descriptors {
  private readonly system: System;
  private readonly opened = new Set<number>();

  constructor(system: System) {
    this.system = system;
  }

  /** `fd`, or, for one that is not the script's, a number that no descriptor has, so that the kernel itself says EBADF. */
  own(fd: number): number {
    return this.opened.has(fd) ? fd : NOBODYS;
  }

  /** A call is handed over: what it closes is closed whatever it gives. */
  begin(call: Call): void {
    if (call.name === "close") this.opened.delete(call.fd);
  }

  /** A call gave descriptors. */
  end(call: Call, { value, ends }: CallResult): void {
    if (value < 0) return;
    if (OPENING.has(call.name) || (call.name === "fcntl" && DUPLICATING.has(call.command))) this.opened.add(value);
    for (const end of ends ?? []) this.opened.add(end);
  }

  /** Closes all that are open: connections are reset, so that nothing of them lingers. */
  closeAll(): void {
    const { system } = this;
    const abort = new Uint8Array(8);
    abort[0] = 1;
    const address = system.addressOf(abort);
    for (const fd of this.opened) {
      system.call(NR.setsockopt, fd, SOL_SOCKET, SO_LINGER, address, abort.length);
      system.call(NR.close, fd);
    }
    this.opened.clear();
  }
}

const NOBODYS = 0x7fff_ffff;
const OPENING: ReadonlySet<string> = new Set(["socket", "accept", "open", "epoll_create"]);
/** F_DUPFD, F_DUPFD_CLOEXEC. */
const DUPLICATING: ReadonlySet<number> = new Set([0, 1030]);
const SOL_SOCKET = 1;
const SO_LINGER = 13;
