import { createHash, createHmac } from "node:crypto";

/** What both hosts compute from one key (RFC 8684 §3.1, §3.2; RFC 6824 for version 0): by OpenSSL, not by the engine. */
export interface KeyMaterial {
  readonly version: number;
  readonly key: Buffer;
  readonly token: number;
  readonly idsn: bigint;
}

/** The leftmost 32 bits of the key's hash are the token, the rightmost 64 the IDSN. */
export function keyMaterial(key: Buffer, version: number): KeyMaterial {
  const digest = createHash(hashOf(version)).update(key).digest();
  return { version, key, token: digest.readUInt32BE(0), idsn: digest.readBigUInt64BE(digest.length - 8) };
}

function hashOf(version: number): string {
  return version === 0 ? "sha1" : "sha256";
}

/** HMAC of whoever has `ownKey`: of its nonce and the other's (RFC 8684 §3.2). */
export function joinHmac(version: number, ownKey: Buffer, otherKey: Buffer, ownNonce: Buffer, otherNonce: Buffer): Buffer {
  return createHmac(hashOf(version), Buffer.concat([ownKey, otherKey])).update(ownNonce).update(otherNonce).digest();
}

/** The 64 bits that go with an announced address: address id, address, port or 0 (RFC 8684 §3.4.1). */
export function addAddressHmac(ownKey: Buffer, otherKey: Buffer, addressId: number, address: Buffer, port: number): Buffer {
  const tail = Buffer.alloc(2);
  tail.writeUInt16BE(port);
  return createHmac("sha256", Buffer.concat([ownKey, otherKey])).update(Buffer.of(addressId)).update(address).update(tail).digest().subarray(24);
}
