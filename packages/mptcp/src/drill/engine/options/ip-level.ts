import { CONSTANTS } from "../../system/index.ts";
import { anyNumber, between, numberOption, onOff } from "./row.ts";
import type { NumberOption, OptionRow } from "./row.ts";
import type { Socket } from "../sockets/socket.ts";

const { AF_INET6, SOCK_STREAM } = CONSTANTS;

/** ECN is TCP's own. */
function withoutEcn(value: number, { type }: Socket): number {
  return value & (type === SOCK_STREAM ? 0xfc : 0xff);
}

function hidden(name: string, store: NumberOption["store"], initial = 0, mayBeShort = true): OptionRow {
  return numberOption(name, store, { initial, mayBeShort, multipath: "unsupported" });
}

/** -1 is the default again. */
function hops(value: number): number | string {
  return value === -1 ? DEFAULT_HOPS : value >= 1 && value <= 255 ? value : "EINVAL";
}

/** IPv6 takes 0 hops, and a class of octets. */
function ipv6Class(value: number, socket: Socket): number | string {
  if (value < -1 || value > 255) return "EINVAL";
  return value === -1 ? 0 : withoutEcn(value, socket);
}

/** It is settled by bind(2). */
function onlyIpv6(value: number, { domain, local }: Socket): number | string {
  if (domain !== AF_INET6) return "ENOPROTOOPT";
  return local.port === 0 ? Math.sign(Math.abs(value)) : "EINVAL";
}

/** What leaves and how large it may be: of the route while there is a connection. */
function pathMtu(socket: Socket): number | string {
  return socket.peer === null ? "ENOTCONN" : socket.machine.mtu;
}

function mtuOption(name: string): OptionRow {
  return {
    kind: "octets", name, multipath: "none", set: null,
    get: (socket) => {
      const mtu = pathMtu(socket);
      if (typeof mtu === "string") return mtu;
      const octets = new Uint8Array(4);
      new DataView(octets.buffer).setInt32(0, mtu, true);
      return octets;
    },
  };
}

/** The first port in the lower 16 bits, the last one in the upper ones; 0: as the machine has it. */
function portRange(value: number): number | string {
  const [first, last] = portsOf(value);
  return first !== 0 && last !== 0 && first > last ? "EINVAL" : value;
}

/** The two ports of IP_LOCAL_PORT_RANGE. */
export function portsOf(value: number): readonly [first: number, last: number] {
  return [value & 0xffff, value >>> 16];
}

const DEFAULT_HOPS = 64;

/** Options of SOL_IP. */
export const IP_LEVEL: readonly OptionRow[] = [
  numberOption("IP_TOS", withoutEcn, { mayBeShort: true }),
  hidden("IP_TTL", hops, DEFAULT_HOPS),
  hidden("IP_MTU_DISCOVER", between(0, 5), 1),
  hidden("IP_RECVERR", onOff),
  hidden("IP_RECVTTL", onOff),
  hidden("IP_RECVTOS", onOff),
  mtuOption("IP_MTU"),
  numberOption("IP_FREEBIND", onOff, { mayBeShort: true }),
  numberOption("IP_TRANSPARENT", onOff, { mayBeShort: true }),
  hidden("IP_MINTTL", between(0, 255)),
  numberOption("IP_BIND_ADDRESS_NO_PORT", onOff, { mayBeShort: true }),
  hidden("IP_PKTINFO", onOff),
  numberOption("IP_LOCAL_PORT_RANGE", portRange),
];

/** Options of SOL_IPV6. */
export const IPV6_LEVEL: readonly OptionRow[] = [
  hidden("IPV6_UNICAST_HOPS", (value) => (value === -1 ? DEFAULT_HOPS : value >= 0 && value <= 255 ? value : "EINVAL"), DEFAULT_HOPS, false),
  hidden("IPV6_MTU_DISCOVER", between(0, 5), 1, false),
  mtuOption("IPV6_MTU"),
  hidden("IPV6_RECVERR", onOff, 0, false),
  numberOption("IPV6_V6ONLY", onlyIpv6, { initial: ({ machine }) => machine.sysctls.number("net.ipv6.bindv6only") }),
  hidden("IPV6_RECVPKTINFO", onOff, 0, false),
  hidden("IPV6_RECVHOPLIMIT", onOff, 0, false),
  hidden("IPV6_RECVTCLASS", onOff, 0, false),
  hidden("IPV6_TCLASS", ipv6Class, 0, false),
  hidden("IPV6_DONTFRAG", onOff, 0, false),
  hidden("IPV6_AUTOFLOWLABEL", onOff, 1, false),
  hidden("IPV6_MINHOPCOUNT", between(0, 255), 0, false),
  hidden("IPV6_FLOWINFO_SEND", anyNumber, 0, false),
];
