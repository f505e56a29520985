import { existsSync, readFileSync } from "node:fs";
import type { LinkFacts } from "./netlink-messages.ts";
import type { DeviceKind } from "./network-state.ts";

/** Knows what devices are; what has been found out of one holds for as long as it has its number. */
export class DeviceKinds {
  private known = new Map<string, DeviceKind>();

  /** The kinds of all devices there are: what is known of others is forgotten. */
  of(devices: readonly LinkFacts[]): readonly DeviceKind[] {
    const kinds = new Map<string, DeviceKind>();
    const all = devices.map((device) => {
      const key = `${device.index} ${device.name}`;
      const kind = this.known.get(key) ?? kindOf(device);
      kinds.set(key, kind);
      return kind;
    });
    this.known = kinds;
    return all;
  }
}

/** What a device of that name is, by /sys alone. */
export function kindByName(name: string, isLoopback: boolean): DeviceKind {
  if (isLoopback) return "loopback";
  return byFiles(name) ?? "other";
}

function kindOf({ name, driver, hardware, isLoopback }: LinkFacts): DeviceKind {
  if (isLoopback) return "loopback";
  if (TUNNEL_DRIVERS.has(driver) || TUNNEL_HARDWARE.has(hardware)) return "tunnel";
  const found = byFiles(name);
  if (found !== null) return found;
  // A modem's connection by PPP; what has a driver of its own beside these is made by programs.
  if (hardware === ARPHRD_PPP || hardware === ARPHRD_RAWIP) return "wwan";
  if (driver !== "") return "virtual";
  return hardware === ARPHRD_ETHER ? "ethernet" : "other";
}

/** What the kernel's files say: the type that the driver gave it, and whether it speaks 802.11. */
function byFiles(name: string): DeviceKind | null {
  // A name may have no slash, but may be "..".
  if (name === "" || name === "." || name === ".." || name.includes("/")) return null;
  const folder = `/sys/class/net/${name}`;
  const type = /^DEVTYPE=(.*)$/m.exec(textOf(`${folder}/uevent`))?.[1];
  if (type === "wwan") return "wwan";
  if (type === "wlan" || existsSync(`${folder}/phy80211`) || existsSync(`${folder}/wireless`)) return "wifi";
  if (type === "wireguard" || existsSync(`${folder}/tun_flags`)) return "tunnel";
  return null;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** include/uapi/linux/if_arp.h */
const ARPHRD_ETHER = 1;
const ARPHRD_PPP = 512;
const ARPHRD_RAWIP = 519;
/** ARPHRD_TUNNEL, TUNNEL6, SIT, IPGRE, IP6GRE. NONE is what TUN and WireGuard have, and modems that carry IP. */
const TUNNEL_HARDWARE: ReadonlySet<number> = new Set([768, 769, 776, 778, 823]);
const TUNNEL_DRIVERS: ReadonlySet<string> = new Set(["tun", "wireguard", "ipip", "sit", "gre", "gretap", "ip6gre", "ip6tnl", "vti", "vti6", "xfrm", "erspan"]);
