import type { IpAddress } from "../../wire/index.ts";
import type { DeviceAddress, NetworkDevice } from "./network-state.ts";

/** What a device is good for at the moment. */
export interface DeviceUse {
  /** The addresses to use, one of each family at the most, IPv4 first. */
  readonly addresses: readonly IpAddress[];
  /** Why there are none, for people; null when there are some. */
  readonly obstacle: string | null;
}

/**
 * Which addresses of a device connections are to use. One of each family: a second one on the same device is no other path. An address in use is kept while it
 * can be used and is not deprecated, so that nothing is exchanged without need; one that is deprecated makes way for another.
 *
 * Not used are addresses of one link (fe80::, 169.254.0.0/16), since a peer is rarely on it and they mean nothing to any other, tentative ones, those of the host
 * itself but on the loopback device, and IPv6 addresses of a site (fc00::/7) beside global ones.
 *
 * @param device "unseen": where only some devices are seen, this is not among them
 * @param current addresses of the device that are in use
 * @param needsRoute only where a default route of the family leads by the device; where routes are not known, it counts as there
 */
export function useOf(device: NetworkDevice | "missing" | "unseen", current: readonly IpAddress[], needsRoute: boolean): DeviceUse {
  if (device === "missing") return { addresses: [], obstacle: "there is no such device" };
  if (device === "unseen") return { addresses: [], obstacle: "it is not there, down or without an address" };
  if (!device.isUp) return { addresses: [], obstacle: "it is down" };
  if (!device.isRunning) return { addresses: [], obstacle: "it has no carrier" };
  const usable = device.addresses.filter((entry) => isUsable(entry, device));
  if (usable.length === 0) return { addresses: [], obstacle: device.addresses.some((entry) => entry.isTentative && entry.scope === "global") ? "its address is being checked" : "it has no address" };
  const routed = needsRoute ? usable.filter((entry) => hasRoute(device, entry.address.family)) : usable;
  if (routed.length === 0) return { addresses: [], obstacle: "no default route leads by it" };
  const addresses = ([4, 6] as const).flatMap((family) => {
    const ofFamily = routed.filter((entry) => entry.address.family === family);
    return ofFamily.length === 0 ? [] : [best(ofFamily, current).address];
  });
  return { addresses, obstacle: null };
}

function isUsable({ scope, isTentative, address }: DeviceAddress, { kind }: NetworkDevice): boolean {
  if (isTentative || !address.isUnicast) return false;
  return scope === "global" || (scope === "host" && kind === "loopback");
}

function hasRoute({ defaultRoutes }: NetworkDevice, family: 4 | 6): boolean {
  return defaultRoutes === null || defaultRoutes.some((route) => route.family === family);
}

/** The best of some addresses of one family; of equals the first. */
function best(addresses: readonly DeviceAddress[], current: readonly IpAddress[]): DeviceAddress {
  return addresses.reduce((one, other) => (rank(other, current) > rank(one, current) ? other : one));
}

/** RFC 6724 §5, as far as it goes without a destination: rule 3 (deprecated), 2 and 6 (scope), then what is in use, then rule 7 (temporary). */
function rank(entry: DeviceAddress, current: readonly IpAddress[]): number {
  const { address, isDeprecated, isSecondary, isTemporary } = entry;
  return (isDeprecated ? 0 : 8) + (isOfSite(address) ? 0 : 4) + (current.some((other) => other.equals(address)) ? 2 : 0) + (isTemporary || (address.family === 4 && !isSecondary) ? 1 : 0);
}

/** fc00::/7 (RFC 4193). */
function isOfSite({ family, w0 }: IpAddress): boolean {
  return family === 6 && w0 >>> 25 === 0x7e;
}
