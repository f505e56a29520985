import { isIP } from "node:net";
import { followDevices } from "mptcp/node";
import type { DeviceFollower, DeviceRule, DeviceStatus, LinkDriver, Runtime } from "mptcp/node";
import type { GivenKey } from "./link-key.ts";
import type { DeviceOption, EndpointOption } from "./link-options.ts";
import { udpLink, UsageProblem } from "./open-links.ts";

export interface DevicesOptions {
  readonly devices: readonly DeviceOption[];
  /** Of all links; null: they are in the clear. */
  readonly key: GivenKey | null;
  readonly endpoints: readonly EndpointOption[];
  /** Puts a capture around a link. */
  readonly wrap: (link: LinkDriver) => LinkDriver;
  /** Something that the user should know of. */
  readonly notice: (text: string) => void;
  /** Also what comes and goes later. */
  readonly verbose: boolean;
}

/**
 * Follows the devices of the command line. A device that is not there yet is told of, and waited for: a modem may be plugged in later.
 * @returns null where there are none @throws UsageProblem when an endpoint asks for what only links by address have, or the key is none
 */
export function openDevices(runtime: Runtime, { devices, key, endpoints, wrap, notice, verbose }: DevicesOptions): DeviceFollower | null {
  if (devices.length === 0) return null;
  if (endpoints.some(({ id }) => id !== undefined)) throw new UsageProblem("--endpoint with id= goes with links by address: a device's addresses get numbers as they come");
  // What is wrong with a key is said now, and not when the first device comes.
  udpLink({ addresses: [] }, key);
  let isTold = false;
  const tellUnbound = (status: DeviceStatus): void => {
    if (isTold || status.isBound) return;
    isTold = true;
    notice(`what leaves by ${status.name} follows this host's routes, since its sockets cannot be bound to it; see mptcp doctor`);
  };
  const follower = followDevices(runtime, {
    devices: devices.map(ruleOf),
    wrap,
    ...(key === null ? {} : { link: { key: key.key } }),
    flags: (address, { use }) => {
      if (endpoints.length === 0) return { backup: use === "backup" };
      const { signal = false, subflow = false, fullmesh = false, backup = false, port } = endpoints.find((one) => one.address === String(address)) ?? {};
      return { signal, subflow, fullmesh, backup: backup || use === "backup", ...(port === undefined ? {} : { port }) };
    },
    onChange: (status) => {
      if (verbose) notice(describe(status));
      tellUnbound(status);
    },
  });
  for (const status of follower.status) {
    if (status.obstacle !== null) notice(`${describe(status)}; it is used when that changes`);
    else if (verbose) notice(describe(status));
    tellUnbound(status);
  }
  if (follower.status.length === 0) notice("there is no such device now that leads anywhere; it is used when it comes");
  return follower;
}

/** "wlan0 (192.0.2.7:5000)": where a listener on devices is found. */
export function whereOn(follower: DeviceFollower, endpointText: (address: string) => string): readonly string[] {
  const all = follower.status.map(({ name, addresses }) => (addresses.length === 0 ? name : `${name} (${addresses.map((address) => endpointText(String(address))).join(", ")})`));
  return all.length === 0 ? ["devices that come"] : all;
}

/** Addresses by which `host` may be reached when it cannot by the first device. @param hasOthers there are links that come before all devices */
export function alternativesOn(follower: DeviceFollower, host: string, hasOthers: boolean): readonly string[] {
  const devices = follower.status.filter(({ addresses }) => addresses.length > 0).slice(hasOthers ? 0 : 1);
  const family = isIP(host);
  return devices.flatMap(({ addresses }) => addresses.map(String)).filter((address) => family === 0 || isIP(address) === family);
}

function ruleOf({ device, use, mtu }: DeviceOption): DeviceRule {
  return { device, use, ...(mtu === null ? {} : { mtu }) };
}

function describe({ name, addresses, obstacle }: DeviceStatus): string {
  return `${name}: ${obstacle ?? addresses.join(", ")}`;
}
