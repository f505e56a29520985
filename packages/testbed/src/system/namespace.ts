import { NR } from "./system.ts";
import type { System } from "./system.ts";

/**
 * A network namespace without a name. The thread that uses it is in it for single calls only, so that whatever else the process does is done where it was, and several
 * namespaces can be in use at once. It vanishes with the last socket and device in it.
 */
export class Namespace {
  private readonly system: System;
  private readonly own: number;
  private readonly inner: number;

  /** @throws MptcpError ERR_MPTCP_TUN_PERMISSION for whom may not have one */
  constructor(system: System) {
    this.system = system;
    this.own = openNamespace(system);
    try {
      system.must("unshare", NR.unshare, CLONE_NEWNET);
      this.inner = openNamespace(system);
      this.leave();
    } catch (error) {
      system.call(NR.setns, this.own, CLONE_NEWNET);
      system.call(NR.close, this.own);
      throw error;
    }
  }

  /** Runs `action`, which is synchronous, with this thread in the namespace. */
  inside<T>(action: () => T): T {
    this.system.must("setns", NR.setns, this.inner, CLONE_NEWNET);
    try {
      return action();
    } finally {
      this.leave();
    }
  }

  close(): void {
    this.system.call(NR.close, this.inner);
    this.system.call(NR.close, this.own);
  }

  private leave(): void {
    // The way back cannot be refused to who was allowed the way there.
    this.system.must("setns", NR.setns, this.own, CLONE_NEWNET);
  }
}

function openNamespace(system: System): number {
  const path = new TextEncoder().encode("/proc/thread-self/ns/net\0");
  return system.must("/proc/thread-self/ns/net", NR.openat, AT_FDCWD, system.addressOf(path), O_CLOEXEC);
}

const AT_FDCWD = -100;
const O_CLOEXEC = 0o2000000;
const CLONE_NEWNET = 0x4000_0000;
