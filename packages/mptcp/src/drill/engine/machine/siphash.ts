import type { CookieHash } from "../../../host/index.ts";
import type { IpAddress } from "../../../wire/index.ts";

/** What Linux makes Fast Open cookies by: SipHash-2-4 of the client's and the server's address. The first 16 octets of the key count. */
export const linuxCookie: CookieHash = (key, client, server) => {
  const message = new Uint8Array(client.family === 4 ? 8 : 32);
  addressOctets(client, message, 0);
  addressOctets(server, message, message.length / 2);
  const octets = new Uint8Array(8);
  new DataView(octets.buffer).setBigUint64(0, sipHash(key, message), true);
  return octets;
};

/** SipHash-2-4 (Aumasson, Bernstein 2012) with a key of 16 octets. */
export function sipHash(key: Uint8Array, message: Uint8Array): bigint {
  const keys = new DataView(key.buffer, key.byteOffset, 16);
  const [k0, k1] = [keys.getBigUint64(0, true), keys.getBigUint64(8, true)];
  const state: State = [k0 ^ 0x736f6d6570736575n, k1 ^ 0x646f72616e646f6dn, k0 ^ 0x6c7967656e657261n, k1 ^ 0x7465646279746573n];
  // The last word has what is left over, and the length in its highest octet.
  const padded = new Uint8Array((message.length & ~7) + 8);
  padded.set(message);
  padded[padded.length - 1] = message.length;
  const words = new DataView(padded.buffer);
  for (let at = 0; at < padded.length; at += 8) {
    const next = words.getBigUint64(at, true);
    state[3] ^= next;
    rounds(state, 2);
    state[0] ^= next;
  }
  state[2] ^= 0xffn;
  rounds(state, 4);
  return state[0] ^ state[1] ^ state[2] ^ state[3];
}

type State = [bigint, bigint, bigint, bigint];

function rounds(state: State, count: number): void {
  let [v0, v1, v2, v3] = state;
  for (let i = 0; i < count; i++) {
    v0 = word(v0 + v1);
    v1 = rotate(v1, 13n) ^ v0;
    v0 = rotate(v0, 32n);
    v2 = word(v2 + v3);
    v3 = rotate(v3, 16n) ^ v2;
    v0 = word(v0 + v3);
    v3 = rotate(v3, 21n) ^ v0;
    v2 = word(v2 + v1);
    v1 = rotate(v1, 17n) ^ v2;
    v2 = rotate(v2, 32n);
  }
  state[0] = v0;
  state[1] = v1;
  state[2] = v2;
  state[3] = v3;
}

function word(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}

function rotate(value: bigint, by: bigint): bigint {
  return word(value << by) | (value >> (64n - by));
}

/** Of an IPv4 address the last word is all that there is. */
function addressOctets(address: IpAddress, target: Uint8Array, at: number): void {
  const view = new DataView(target.buffer);
  const { family, w0, w1, w2, w3 } = address;
  (family === 4 ? [w3] : [w0, w1, w2, w3]).forEach((part, index) => view.setUint32(at + 4 * index, part));
}
