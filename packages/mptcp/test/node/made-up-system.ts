import type { CommandResult, Offloads, System } from "../../src/node/doctor/index.ts";

/** What is said of a host that does not exist. Everything is as on a good Linux machine with one interface unless told otherwise. */
export interface MadeUp {
  readonly platform?: string;
  readonly release?: string;
  readonly nodeVersion?: string;
  readonly userId?: number;
  /** Files by path, over those that are there anyway; null takes one away. */
  readonly files?: Readonly<Record<string, string | null>>;
  readonly interfaces?: readonly MadeUpInterface[];
  /** Answers of `ip -j route get`, by family and source: the name of an interface. */
  readonly departures?: Readonly<Record<string, string>>;
  readonly rules?: readonly { readonly family?: 4 | 6; readonly src: string; readonly table: string }[];
  readonly routes?: readonly Readonly<Record<string, unknown>>[];
  readonly limits?: string;
  readonly endpoints?: readonly Readonly<Record<string, unknown>>[];
  /** Answers of other programs, by name; missing where there is none. */
  readonly programs?: Readonly<Record<string, CommandResult>>;
  readonly tun?: string | null;
  readonly koffi?: string | null;
  readonly tunFeatures?: number | null;
  readonly offloads?: Offloads | null;
}

export interface MadeUpInterface {
  readonly name: string;
  readonly up?: boolean;
  /** "192.0.2.7/24" */
  readonly addresses: readonly string[];
  readonly dynamic?: boolean;
  /** Gateways of default routes; "" for one without. */
  readonly gateways?: readonly string[];
}

/** A machine that answers from what was made up. */
export function madeUpSystem(made: MadeUp = {}): System {
  const files: Readonly<Record<string, string | null>> = { ...FILES, ...made.files };
  const interfaces = made.interfaces ?? [{ name: "eth0", addresses: ["192.0.2.7/24"], gateways: ["192.0.2.1"] }];
  return {
    platform: made.platform ?? "linux",
    release: made.release ?? "6.12.3",
    nodeVersion: made.nodeVersion ?? "20.19.0",
    userId: made.userId ?? 0,
    readFile: (path) => files[path] ?? null,
    run: (command, ...words) => {
      if (command !== "ip") return made.programs?.[command] ?? { kind: "missing" };
      const answer = ip(made, interfaces, words);
      return typeof answer === "string" ? { kind: "done", output: answer } : answer === undefined ? { kind: "failed", error: "RTNETLINK answers: Network is unreachable" } : { kind: "done", output: JSON.stringify(answer) };
    },
    openObstacle: () => made.tun ?? null,
    koffiObstacle: () => Promise.resolve(made.koffi ?? null),
    tunFeatures: () => Promise.resolve(made.tunFeatures === undefined ? 0x7f07 : made.tunFeatures),
    offloads: () => Promise.resolve(made.offloads === undefined ? { tso: true, gro: true } : made.offloads),
  };
}

function ip(made: MadeUp, interfaces: readonly MadeUpInterface[], words: readonly string[]): unknown {
  const line = words.join(" ");
  const family = words.includes("-6") ? 6 : 4;
  if (line === "-j address show") return [{ ifindex: 1, ifname: "lo", flags: ["LOOPBACK", "UP"], addr_info: [{ family: "inet", local: "127.0.0.1", prefixlen: 8, scope: "host" }] }, ...interfaces.map(linkOf)];
  if (line.endsWith("route show table all")) return [...interfaces.flatMap((one) => routesOf(one, family)), ...(made.routes ?? []).filter((route) => (route["family"] ?? 4) === family)];
  if (line.endsWith("rule show")) {
    const own = (made.rules ?? []).filter((rule) => (rule.family ?? 4) === family);
    return [{ priority: 0, src: "all", table: "local" }, ...own.map(({ src, table }) => ({ priority: 32765, src, table })), { priority: 32766, src: "all", table: "main" }];
  }
  if (line.includes("route get")) {
    const from = line.includes(" from ") ? (words.at(-1) ?? "") : "";
    const name = made.departures?.[from] ?? interfaces.find((one) => routesOf(one, family).some((route) => route["dst"] === "default"))?.name;
    return name === undefined ? undefined : [{ dst: words.at(4) ?? "", dev: name, gateway: interfaces.find((one) => one.name === name)?.gateways?.[0] }];
  }
  if (line === "-j mptcp limits show") return made.limits ?? "add_addr_accepted 4 subflows 4 \n";
  if (line === "-j mptcp endpoint show") return made.endpoints ?? [];
  throw new Error(`nobody made up an answer to ip ${line}`);
}

function linkOf(one: MadeUpInterface, at: number): unknown {
  return {
    ifindex: at + 2,
    ifname: one.name,
    flags: one.up === false ? [] : ["UP", "LOWER_UP"],
    addr_info: one.addresses.map((text) => {
      const [local = "", length] = text.split("/");
      return { family: text.includes(":") ? "inet6" : "inet", local, prefixlen: Number(length), scope: local.startsWith("fe80") ? "link" : "global", ...(one.dynamic === true ? { dynamic: true } : {}) };
    }),
  };
}

function routesOf(one: MadeUpInterface, family: 4 | 6): readonly Readonly<Record<string, unknown>>[] {
  return (one.gateways ?? [])
    .filter((gateway) => (gateway === "" ? one.addresses.some((address) => address.includes(":") === (family === 6)) : gateway.includes(":") === (family === 6)))
    .map((gateway) => ({ dst: "default", dev: one.name, ...(gateway === "" ? {} : { gateway }) }));
}

const FILES: Readonly<Record<string, string>> = {
  "/proc/sys/net/mptcp/enabled": "1\n",
  "/proc/sys/net/mptcp/pm_type": "0\n",
  "/proc/sys/net/mptcp/checksum_enabled": "0\n",
  "/proc/sys/net/mptcp/allow_join_initial_addr_port": "1\n",
  "/proc/sys/net/mptcp/scheduler": "default\n",
  "/proc/sys/net/ipv4/ip_forward": "1\n",
  "/proc/sys/net/ipv4/tcp_congestion_control": "cubic\n",
  "/proc/sys/net/ipv4/conf/all/rp_filter": "0\n",
  "/proc/sys/net/ipv4/conf/eth0/rp_filter": "0\n",
  "/proc/sys/net/ipv4/conf/wlan0/rp_filter": "0\n",
  "/proc/sys/net/core/rmem_max": "4194304\n",
  "/proc/self/status": "Name:\tnode\nCapEff:\t000001ffffffffff\n",
};
