import type { CommandOutcome } from "../../system/index.ts";
import type { Machine } from "../machine/machine.ts";
import { failed, succeeded } from "./outcome.ts";
import { Words } from "./words.ts";

/** `ip link set|show`: the device is always there, and up. */
export function ipLink(machine: Machine, words: readonly string[]): CommandOutcome {
  const [action = "show", ...rest] = words;
  if (action === "set") return set(machine, new Words(rest));
  if (!"show".startsWith(action) && !"list".startsWith(action)) return failed(255, `Command "${action}" is unknown, try "ip link help".`);
  const lo = `1: lo: <${LOOPBACK_FLAGS}> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000\n    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n`;
  return succeeded(`${lo}2: tun0: <${LINK_FLAGS}> mtu ${machine.mtu} qdisc pfifo_fast state UNKNOWN mode DEFAULT group default qlen 500\n    link/none \n`);
}

function set(machine: Machine, words: Words): CommandOutcome {
  let device = words.next();
  if (device === "dev") device = words.next();
  if (device !== "tun0" && device !== "lo") return failed(1, `Cannot find device "${device}"`);
  while (!words.isEmpty) {
    const word = words.next();
    if (word === "mtu") {
      const mtu = words.number(65_535);
      if (mtu === null) return failed(255, 'Error: argument "mtu" is wrong: Invalid "mtu" value');
      if (device === "tun0") machine.resize(mtu);
    } else if (TAKES_VALUE.has(word)) words.next();
    else if (!FLAGS.has(word)) return failed(255, `Error: either "dev" is duplicate, or "${word}" is a garbage.`);
  }
  return succeeded();
}

export const LOOPBACK_FLAGS = "LOOPBACK,UP,LOWER_UP";
export const LINK_FLAGS = "POINTOPOINT,MULTICAST,NOARP,UP,LOWER_UP";
/** What may be said of a device, and makes no difference to this one. */
const FLAGS: ReadonlySet<string> = new Set(["up", "down"]);
const TAKES_VALUE: ReadonlySet<string> = new Set(["txqueuelen", "qlen", "gso_max_size", "gso_max_segs", "gso_ipv4_max_size", "gro_max_size", "multicast", "arp"]);
