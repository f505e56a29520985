import type { CommandOutcome } from "../../system/index.ts";
import type { Machine } from "../machine/machine.ts";
import { failed, succeeded } from "./outcome.ts";

/** `ethtool -K DEVICE FEATURE on|off ...`: the device has no features, and packets leave alike with and without them. */
export function ethtool(_machine: Machine, [option = "", device = "", ...settings]: readonly string[]): CommandOutcome {
  if (option !== "-K" && option !== "--features" && option !== "--offload") return failed(1, "ethtool: bad command line argument(s)");
  if (device !== "tun0" && device !== "lo") return failed(71, "netlink error: No such device");
  const areSettings = settings.length > 0 && settings.length % 2 === 0 && settings.every((word, at) => at % 2 === 0 || word === "on" || word === "off");
  return areSettings ? succeeded() : failed(1, "ethtool: bad command line argument(s)");
}
