import { BlockList, isIP } from "node:net";
import { IpAddress } from "../../wire/index.ts";
import { readAddress } from "../local-address.ts";
import { wrong } from "./settings.ts";

/** Addresses and ports as `only` and `except` name them: `192.0.2.0/24`, `192.0.2.1:80`, `[2001:db8::1]:80`, `2001:db8::/32`, `:443`, `*`. */
export class Targets {
  /** By family and port: to a list, an address of IPv4 is one of IPv6, too. */
  private readonly lists = new Map<string, BlockList>();

  /** @throws MptcpError ERR_MPTCP_REGISTER for a text that is none */
  constructor(entries: readonly string[]) {
    for (const entry of entries) this.add(entry);
  }

  has(address: IpAddress, port: number): boolean {
    const family = address.family === 4 ? "ipv4" : "ipv6";
    return [port, ANY_PORT].some((one) => this.lists.get(`${family} ${one}`)?.check(String(address), family) === true);
  }

  private add(entry: string): void {
    const { network, port } = split(entry);
    if (network === "*" || (network === "" && port !== ANY_PORT)) {
      this.addSubnet("0.0.0.0", 0, "ipv4", port);
      this.addSubnet("::", 0, "ipv6", port);
      return;
    }
    const { address = "", prefix } = NETWORK.exec(network)?.groups ?? {};
    const family = isIP(address);
    const longest = family === 4 ? 32 : 128;
    const length = prefix === undefined ? longest : Number(prefix);
    if (family === 0 || length > longest) throw unfit(entry);
    this.addSubnet(address, length, family === 4 ? "ipv4" : "ipv6", port);
  }

  private addSubnet(address: string, length: number, family: "ipv4" | "ipv6", port: number): void {
    const key = `${family} ${port}`;
    const blocks = this.lists.get(key) ?? new BlockList();
    this.lists.set(key, blocks);
    blocks.addSubnet(address, length, family);
  }
}

function split(entry: string): { readonly network: string; readonly port: number } {
  const { bracketed, plain, port } = FORM.exec(entry)?.groups ?? {};
  const network = bracketed ?? plain;
  if (network !== undefined) {
    const number = port === undefined ? ANY_PORT : Number(port);
    if (number > 65_535) throw unfit(entry);
    return { network, port: number };
  }
  // An address of IPv6 alone, or with its prefix.
  return { network: entry, port: ANY_PORT };
}

function unfit(entry: string): Error {
  return wrong(`${JSON.stringify(entry)} is none of ADDRESS[/PREFIX][:PORT], [ADDRESS]:PORT, :PORT, *`);
}

/** A mapped address is that of IPv4 which it stands for. */
export function targetAddress(text: string): IpAddress | null {
  return readAddress(text)?.address ?? null;
}

const FORM = /^(?:\[(?<bracketed>[^\]]+)\]|(?<plain>[^:]*))(?::(?<port>\d+))?$/;
const NETWORK = /^(?<address>[^/]*)(?:\/(?<prefix>\d+))?$/;
const ANY_PORT = -1;
