import { InvalidArgumentError } from "commander";
import type { EndpointFlags, PathLimits } from "mptcp";
import { isDeviceName } from "mptcp/node";
import { IpAddress } from "mptcp/wire";

/** One link of `--udp` or `--tun`, as the command line gives it. */
export type LinkOption = UdpOption | DeviceOption | TunOption;

/** Links over UDP by whatever addresses devices have. */
export interface DeviceOption {
  readonly kind: "device";
  /** A name, with `*` for anything, or "any". */
  readonly device: string;
  readonly use: "regular" | "backup" | "off";
  readonly mtu: number | null;
}

export interface UdpOption {
  readonly kind: "udp";
  readonly local: string;
  /** The interface of a link-local address; null for all others. */
  readonly zone: string | null;
  /** The UDP port of the link's address, for listening or for subflows that leave; null: the one of the listener, or any. */
  readonly port: number | null;
  readonly backup: boolean;
  readonly mtu: number | null;
}

export interface TunOption {
  readonly kind: "tun";
  readonly name: string;
  readonly host: string;
  readonly kernel: string | null;
  readonly backup: boolean;
  readonly mtu: number | null;
}

/** One `--endpoint`, with the words of `ip mptcp endpoint add`. */
export interface EndpointOption extends EndpointFlags {
  readonly address: string;
}

/** `local=ADDR[:PORT][,backup][,mtu=N]` or `dev=NAME[,backup|,off][,mtu=N]`; for commander, which collects them. @throws InvalidArgumentError */
export function parseUdp(text: string, all: readonly LinkOption[]): readonly LinkOption[] {
  if (/(^|,)dev(=|,|$)/.test(text)) return [...all, deviceOption(text)];
  const fields = fieldsOf(text, ["local", "dev", "backup", "mtu"]);
  const { address, port, zone } = addressAndPort(required(fields, "local", "--udp local=127.0.0.1, --udp local=[::1]:5000 or --udp dev=wlan0"));
  return [...all, { kind: "udp", local: address, zone, port, backup: flagOf(fields, "backup"), mtu: mtuOf(fields) }];
}

function deviceOption(text: string): DeviceOption {
  const fields = fieldsOf(text, ["dev", "backup", "off", "mtu"]);
  const device = required(fields, "dev", "--udp dev=wlan0, --udp 'dev=wl*' or --udp dev=any");
  if (!isDeviceName(device)) throw new InvalidArgumentError(`"${device}" is no name of a device: ip -brief link shows them.`);
  const [backup, off] = [flagOf(fields, "backup"), flagOf(fields, "off")];
  if (backup && off) throw new InvalidArgumentError("backup and off exclude each other.");
  return { kind: "device", device, use: off ? "off" : backup ? "backup" : "regular", mtu: mtuOf(fields) };
}

/** `name=NAME,host=ADDR[,kernel=ADDR/LEN][,backup][,mtu=N]`. @throws InvalidArgumentError */
export function parseTun(text: string, all: readonly LinkOption[]): readonly LinkOption[] {
  const example = "--tun name=mp0,host=10.1.0.2,kernel=10.1.0.1/24";
  const fields = fieldsOf(text, ["name", "host", "kernel", "backup", "mtu"]);
  const name = required(fields, "name", example);
  const host = addressOf(required(fields, "host", example));
  const kernel = fields.get("kernel") ?? null;
  if (kernel !== null) checkPrefix(kernel, example);
  return [...all, { kind: "tun", name, host, kernel, backup: flagOf(fields, "backup"), mtu: mtuOf(fields) }];
}

/** `ADDR[,signal][,subflow][,backup][,fullmesh][,port=N][,id=N]`, with the rules of Linux. @throws InvalidArgumentError */
export function parseEndpoint(text: string, all: readonly EndpointOption[]): readonly EndpointOption[] {
  const [first = "", ...rest] = text.split(",");
  const address = addressOf(first);
  const fields = rest.length === 0 ? new Map<string, string>() : fieldsOf(rest.join(","), ["signal", "subflow", "backup", "fullmesh", "port", "id"]);
  const [signal, subflow, backup, fullmesh] = (["signal", "subflow", "backup", "fullmesh"] as const).map((name) => flagOf(fields, name)) as [boolean, boolean, boolean, boolean];
  const port = fields.has("port") ? numberOf(fields, "port", 1, 65535) : null;
  const id = fields.has("id") ? numberOf(fields, "id", 1, 255) : null;
  if (!(signal || subflow || backup || fullmesh)) throw new InvalidArgumentError(`say what ${first} is for: signal, subflow, backup or fullmesh, as in --endpoint ${first},signal.`);
  if (signal && fullmesh) throw new InvalidArgumentError("signal and fullmesh exclude each other.");
  if (port !== null && !signal) throw new InvalidArgumentError("a port goes with signal: it is announced.");
  if (all.some((other) => other.address === address)) throw new InvalidArgumentError(`there is an endpoint ${address} already.`);
  if (id !== null && all.some((other) => other.id === id)) throw new InvalidArgumentError(`there is an endpoint with id ${id} already.`);
  return [...all, { address, signal, subflow, backup, fullmesh, ...(port === null ? {} : { port }), ...(id === null ? {} : { id }) }];
}

/** `subflows=N,add-addr-accepted=N`, or one of them. @throws InvalidArgumentError */
export function parseLimits(text: string): Partial<PathLimits> {
  const fields = fieldsOf(text.replaceAll("add_addr_accepted", "add-addr-accepted"), ["subflows", "add-addr-accepted"]);
  return {
    ...(fields.has("subflows") ? { subflows: numberOf(fields, "subflows", 0, MOST) } : {}),
    ...(fields.has("add-addr-accepted") ? { addAddrAccepted: numberOf(fields, "add-addr-accepted", 0, MOST) } : {}),
  };
}

/** "192.0.2.1", "192.0.2.1:5000", "2001:db8::1", "[2001:db8::1]:5000", or one of these with a zone, "fe80::1%eth0". @throws InvalidArgumentError */
function addressAndPort(text: string): { readonly address: string; readonly zone: string | null; readonly port: number | null } {
  const zone = /^[^%]*:[^%]*%([^%\]]+)/.exec(text)?.[1] ?? null;
  const plain = zone === null ? text : text.replace(`%${zone}`, "");
  if (IpAddress.parse(plain) !== null) return { address: addressOf(plain), zone, port: null };
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::([^:]*))?$/.exec(plain);
  if (match === null) throw new InvalidArgumentError(`"${text}" is no address: write 192.0.2.1, 192.0.2.1:5000 or [2001:db8::1]:5000.`);
  const port = match[3] === undefined ? null : numberOf(new Map([["port", match[3]]]), "port", 1, 65535);
  return { address: addressOf(match[1] ?? match[2] ?? ""), zone, port };
}

function addressOf(text: string): string {
  const address = IpAddress.parse(text);
  if (address === null) throw new InvalidArgumentError(`"${text}" is no IP address.`);
  return String(address.unmapped());
}

function checkPrefix(text: string, example: string): void {
  const [address = "", length = ""] = text.split("/");
  const parsed = IpAddress.parse(address);
  const longest = parsed?.family === 6 ? 128 : 32;
  if (parsed === null || !/^\d+$/.test(length) || Number(length) > longest) throw new InvalidArgumentError(`kernel is an address with the length of its prefix, as in ${example}.`);
}

function fieldsOf(text: string, known: readonly string[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (const part of text.split(",")) {
    const [key = "", ...rest] = part.split("=");
    if (!known.includes(key)) throw new InvalidArgumentError(`"${key}" is not one of ${known.join(", ")}.`);
    if (fields.has(key)) throw new InvalidArgumentError(`${key} is there twice.`);
    fields.set(key, rest.join("="));
  }
  return fields;
}

function flagOf(fields: ReadonlyMap<string, string>, key: string): boolean {
  const value = fields.get(key);
  if (value !== undefined && value !== "") throw new InvalidArgumentError(`${key} takes no value.`);
  return value !== undefined;
}

function required(fields: ReadonlyMap<string, string>, key: string, example: string): string {
  const value = fields.get(key);
  if (value === undefined || value === "") throw new InvalidArgumentError(`${key} is missing, as in ${example}.`);
  return value;
}

function mtuOf(fields: ReadonlyMap<string, string>): number | null {
  return fields.has("mtu") ? numberOf(fields, "mtu", 576, 65535) : null;
}

function numberOf(fields: ReadonlyMap<string, string>, key: string, least: number, most: number): number {
  const text = fields.get(key) ?? "";
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most) throw new InvalidArgumentError(`${key} is a whole number from ${least} to ${most}.`);
  return value;
}

/** Subflows, and addresses: Linux has 8 at the most, RFC 8684 an octet. */
const MOST = 255;
