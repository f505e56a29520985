import { MptcpError } from "../../core/index.ts";
import type { NetworkDevice } from "./network-state.ts";

/** Which devices are used, and how. */
export interface DeviceRule {
  /**
   * Name of a device, `*` in it standing for anything: "wlan0", "wl*". "any" are all devices with a default route, but the loopback device and
   * tunnels, which go over the others: those are used where they are named.
   */
  readonly device: string;
  /** `regular`, unless given; `backup`: only while no other can carry data (RFC 8684 §3.3.8); `off`: not at all. */
  readonly use?: "regular" | "backup" | "off";
  /** Octets of the largest IP packet; the device's, and 1500 at the most, unless given. */
  readonly mtu?: number;
}

/** Rules in their order: the first one that fits a device holds for it. */
export class DeviceRules {
  private readonly rules: readonly CompiledRule[];

  /** @throws MptcpError ERR_MPTCP_DEVICE for a name that no device can have */
  constructor(rules: readonly (DeviceRule | string)[]) {
    this.rules = rules.map((rule) => compile(typeof rule === "string" ? { device: rule } : rule));
  }

  /** The rule for a device; null when it is not used. */
  for(device: Pick<NetworkDevice, "name" | "kind">): DeviceRule | null {
    const found = this.rules.find((rule) => rule.fits(device));
    return found === undefined || found.rule.use === "off" ? null : found.rule;
  }

  /** Devices that are named, and so are missing when they are not there. */
  get named(): readonly string[] {
    return this.rules.filter(({ rule }) => rule.use !== "off" && rule.device !== ANY && !rule.device.includes("*")).map(({ rule }) => rule.device);
  }
}

/** "any" as the device of a rule. */
export const ANY = "any";

/** Whether a device may have that name, or a name that fits it. */
export function isDeviceName(name: string): boolean {
  // Other systems have such as "Ethernet 2".
  if (process.platform !== "linux") return name !== "";
  // As in the kernel: IFNAMSIZ with its NUL is 16, and there is no slash and no space; "." and ".." are folders.
  return /^[^\s/:]{1,15}$/.test(name) && name !== "." && name !== "..";
}

interface CompiledRule {
  readonly rule: DeviceRule;
  fits(device: Pick<NetworkDevice, "name" | "kind">): boolean;
}

function compile(rule: DeviceRule): CompiledRule {
  const { device } = rule;
  if (device === ANY) return { rule, fits: ({ kind }) => kind !== "loopback" && kind !== "tunnel" };
  if (!isDeviceName(device)) throw new MptcpError("ERR_MPTCP_DEVICE", `"${device}" is no name of a device`);
  if (!device.includes("*")) return { rule, fits: ({ name }) => name === device };
  const pattern = new RegExp(`^${device.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&")).join(".*")}$`);
  return { rule, fits: ({ name }) => pattern.test(name) };
}
