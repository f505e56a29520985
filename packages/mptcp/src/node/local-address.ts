import { MptcpError } from "../core/index.ts";
import { IpAddress } from "../wire/index.ts";

/** An address that sockets are bound to. The engine knows it without its zone, which is a matter of this machine alone. */
export interface LocalAddress {
  readonly address: IpAddress;
  /** The interface that a link-local address belongs to (RFC 4007 §11), by name or number; null for all others. */
  readonly zone: string | null;
}

/**
 * Reads an address that a link is given: "192.0.2.1", "2001:db8::1", "fe80::1%eth0", or "::ffff:192.0.2.1", which means the IPv4 address in it.
 * @throws RangeError for what is no address; MptcpError EADDRNOTAVAIL for 0.0.0.0 and ::, which stand for others
 */
export function localAddress(given: IpAddress | string): LocalAddress {
  const zone = typeof given === "string" ? (given.split("%")[1] ?? null) : null;
  const address = engineAddress(given);
  // Subflows are told apart by their addresses.
  if (ANY.some((any) => any.equals(address))) throw new MptcpError("EADDRNOTAVAIL", `${address} is no address of a host: name those to be used, one by one`);
  if (zone !== null && address.family === 4) throw new RangeError(`not an IP address: ${given}`);
  return { address, zone };
}

/** An address that a host is given, as the engine knows it: without its zone, and as IPv4 where it is a v4-mapped one. @throws RangeError for what is no address */
export function engineAddress(given: IpAddress | string): IpAddress {
  return (typeof given === "string" ? IpAddress.from(given.split("%")[0] as string) : given).unmapped();
}

const ANY = [IpAddress.from("0.0.0.0"), IpAddress.from("::")];
