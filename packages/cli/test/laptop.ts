import { Namespace } from "../../mptcp/test/node/namespace.ts";

/** A device of the laptop: a cable (veth) whose other end is the router that it leads to. */
interface Port {
  readonly name: string;
  /** Its subnets are 10.91.N.0/24 and fd91:N::/64. */
  readonly n: number;
  /** What its addresses end in; null where it has none of that family. */
  readonly last: { 4: number | null; 6: number | null };
  isThere: boolean;
  isUp: boolean;
  hasCarrier: boolean;
  isDead: boolean;
}

export type Family = 4 | 6;

/**
 * A laptop with `wlan0`, `wwan0` and `eth0`, and behind each of them the same server: two namespaces with three cables between them. What a DHCP client and a router would
 * do when a device comes up is done here.
 */
export class Laptop {
  readonly host = new Namespace();
  readonly server = new Namespace();
  private readonly ports: readonly Port[];
  private readonly rate: number | null;
  private lastSuffix = 9;

  /** @param rate Mbit/s of each direction of each device; null: unlimited */
  constructor(names: readonly string[] = ["wlan0", "wwan0", "eth0"], rate: number | null = null) {
    this.rate = rate;
    this.ports = names.map((name, at): Port => ({ name, n: at + 1, last: { 4: null, 6: null }, isThere: false, isUp: false, hasCarrier: true, isDead: false }));
    this.server.run("ip", "address", "add", `${SERVER_4}/32`, "dev", "lo");
    this.server.run("ip", "address", "add", `${SERVER_6}/128`, "dev", "lo", "nodad");
    this.server.run("nft", "add table inet dead; add chain inet dead in { type filter hook input priority 0; }; add chain inet dead out { type filter hook output priority 0; }");
    for (const { name } of this.ports) this.plug(name);
  }

  get names(): readonly string[] {
    return this.ports.map(({ name }) => name);
  }

  /** Whether packets come and go by a device, and by which families. */
  works(name: string, family?: Family): boolean {
    const { isThere, isUp, hasCarrier, isDead, last } = this.port(name);
    return isThere && isUp && hasCarrier && !isDead && (family === undefined ? last[4] !== null || last[6] !== null : last[family] !== null);
  }

  is(name: string, what: "isThere" | "isUp" | "hasCarrier" | "isDead"): boolean {
    return this.port(name)[what];
  }

  hasAddress(name: string, family: Family): boolean {
    return this.port(name).last[family] !== null;
  }

  /** A device is plugged in, comes up and gets addresses. */
  plug(name: string): void {
    const port = this.port(name);
    this.host.run("ip", "link", "add", name, "type", "veth", "peer", "name", name, "netns", this.server.name);
    port.isThere = true;
    port.hasCarrier = true;
    this.server.run("ip", "address", "add", `10.91.${port.n}.1/24`, "dev", name);
    this.server.run("ip", "address", "add", `fd91:${port.n}::1/64`, "dev", name, "nodad");
    this.server.run("ip", "link", "set", name, "up");
    if (this.rate !== null) {
      for (const end of [this.host, this.server]) end.run("tc", "qdisc", "replace", "dev", name, "root", "tbf", "rate", `${this.rate}mbit`, "burst", "64k", "latency", "20ms");
    }
    this.up(name);
  }

  unplug(name: string): void {
    this.host.run("ip", "link", "delete", name);
    Object.assign(this.port(name), { isThere: false, isUp: false, hasCarrier: true, last: { 4: null, 6: null } });
  }

  up(name: string): void {
    const port = this.port(name);
    this.host.run("ip", "link", "set", name, "up");
    port.isUp = true;
    this.address(name, 4);
    this.address(name, 6);
  }

  down(name: string): void {
    const port = this.port(name);
    this.host.run("ip", "link", "set", name, "down");
    this.host.run("ip", "address", "flush", "dev", name);
    Object.assign(port, { isUp: false, last: { 4: null, 6: null } });
  }

  /** The other end of the cable is pulled, or put in. */
  carrier(name: string, isThere: boolean): void {
    const port = this.port(name);
    port.hasCarrier = isThere;
    this.server.run("ip", "link", "set", name, isThere ? "up" : "down");
    // What comes back has its addresses again: a router announces itself, a lease is renewed.
    if (isThere) this.server.run("ip", "address", "replace", `fd91:${port.n}::1/64`, "dev", name, "nodad");
    if (isThere && port.isUp) for (const family of [4, 6] as const) if (port.last[family] !== null) this.address(name, family);
  }

  /** Everything is lost without a word, or no longer. */
  dead(name: string, isDead: boolean): void {
    this.port(name).isDead = isDead;
    this.server.run("nft", "flush table inet dead");
    for (const port of this.ports) {
      if (!port.isDead) continue;
      this.server.run("nft", `add rule inet dead in iifname ${port.name} drop; add rule inet dead out oifname ${port.name} drop`);
    }
  }

  /** A new address in place of what there was, and the routes by it. */
  address(name: string, family: Family): void {
    const port = this.port(name);
    this.unaddress(name, family);
    const last = (this.lastSuffix = (this.lastSuffix % 240) + 1) + 9;
    port.last[family] = last;
    const [local, gateway] = family === 4 ? [`10.91.${port.n}.${last}/24`, `10.91.${port.n}.1`] : [`fd91:${port.n}::${last.toString(16)}/64`, `fd91:${port.n}::1`];
    this.run("ip", "address", "add", local, "dev", name, ...(family === 6 ? ["nodad"] : []));
    this.run("ip", `-${family}`, "route", "replace", "default", "via", gateway, "dev", name, "metric", String(100 * port.n));
  }

  unaddress(name: string, family: Family): void {
    const port = this.port(name);
    port.last[family] = null;
    this.run("ip", `-${family}`, "address", "flush", "dev", name, "scope", "global");
  }

  /** The IPv6 address gets a successor and is deprecated, as when a router announces another prefix. */
  deprecate(name: string): void {
    const port = this.port(name);
    const before = port.last[6];
    const last = (this.lastSuffix = (this.lastSuffix % 240) + 1) + 9;
    if (before === null) return;
    port.last[6] = last;
    this.run("ip", "address", "add", `fd91:${port.n}::${last.toString(16)}/64`, "dev", name, "nodad");
    this.run("ip", "address", "change", `fd91:${port.n}::${before.toString(16)}/64`, "dev", name, "valid_lft", "3600", "preferred_lft", "0");
  }

  async close(): Promise<void> {
    await this.host.close();
    await this.server.close();
  }

  private run(command: string, ...words: string[]): void {
    this.host.run(command, ...words);
  }

  private port(name: string): Port {
    const found = this.ports.find((port) => port.name === name);
    if (found === undefined) throw new Error(`the laptop has no ${name}`);
    return found;
  }
}

/** Addresses of the server, which all devices lead to. */
export const SERVER_4 = "198.18.7.9";
export const SERVER_6 = "fd98::9";
