import type { IpAddress } from "../../wire/index.ts";

/** The network devices of this machine, as far as links over them are concerned. */
export interface NetworkState {
  /** By index. */
  readonly devices: readonly NetworkDevice[];
  /** Whether devices that are down, or have no carrier or no address, are among them. */
  readonly isWhole: boolean;
}

export interface NetworkDevice {
  /** The system's number for it; one that is plugged in anew has a new one. 0 where the system tells none. */
  readonly index: number;
  /** "wlan0". */
  readonly name: string;
  readonly kind: DeviceKind;
  /** Switched on by the administrator. */
  readonly isUp: boolean;
  /** It has a carrier: a cable, an access point; only then packets come and go. */
  readonly isRunning: boolean;
  /** Octets of the largest IP packet; 0 where the system tells none. */
  readonly mtu: number;
  readonly addresses: readonly DeviceAddress[];
  /** The ways to anywhere that lead by it; null where that could not be found out. */
  readonly defaultRoutes: readonly DefaultRoute[] | null;
}

/**
 * What a device is. `tunnel` is what goes over others: TUN, WireGuard, IP in IP; `virtual` what programs and containers make: bridges, veth; `other` what cannot be
 * told.
 */
export type DeviceKind = "ethernet" | "wifi" | "wwan" | "loopback" | "tunnel" | "virtual" | "other";

export interface DeviceAddress {
  readonly address: IpAddress;
  readonly prefixLength: number;
  readonly scope: "global" | "link" | "host";
  /** Whether it is unique is being found out (RFC 4862 §5.4), or it is not: nothing may be sent from it. */
  readonly isTentative: boolean;
  /** Its preferred lifetime is over (RFC 4862 §5.5.4): it is not for new connections while there is another. */
  readonly isDeprecated: boolean;
  /** Made up for privacy, and exchanged by and by (RFC 8981). */
  readonly isTemporary: boolean;
  /** One more IPv4 address of a subnet. */
  readonly isSecondary: boolean;
}

export interface DefaultRoute {
  readonly family: 4 | 6;
  /** null on a link without one. */
  readonly gateway: IpAddress | null;
  /** The lower, the better. */
  readonly metric: number;
  /** Number of the routing table; 254 is "main". */
  readonly table: number;
}

/** Whether two states say the same. */
export function isSameState(a: NetworkState, b: NetworkState): boolean {
  return a.isWhole === b.isWhole && sameList(a.devices, b.devices, isSameDevice);
}

function isSameDevice(a: NetworkDevice, b: NetworkDevice): boolean {
  return (
    a.index === b.index && a.name === b.name && a.kind === b.kind && a.isUp === b.isUp && a.isRunning === b.isRunning && a.mtu === b.mtu &&
    sameList(a.addresses, b.addresses, isSameAddress) &&
    (a.defaultRoutes === null || b.defaultRoutes === null ? a.defaultRoutes === b.defaultRoutes : sameList(a.defaultRoutes, b.defaultRoutes, isSameRoute))
  );
}

function isSameAddress(a: DeviceAddress, b: DeviceAddress): boolean {
  return (
    a.address.equals(b.address) && a.prefixLength === b.prefixLength && a.scope === b.scope && a.isTentative === b.isTentative && a.isDeprecated === b.isDeprecated &&
    a.isTemporary === b.isTemporary && a.isSecondary === b.isSecondary
  );
}

function isSameRoute(a: DefaultRoute, b: DefaultRoute): boolean {
  const sameGateway = a.gateway === null || b.gateway === null ? a.gateway === b.gateway : a.gateway.equals(b.gateway);
  return a.family === b.family && a.metric === b.metric && a.table === b.table && sameGateway;
}

function sameList<T>(a: readonly T[], b: readonly T[], isSame: (one: T, other: T) => boolean): boolean {
  return a.length === b.length && a.every((one, at) => isSame(one, b[at] as T));
}
