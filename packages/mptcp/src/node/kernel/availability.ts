import { MptcpError } from "../../core/index.ts";
import { isNodeKnown } from "../handle/index.ts";
import { openKernelSocket, socketCalls } from "./system-calls.ts";
import type { SocketCalls } from "./system-calls.ts";

/** Whether this process can have the kernel's Multipath TCP. */
export type KernelMptcpStatus = { readonly available: true } | { readonly available: false; readonly reason: string; readonly remedy: string };

/** Asks the kernel for an MPTCP socket, and gives it back. The answer may change when `net.mptcp.enabled` does, so it is not kept. */
export function kernelMptcp(): KernelMptcpStatus {
  let calls: SocketCalls;
  try {
    calls = socketCalls();
  } catch (error) {
    if (!(error instanceof MptcpError)) throw error;
    return error.code === "ERR_MPTCP_KOFFI_MISSING"
      ? { available: false, reason: "the optional dependency koffi is missing", remedy: "npm install koffi@3" }
      : { available: false, reason: `this is ${process.platform}`, remedy: 'use Linux 5.6 or newer, or via: "userspace"' };
  }
  if (!isNodeKnown()) return { available: false, reason: `Node ${process.version} is built in another way than those known`, remedy: "use an LTS version of Node" };
  const fd = openKernelSocket(calls, 4);
  if (fd >= 0) {
    calls.close(fd);
    return { available: true };
  }
  const error = calls.errorName(-fd);
  // There was a socket, only no descriptor left for it: whoever connects will hear of that.
  return error === "EMFILE" || error === "ENFILE" ? { available: true } : describe(error);
}

/** @throws MptcpError ERR_MPTCP_KERNEL when the kernel's Multipath TCP is not to be had; the message says why, and what helps */
export function requireKernelMptcp(): void {
  const status = kernelMptcp();
  if (!status.available) throw new MptcpError("ERR_MPTCP_KERNEL", `no Multipath TCP from the kernel: ${status.reason}; ${status.remedy}`);
}

function describe(error: string): KernelMptcpStatus {
  const [reason, remedy] = REMEDIES[error] ?? [`the kernel gives no socket (${error})`, 'see what the error says, or use via: "userspace"'];
  return { available: false, reason, remedy };
}

const REMEDIES: Readonly<Record<string, readonly [reason: string, remedy: string]>> = {
  EPROTONOSUPPORT: ["this kernel has none (EPROTONOSUPPORT)", "boot Linux 5.6 or newer, built with CONFIG_MPTCP"],
  EINVAL: ["this kernel has none (EINVAL)", "boot Linux 5.6 or newer, built with CONFIG_MPTCP"],
  ENOPROTOOPT: ["it is switched off in this network namespace (ENOPROTOOPT)", "as root: sysctl net.mptcp.enabled=1"],
  EPERM: ["this process may not open MPTCP sockets (EPERM)", "allow protocol 262 in the seccomp profile or security module that forbids it"],
  EACCES: ["this process may not open MPTCP sockets (EACCES)", "allow protocol 262 in the seccomp profile or security module that forbids it"],
};
