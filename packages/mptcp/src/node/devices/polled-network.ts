import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { IpAddress } from "../../wire/index.ts";
import { kindByName } from "./kinds.ts";
import type { DefaultRoute, DeviceAddress, NetworkDevice, NetworkState } from "./network-state.ts";

/**
 * The network as Node tells it, on any system: the devices that are up, have a carrier and have addresses, without what becomes of these. On Linux the default
 * routes are in files.
 */
export function readPolledNetwork(): NetworkState {
  const isLinux = process.platform === "linux";
  const routes4 = isLinux ? defaultRoutes4(textOf("/proc/net/route")) : null;
  const routes6 = isLinux ? defaultRoutes6(textOf("/proc/net/ipv6_route")) : null;
  const devices = Object.entries(networkInterfaces()).map(([name, entries = []]): NetworkDevice => {
    const isLoopback = entries.some(({ internal }) => internal);
    return {
      index: 0,
      name,
      kind: isLinux ? kindByName(name, isLoopback) : isLoopback ? "loopback" : "other",
      isUp: true,
      isRunning: true,
      mtu: isLinux ? Number(textOf(`/sys/class/net/${name}/mtu`)) || 0 : 0,
      addresses: entries.flatMap((entry) => addressOf(entry.address, Number(entry.cidr?.split("/")[1] ?? 0), entry.internal)),
      defaultRoutes: routes4 === null || routes6 === null ? null : [...routes4, ...routes6].filter((route) => route.device === name).map(({ route }) => route),
    };
  });
  return { devices: devices.toSorted((a, b) => (a.name < b.name ? -1 : 1)), isWhole: false };
}

/** A default route, and the name of its device. */
export interface NamedRoute {
  readonly device: string;
  readonly route: DefaultRoute;
}

/** Reads /proc/net/route: name, destination, gateway, flags, ..., metric, mask; the numbers are hexadecimal words in the machine's order. */
export function defaultRoutes4(text: string): readonly NamedRoute[] {
  return text.split("\n").slice(1).flatMap((line): NamedRoute[] => {
    const [device = "", destination, gateway = "", flags = "", , , metric = "", mask] = line.trim().split(/\s+/);
    if (destination !== ZERO_4 || mask !== ZERO_4 || (Number.parseInt(flags, 16) & RTF_REJECT) !== 0) return [];
    const word = Number.parseInt(gateway, 16);
    const swapped = ((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
    return [{ device, route: { family: 4, gateway: swapped === 0 ? null : IpAddress.v4(swapped), metric: Number(metric) || 0, table: MAIN } }];
  });
}

/** Reads /proc/net/ipv6_route: destination, its length, source, its length, next hop, metric, two counters, flags, name. */
export function defaultRoutes6(text: string): readonly NamedRoute[] {
  return text.split("\n").flatMap((line): NamedRoute[] => {
    const [destination, length, , , hop = "", metric = "", , , flags = "", device = ""] = line.trim().split(/\s+/);
    if (destination !== ZERO_6 || length !== "00" || (Number.parseInt(flags, 16) & RTF_REJECT) !== 0) return [];
    const words = [0, 8, 16, 24].map((at) => Number.parseInt(hop.slice(at, at + 8), 16)) as [number, number, number, number];
    return [{ device, route: { family: 6, gateway: hop === ZERO_6 ? null : IpAddress.v6(...words), metric: Number.parseInt(metric, 16), table: MAIN } }];
  });
}

function addressOf(text: string, prefixLength: number, isInternal: boolean): readonly DeviceAddress[] {
  const address = IpAddress.parse(text.split("%")[0] as string);
  if (address === null) return [];
  return [{ address, prefixLength, scope: isInternal ? "host" : isLinkLocal(address) ? "link" : "global", isTentative: false, isDeprecated: false, isTemporary: false, isSecondary: false }];
}

/** 169.254.0.0/16 (RFC 3927) and fe80::/10 (RFC 4291 §2.5.6). */
function isLinkLocal({ family, w0, w3 }: IpAddress): boolean {
  return family === 4 ? w3 >>> 16 === 0xa9fe : w0 >>> 22 === 0x3fa;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

const ZERO_4 = "00000000";
const ZERO_6 = "0".repeat(32);
/** include/uapi/linux/route.h, and the number of the table. */
const RTF_REJECT = 0x0200;
const MAIN = 254;
