import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { MptcpError } from "../../core/index.ts";
import type { TunLinkOptions } from "../tun/index.ts";
import type { UdpLinkOptions } from "../udp/index.ts";

/** What `mptcp/register` is told, by environment variables or by a file. */
export interface RegisterSettings {
  /** Whose Multipath TCP it shall be; "auto" unless given: this library's where there are links and they are meant for the peer, else the kernel's where it can, else nobody's. */
  readonly via: "auto" | "userspace" | "kernel" | "tcp";
  /** Links over UDP: addresses of this machine. */
  readonly udp: readonly UdpSetting[];
  /** Links over TUN devices. */
  readonly tun: readonly TunLinkOptions[];
  /** Peers, and addresses to listen on, that this library's engine is for; those that the links can reach unless given. */
  readonly only: readonly string[];
  /** Those that it is not for. */
  readonly except: readonly string[];
  /** A connection without Multipath TCP is an error. */
  readonly required: boolean;
  /** What is written to standard error: nothing, a line that says what was chosen, or that and the counters when the process ends. */
  readonly log: "none" | "choice" | "counters";
}

/** One address of a link over UDP. */
export interface UdpSetting extends Omit<UdpLinkOptions, "addresses"> {
  readonly address: string;
  /** Subflows from it are for when no other can carry data. */
  readonly backup?: boolean;
}

/**
 * Reads the settings: those of the file that MPTCP_CONFIG names, and over them MPTCP_VIA, MPTCP_UDP, MPTCP_ONLY, MPTCP_EXCEPT, MPTCP_REQUIRED and MPTCP_LOG.
 * @throws MptcpError ERR_MPTCP_REGISTER, which says what makes no sense
 */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): RegisterSettings {
  // A variable that is empty says nothing.
  const said = (name: string): string | undefined => environment[name] || undefined;
  const path = said("MPTCP_CONFIG");
  const file = path === undefined ? {} : readFile(path);
  const from = path === undefined ? "" : ` in ${path}`;
  const links = words(said("MPTCP_UDP")) ?? file["udp"];
  const log = said("MPTCP_LOG");
  return {
    via: oneOf(said("MPTCP_VIA") ?? file["via"], ["auto", "userspace", "kernel", "tcp"], "auto", `via${from}, MPTCP_VIA`),
    udp: list(links, `udp${from}, MPTCP_UDP`).map((link) => udpSetting(link)),
    tun: list(file["tun"], `tun${from}`).map((link) => tunSetting(link, from)),
    only: texts(words(said("MPTCP_ONLY")) ?? file["only"], `only${from}, MPTCP_ONLY`),
    except: texts(words(said("MPTCP_EXCEPT")) ?? file["except"], `except${from}, MPTCP_EXCEPT`),
    required: flag(said("MPTCP_REQUIRED") ?? file["required"], `required${from}, MPTCP_REQUIRED`),
    log: oneOf(log === undefined ? file["log"] : (LOGS.get(log) ?? log), ["none", "choice", "counters"], "none", `log${from}, MPTCP_LOG`),
  };
}

/** What says no and yes in an environment variable for the log. */
const LOGS: ReadonlyMap<string, string> = new Map([
  ["0", "none"],
  ["1", "choice"],
]);

const KEYS = ["via", "udp", "tun", "only", "except", "required", "log"];

function readFile(path: string): Readonly<Record<string, unknown>> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw wrong(`the file that MPTCP_CONFIG names cannot be read: ${(error as Error).message}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw wrong(`${path} is no JSON: ${(error as Error).message}`);
  }
  if (!isObject(value)) throw wrong(`${path} is no object`);
  const unknown = Object.keys(value).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) throw wrong(`${path} has a key that is not known: ${unknown}; there are ${KEYS.join(", ")}`);
  return value;
}

/** An address, or an object with one; in a variable `ADDRESS[,backup][,mtu=N]`. */
function udpSetting(value: unknown): UdpSetting {
  if (typeof value === "string") {
    const [address = "", ...rest] = value.split(",");
    const setting: Record<string, unknown> = { address };
    for (const part of rest) {
      const mtu = /^mtu=(?<octets>\d+)$/.exec(part)?.groups?.["octets"];
      if (part === "backup") setting["backup"] = true;
      else if (mtu === undefined) throw wrong(`a link is ADDRESS[,backup][,mtu=N], not ${JSON.stringify(value)}`);
      else setting["mtu"] = Number(mtu);
    }
    return udpSetting(setting);
  }
  if (!isObject(value) || typeof value["address"] !== "string") throw wrong(`a link over UDP has an address, which ${JSON.stringify(value)} has not`);
  if (isIP(value["address"]) === 0) throw wrong(`a link over UDP has an IP address, which ${JSON.stringify(value["address"])} is not`);
  return value as unknown as UdpSetting;
}

function tunSetting(value: unknown, from: string): TunLinkOptions {
  if (!isObject(value) || value["host"] === undefined) throw wrong(`a TUN device${from} has a host, the engine's address, which ${JSON.stringify(value)} has not`);
  return value as unknown as TunLinkOptions;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Words of a variable, parted by blanks or semicolons, or by commas before an address. */
function words(text: string | undefined): readonly string[] | undefined {
  const found = text?.split(/[\s;]+|,(?=[\d[]|[0-9a-fA-F]*:)/).filter((word) => word !== "");
  return found === undefined || found.length === 0 ? undefined : found;
}

function list(value: unknown, name: string): readonly unknown[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value;
  throw wrong(`${name}: a list is wanted, not ${JSON.stringify(value)}`);
}

function texts(value: unknown, name: string): readonly string[] {
  return list(value, name).map((entry) => {
    if (typeof entry === "string") return entry;
    throw wrong(`${name}: a list of texts is wanted, not ${JSON.stringify(value)}`);
  });
}

function oneOf<T extends string>(value: unknown, choices: readonly T[], usual: T, name: string): T {
  if (value === undefined || value === "") return usual;
  if (choices.includes(value as T)) return value as T;
  throw wrong(`${name}: one of ${choices.join(", ")} is wanted, not ${JSON.stringify(value)}`);
}

function flag(value: unknown, name: string): boolean {
  if (value === undefined || value === "") return false;
  if (typeof value === "boolean") return value;
  if (value === "1" || value === "true") return true;
  if (value === "0" || value === "false") return false;
  throw wrong(`${name}: 1 or 0 is wanted, not ${JSON.stringify(value)}`);
}

/** What `mptcp/register` says when it was told something that makes no sense. */
export function wrong(what: string): MptcpError {
  return new MptcpError("ERR_MPTCP_REGISTER", `mptcp/register: ${what}`);
}
