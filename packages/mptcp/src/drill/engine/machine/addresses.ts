import { IpAddress } from "../../../wire/index.ts";
import { CONSTANTS } from "../../system/index.ts";
import type { SocketAddress } from "../../system/index.ts";

/** An address and a port. */
export interface Endpoint {
  readonly address: IpAddress;
  readonly port: number;
}

/** What a socket of a family says of an endpoint: one of IPv6 has IPv4 addresses mapped. */
export function socketAddressOf(domain: number, { address, port }: Endpoint): SocketAddress {
  if (domain === AF_INET) return { family: AF_INET, address: String(address.unmapped()), port };
  return { family: AF_INET6, address: String(address.family === 4 ? mapped(address) : address), port };
}

/** The endpoint that a socket address names, a mapped address as the IPv4 one that it is; an errno. */
export function endpointOf(domain: number, given: SocketAddress): Endpoint | string {
  // The kernel looks at the length first, and an IPv4 address is too short for a socket of IPv6.
  if (domain === AF_INET6 && given.family === AF_INET) return "EINVAL";
  if (given.family !== domain) return "EAFNOSUPPORT";
  const address = IpAddress.parse(given.address);
  if (address === null || (domain === AF_INET) !== (address.family === 4)) return "EINVAL";
  return { address: address.unmapped(), port: given.port };
}

export function isAny(address: IpAddress): boolean {
  return address.w0 === 0 && address.w1 === 0 && address.w2 === 0 && address.w3 === 0;
}

/** The address that means all of a family. */
export function anyOf(domain: number): IpAddress {
  return domain === AF_INET ? ANY4 : ANY6;
}

function mapped(address: IpAddress): IpAddress {
  return IpAddress.v6(0, 0, 0xffff, address.w3);
}

const { AF_INET, AF_INET6 } = CONSTANTS;
const ANY4 = IpAddress.v4(0);
const ANY6 = IpAddress.v6(0, 0, 0, 0);
