import type { IpAddress } from "../../wire/index.ts";

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
