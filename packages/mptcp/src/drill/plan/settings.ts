import { IpAddress } from "../../wire/index.ts";
import type { Place, Script, ScriptOption } from "../syntax/ast.ts";
import { nearest } from "../syntax/nearest.ts";
import type { Problem } from "../syntax/problems.ts";
import { SCRIPT_OPTIONS } from "../syntax/script-options.ts";
import type { Wiring } from "../system/index.ts";

/** A version of IP, or IPv4 spoken by sockets of IPv6. */
export type IpVersion = "ipv4" | "ipv6" | "ipv4-mapped-ipv6";

/** Kinds of failures after which a script may go on. */
export const NON_FATAL = ["packet", "syscall", "command"] as const;
export type NonFatal = (typeof NON_FATAL)[number];

/** What holds for a whole script. */
export interface Settings {
  readonly ipVersion: IpVersion;
  /** Addresses of the stack, of the script's end, and of the router that the stack has. */
  readonly local: IpAddress;
  readonly remote: IpAddress;
  readonly gateway: IpAddress;
  /** Bits of the network that the stack's address is in. */
  readonly prefix: number;
  readonly bindPort: number;
  readonly connectPort: number;
  /** Octets of an IP packet. */
  readonly mtu: number;
  /** Whether a line stands for one segment, neither for several nor for a part of one. */
  readonly strictSegments: boolean;
  /** How much earlier or later something may be: ns, and as a part of the time since the event before. The larger one counts. */
  readonly tolerance: number;
  readonly tolerancePercent: number;
  /** The unit of the timestamps option, µs; 0: timestamps of the stack are not compared. */
  readonly timestampTick: number;
  /** What symbols stand for. */
  readonly definitions: ReadonlyMap<string, string>;
  /** As a shell calls them: with a slash. */
  readonly initScripts: readonly string[];
  readonly dryRun: boolean;
  readonly nonFatal: readonly NonFatal[];
}

/** Options that a caller gives, as a command line does: they count more than those of the script. */
export interface GivenOption {
  readonly name: string;
  readonly value?: string;
}

/** What packetdrill has without options. */
const LOCAL = { ipv4: "192.168.0.1", ipv6: "fd3d:0a0b:17d6::1" } as const;
const REMOTE = { ipv4: "192.0.2.1", ipv6: "fd3d:fa7b:d17d::1" } as const;
const GATEWAY = { ipv4: "192.168.0.1", ipv6: "fd3d:0a0b:17d6:8888::1" } as const;
const NETMASK = "255.255.0.0";
const PORT = 8080;
const TOLERANCE_USECS = 4000;
const LEAST_MTU = 68;

/** Not carried out, and why. */
const REFUSED: Readonly<Record<string, string>> = {
  code_command: "code is not handed to another program: assertions are evaluated here",
  code_format: "code is not handed to another program: assertions are evaluated here",
  code_sockopt: "code is not handed to another program: assertions are evaluated here",
  psp_udp_port: "there is no PSP",
};

const NOWHERE: Place = { line: 1, column: 1 };

/** Settings of a script, and what is wrong with its options or with those given. */
export function readSettings(script: Script, given: readonly GivenOption[] = []): { settings: Settings; problems: Problem[] } {
  const problems: Problem[] = [];
  const options: ScriptOption[] = [...script.options, ...given.map(({ name, value }) => ({ name, value, place: NOWHERE }))];
  const reader = new OptionReader(options, problems);
  return { settings: reader.settings(), problems };
}

class OptionReader {
  readonly #last = new Map<string, ScriptOption>();
  readonly #definitions = new Map<string, string>();
  readonly #initScripts: string[] = [];
  readonly #problems: Problem[];

  constructor(options: readonly ScriptOption[], problems: Problem[]) {
    this.#problems = problems;
    for (const option of options) this.#take(option);
  }

  settings(): Settings {
    const ipVersion = this.#oneOf("ip_version", ["ipv4", "ipv6", "ipv4-mapped-ipv6"] as const) ?? "ipv4";
    const family = ipVersion === "ipv6" ? "ipv6" : "ipv4";
    const definitions = new Map([...builtIn(family), ...this.#definitions]);
    return {
      ipVersion,
      local: this.#address("local_ip", family) ?? IpAddress.from(LOCAL[family]),
      remote: this.#address("remote_ip", family) ?? IpAddress.from(REMOTE[family]),
      gateway: this.#address("gateway_ip", family) ?? IpAddress.from(GATEWAY[family]),
      prefix: this.#prefix(family),
      bindPort: this.#number("bind_port", 1, 0xffff) ?? PORT,
      connectPort: this.#number("connect_port", 1, 0xffff) ?? PORT,
      mtu: this.#number("mtu", LEAST_MTU, 0xffff) ?? 1500,
      strictSegments: this.#last.has("strict_segments"),
      tolerance: (this.#number("tolerance_usecs", 0, 1e12) ?? TOLERANCE_USECS) * 1000,
      tolerancePercent: this.#number("tolerance_percent", 0, 100) ?? 0,
      timestampTick: this.#number("tcp_ts_tick_usecs", 0, 1e9) ?? 0,
      definitions,
      initScripts: this.#initScripts,
      dryRun: this.#last.has("dry_run"),
      nonFatal: this.#nonFatal(),
    };
  }

  #take(option: ScriptOption): void {
    const { name, place, value } = option;
    if (!Object.hasOwn(SCRIPT_OPTIONS, name)) this.#problem(place, `there is no option --${name}${nearest(name, Object.keys(SCRIPT_OPTIONS))}`);
    else if (Object.hasOwn(REFUSED, name)) this.#problem(place, `--${name} is not carried out: ${REFUSED[name]}`);
    else if (name === "define") this.#define(option);
    else if (name === "init_scripts") this.#initScripts.push(...(value ?? "").split(/[\s,]+/).flatMap((path) => (path === "" ? [] : [path.includes("/") ? path : `./${path}`])));
    else this.#last.set(name, option);
  }

  #define({ place, value }: ScriptOption): void {
    const [, name, text] = /^([A-Za-z_]\w*)=(.*)$/s.exec(value ?? "") ?? [];
    if (name === undefined || text === undefined) this.#problem(place, "the value of --define is NAME=VALUE");
    else this.#definitions.set(name, text.trim());
  }

  #number(name: string, least: number, most: number): number | undefined {
    const option = this.#last.get(name);
    if (option === undefined) return undefined;
    const value = Number(option.value);
    if (/^[0-9]{1,15}$/.test(option.value ?? "") && value >= least && value <= most) return value;
    this.#problem(option.place, `the value of --${name} is a number from ${least} to ${most}`);
    return undefined;
  }

  #oneOf<T extends string>(name: string, values: readonly T[]): T | undefined {
    const option = this.#last.get(name);
    if (option === undefined) return undefined;
    const found = values.find((value) => value === option.value);
    if (found === undefined) this.#problem(option.place, `the value of --${name} is one of ${values.join(", ")}`);
    return found;
  }

  #address(name: string, family: "ipv4" | "ipv6"): IpAddress | undefined {
    const option = this.#last.get(name);
    if (option === undefined) return undefined;
    const address = IpAddress.parse(option.value ?? "")?.unmapped();
    if (address !== undefined && address.family === (family === "ipv6" ? 6 : 4)) return address;
    this.#problem(option.place, `the value of --${name} is no address of ${family === "ipv6" ? "IPv6" : "IPv4"}, which --ip_version asks for`);
    return undefined;
  }

  #prefix(family: "ipv4" | "ipv6"): number {
    if (family === "ipv6") return 64;
    const mask = (this.#address("netmask_ip", family) ?? IpAddress.from(NETMASK)).w3;
    const bits = Math.clz32(~mask);
    const whole = bits === 0 ? 0 : (0xffff_ffff << (32 - bits)) >>> 0;
    if (mask !== whole) this.#problem(this.#last.get("netmask_ip")?.place ?? NOWHERE, "the value of --netmask_ip has ones behind zeros");
    return bits;
  }

  #nonFatal(): NonFatal[] {
    const option = this.#last.get("non_fatal");
    const names = (option?.value ?? "").split(/[\s,]+/).filter((one) => one !== "");
    for (const name of names) {
      if (!NON_FATAL.some((known) => known === name)) this.#problem(option!.place, `--non_fatal has no kind "${name}": there are ${NON_FATAL.join(", ")}`);
    }
    return NON_FATAL.filter((kind) => names.includes(kind));
  }

  #problem(place: Place, message: string): void {
    this.#problems.push({ place, message });
  }
}

/** Names that the kernel's scripts have different values for in each version of IP, and that its runner defines. Cookies are those of the addresses and of the key that the scripts set. */
function builtIn(family: "ipv4" | "ipv6"): [string, string][] {
  const isV4 = family === "ipv4";
  return [
    ["CMSG_LEVEL_IP", isV4 ? "SOL_IP" : "SOL_IPV6"],
    ["CMSG_TYPE_RECVERR", isV4 ? "IP_RECVERR" : "IPV6_RECVERR"],
    ["TFO_COOKIE", isV4 ? "3021b9d889017eeb" : "c1d1e9742a47a9bc"],
    ["TFO_COOKIE_ZERO", isV4 ? "b7c12350a90dc8f5" : "82af1a8f9a205c34"],
  ];
}

/** What the device between a stack and a script is to be. `others`: addresses of the script's end that a script names itself. */
export function wiringOf(settings: Settings, others: readonly IpAddress[] = []): Wiring {
  const width = settings.remote.family === 4 ? 24 : 64;
  const single = settings.remote.family === 4 ? 32 : 128;
  const named = others.filter((other) => other.family === settings.remote.family && other.commonPrefix(settings.remote) < width && !other.equals(settings.local));
  return {
    local: [`${settings.local}/${settings.prefix}`],
    remote: [networkOf(settings.remote, width), ...named.map((other) => `${other}/${single}`)],
    mtu: settings.mtu,
    segmentation: !settings.strictSegments,
  };
}

/** The network of `width` bits, 24 or 64, that an address is in. */
function networkOf(address: IpAddress, width: number): string {
  const network = address.family === 4 ? IpAddress.v4((address.w3 & 0xffff_ff00) >>> 0) : IpAddress.v6(address.w0, address.w1, 0, 0);
  return `${network}/${width}`;
}
