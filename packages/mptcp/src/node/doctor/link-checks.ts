import { check } from "./check.ts";
import type { Check } from "./check.ts";
import { prefixOf } from "./network.ts";
import type { Address, Network } from "./network.ts";
import type { System } from "./system.ts";
import { hasCapability } from "./user-space-checks.ts";

/** What links of this library get from the host: binding to devices, and a translation of what TUN devices send. */
export async function linkChecks(system: System, network: Network | null): Promise<readonly Check[]> {
  if (system.platform !== "linux") return [];
  return [await bindingCheck(system), translationCheck(system, network)];
}

async function bindingCheck(system: System): Promise<Check> {
  const name = "links by device";
  const koffi = await system.koffiObstacle();
  const routes = "what leaves a link by device follows the host's routes, which are to follow its source address: see below";
  if (koffi !== null) return check("user space", "udp.device", name, { state: "note", found: `followed by looking once a second, and not bound to their devices, which takes koffi`, advice: routes });
  const [major = 0, minor = 0] = system.release.split(/[.-]/).map(Number);
  // Until Linux 5.7 SO_BINDTODEVICE was for those with CAP_NET_RAW.
  const isFree = major > 5 || (major === 5 && minor >= 7) || hasCapability(system.readFile("/proc/self/status"), CAP_NET_RAW) === true;
  if (isFree) return check("user space", "udp.device", name, { state: "ok", found: "followed by rtnetlink, and bound to their devices whatever the routes say" });
  return check("user space", "udp.device", name, { state: "note", found: `Linux ${system.release} lets root alone bind sockets to devices`, advice: routes });
}

/** Whether something replaces the engine's addresses behind TUN devices by one that the world has a route to. */
function translationCheck(system: System, network: Network | null): Check {
  const [section, id, name] = ["routing", "tun.nat", "translation"] as const;
  const nft = system.run("nft", "list", "ruleset");
  const tables = system.run("iptables-save", "-t", "nat");
  if (nft.kind !== "done" && tables.kind !== "done") return check(section, id, name, { state: "unknown", found: "whether this host translates addresses may not be seen by this user, or neither nft nor iptables is installed" });
  const rules = [nft, tables].flatMap((result) => (result.kind === "done" ? result.output.split("\n") : [])).filter((line) => /\bmasquerade\b|\bsnat (ip6? )?to\b|-j (MASQUERADE|SNAT)\b/.test(line));
  if (rules.length > 0) return check(section, id, name, { state: "ok", found: `there are rules, which may be for TUN devices: ${rules.slice(0, 3).map((rule) => rule.trim()).join("; ")}` });
  const prefixes = tunPrefixes(system, network);
  return check(section, id, name, {
    state: "note",
    found: "none: what the engine sends on TUN devices keeps its addresses",
    advice: `beyond this host these need a route back, or a translation${prefixes.length === 0 ? ", which can be made once there are such devices" : ""}; docs/devices.md has it for several interfaces`,
    mends: prefixes.length === 0 ? [] : ["nft add table ip mptcp", "nft add chain ip mptcp leaving '{ type nat hook postrouting priority srcnat; }'", ...prefixes.map((prefix) => `nft add rule ip mptcp leaving ip saddr ${prefix} masquerade`)],
  });
}

/** The IPv4 subnets of this host's TUN devices. */
function tunPrefixes(system: System, network: Network | null): readonly string[] {
  const isTun = ({ family, device }: Address): boolean => family === 4 && system.readFile(`/sys/class/net/${device}/tun_flags`) !== null;
  return [...new Set((network?.addresses ?? []).filter(isTun).map(({ text, prefixLength }) => prefixOf(text, prefixLength)))];
}

/** include/uapi/linux/capability.h */
const CAP_NET_RAW = 13;
