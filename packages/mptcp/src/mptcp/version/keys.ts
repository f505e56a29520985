import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import type { CHash } from "@noble/hashes/utils.js";
import type { AddAddress } from "../../wire/index.ts";
import type { KeyMaterial } from "./version.ts";

/** A hash of a version's key derivation and HMACs. */
export type KeyHash = CHash;

/** Derives token and initial data sequence number from a key (RFC 8684 §3.1): the first 32 bits of its hash and the last 64. */
export function deriveKeyMaterial(key: Uint8Array, hash: KeyHash = sha256): KeyMaterial {
  const digest = hash(key);
  const { length } = digest;
  return { key, token: word(digest, 0), idsnHigh: word(digest, length - 8), idsnLow: word(digest, length - 4) };
}

/**
 * The HMAC of a join (RFC 8684 §3.2): key = sender's key, receiver's key; message = sender's nonce, receiver's nonce.
 * @returns all octets, 32 with SHA-256; a SYN+ACK carries the leftmost 8, a third ACK the leftmost 20
 */
export function joinHmac(senderKey: Uint8Array, receiverKey: Uint8Array, senderNonce: number, receiverNonce: number, hash: KeyHash = sha256): Uint8Array {
  const message = new Uint8Array(8);
  putWord(message, 0, senderNonce);
  putWord(message, 4, receiverNonce);
  return hmac(hash, concatenate(senderKey, receiverKey), message);
}

/** The 8 octets that authenticate an ADD_ADDR (RFC 8684 §3.4.1): the rightmost 64 bits. */
export function addAddressHmac(senderKey: Uint8Array, receiverKey: Uint8Array, option: Pick<AddAddress, "addressId" | "address" | "port">): Uint8Array {
  const { address } = option;
  const length = address.family === 4 ? 4 : 16;
  const message = new Uint8Array(1 + length + 2);
  message[0] = option.addressId;
  if (address.family === 4) {
    putWord(message, 1, address.w3);
  } else {
    putWord(message, 1, address.w0);
    putWord(message, 5, address.w1);
    putWord(message, 9, address.w2);
    putWord(message, 13, address.w3);
  }
  message[1 + length] = option.port >>> 8;
  message[2 + length] = option.port & 0xff;
  return hmac(sha256, concatenate(senderKey, receiverKey), message).slice(24);
}

/** Compares two octet strings without telling by the time taken where they differ. */
export function equalOctets(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number);
  return difference === 0;
}

function concatenate(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}

function word(bytes: Uint8Array, at: number): number {
  return (((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0;
}

function putWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
