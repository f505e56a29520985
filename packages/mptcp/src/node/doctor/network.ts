import { IpAddress } from "../../wire/index.ts";
import type { System } from "./system.ts";

/** Interfaces, addresses, routes and rules of a host, as the `ip` command tells them. */
export interface Network {
  readonly devices: readonly Device[];
  readonly addresses: readonly Address[];
  readonly routes: readonly Route[];
  readonly rules: readonly Rule[];
}

export interface Device {
  readonly name: string;
  readonly index: number;
  readonly isUp: boolean;
  readonly isLoopback: boolean;
}

/** An address of global scope that may be used for connections. */
export interface Address {
  readonly family: 4 | 6;
  readonly text: string;
  readonly prefixLength: number;
  readonly device: string;
  /** Made up by the host from a router's announcements, perhaps one of several that change by and by. */
  readonly isDynamic: boolean;
}

export interface Route {
  readonly family: 4 | 6;
  /** "default", or a prefix. */
  readonly destination: string;
  /** null on a link without one. */
  readonly gateway: string | null;
  readonly device: string;
  /** "main" where the kernel's own is meant. */
  readonly table: string;
}

export interface Rule {
  readonly family: 4 | 6;
  /** Address or prefix, or "all". */
  readonly from: string;
  readonly table: string;
}

/** An interface by which packets of one family leave the host for anywhere. */
export interface Way {
  readonly family: 4 | 6;
  readonly device: Device;
  readonly gateway: string | null;
  readonly addresses: readonly Address[];
}

/** Reads the network of a host; null when there is no `ip` command, or one that does not speak JSON. */
export function readNetwork(system: System): Network | null {
  const links = json(system, "-j", "address", "show");
  if (links === null) return null;
  const devices: Device[] = [];
  const addresses: Address[] = [];
  for (const link of links) {
    const name = text(link["ifname"]);
    const flags = list(link["flags"]).map(String);
    if (name === "") continue;
    devices.push({ name, index: Number(link["ifindex"] ?? 0), isUp: flags.includes("UP"), isLoopback: flags.includes("LOOPBACK") });
    for (const entry of list(link["addr_info"]) as Json[]) {
      if (entry["scope"] !== "global" || entry["deprecated"] === true || entry["tentative"] === true || entry["dadfailed"] === true) continue;
      const family = entry["family"] === "inet6" ? 6 : 4;
      addresses.push({ family, text: text(entry["local"]), prefixLength: Number(entry["prefixlen"]), device: name, isDynamic: family === 6 && entry["dynamic"] === true });
    }
  }
  const families = [4, 6] as const;
  return {
    devices,
    addresses,
    routes: families.flatMap((family) => (json(system, "-j", `-${family}`, "route", "show", "table", "all") ?? []).flatMap((route) => routesOf(route, family))),
    rules: families.flatMap((family) => (json(system, "-j", `-${family}`, "rule", "show") ?? []).map((rule) => ruleOf(rule, family))),
  };
}

/** The ways out of the host: one for each interface and family that has a usable address and a default route. */
export function waysOut(network: Network): readonly Way[] {
  const ways: Way[] = [];
  for (const device of network.devices) {
    if (!device.isUp || device.isLoopback) continue;
    for (const family of [4, 6] as const) {
      const addresses = network.addresses.filter((address) => address.device === device.name && address.family === family);
      const route = network.routes.find((candidate) => candidate.family === family && candidate.device === device.name && candidate.destination === "default");
      if (addresses.length > 0 && route !== undefined) ways.push({ family, device, gateway: route.gateway, addresses });
    }
  }
  return ways;
}

/** The interface by which the kernel would send from `source`, null for none given, to somewhere far away; null when nowhere. */
export function departure(system: System, network: Network, family: 4 | 6, source: string | null): { readonly device: string; readonly gateway: string | null; readonly source: string | null } | null {
  const words = ["-j", `-${family}`, "route", "get", farAway(network, family), ...(source === null ? [] : ["from", source])];
  const route = json(system, ...words)?.[0];
  if (route === undefined) return null;
  const found = routesOf(route, family)[0];
  return found === undefined ? null : { device: found.device, gateway: found.gateway, source: text(route["prefsrc"]) || null };
}

/** The prefix that an address belongs to: "192.0.2.0/24". */
export function prefixOf(address: string, length: number): string {
  const parsed = IpAddress.from(address);
  const mask = (word: number, from: number): number => {
    const bits = Math.max(0, Math.min(32, length - from));
    return bits === 0 ? 0 : (word & (0xffffffff << (32 - bits))) >>> 0;
  };
  const start = parsed.family === 4 ? IpAddress.v4(mask(parsed.w3, 0)) : IpAddress.v6(mask(parsed.w0, 0), mask(parsed.w1, 32), mask(parsed.w2, 64), mask(parsed.w3, 96));
  return `${start}/${length}`;
}

/** An address that no interface here is near to; nothing is sent there. */
function farAway(network: Network, family: 4 | 6): string {
  const near = network.routes.filter((route) => route.family === family && route.destination.includes("/"));
  const isNear = (candidate: string): boolean =>
    near.some((route) => {
      const [start = "", length = ""] = route.destination.split("/");
      return prefixOf(candidate, Number(length)) === prefixOf(start, Number(length));
    });
  const candidates = family === 4 ? FAR_AWAY_4 : FAR_AWAY_6;
  return candidates.find((candidate) => !isNear(candidate)) ?? candidates[0];
}

function routesOf(route: Json, family: 4 | 6): Route[] {
  const destination = text(route["dst"]);
  const table = text(route["table"]) || "main";
  const type = text(route["type"]);
  if (type !== "" && type !== "unicast") return [];
  const hops = route["nexthops"] === undefined ? [route] : (list(route["nexthops"]) as Json[]);
  return hops.map((hop) => {
    const via = hop["via"] as Json | undefined;
    return { family, destination, gateway: text(hop["gateway"]) || text(via?.["host"]) || null, device: text(hop["dev"]), table };
  });
}

function ruleOf(rule: Json, family: 4 | 6): Rule {
  const source = text(rule["src"]) || "all";
  const length = rule["srclen"];
  return { family, from: length === undefined ? source : `${source}/${String(length)}`, table: text(rule["table"]) };
}

function json(system: System, ...words: readonly string[]): readonly Json[] | null {
  const result = system.run("ip", ...words);
  if (result.kind !== "done") return null;
  try {
    // Without anything to tell, some versions print nothing at all.
    return result.output.trim() === "" ? [] : (list(JSON.parse(result.output)) as Json[]);
  } catch {
    return null;
  }
}

type Json = Readonly<Record<string, unknown>>;

function text(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Addresses for documentation (RFC 5737, RFC 3849), and some of the benchmarking range (RFC 2544, RFC 5180). */
const FAR_AWAY_4 = ["203.0.113.1", "198.51.100.1", "192.0.2.1", "198.18.0.1"] as const;
const FAR_AWAY_6 = ["2001:db8::1", "2001:2::1"] as const;
