import { MptcpError } from "../core/index.ts";
import { IpAddress } from "../wire/index.ts";

/** An address as it is written, and the one that the engine has for it, which knows no zones: they are a matter of this machine alone. */
export interface WrittenAddress {
  readonly address: IpAddress;
  /** The interface that a link-local address belongs to (RFC 4007 §11), by name or number; null where none is named. */
  readonly zone: string | null;
  /** `::ffff:192.0.2.1`: an IPv4 address as a socket of IPv6 sees it (RFC 4291 §2.5.5.2). */
  readonly isMapped: boolean;
  /** Any address: `0.0.0.0` or `::`. */
  readonly isAny: boolean;
}

/** An address that sockets are bound to. */
export type LocalAddress = Pick<WrittenAddress, "address" | "zone">;

/** Reads an address: of either family, mapped, or with a zone (`fe80::1%eth0`); null for anything else. */
export function readAddress(text: string): WrittenAddress | null {
  const at = text.indexOf("%");
  const parsed = IpAddress.parse(at < 0 ? text : text.slice(0, at));
  return parsed === null ? null : known(parsed, at < 0 ? null : text.slice(at + 1));
}

/**
 * Reads an address that a link is given: "192.0.2.1", "2001:db8::1", "fe80::1%eth0", or "::ffff:192.0.2.1", which means the IPv4 address in it.
 * @throws RangeError for what is no address; MptcpError EADDRNOTAVAIL for 0.0.0.0 and ::, which stand for others
 */
export function localAddress(given: IpAddress | string): LocalAddress {
  const { address, isAny, zone } = read(given);
  // Subflows are told apart by their addresses.
  if (isAny) throw new MptcpError("EADDRNOTAVAIL", `${address} is no address of a host: name those to be used, one by one`);
  if (zone !== null && address.family === 4) throw new RangeError(`not an IP address: ${given}`);
  return { address, zone };
}

/** An address that a host is given, as the engine knows it: without its zone, and as IPv4 where it is a v4-mapped one. @throws RangeError for what is no address */
export function engineAddress(given: IpAddress | string): IpAddress {
  return read(given).address;
}

function read(given: IpAddress | string): WrittenAddress {
  const written = typeof given === "string" ? readAddress(given) : known(given, null);
  if (written === null) throw new RangeError(`not an IP address: ${given}`);
  return written;
}

function known(parsed: IpAddress, zone: string | null): WrittenAddress {
  const address = parsed.unmapped();
  return { address, zone, isMapped: address.family !== parsed.family, isAny: address.equals(ANY_V4) || address.equals(ANY_V6) };
}

const ANY_V4 = IpAddress.from("0.0.0.0");
const ANY_V6 = IpAddress.from("::");
