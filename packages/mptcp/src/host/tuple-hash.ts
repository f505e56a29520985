import { sha256 } from "@noble/hashes/sha2.js";
import type { RandomSource } from "../core/index.ts";
import type { IpAddress } from "../wire/index.ts";

/**
 * A hash of the addresses and ports of a connection that nobody can work out who does not know the secret, which is drawn once (RFC 6528 §3, RFC 6056 §3.3.3).
 * All that is hashed fits into one block of SHA-256.
 */
export class TupleHash {
  private readonly message = new Uint8Array(SECRET + 37);
  private readonly random: RandomSource;
  private isDrawn = false;

  constructor(random: RandomSource) {
    this.random = random;
  }

  /** Eight octets as two 32-bit numbers; the second one is for who needs more. A port of 0 leaves it out. */
  of(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): readonly [number, number] {
    const { message } = this;
    if (!this.isDrawn) {
      this.random.fill(message.subarray(0, SECRET));
      this.isDrawn = true;
    }
    putAddress(message, SECRET, local);
    putAddress(message, SECRET + 16, remote);
    putWord(message, SECRET + 32, (localPort << 16) | remotePort);
    message[SECRET + 36] = local.family;
    const digest = sha256(message);
    return [wordAt(digest, 0), wordAt(digest, 4)];
  }
}

/** Writes an address of either family as 16 octets. */
export function putAddress(bytes: Uint8Array, at: number, address: IpAddress): void {
  putWord(bytes, at, address.w0);
  putWord(bytes, at + 4, address.w1);
  putWord(bytes, at + 8, address.w2);
  putWord(bytes, at + 12, address.w3);
}

/** Writes 32 bits, highest octet first. */
export function putWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0;
}

/** Octets of the secret. */
const SECRET = 16;
