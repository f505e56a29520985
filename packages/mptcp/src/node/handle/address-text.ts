import { IpAddress } from "../../wire/index.ts";

/** An address as applications write it, and the one that the engine has for it. */
export interface WrittenAddress {
  readonly address: IpAddress;
  /** `::ffff:192.0.2.1`: an IPv4 address as a socket of IPv6 sees it (RFC 4291 §2.5.5.2). */
  readonly isMapped: boolean;
  /** Any address: `0.0.0.0` or `::`. */
  readonly isAny: boolean;
}

/** Reads an address: of either family, mapped, or with a zone (`fe80::1%eth0`), which the engine's addresses do not have; null for anything else. */
export function readAddress(text: string): WrittenAddress | null {
  const zone = text.indexOf("%");
  const parsed = IpAddress.parse(zone < 0 ? text : text.slice(0, zone));
  if (parsed === null) return null;
  const address = parsed.unmapped();
  return { address, isMapped: address.family !== parsed.family, isAny: address.equals(ANY_V4) || address.equals(ANY_V6) };
}

/** An address as Node tells it: `isMapped` for an application that knows it as one of IPv6. */
export function writeAddress(address: IpAddress, port: number, isMapped: boolean, out: SocketName): void {
  out.address = isMapped && address.family === 4 ? `::ffff:${address}` : String(address);
  out.family = address.family === 4 && !isMapped ? "IPv4" : "IPv6";
  out.port = port;
}

/** What Node asks a handle for. */
export interface SocketName {
  address?: string;
  family?: string;
  port?: number;
}

const ANY_V4 = IpAddress.from("0.0.0.0");
const ANY_V6 = IpAddress.from("::");
