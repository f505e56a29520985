import { CONSTANTS } from "../../../src/drill/system/index.ts";
import type { Target } from "../../../src/drill/system/index.ts";
import type { OptionCase } from "./option-table.ts";
import { int32 } from "./wire-peer.ts";

/** What a stack says of an option of new sockets, in the form of the table. */
export function optionOutcome(target: Target, { kind, option, set }: Pick<OptionCase, "kind" | "option" | "set">): string {
  const level = levelOf(option);
  const number = CONSTANTS[option] as number;
  const [domain, type, protocol] = KINDS[kind];
  const made = (): number => target.begin({ name: "socket", domain, type, protocol }).result?.value ?? -1;
  const get = (fd: number): string => {
    const { errno = null, option: octets = new Uint8Array(0) } = target.begin({ name: "getsockopt", fd, level, option: number, value: new Uint8Array(8) }).result ?? {};
    return errno ?? (octets.length === 4 ? String(new DataView(octets.buffer, octets.byteOffset).getInt32(0, true)) : Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join(""));
  };
  const used: number[] = [];
  const fresh = (): number => {
    const fd = made();
    used.push(fd);
    return fd;
  };
  const entries = set.map(([value]) => {
    const fd = fresh();
    const { errno = null } = target.begin({ name: "setsockopt", fd, level, option: number, value: int32(value) }).result ?? {};
    return `${value}:${errno ?? get(fd)}`;
  });
  const outcome = [get(fresh()), ...entries].join(" ");
  for (const fd of used) target.begin({ name: "close", fd });
  return outcome;
}

/** The same as the table has it. */
export function optionExpected({ initial, set }: OptionCase): string {
  return [initial, ...set.map(([value, given]) => `${value}:${given}`)].join(" ");
}

function levelOf(option: string): number {
  if (option.startsWith("SO_")) return CONSTANTS["SOL_SOCKET"] as number;
  if (option.startsWith("TCP_")) return CONSTANTS["SOL_TCP"] as number;
  return CONSTANTS[option.startsWith("IPV6_") ? "SOL_IPV6" : "SOL_IP"] as number;
}

const { AF_INET, AF_INET6, IPPROTO_MPTCP, IPPROTO_TCP, IPPROTO_UDP, SOCK_DGRAM, SOCK_STREAM } = CONSTANTS;
const KINDS: Readonly<Record<OptionCase["kind"], readonly [number, number, number]>> = {
  tcp4: [AF_INET, SOCK_STREAM, IPPROTO_TCP], tcp6: [AF_INET6, SOCK_STREAM, IPPROTO_TCP], mptcp4: [AF_INET, SOCK_STREAM, IPPROTO_MPTCP], udp4: [AF_INET, SOCK_DGRAM, IPPROTO_UDP],
};
