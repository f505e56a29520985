import type { CommandOutcome } from "../../system/index.ts";
import type { Machine } from "../machine/machine.ts";
import { parseNetwork } from "../machine/routes.ts";
import type { Network } from "../machine/routes.ts";
import type { IpOptions } from "./ip.ts";
import { LINK_FLAGS, LOOPBACK_FLAGS } from "./ip-link.ts";
import { failed, succeeded } from "./outcome.ts";

/** `ip address add|del|show`. */
export function ipAddress(machine: Machine, words: readonly string[], { family }: IpOptions): CommandOutcome {
  const [action = "show", ...rest] = words;
  if (isOneOf(action, "add", "replace", "change")) return add(machine, rest, action === "add" || action === "a");
  if (isOneOf(action, "delete")) return remove(machine, rest);
  if (isOneOf(action, "show", "list", "lst")) return show(machine, family);
  if (isOneOf(action, "flush")) return flush(machine, family);
  return failed(255, `Command "${action}" is unknown, try "ip address help".`);
}

function add({ addresses }: Machine, words: readonly string[], isNew: boolean): CommandOutcome {
  const network = networkOf(words);
  if (network === null) return badAddress(words);
  if (deviceOf(words) === null) return failed(255, "Not enough information: \"dev\" argument is required.");
  if (addresses.add(network) || !isNew) return succeeded();
  return failed(2, network.address.family === 4 ? "Error: ipv4: Address already assigned." : "Error: ipv6: address already assigned.");
}

function remove({ addresses }: Machine, words: readonly string[]): CommandOutcome {
  const network = networkOf(words);
  if (network === null) return badAddress(words);
  if (addresses.remove(network.address)) return succeeded();
  return failed(2, network.address.family === 4 ? "Error: ipv4: Address not found." : "Error: ipv6: address not found.");
}

function flush({ addresses }: Machine, family: 4 | 6 | null): CommandOutcome {
  for (const { address } of Array.from(addresses.all)) {
    if (!address.isLoopback && (family === null || family === address.family)) addresses.remove(address);
  }
  return succeeded();
}

function show({ addresses, mtu }: Machine, family: 4 | 6 | null): CommandOutcome {
  const of = (isLoopback: boolean): string =>
    addresses.all
      .filter(({ address }) => address.isLoopback === isLoopback && (family === null || address.family === family))
      .map(({ address, prefix }) => `    inet${address.family === 6 ? "6" : ""} ${address}/${prefix} scope ${isLoopback ? "host" : "global"} ${isLoopback ? "lo" : "tun0"}\n       valid_lft forever preferred_lft forever\n`)
      .join("");
  const lo = `1: lo: <${LOOPBACK_FLAGS}> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000\n    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n`;
  const tun = `2: tun0: <${LINK_FLAGS}> mtu ${mtu} qdisc pfifo_fast state UNKNOWN group default qlen 500\n    link/none \n`;
  return succeeded(`${lo}${of(true)}${tun}${of(false)}`);
}

/** The word that is an address: the first, or the one after `local`. */
function networkOf(words: readonly string[]): Network | null {
  const at = words.indexOf("local");
  return parseNetwork(words[at + 1] ?? "");
}

function deviceOf(words: readonly string[]): string | null {
  const at = words.indexOf("dev");
  return at < 0 ? null : (words[at + 1] ?? null);
}

function badAddress(words: readonly string[]): CommandOutcome {
  return failed(1, `Error: any valid prefix is expected rather than "${words[0] ?? ""}".`);
}

/** Whether a word is one of these, or the beginning of one. */
export function isOneOf(word: string, ...names: readonly string[]): boolean {
  return word !== "" && names.some((name) => name.startsWith(word));
}
