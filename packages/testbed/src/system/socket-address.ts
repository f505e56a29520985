import type { SocketAddress } from "mptcp/drill";
import { IpAddress } from "mptcp/wire";
import type { Memory, Room } from "./memory.ts";

export const AF_INET = 2;
export const AF_INET6 = 10;
/** Octets of `struct sockaddr_storage`. */
export const SOCKADDR_ROOM = 128;

/** `struct sockaddr_in` or `sockaddr_in6`; of any other family the family alone. @throws RangeError for a text that is no address of its family */
export function putSocketAddress(memory: Memory, { family, address, port }: SocketAddress): Room {
  const room = memory.room(family === AF_INET6 ? 28 : 16);
  room.view.setUint16(0, family, true);
  if (family !== AF_INET && family !== AF_INET6) return room;
  const ip = IpAddress.from(address);
  if ((family === AF_INET6) !== (ip.family === 6)) throw new RangeError(`${address} is of another family than ${family}`);
  room.view.setUint16(2, port);
  room.octets.set(octetsOf(ip), family === AF_INET ? 4 : 8);
  return room;
}

/** The address in the first `length` octets; null for none, as a connected stream gives. */
export function takeSocketAddress({ view }: Room, length: number): SocketAddress | null {
  if (length < 2) return null;
  const family = view.getUint16(0, true);
  if (family === AF_INET && length >= 16) return { family, address: String(IpAddress.v4(view.getUint32(4))), port: view.getUint16(2) };
  if (family !== AF_INET6 || length < 28) return { family, address: "", port: 0 };
  const ip = IpAddress.v6(view.getUint32(8), view.getUint32(12), view.getUint32(16), view.getUint32(20));
  return { family, address: String(ip), port: view.getUint16(2) };
}

/** An address as packets have it. */
export function octetsOf({ family, w0, w1, w2, w3 }: IpAddress): Uint8Array {
  const octets = new Uint8Array(family === 4 ? 4 : 16);
  const view = new DataView(octets.buffer);
  (family === 4 ? [w3] : [w0, w1, w2, w3]).forEach((word, at) => view.setUint32(4 * at, word));
  return octets;
}
