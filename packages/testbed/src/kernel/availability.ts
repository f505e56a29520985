import { MptcpError } from "mptcp";
import { Device } from "./device.ts";
import { Namespace } from "./namespace.ts";
import { system } from "./system.ts";

/** Why this machine's kernel is no target here, with what helps; null where it is one. */
export function kernelObstacle(): string | null {
  try {
    const calls = system();
    const namespace = new Namespace(calls);
    try {
      namespace.inside(() => new Device(calls, "tun0", true)).close();
    } finally {
      namespace.close();
    }
    return null;
  } catch (error) {
    if (error instanceof MptcpError) return error.message;
    throw error;
  }
}
