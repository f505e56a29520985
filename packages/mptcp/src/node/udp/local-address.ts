import { networkInterfaces } from "node:os";
import { MptcpError } from "../../core/index.ts";
import { IpAddress } from "../../wire/index.ts";

/** The link that a link-local address belongs to (RFC 4007 §6): its name, as Node takes it behind a "%", and its number, as the system does. */
export interface Zone {
  readonly name: string;
  readonly id: number;
}

/** An address that sockets are bound to. The engine knows it without its zone, which is a matter of this machine alone. */
export interface LocalAddress {
  readonly address: IpAddress;
  readonly zone: Zone | null;
}

/**
 * Reads an address that a link is given: "192.0.2.1", "2001:db8::1", "fe80::1%eth0", or "::ffff:192.0.2.1", which means the IPv4 address in it.
 * @throws RangeError for what is no address; MptcpError EADDRNOTAVAIL for a zone that this machine does not have, and for 0.0.0.0 and ::, which stand for others
 */
export function localAddress(given: IpAddress | string): LocalAddress {
  const [text = "", name] = typeof given === "string" ? given.split("%") : [];
  const address = (typeof given === "string" ? IpAddress.from(text) : given).unmapped();
  // Subflows are told apart by their addresses.
  if (ANY.some((any) => any.equals(address))) throw new MptcpError("EADDRNOTAVAIL", `${address} is no address of a host: name those to be used, one by one`);
  if (name === undefined) return { address, zone: null };
  if (address.family === 4) throw new RangeError(`not an IP address: ${given}`);
  const id = /^\d+$/.test(name) ? Number(name) : (networkInterfaces()[name]?.find((entry) => entry.family === "IPv6" && entry.scopeid > 0) as { scopeid: number } | undefined)?.scopeid;
  if (id === undefined) throw new MptcpError("EADDRNOTAVAIL", `${given}: there is no interface ${name} with a link-local address`);
  return { address, zone: { name, id } };
}

const ANY = [IpAddress.from("0.0.0.0"), IpAddress.from("::")];
