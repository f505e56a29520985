import { IpAddress } from "../../wire/index.ts";
import { AF_INET, AF_INET6 } from "./system-calls.ts";

/** Octets of the longest socket address used here, `struct sockaddr_in6`, rounded up. */
export const SOCKET_ADDRESS_SPACE = 32;

/** Writes `struct sockaddr_in` or `sockaddr_in6` at `at`; returns its octets. @param scope the number of a link-local address's zone; a bound socket has it already */
export function writeSocketAddress(view: DataView, at: number, address: IpAddress, port: number, scope: number = 0): number {
  if (address.family === 4) {
    view.setUint16(at, AF_INET, true);
    view.setUint16(at + 2, port);
    view.setUint32(at + 4, address.w3);
    view.setUint32(at + 8, 0);
    view.setUint32(at + 12, 0);
    return 16;
  }
  view.setUint16(at, AF_INET6, true);
  view.setUint16(at + 2, port);
  view.setUint32(at + 4, 0);
  view.setUint32(at + 8, address.w0);
  view.setUint32(at + 12, address.w1);
  view.setUint32(at + 16, address.w2);
  view.setUint32(at + 20, address.w3);
  view.setUint32(at + 24, scope, true);
  return 28;
}

/** The address at `at`, or `last` where that is the same; null when it is of neither family. */
export function readSocketAddress(view: DataView, at: number, last: IpAddress | null): IpAddress | null {
  const family = view.getUint16(at, true);
  if (family === AF_INET) {
    const bits = view.getUint32(at + 4);
    return last !== null && last.family === 4 && last.w3 === bits ? last : IpAddress.v4(bits);
  }
  if (family !== AF_INET6) return null;
  const w0 = view.getUint32(at + 8);
  const w1 = view.getUint32(at + 12);
  const w2 = view.getUint32(at + 16);
  const w3 = view.getUint32(at + 20);
  if (last !== null && last.family === 6 && last.w3 === w3 && last.w2 === w2 && last.w1 === w1 && last.w0 === w0) return last;
  return IpAddress.v6(w0, w1, w2, w3);
}

/** The port of the address at `at`. */
export function readSocketPort(view: DataView, at: number): number {
  return view.getUint16(at + 2);
}
