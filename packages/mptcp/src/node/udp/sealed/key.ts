import { createHmac, hkdfSync, randomBytes } from "node:crypto";
import { codedError } from "../../errors.ts";

/**
 * What is derived from the key that two ends share: one secret for the handshake's encryption, one for its MACs and one for cookies, so that none says
 * anything of another (RFC 5869 §3.2).
 */
export class LinkKey {
  /** The pre-shared symmetric key of Noise (§9), 32 octets. */
  readonly psk: Uint8Array;
  private readonly macKey: Uint8Array;
  private readonly cookieSecret: Uint8Array;

  /** @throws TypeError ERR_INVALID_ARG_VALUE for what is no key */
  constructor(key: string | Uint8Array) {
    const octets = keyOctets(key);
    this.psk = derive(octets, "psk");
    this.macKey = derive(octets, "mac");
    this.cookieSecret = derive(octets, "cookie");
  }

  /** HMAC-SHA256 of `bytes`, the first {@link MAC_LENGTH} octets of it. */
  mac(bytes: Uint8Array): Uint8Array {
    return createHmac("sha256", this.macKey).update(bytes).digest().subarray(0, MAC_LENGTH);
  }

  /** What seals one cookie: of 32 random octets, since there is no counter for the nonces of all who have the key. */
  cookieKey(salt: Uint8Array): Uint8Array {
    return new Uint8Array(hkdfSync("sha256", this.cookieSecret, salt, "cookie", KEY_LENGTH));
  }
}

/** A new key for `UdpLink`, 32 random octets as base64. */
export function generateUdpKey(): string {
  return randomBytes(KEY_LENGTH).toString("base64");
}

/**
 * The 32 octets of a key, given as they are, as base64 or as hexadecimal digits. The message of the error does not show what was given.
 *
 * A passphrase is refused: whoever has seen one handshake can try passphrases against its MAC, millions a second, so that only a random key is one.
 * @throws TypeError ERR_INVALID_ARG_VALUE
 */
export function keyOctets(key: string | Uint8Array): Uint8Array {
  const octets = typeof key === "string" ? fromText(key.trim()) : key instanceof Uint8Array ? Uint8Array.from(key) : null;
  if (octets === null || octets.length !== KEY_LENGTH) {
    throw codedError(TypeError, "ERR_INVALID_ARG_VALUE", "A key is 32 random octets, as base64 or hexadecimal digits where it is text, as generateUdpKey() makes it; a passphrase is none");
  }
  if (octets.every((octet) => octet === octets[0])) throw codedError(TypeError, "ERR_INVALID_ARG_VALUE", "A key is 32 random octets, and these are all the same");
  return octets;
}

function fromText(text: string): Uint8Array | null {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, "hex");
  if (/^[A-Za-z0-9+/]{43}=?$/.test(text) || /^[A-Za-z0-9_-]{43}=?$/.test(text)) return Buffer.from(text, "base64");
  return null;
}

function derive(key: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", key, SALT, purpose, KEY_LENGTH));
}

const KEY_LENGTH = 32;
/** Octets of the MAC of a handshake message. */
export const MAC_LENGTH = 16;
const SALT = "mptcp TCP in UDP key v1";
