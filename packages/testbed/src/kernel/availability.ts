import { MptcpError } from "mptcp";
import { Device } from "../system/device.ts";
import { Namespace } from "../system/namespace.ts";
import { system } from "../system/system.ts";

/** Why this machine's kernel is no target here, with what helps; null where it is one. */
export function kernelObstacle(): string | null {
  try {
    const calls = system();
    const namespace = new Namespace(calls);
    try {
      namespace.inside(() => new Device(calls, "tun0", "segmentation")).close();
    } finally {
      namespace.close();
    }
    return null;
  } catch (error) {
    if (error instanceof MptcpError) return error.message;
    throw error;
  }
}
