import { execFileSync } from "node:child_process";
import { MptcpError } from "mptcp";
import type { IpAddress } from "mptcp/wire";
import { Device } from "../system/device.ts";
import type { DeviceOffload } from "../system/device.ts";
import { Namespace } from "../system/namespace.ts";
import { Sysctl } from "../system/sysctl.ts";
import type { System } from "../system/system.ts";

/** A device of a place. */
export interface PlaceInterface {
  readonly name: string;
  readonly address: IpAddress;
  /** Octets. */
  readonly mtu: number;
  /** What Multipath TCP of the kernel is to do with the address (ip-mptcp(8)). */
  readonly endpoint: readonly ("subflow" | "signal" | "backup")[];
  /** Whether it has its address from the start. */
  readonly isPresent: boolean;
}

/**
 * A network namespace with a name, in which programs use the kernel over devices of ours. Each device has a table of routes for what comes from its address, as a host with several
 * interfaces needs it, and the kernel's Multipath TCP knows the address as an endpoint. All of it is taken away in the end, the namespace too where it was made here.
 */
export class Place {
  readonly name: string;
  private readonly system: System;
  private readonly isMade: boolean;
  private readonly namespace: Namespace;
  private readonly interfaces = new Map<string, { readonly own: PlaceInterface; readonly device: Device; readonly table: number; hasAddress: boolean }>();

  /**
   * @param isMade make the namespace; otherwise it is there
   * @throws MptcpError with what was refused
   */
  constructor(system: System, name: string, isMade: boolean) {
    this.system = system;
    this.name = name;
    this.isMade = isMade;
    if (isMade) ip(["netns", "add", name]);
    try {
      this.namespace = new Namespace(system, `/var/run/netns/${name}`);
      if (isMade) {
        const sysctl = new Sysctl(this.namespace);
        for (const [key, value] of SETTINGS) sysctl.write(key, value);
      }
      this.configure(4, ["link set lo up", `mptcp limits set subflows ${MOST_SUBFLOWS} add_addr_accepted ${MOST_SUBFLOWS}`]);
    } catch (error) {
      if (isMade) ip(["netns", "delete", name]);
      throw error;
    }
  }

  /** @throws MptcpError with what was refused */
  add(own: PlaceInterface, offload: DeviceOffload): Device {
    const device = this.namespace.inside(() => new Device(this.system, own.name, offload, false));
    this.interfaces.set(own.name, { own, device, table: FIRST_TABLE + this.interfaces.size, hasAddress: false });
    this.configure(own.address.family, [`link set ${own.name} addrgenmode none`, `link set ${own.name} mtu ${own.mtu} up`]);
    if (own.isPresent) this.addAddress(own.name);
    return device;
  }

  /** Gives a device its address; false where it has it. */
  addAddress(name: string): boolean {
    const it = this.interfaces.get(name);
    if (it === undefined || it.hasAddress) return false;
    it.hasAddress = true;
    const { own: { address, endpoint }, table } = it;
    const isFour = address.family === 4;
    this.configure(address.family, [
      `address add ${address}/${isFour ? 24 : "64 nodad"} dev ${name}`,
      `route add default dev ${name} table ${table}`,
      `route add default dev ${name} metric ${table}`,
      `rule add from ${address} table ${table}`,
      `mptcp endpoint add ${address} dev ${name} ${endpoint.join(" ")}`,
    ]);
    return true;
  }

  /** Takes it away; false where it has none. */
  removeAddress(name: string): boolean {
    const it = this.interfaces.get(name);
    if (it === undefined || !it.hasAddress) return false;
    it.hasAddress = false;
    const { own: { address }, table } = it;
    const isFour = address.family === 4;
    const id = this.endpointOf(address);
    this.configure(address.family, [
      ...(id === null ? [] : [`mptcp endpoint delete id ${id}`]),
      `rule delete from ${address} table ${table}`,
      `address delete ${address}/${isFour ? 24 : 64} dev ${name}`,
      `route delete default dev ${name} table ${table}`,
      ...(isFour ? [] : [`route delete default dev ${name} metric ${table}`]),
    ], true);
    return true;
  }

  close(): void {
    for (const [name, { device }] of this.interfaces) {
      if (!this.isMade) this.removeAddress(name);
      device.close();
    }
    this.namespace.close();
    // Whoever is still in it keeps it alive, without a name.
    if (this.isMade) ip(["netns", "delete", this.name]);
  }

  private endpointOf(address: IpAddress): string | null {
    const endpoints = JSON.parse(ip(["-n", this.name, "-json", "mptcp", "endpoint", "show"]) || "[]") as readonly { readonly id: number; readonly address: string }[];
    const found = endpoints.find((one) => one.address === String(address));
    return found === undefined ? null : String(found.id);
  }

  /** @param isLenient go on where something is gone already */
  private configure(family: 4 | 6, lines: readonly string[], isLenient = false): void {
    ip([`-${family}`, "-n", this.name, ...(isLenient ? ["-force"] : []), "-batch", "-"], lines.join("\n"), isLenient);
  }
}

/** @throws MptcpError with what ip(8) says */
function ip(words: readonly string[], input = "", isLenient = false): string {
  try {
    return execFileSync("ip", words, { input, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] });
  } catch (error) {
    const { code, stderr } = error as NodeJS.ErrnoException & { readonly stderr?: string };
    if (code === "ENOENT") throw new MptcpError("ERR_MPTCP_TUN", "ip is missing; install iproute2");
    if (isLenient) return "";
    throw new MptcpError("ERR_MPTCP_TUN", `ip ${words.join(" ")}: ${(stderr ?? String(error)).trim().split("\n")[0] ?? ""}`);
  }
}

/** Packets may come by one device and be answered by another. */
const SETTINGS = [["net.ipv4.conf.all.rp_filter", "0"], ["net.ipv4.conf.default.rp_filter", "0"]] as const;
/** Of the kernel's path manager, which takes no more. */
const MOST_SUBFLOWS = 8;
/** Numbers of tables that nobody else is likely to have. */
const FIRST_TABLE = 7301;
