import { createCipheriv, createDecipheriv, createSecretKey } from "node:crypto";
import type { KeyObject } from "node:crypto";

/**
 * AES-256-GCM under one key, with a counter for a nonce, as Noise has it (§12.4): 32 zero bits, then 64 bits of the counter, the most significant first. Whoever
 * seals with a key uses each number once.
 */
export class AeadKey {
  private readonly key: KeyObject;

  /** @param key 32 octets */
  constructor(key: Uint8Array) {
    this.key = createSecretKey(key);
  }

  /** Seals octets `from` to `end` of `bytes` in their place; the tag follows at `end`, where there must be room for {@link TAG_LENGTH} octets. */
  seal(counter: number, bytes: Uint8Array, from: number, end: number, associated: Uint8Array | null = null): void {
    const cipher = createCipheriv(CIPHER, this.key, nonceOf(counter), OPTIONS);
    if (associated !== null) cipher.setAAD(associated);
    if (end > from) bytes.set(cipher.update(bytes.subarray(from, end)), from);
    cipher.final();
    bytes.set(cipher.getAuthTag(), end);
  }

  /**
   * Opens octets `from` to `end` of `bytes`, the tag included, and writes what was sealed at `target` of the same array. Nothing is written where the tag is wrong.
   * @returns the octets written; -1 when it was not sealed by this key with this number
   */
  open(counter: number, bytes: Uint8Array, from: number, end: number, target: number, associated: Uint8Array | null = null): number {
    const length = end - from - TAG_LENGTH;
    if (length < 0) return -1;
    const decipher = createDecipheriv(CIPHER, this.key, nonceOf(counter), OPTIONS);
    decipher.setAuthTag(bytes.subarray(end - TAG_LENGTH, end));
    if (associated !== null) decipher.setAAD(associated);
    const opened = length === 0 ? null : decipher.update(bytes.subarray(from, from + length));
    try {
      decipher.final();
    } catch {
      return -1;
    }
    if (opened !== null) bytes.set(opened, target);
    return length;
  }
}

/** The nonce is copied by OpenSSL before the call returns. */
function nonceOf(counter: number): Uint8Array {
  nonceView.setUint32(4, Math.floor(counter / 0x1_0000_0000));
  nonceView.setUint32(8, counter >>> 0);
  return nonce;
}

const CIPHER = "aes-256-gcm";
/** Octets of an authentication tag. */
export const TAG_LENGTH = 16;
const OPTIONS = { authTagLength: TAG_LENGTH };
const nonce = new Uint8Array(12);
const nonceView = new DataView(nonce.buffer);
