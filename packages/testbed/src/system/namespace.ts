import { NR } from "./system.ts";
import type { System } from "./system.ts";

/**
 * A network namespace: one without a name, or one that is there. The thread that uses it is in it for single calls only, so that whatever else the process does is done where it was, and several
 * namespaces can be in use at once. It vanishes with the last socket and device in it.
 */
export class Namespace {
  private readonly system: System;
  private readonly own: number;
  private readonly inner: number;

  /**
   * @param path of one that is there; without it, a new one
   * @throws MptcpError ERR_MPTCP_TUN_PERMISSION for whom may not have one
   */
  constructor(system: System, path: string | null = null) {
    this.system = system;
    this.own = openNamespace(system, OWN);
    try {
      if (path !== null) {
        this.inner = openNamespace(system, path);
        return;
      }
      system.must("unshare", NR.unshare, CLONE_NEWNET);
      this.inner = openNamespace(system, OWN);
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

function openNamespace(system: System, path: string): number {
  const octets = new TextEncoder().encode(`${path}\0`);
  return system.must(path, NR.openat, AT_FDCWD, system.addressOf(octets), O_CLOEXEC);
}

/** That of the calling thread. */
const OWN = "/proc/thread-self/ns/net";

const AT_FDCWD = -100;
const O_CLOEXEC = 0o2000000;
const CLONE_NEWNET = 0x4000_0000;
