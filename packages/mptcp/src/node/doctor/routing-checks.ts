import { check } from "./check.ts";
import type { Check, CheckState } from "./check.ts";
import { departure, prefixOf, waysOut } from "./network.ts";
import type { Address, Network, Way } from "./network.ts";
import type { System } from "./system.ts";

/** Whether the host has several ways out, sends by each what belongs there, and takes in what comes by each. */
export function routingChecks(system: System, network: Network | null): readonly Check[] {
  if (network === null) {
    const found = "there is no ip command here that prints JSON, so interfaces, routes and rules were not seen";
    return [check("routing", "routing.ip", "ip command", { state: "unknown", found, advice: "install iproute2", mends: ["apt-get install iproute2"] })];
  }
  const ways = waysOut(network);
  const sources = sourceChecks(system, network, ways);
  const agrees = sources.every(({ state }) => state !== "fail");
  return [waysCheck(network, ways), ...sources, ...reversePathChecks(system, ways, agrees), ...sameSubnetChecks(system, ways)];
}

/** One interface of several that lead out in one family. */
export function hasSeveral(ways: readonly Way[], family: 4 | 6): boolean {
  return ways.filter((way) => way.family === family).length > 1;
}

function waysCheck(network: Network, ways: readonly Way[]): Check {
  const names = [...new Set(ways.map((way) => way.device.name))];
  const rest = [...new Set(network.addresses.map((address) => address.device))].filter((name) => !names.includes(name) && network.devices.some((device) => device.name === name && device.isUp && !device.isLoopback));
  const aside = rest.length === 0 ? "" : `; ${rest.join(", ")} ${rest.length === 1 ? "has addresses, but no default route" : "have addresses, but no default routes"}`;
  const shown = names.map((name) => `${name} (${ways.filter((way) => way.device.name === name).flatMap((way) => way.addresses.map((address) => address.text)).join(", ")})`);
  if (names.length > 1) return check("routing", "routing.ways", "ways out", { state: "ok", found: `${shown.join(" and ")}${aside}` });
  const found = names.length === 0 ? `no interface has both an address and a default route${aside}` : `only ${shown.join()} leads out of this host${aside}`;
  const advice = "Multipath TCP works over one interface too; it gains from a second, Wi-Fi and a cable for one";
  return check("routing", "routing.ways", "ways out", { state: "note", found, advice });
}

/** RFC 8684 does not say it, but a subflow is worth nothing when what is sent from its address leaves by the interface of another. */
function sourceChecks(system: System, network: Network, ways: readonly Way[]): readonly Check[] {
  const checks: Check[] = [];
  const tables = new TableNumbers(network);
  for (const way of ways) {
    if (!hasSeveral(ways, way.family)) continue;
    for (const addresses of samePrefix(way.addresses)) {
      const address = addresses[0] as Address;
      const taken = departure(system, network, way.family, address.text);
      const id = `routing.source.${address.text}`;
      const name = `route of ${address.text}`;
      if (taken !== null && taken.device === way.device.name) {
        checks.push(check("routing", id, name, { state: "ok", found: `what is sent from ${address.text} leaves by ${way.device.name}, its own interface` }));
        continue;
      }
      const where = taken === null ? "nowhere" : `by ${taken.device}${taken.gateway === null ? "" : ` to ${taken.gateway}`}`;
      const found = `what is sent from ${address.text}, an address of ${way.device.name}, leaves ${where}`;
      const mends = sourceRoute(network, way, addresses, tables);
      if (taken !== null && isTunnel(system, taken.device)) {
        const wanted = "a VPN is meant to take everything; if subflows are to go beside it, this is how";
        checks.push(check("routing", id, name, { state: "note", found: `${found}, a tunnel`, advice: wanted, mends }));
        continue;
      }
      const advice =
        mends.length === 0
          ? "there is a rule for this address with a route by its interface, but another rule comes first: see ip rule"
          : `a table of its own with a route by ${way.device.name}, and a rule that sends there whatever has this source; subflows from this address then take this interface`;
      checks.push(check("routing", id, name, { state: "fail", found, advice, mends }));
    }
  }
  return checks;
}

/** Addresses of one prefix, of which IPv6 may make up many, need one rule. */
function samePrefix(addresses: readonly Address[]): readonly (readonly Address[])[] {
  const groups = new Map<string, Address[]>();
  for (const address of addresses) {
    const key = address.isDynamic ? prefixOf(address.text, address.prefixLength) : address.text;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [address]);
    else group.push(address);
  }
  return Array.from(groups.values());
}

/** The commands that send what has these sources by their own interface; those only that are missing. */
function sourceRoute(network: Network, way: Way, addresses: readonly Address[], tables: TableNumbers): readonly string[] {
  const address = addresses[0] as Address;
  const ip = way.family === 6 ? "ip -6" : "ip";
  const device = way.device.name;
  const prefix = prefixOf(address.text, address.prefixLength);
  const selector = address.isDynamic ? prefix : address.text;
  const rule = network.rules.find((one) => one.family === way.family && isOwnTable(one.table) && [address.text, `${address.text}/${way.family === 4 ? 32 : 128}`, prefix].includes(one.from));
  const table = rule?.table ?? tables.of(way);
  const inTable = network.routes.filter((route) => route.family === way.family && route.table === table && route.device === device);
  const mends: string[] = [];
  if (rule === undefined) mends.push(`${ip} rule add from ${selector} table ${table}`);
  // Neighbours are reached directly, not by way of the gateway.
  if (way.gateway !== null && !inTable.some((route) => route.destination === prefix) && tables.once(`${table} ${prefix}`)) mends.push(`${ip} route add ${prefix} dev ${device} table ${table}`);
  if (!inTable.some((route) => route.destination === "default") && tables.once(`${table} default ${way.family}`)) {
    mends.push(`${ip} route add default ${way.gateway === null ? "" : `via ${way.gateway} `}dev ${device} table ${table}`);
  }
  return mends;
}

/** Numbers of routing tables: one for each way out, none that is in use for something else. */
class TableNumbers {
  private readonly used: Set<string>;
  private readonly given = new Map<string, string>();
  private readonly said = new Set<string>();
  private readonly network: Network;

  constructor(network: Network) {
    this.network = network;
    this.used = new Set([...network.routes, ...network.rules].map(({ table }) => table));
  }

  of(way: Way): string {
    const { name, index } = way.device;
    const before = this.given.get(name);
    if (before !== undefined) return before;
    // A table that leads by this interface alone is there for it.
    const own = this.network.routes.find((route) => isOwnTable(route.table) && route.device === name && this.network.routes.every((other) => other.table !== route.table || other.device === name));
    let number = FIRST_TABLE + index;
    while (this.used.has(String(number))) number++;
    const table = own?.table ?? String(number);
    this.used.add(table);
    this.given.set(name, table);
    return table;
  }

  /** True the first time. */
  once(what: string): boolean {
    if (this.said.has(what)) return false;
    this.said.add(what);
    return true;
  }
}

function isOwnTable(table: string): boolean {
  return !["main", "local", "default", "254", "255", "253"].includes(table);
}

/** A TUN device of somebody's, or WireGuard. */
function isTunnel(system: System, device: string): boolean {
  return system.readFile(`/sys/class/net/${device}/tun_flags`) !== null || (system.readFile(`/sys/class/net/${device}/uevent`) ?? "").includes("DEVTYPE=wireguard");
}

/** Two interfaces in one subnet, Wi-Fi and cable at the same router: each would answer for the other's address (ARP). */
function sameSubnetChecks(system: System, ways: readonly Way[]): readonly Check[] {
  const devices = new Map<string, Set<string>>();
  for (const { device, family, addresses } of ways) {
    if (family !== 4) continue;
    for (const { text, prefixLength } of addresses) {
      const prefix = prefixOf(text, prefixLength);
      devices.set(prefix, (devices.get(prefix) ?? new Set()).add(device.name));
    }
  }
  const checks: Check[] = [];
  for (const [prefix, names] of devices) {
    if (names.size < 2) continue;
    const open = [...names].filter((name) => ![name, "all"].some((scope) => system.readFile(`/proc/sys/net/ipv4/conf/${scope}/arp_filter`)?.trim() === "1"));
    const id = `routing.subnet.${prefix}`;
    const shared = `${[...names].join(" and ")} are both in ${prefix}`;
    if (open.length === 0) checks.push(check("routing", id, "one subnet", { state: "ok", found: `${shared}, and each answers for its own address (arp_filter)` }));
    else {
      checks.push(
        check("routing", id, "one subnet", {
          state: "warn",
          found: `${shared}, where each answers for the other's address too: what is meant for one comes in by the other`,
          advice: "they share everything from their router on, so that a second path gains what the first hop allows",
          mends: open.map((name) => `sysctl -w net.ipv4.conf.${name}.arp_filter=1`),
        }),
      );
    }
  }
  return checks;
}

function reversePathChecks(system: System, ways: readonly Way[], agrees: boolean): readonly Check[] {
  if (!hasSeveral(ways, 4)) return [];
  const all = Number(system.readFile("/proc/sys/net/ipv4/conf/all/rp_filter") ?? Number.NaN);
  return ways
    .filter((way) => way.family === 4)
    .map(({ device: { name } }) => {
      const own = Number(system.readFile(`/proc/sys/net/ipv4/conf/${name}/rp_filter`) ?? Number.NaN);
      const id = `routing.rp_filter.${name}`;
      const title = `rp_filter of ${name}`;
      if (Number.isNaN(own) || Number.isNaN(all)) return check("routing", id, title, { state: "unknown", found: "the setting cannot be read" });
      // Of the two settings the larger counts.
      const mode = Math.max(all, own);
      if (mode !== 1) return check("routing", id, title, { state: "ok", found: mode === 0 ? "off" : "loose" });
      const state: CheckState = agrees ? "ok" : "fail";
      if (agrees) return check("routing", id, title, { state, found: "strict, with which the routes of the addresses agree" });
      const found = "strict: what comes in here is dropped when the route back leads by another interface, joins above all";
      return check("routing", id, title, {
        state,
        found,
        advice: "loose mode (2) asks only that there is a way back; once every address has its route, strict does no harm either",
        mends: [`sysctl -w net.ipv4.conf.${name}.rp_filter=2`],
      });
    });
}

/** Tables from here on, one for each interface, by its number. */
const FIRST_TABLE = 100;
