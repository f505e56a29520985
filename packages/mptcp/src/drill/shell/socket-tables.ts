import type { CommandOutcome } from "../system/index.ts";

/** Files that have a line for each TCP socket, and the option of ss for their family. */
export const SOCKET_TABLES: ReadonlyMap<string, "-4" | "-6"> = new Map([["/proc/net/tcp", "-4"], ["/proc/net/tcp6", "-6"]]);

/** What such a file says, as far as scripts look: addresses, the state, and the queues; made of what ss says, which both stacks have. */
export function socketTable(family: "-4" | "-6", command: (words: readonly string[]) => CommandOutcome): string | null {
  const { status, output } = command(["ss", "-t", "-a", "-n", "-H", family]);
  if (status !== 0) return null;
  const rows = output.split("\n").flatMap((line) => rowOf(line, family) ?? []);
  return [HEADER, ...rows.map((row, index) => `${String(index).padStart(4)}: ${row}`), ""].join("\n");
}

function rowOf(line: string, family: "-4" | "-6"): string | null {
  const [state = "", received, sent, local, remote] = line.trim().split(/\s+/);
  const number = STATES.get(state);
  if (number === undefined || local === undefined || remote === undefined) return null;
  const queue = (octets: string | undefined): string => hexadecimal(Number(octets), 8);
  return `${endpoint(local, family)} ${endpoint(remote, family)} ${hexadecimal(number, 2)} ${queue(sent)}:${queue(received)} 00:00000000 00000000     0        0 0`;
}

/** `0.0.0.0:8080` is `00000000:1F90`: words of the address in the order of a little-endian machine. */
function endpoint(text: string, family: "-4" | "-6"): string {
  const at = text.lastIndexOf(":");
  const host = text.slice(0, at).replace(/^\[|\]$/g, "").replace(/%.*$/, "");
  const octets = family === "-4" ? (host === "*" ? [0, 0, 0, 0] : host.split(".").map(Number)) : octetsOf(host);
  const words = Array.from({ length: octets.length / 4 }, (_, index) => octets.slice(4 * index, 4 * index + 4).toReversed().map((octet) => hexadecimal(octet, 2)).join(""));
  const port = text.slice(at + 1);
  return `${words.join("")}:${hexadecimal(port === "*" ? 0 : Number(port), 4)}`;
}

const pair = (high: string, low: string): string => (Number(high) * 256 + Number(low)).toString(16);
const groups = (part: string | undefined): string[] => (part === undefined || part === "" ? [] : part.split(":"));

/** The sixteen octets of an IPv6 address; `*` is that of nobody, and one of IPv4 is mapped. */
function octetsOf(host: string): number[] {
  const mapped = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(host);
  const text = host === "*" ? "::" : mapped === null ? host : `${mapped[1]}${pair(mapped[2]!, mapped[3]!)}:${pair(mapped[4]!, mapped[5]!)}`;
  const [before = "", after] = text.split("::");
  const [first, last] = [groups(before), groups(after)];
  const all = [...first, ...Array<string>(Math.max(0, 8 - first.length - last.length)).fill("0"), ...last];
  return all.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]);
}

function hexadecimal(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, "0");
}

const HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
/** Numbers of states (net/tcp_states.h) by the names that ss has for them. */
const STATES: ReadonlyMap<string, number> = new Map(
  ["ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "UNCONN", "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING"].map((name, index) => [name, index + 1]),
);
