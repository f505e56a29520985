import { spawnSync } from "node:child_process";
import { MptcpError } from "mptcp";
import type { IpAddress } from "mptcp/wire";
import { DeviceNode } from "../emulator/device-node.ts";
import type { RealTime } from "../emulator/real-time.ts";
import { readCounters } from "../kernel/index.ts";
import { Device } from "../system/device.ts";
import { Namespace } from "../system/namespace.ts";
import { setUp } from "../system/netlink.ts";
import { Sysctl } from "../system/sysctl.ts";
import type { System } from "../system/system.ts";

/** How a kernel is set up for a run. */
export interface KernelHostOptions {
  readonly name: "client" | "server";
  /** One for each device. */
  readonly addresses: readonly IpAddress[];
  readonly checksum: boolean;
}

/** A network namespace with a device for each address, from each of which all the world can be reached. The kernel opens subflows from the addresses behind the first. */
export class KernelHost {
  readonly namespace: Namespace;
  private readonly name: string;
  private readonly addresses: readonly IpAddress[];
  private readonly devices: Device[] = [];

  /** @throws MptcpError with what the kernel refused */
  constructor(system: System, { name, addresses, checksum }: KernelHostOptions) {
    this.name = name;
    this.addresses = addresses;
    this.namespace = new Namespace(system);
    const sysctl = new Sysctl(this.namespace);
    for (const [key, value] of [...SETTINGS, ["net.mptcp.checksum_enabled", checksum ? "1" : "0"] as const]) {
      const complaint = sysctl.write(key, value);
      if (complaint !== null) throw new MptcpError("ERR_MPTCP_TUN", complaint.text);
    }
    addresses.forEach((address, at) => {
      this.devices.push(this.namespace.inside(() => new Device(system, `tun${at}`, "checksums")));
      // A socket that is bound to a device finds the route over it, though another one is more exact.
      this.namespace.inside(() => setUp(system, `tun${at}`, { local: [`${String(address)}/32`], remote: at === 0 ? HALVES : WHOLE, mtu: 1500, segmentation: false }));
    });
    ip(this.namespace, ["mptcp limits set subflows 2 add_addr_accepted 2", ...addresses.slice(1).map((address, at) => `mptcp endpoint add ${String(address)} dev tun${at + 1} subflow`)]);
  }

  /** Its devices, as nodes of a simulation. */
  nodes(time: RealTime): DeviceNode[] {
    return this.devices.map((device, at) => new DeviceNode(`${this.name}.tun${at}`, device, [this.addresses[at] as IpAddress], time));
  }

  counters(): ReadonlyMap<string, number> {
    return this.namespace.inside(readCounters);
  }

  close(): void {
    for (const device of this.devices) device.close();
    this.namespace.close();
  }
}

/** Has ip(8) carry out some commands in a namespace. @throws MptcpError with what it says */
function ip(namespace: Namespace, lines: readonly string[]): void {
  const { status, stderr, error } = namespace.inside(() => spawnSync("ip", ["-batch", "-"], { input: lines.join("\n"), encoding: "utf8" }));
  if (status !== 0) throw new MptcpError("ERR_MPTCP_TUN", `ip: ${error?.message ?? stderr.trim()}`);
}

/** All the world in two routes, and in one. */
const HALVES = ["0.0.0.0/1", "128.0.0.0/1"];
const WHOLE = ["0.0.0.0/0"];
/**
 * How long the kernel tries is shortened, as it is for the engine: data that is not acknowledged is given up after five retransmissions, a connection that is left without a subflow after
 * 20 s, so that a path that is dead is told of within a minute.
 */
const SETTINGS = [
  ["net.ipv4.conf.all.rp_filter", "0"],
  ["net.ipv4.conf.default.rp_filter", "0"],
  ["net.ipv4.tcp_no_metrics_save", "1"],
  ["net.ipv4.tcp_retries2", "5"],
  ["net.mptcp.close_timeout", "20"],
] as const;
