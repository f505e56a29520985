import { closeSync, openSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
import { O_CLOEXEC } from "./system-calls.ts";
import type { UdpSystemCalls } from "./system-calls.ts";

/**
 * Descriptors that Node opened, and in whose places sockets are. A worker thread can be terminated at any point, and nothing of ours runs then; Node closes what
 * node:fs opened there (`trackUnmanagedFds`, which is on unless a Worker is made without).
 */
const owned = new Set<number>();

/** Gives `fd` to the environment that runs this, so that it is closed with it at the latest. @returns the descriptor that it has from now on */
export function adopt(calls: UdpSystemCalls, fd: number): number {
  // Those of the main thread are closed with the process.
  if (isMainThread) return fd;
  let own: number;
  try {
    own = openSync("/dev/null", "r");
  } catch {
    return fd;
  }
  calls.dup3(fd, own, O_CLOEXEC);
  calls.close(fd);
  owned.add(own);
  return own;
}

/** Closes a descriptor that was adopted. */
export function close(calls: UdpSystemCalls, fd: number): void {
  if (owned.delete(fd)) closeSync(fd);
  else calls.close(fd);
}
