import { createCipheriv, createDecipheriv, createSecretKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { directCipher } from "./openssl.ts";
import type { DirectCipher } from "./openssl.ts";

/**
 * AES-256-GCM under one key, with a counter for a nonce, as Noise has it (§12.4): 32 zero bits, then 64 bits of the counter, the most significant first. Whoever
 * seals with a key uses each number once. It is node:crypto's; where that can be had, without what node:crypto makes of each message.
 */
export class AeadKey {
  private readonly octets: Uint8Array;
  private readonly direct: DirectCipher | null;
  private object: KeyObject | null = null;
  private isForgotten = false;

  /**
   * @param key 32 octets
   * @param direct null: by node:crypto in any case
   */
  constructor(key: Uint8Array, direct: DirectCipher | null = directCipher()) {
    this.octets = new Uint8Array(key);
    this.direct = direct;
  }

  /** Seals octets `from` to `end` of `bytes` in their place; the tag follows at `end`, where there must be room for {@link TAG_LENGTH} octets. */
  seal(counter: number, bytes: Uint8Array, from: number, end: number, associated: Uint8Array | null = null): void {
    // Its octets are zeros, which anybody knows.
    if (this.isForgotten) throw new Error("a key that was given up seals nothing");
    if (this.direct !== null && associated === null) {
      this.direct.seal(this.octets, counter, bytes, from, end);
      return;
    }
    const cipher = createCipheriv(CIPHER, this.keyObject, nonceOf(counter), OPTIONS);
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
    if (length < 0 || this.isForgotten) return -1;
    if (this.direct !== null && associated === null) return this.direct.open(this.octets, counter, bytes, from, end, target);
    const decipher = createDecipheriv(CIPHER, this.keyObject, nonceOf(counter), OPTIONS);
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

  private get keyObject(): KeyObject {
    return (this.object ??= createSecretKey(this.octets));
  }

  /** The key is used no more. */
  forget(): void {
    this.isForgotten = true;
    this.octets.fill(0);
    this.object = null;
    this.direct?.forget();
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
