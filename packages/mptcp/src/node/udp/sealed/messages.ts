import { TAG_LENGTH } from "./aead.ts";
import { MAC_LENGTH } from "./key.ts";
import { PUBLIC_KEY_LENGTH } from "./noise.ts";

/**
 * What a datagram of a link with a key holds, after WireGuard's messages (whitepaper §5.4): one octet of type, three zeros, and then, all numbers
 * big-endian,
 *
 * - initiation: the sender's index (4), the first message of Noise with a payload of 16 octets (64), MAC (16), MAC by a cookie or zeros (16)
 * - response: the sender's index (4), the receiver's (4), the second message of Noise without payload (48), MAC (16)
 * - cookie: the receiver's index (4), salt (32), a cookie and its tag (32)
 * - data: the receiver's index (4), counter (8), what is sealed and its tag
 *
 * A MAC is over all that precedes it. The payload of an initiation is when it was made, µs since 1970 (8), and a random number of whoever made it (8).
 *
 * @module
 */

export const MESSAGE = { initiation: 1, response: 2, cookie: 3, data: 4 } as const;

const FIRST_LENGTH = PUBLIC_KEY_LENGTH + 16 + TAG_LENGTH;
const SECOND_LENGTH = PUBLIC_KEY_LENGTH + TAG_LENGTH;

// Where the fields are.
export const INITIATION = { sender: 4, noise: 8, mac: 8 + FIRST_LENGTH, mac2: 8 + FIRST_LENGTH + MAC_LENGTH, length: 8 + FIRST_LENGTH + 2 * MAC_LENGTH } as const;
export const RESPONSE = { sender: 4, receiver: 8, noise: 12, mac: 12 + SECOND_LENGTH, length: 12 + SECOND_LENGTH + MAC_LENGTH } as const;
export const COOKIE = { receiver: 4, salt: 8, sealed: 40, length: 40 + MAC_LENGTH + TAG_LENGTH } as const;
export const DATA = { receiver: 4, counter: 8, sealed: 16 } as const;

/** Octets that precede what is sealed in a datagram. */
export const SEALED_HEADER = DATA.sealed;
/** Octets that a datagram takes more than what it holds. */
export const SEALED_OVERHEAD = SEALED_HEADER + TAG_LENGTH;

/** Octets of a TCP in UDP datagram begin with 5 or more in the first nibble; ours have small numbers. */
export function isPlain(first: number): boolean {
  return first >>> 4 >= 5;
}
