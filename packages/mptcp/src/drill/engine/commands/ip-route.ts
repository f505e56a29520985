import { IpAddress } from "../../../wire/index.ts";
import type { CommandOutcome } from "../../system/index.ts";
import type { Machine } from "../machine/machine.ts";
import { parseNetwork } from "../machine/routes.ts";
import type { Network, Route } from "../machine/routes.ts";
import type { IpOptions } from "./ip.ts";
import { isOneOf } from "./ip-address.ts";
import { failed, succeeded } from "./outcome.ts";
import { Words } from "./words.ts";

/** `ip route add|del|replace|change|append|show|get|flush`. */
export function ipRoute(machine: Machine, words: readonly string[], { family }: IpOptions): CommandOutcome {
  const [action = "show", ...rest] = words;
  if (isOneOf(action, "show", "list", "lst")) return succeeded(show(machine, rest, family ?? 4));
  if (action === "get") return get(machine, rest);
  if (isOneOf(action, "flush")) return succeeded();
  const isRemoval = isOneOf(action, "delete");
  if (!isRemoval && !isOneOf(action, "add", "append", "change", "replace")) return failed(255, `Command "${action}" is unknown, try "ip route help".`);
  const read = routeOf(new Words(rest), family ?? 4);
  if (typeof read === "string") return failed(255, `Error: ${read}`);
  const { network, route } = read;
  const was = machine.routes.all.find((row) => row.prefix === network.prefix && row.address.equals(network.address));
  if (isRemoval) return machine.routes.remove(network) ? succeeded() : failed(2, "RTNETLINK answers: No such process");
  if (was !== undefined && isOneOf(action, "add")) return failed(2, "RTNETLINK answers: File exists");
  if (was !== undefined && !isOneOf(action, "append")) machine.routes.remove(network);
  machine.routes.add(network, route);
  return succeeded();
}

/** @returns an error's text */
function routeOf(words: Words, family: 4 | 6): { readonly network: Network; readonly route: Partial<Omit<Route, keyof Network>> } | string {
  let network: Network | null = null;
  const route: { -readonly [K in keyof Omit<Route, keyof Network>]?: Route[K] } = {};
  while (!words.isEmpty) {
    const word = words.next();
    if (word === "via") route.gateway = words.next();
    else if (word === "src") {
      const source = IpAddress.parse(words.next());
      if (source === null) return 'an inet prefix is expected rather than "src".';
      route.source = source;
    } else if (word === "mtu") {
      let value = words.next();
      if (value === "lock") value = words.next();
      route.mtu = Number(value) || 0;
    } else if (word === "fastopen_no_cookie") route.fastOpenNoCookie = words.next() === "1";
    else if (UNREACHABLE.has(word)) route.unreachable = true;
    else if (TAKES_VALUE.has(word)) words.next();
    else if (!FLAGS.has(word)) {
      const isDefault = word === "default" || word === "all";
      const parsed = isDefault ? { address: family === 4 ? IpAddress.v4(0) : IpAddress.v6(0, 0, 0, 0), prefix: 0 } : parseNetwork(word);
      if (parsed === null) return `any valid prefix is expected rather than "${word}".`;
      network = parsed;
    }
  }
  return network === null ? "a destination is needed." : { network, route };
}

function show({ addresses, routes }: Machine, words: readonly string[], family: 4 | 6): string {
  const wanted = words.map(parseNetwork).find((network) => network !== null) ?? null;
  return routes.all
    .filter(({ address, prefix }) => !address.isLoopback && (wanted === null ? address.family === family : address.equals(wanted.address) && prefix === wanted.prefix))
    .map((row) => {
      const isOwn = addresses.isLocal(row.address);
      const parts = [
        row.unreachable ? "unreachable " : "", row.prefix === 0 ? "default" : networkText(row), row.gateway === null ? "" : ` via ${row.gateway}`, row.unreachable ? "" : " dev tun0",
        isOwn ? ` proto kernel scope link src ${row.address}` : row.gateway === null && !row.unreachable ? " scope link" : "", row.source === null ? "" : ` src ${row.source}`, row.mtu === 0 ? "" : ` mtu ${row.mtu}`,
      ];
      return `${parts.join("")} \n`;
    })
    .join("");
}

function get(machine: Machine, words: readonly string[]): CommandOutcome {
  const destination = IpAddress.parse(words.find((word) => IpAddress.parse(word) !== null) ?? "");
  if (destination === null) return failed(1, `Error: any valid prefix is expected rather than "${words[0] ?? ""}".`);
  const source = machine.sourceFor(destination);
  if (typeof source === "string") return failed(2, source === "ENETUNREACH" ? "RTNETLINK answers: Network is unreachable" : "RTNETLINK answers: No route to host");
  return succeeded(`${destination} dev ${machine.isLocal(destination) ? "lo" : "tun0"} src ${source} uid 0 \n    cache \n`);
}

/** A network without the part of its address that is beyond its prefix. */
function networkText({ address, prefix }: Network): string {
  const word = (value: number, from: number): number => {
    const bits = Math.max(0, Math.min(32, prefix - from));
    return bits === 0 ? 0 : (value & (0xffff_ffff << (32 - bits))) >>> 0;
  };
  if (address.family === 4) return prefix === 32 ? String(address) : `${IpAddress.v4(word(address.w3, 0))}/${prefix}`;
  const network = IpAddress.v6(word(address.w0, 0), word(address.w1, 32), word(address.w2, 64), word(address.w3, 96));
  return prefix === 128 ? String(network) : `${network}/${prefix}`;
}

const UNREACHABLE: ReadonlySet<string> = new Set(["unreachable", "blackhole", "prohibit"]);
/** What may be said of a route, and makes no difference here. */
const FLAGS: ReadonlySet<string> = new Set(["onlink", "unicast", "local"]);
const TAKES_VALUE: ReadonlySet<string> = new Set([
  "dev", "proto", "scope", "metric", "table", "rtt", "rttvar", "rto_min", "initcwnd", "initrwnd", "cwnd", "ssthresh", "advmss", "window", "quickack", "features", "congctl", "pref", "hoplimit", "reordering",
]);
