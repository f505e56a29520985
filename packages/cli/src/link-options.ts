import { InvalidArgumentError } from "commander";
import { tunLink, UdpLink } from "mptcp/node";
import type { LinkAddress, LinkDriver } from "mptcp/node";

/** One link of `--udp` or `--tun`, as the command line gives it. */
export type LinkOption =
  | { readonly kind: "udp"; readonly local: string; readonly backup: boolean; readonly mtu: number | null }
  | { readonly kind: "tun"; readonly name: string; readonly host: string; readonly kernel: string | null; readonly backup: boolean; readonly mtu: number | null };

/** `local=ADDR[,backup][,mtu=N]`; for commander, which collects them. @throws InvalidArgumentError */
export function parseUdp(text: string, all: readonly LinkOption[]): readonly LinkOption[] {
  const fields = fieldsOf(text, ["local", "backup", "mtu"]);
  return [...all, { kind: "udp", local: required(fields, "local", "--udp local=127.0.0.1"), backup: fields.has("backup"), mtu: mtuOf(fields) }];
}

/** `name=NAME,host=ADDR[,kernel=ADDR/LEN][,backup][,mtu=N]`. @throws InvalidArgumentError */
export function parseTun(text: string, all: readonly LinkOption[]): readonly LinkOption[] {
  const example = "--tun name=mp0,host=10.1.0.2,kernel=10.1.0.1/24";
  const fields = fieldsOf(text, ["name", "host", "kernel", "backup", "mtu"]);
  const option = { name: required(fields, "name", example), host: required(fields, "host", example), kernel: fields.get("kernel") ?? null };
  return [...all, { kind: "tun", ...option, backup: fields.has("backup"), mtu: mtuOf(fields) }];
}

/** Opens a link. @throws MptcpError, with the remedy, when the machine does not let us */
export async function openLink(option: LinkOption): Promise<{ readonly driver: LinkDriver; readonly addresses: readonly LinkAddress[] }> {
  const mtu = option.mtu === null ? {} : { mtu: option.mtu };
  const flags = { backup: option.backup };
  if (option.kind === "udp") {
    return { driver: new UdpLink({ name: `udp ${option.local}`, addresses: [option.local], ...mtu }), addresses: [{ address: option.local, flags }] };
  }
  const kernel = option.kernel === null ? {} : { kernel: option.kernel };
  return { driver: await tunLink({ name: option.name, host: option.host, ...kernel, ...mtu }), addresses: [{ address: option.host, flags }] };
}

function fieldsOf(text: string, known: readonly string[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (const part of text.split(",")) {
    const [key = "", ...rest] = part.split("=");
    if (!known.includes(key)) throw new InvalidArgumentError(`"${key}" is not one of ${known.join(", ")}.`);
    fields.set(key, rest.join("="));
  }
  return fields;
}

function required(fields: ReadonlyMap<string, string>, key: string, example: string): string {
  const value = fields.get(key);
  if (value === undefined || value === "") throw new InvalidArgumentError(`${key} is missing, as in ${example}.`);
  return value;
}

function mtuOf(fields: ReadonlyMap<string, string>): number | null {
  const text = fields.get("mtu");
  if (text === undefined) return null;
  const mtu = Number(text);
  if (!Number.isInteger(mtu) || mtu < 576 || mtu > 65535) throw new InvalidArgumentError("mtu is a whole number from 576 to 65535.");
  return mtu;
}
