import type { EndpointFlags } from "../../mptcp/index.ts";
import type { IpAddress } from "../../wire/index.ts";
import { rethrow } from "../errors.ts";
import type { Companion, LinkDriver } from "../link.ts";
import type { Runtime } from "../runtime.ts";
import { SEALED_OVERHEAD, UdpLink } from "../udp/index.ts";
import type { UdpLinkOptions } from "../udp/index.ts";
import type { NetworkDevice, NetworkState } from "./network-state.ts";
import { useOf } from "./policy.ts";
import type { DeviceUse } from "./policy.ts";
import { ANY, DeviceRules } from "./rules.ts";
import type { DeviceRule } from "./rules.ts";
import { NetworkWatcher } from "./watcher.ts";

export interface FollowOptions {
  /** The devices; a name stands for a rule with that name. The first that fits holds. */
  readonly devices: readonly (DeviceRule | string)[];
  /** Who knows the devices, and stays open; one of the follower's own unless given. */
  readonly watcher?: Pick<NetworkWatcher, "state" | "onChange">;
  /** Options of the links over the devices. */
  readonly link?: Pick<UdpLinkOptions, "keepAlive" | "receiveBuffer" | "batch" | "sharePorts" | "key" | "otherKeys">;
  /** What path managers are to know of an address; by default that it is a backup one where its rule says so. */
  readonly flags?: (address: IpAddress, device: DeviceStatus) => Partial<EndpointFlags>;
  /** Puts something around the link of a device, a capture for one. */
  readonly wrap?: (link: LinkDriver) => LinkDriver;
  /** A device came, went or changed. Not called from within {@link followDevices}. */
  readonly onChange?: (device: DeviceStatus) => void;
}

/** A device that is followed. */
export interface DeviceStatus {
  readonly name: string;
  /** Its addresses that are in use. */
  readonly addresses: readonly IpAddress[];
  /** Why there are none, for people: "it is down"; null when there are some. */
  readonly obstacle: string | null;
  readonly use: "regular" | "backup";
  /** Whether what leaves takes the device whatever the host's routes say. */
  readonly isBound: boolean;
}

/**
 * Gives a runtime links over this machine's devices, and follows these: each device has a link over UDP of its own, whose sockets are bound to it, and whose addresses
 * are those that the device has. What comes and goes, devices, carriers, addresses, is told to the host at once, whose path managers open and close subflows as they do in
 * the simulator. That lasts until {@link DeviceFollower.close}, or until the runtime is closed.
 *
 * @throws MptcpError ERR_MPTCP_DEVICE for a name that no device can have; ERR_MPTCP_RUNTIME_CLOSED
 * @example
 * ```ts
 * import { createStack, followDevices } from "mptcp/node";
 *
 * const stack = createStack({ links: [] });
 * const devices = followDevices(stack.runtime, { devices: ["wl*", "en*", { device: "ww*", use: "backup" }] });
 * for (const { name, addresses, obstacle } of devices.status) console.log(name, addresses.join(" "), obstacle ?? "");
 * await stack.close();
 * ```
 */
export function followDevices(runtime: Runtime, options: FollowOptions): DeviceFollower {
  return new DeviceFollower(runtime, options);
}

/** See {@link followDevices}. */
export class DeviceFollower implements Companion {
  private readonly runtime: Runtime;
  private readonly options: FollowOptions;
  private readonly rules: DeviceRules;
  private readonly devices = new Map<string, FollowedDevice>();
  /** Null where it is somebody else's. */
  private readonly ownWatcher: NetworkWatcher | null;
  private readonly stopListening: () => void;
  private readonly leaveRuntime: () => void;
  private isClosed = false;

  constructor(runtime: Runtime, options: FollowOptions) {
    this.runtime = runtime;
    this.options = options;
    this.rules = new DeviceRules(options.devices);
    this.ownWatcher = options.watcher === undefined ? new NetworkWatcher() : null;
    const watcher = options.watcher ?? (this.ownWatcher as NetworkWatcher);
    try {
      this.leaveRuntime = runtime.accompany(this);
    } catch (error) {
      void this.ownWatcher?.close();
      throw error;
    }
    this.stopListening = watcher.onChange((state) => this.onState(state));
    this.apply(watcher.state);
  }

  /** The devices that are used, and those that are named and are not there. */
  get status(): readonly DeviceStatus[] {
    return Array.from(this.devices.values(), ({ status }) => status);
  }

  /** From now on it keeps the process alive, as its links do: a device may come. The runtime's call. */
  ref(): void {
    this.ownWatcher?.ref();
  }

  /** It no longer does. */
  unref(): void {
    this.ownWatcher?.unref();
  }

  /** No device is followed any more; their links are closed, and their subflows end. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.stopListening();
    this.leaveRuntime();
    const closing = Array.from(this.devices.values(), (device) => device.removeLink());
    this.devices.clear();
    await Promise.all([...closing, this.ownWatcher?.close()]);
  }

  private onState(state: NetworkState): void {
    if (this.isClosed) return;
    const changed = this.apply(state);
    const { onChange } = this.options;
    if (onChange === undefined) return;
    for (const status of changed) {
      try {
        onChange(status);
      } catch (error) {
        rethrow(error);
      }
    }
  }

  /** @returns those that are not as they were */
  private apply(state: NetworkState): readonly DeviceStatus[] {
    const uses = this.usesIn(state);
    const taken = new Set<string>();
    const planned = Array.from(uses, ([name, { device, rule }]) => {
      const followed = this.devices.get(name) ?? this.follow(name);
      const use = useOf(device ?? (state.isWhole ? "missing" : "unseen"), followed.addresses, rule.device === ANY);
      // An address that two devices have can lead by one of them only.
      const addresses = use.addresses.filter((address) => !taken.has(String(address)));
      for (const address of addresses) taken.add(String(address));
      const obstacle = use.obstacle ?? (addresses.length === 0 ? "another device has its address" : null);
      return { followed, device, rule, use: { addresses, obstacle } };
    });
    const gone = Array.from(this.devices.values()).filter(({ name }) => !uses.has(name));
    // First what goes: an address may have moved from one device to another.
    for (const followed of gone) {
      void followed.removeLink();
      this.devices.delete(followed.name);
    }
    for (const { followed, device, rule, use } of planned) followed.withdraw(device, rule, use);
    for (const { followed, device, rule, use } of planned) followed.adopt(device, rule, use);
    const departed = gone.map(({ status }): DeviceStatus => ({ ...status, addresses: [], obstacle: "there is no such device" }));
    return [...departed, ...planned.filter(({ followed }) => followed.takeNews()).map(({ followed }) => followed.status)];
  }

  /** What is used, in the order of the rules: a host prefers what it had first. */
  private usesIn({ devices }: NetworkState): ReadonlyMap<string, { readonly device: NetworkDevice | null; readonly rule: DeviceRule }> {
    const uses: (readonly [string, { readonly device: NetworkDevice | null; readonly rule: DeviceRule }])[] = [];
    for (const device of devices) {
      const rule = this.rules.for(device);
      if (rule !== null) uses.push([device.name, { device, rule }]);
    }
    for (const name of this.rules.named) {
      if (devices.some((device) => device.name === name)) continue;
      const rule = this.rules.for({ name, kind: "other" });
      if (rule !== null) uses.push([name, { device: null, rule }]);
    }
    return new Map(uses.toSorted(([, a], [, b]) => orderOf(a.rule) - orderOf(b.rule) || costOf(a.device) - costOf(b.device)));
  }

  private follow(name: string): FollowedDevice {
    const followed = new FollowedDevice(name, this.runtime, this.options);
    this.devices.set(name, followed);
    return followed;
  }
}

/** One device, and the link over it while there is one. */
class FollowedDevice {
  readonly name: string;
  addresses: readonly IpAddress[] = [];
  private readonly runtime: Runtime;
  private readonly options: FollowOptions;
  private link: UdpLink | null = null;
  /** Octets of the link's packets on the wire, which a key takes some of. */
  private mtu = 0;
  /** The link as the runtime has it. */
  private driver: LinkDriver | null = null;
  /** The device's number when the link was made. */
  private index = 0;
  private obstacle: string | null = null;
  private use: "regular" | "backup" = "regular";
  private isNews = false;

  constructor(name: string, runtime: Runtime, options: FollowOptions) {
    this.name = name;
    this.runtime = runtime;
    this.options = options;
  }

  get status(): DeviceStatus {
    const { name, addresses, obstacle, use, link } = this;
    return { name, addresses, obstacle, use, isBound: link === null || link.isBoundToDevice };
  }

  /** Whether something has changed since the last call. */
  takeNews(): boolean {
    const { isNews } = this;
    this.isNews = false;
    return isNews;
  }

  /** Takes away what is not to be used any more. */
  withdraw(device: NetworkDevice | null, rule: DeviceRule, { addresses, obstacle }: DeviceUse): void {
    if (obstacle !== this.obstacle) this.isNews = true;
    this.obstacle = obstacle;
    this.use = rule.use === "backup" ? "backup" : "regular";
    const { driver } = this;
    if (driver === null) return;
    // Its sockets are bound to a device by number; and what the MTU is, is a property of the link.
    if (device === null || device.index !== this.index || (addresses.length === 0 && this.mtuOf(device, rule) !== this.mtu)) {
      void this.removeLink();
      return;
    }
    for (const address of this.addresses) {
      if (addresses.some((other) => other.equals(address))) continue;
      this.isNews = true;
      this.runtime.removeAddress(driver, address);
    }
    this.addresses = this.addresses.filter((address) => addresses.some((other) => other.equals(address)));
  }

  /** Gives the runtime what is new. */
  adopt(device: NetworkDevice | null, rule: DeviceRule, { addresses }: DeviceUse): void {
    if (device === null) return;
    for (const address of addresses) {
      if (this.addresses.some((other) => other.equals(address))) continue;
      const driver = this.driver ?? this.addLink(device, rule);
      this.addresses = [...this.addresses, address];
      this.isNews = true;
      this.runtime.addAddress(driver, address, this.options.flags?.(address, this.status) ?? { backup: this.use === "backup" });
    }
  }

  /** Closes the link, which takes its addresses along. */
  removeLink(): Promise<void> {
    const { driver } = this;
    if (this.addresses.length > 0) this.isNews = true;
    this.link = null;
    this.driver = null;
    this.addresses = [];
    return driver === null ? Promise.resolve() : this.runtime.removeLink(driver);
  }

  private addLink(device: NetworkDevice, rule: DeviceRule): LinkDriver {
    const { name, options } = this;
    this.mtu = this.mtuOf(device, rule);
    const link = new UdpLink({ ...options.link, name, addresses: [], device: name, mtu: this.mtu });
    const driver = options.wrap?.(link) ?? link;
    this.runtime.addLink(driver, []);
    this.link = link;
    this.driver = driver;
    this.index = device.index;
    return driver;
  }

  /** What a link over a device has on the wire: no more than the device, and than the 1500 octets that the way behind it usually takes. */
  private mtuOf({ mtu }: NetworkDevice, rule: DeviceRule): number {
    if (rule.mtu !== undefined) return rule.mtu;
    const smallest = SMALLEST_MTU + (this.options.link?.key === undefined ? 0 : SEALED_OVERHEAD);
    return mtu < smallest ? USUAL_MTU : Math.min(mtu, USUAL_MTU);
  }
}

function orderOf({ use }: DeviceRule): number {
  return use === "backup" ? 1 : 0;
}

/** Devices by which the host itself would go come first; those without a default route last. */
function costOf(device: NetworkDevice | null): number {
  if (device === null) return Number.MAX_SAFE_INTEGER;
  const metrics = (device.defaultRoutes ?? []).map(({ metric }) => metric);
  return metrics.length === 0 ? UNROUTED : Math.min(...metrics);
}

const USUAL_MTU = 1500;
/** RFC 791 §3.2; what the system tells beneath is nothing to rely on. */
const SMALLEST_MTU = 576;
/** More than any metric. */
const UNROUTED = 2 ** 33;
