import { createHash, createHmac } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addAddressHmac, deriveKeyMaterial, equalOctets, joinHmac } from "../../src/mptcp/version/keys.ts";
import { IpAddress } from "../../src/wire/index.ts";

const key = (): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: 8, maxLength: 8 });
const word = (): fc.Arbitrary<number> => fc.integer({ min: 0, max: 0xffff_ffff });
const options = { seed: 8684 };

function hash(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}

function hmac(secret: readonly Uint8Array[], message: Uint8Array): Uint8Array {
  return new Uint8Array(createHmac("sha256", Buffer.concat(secret)).update(message).digest());
}

function words(...values: number[]): Buffer {
  const buffer = Buffer.alloc(values.length * 4);
  values.forEach((value, i) => buffer.writeUInt32BE(value, i * 4));
  return buffer;
}

describe("token and initial data sequence number (RFC 8684 §3.1)", () => {
  test("are the most significant 32 and the least significant 64 bits of SHA-256 of the key", () => {
    fc.assert(
      fc.property(key(), (octets) => {
        const digest = hash(octets);
        const material = deriveKeyMaterial(octets);
        expect(material.key).toBe(octets);
        expect(material.token).toBe(digest.readUInt32BE(0));
        expect(material.idsnHigh).toBe(digest.readUInt32BE(24));
        expect(material.idsnLow).toBe(digest.readUInt32BE(28));
      }),
      options,
    );
  });

  test("of a known key", () => {
    // printf '\1\2\3\4\5\6\7\10' | sha256sum: 66840dda154e8a11 ... d2a9c1ae b9d0ae7b
    const material = deriveKeyMaterial(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    expect(material.token.toString(16)).toBe("66840dda");
    expect(createHash("sha256").update(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)).digest("hex").slice(-16)).toBe(
      material.idsnHigh.toString(16).padStart(8, "0") + material.idsnLow.toString(16).padStart(8, "0"),
    );
  });
});

describe("HMAC of a join (RFC 8684 §3.2)", () => {
  test("is keyed by sender's and receiver's key and covers sender's and receiver's nonce", () => {
    fc.assert(
      fc.property(key(), key(), word(), word(), (own, other, ownNonce, otherNonce) => {
        expect(joinHmac(own, other, ownNonce, otherNonce)).toEqual(hmac([own, other], words(ownNonce, otherNonce)));
      }),
      options,
    );
  });

  test("differs by direction", () => {
    const [a, b] = [Uint8Array.of(1, 1, 1, 1, 1, 1, 1, 1), Uint8Array.of(2, 2, 2, 2, 2, 2, 2, 2)];
    expect(joinHmac(a, b, 7, 9)).not.toEqual(joinHmac(b, a, 9, 7));
    expect(joinHmac(a, b, 7, 9)).not.toEqual(joinHmac(a, b, 9, 7));
  });
});

describe("HMAC of an ADD_ADDR (RFC 8684 §3.4.1)", () => {
  const addressId = fc.integer({ min: 0, max: 255 });
  const port = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 65535 }));

  test("is the rightmost 64 bits over id, address and port, two zero octets when there is no port", () => {
    fc.assert(
      fc.property(key(), key(), addressId, port, word(), (own, other, id, number, bits) => {
        const message = Buffer.concat([Buffer.of(id), words(bits), Buffer.of(number >> 8, number & 255)]);
        const expected = hmac([own, other], message).slice(24);
        expect(addAddressHmac(own, other, { addressId: id, address: IpAddress.v4(bits), port: number })).toEqual(expected);
      }),
      options,
    );
  });

  test("covers all 16 octets of an IPv6 address", () => {
    fc.assert(
      fc.property(key(), key(), addressId, port, fc.tuple(word(), word(), word(), word()), (own, other, id, number, w) => {
        const message = Buffer.concat([Buffer.of(id), words(...w), Buffer.of(number >> 8, number & 255)]);
        const expected = hmac([own, other], message).slice(24);
        expect(addAddressHmac(own, other, { addressId: id, address: IpAddress.v6(...w), port: number })).toEqual(expected);
      }),
      options,
    );
  });
});

describe("comparison of octets", () => {
  test("tells equal from different, length included", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 24 }), fc.uint8Array({ maxLength: 24 }), (a, b) => {
        expect(equalOctets(a, b)).toBe(Buffer.compare(a, b) === 0);
        expect(equalOctets(a, a.slice())).toBe(true);
      }),
      options,
    );
  });

  test("sees a single different bit anywhere", () => {
    const a = Uint8Array.from({ length: 20 }, (_, i) => i * 11);
    for (let bit = 0; bit < 160; bit++) {
      const b = a.slice();
      b[bit >> 3] = (b[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(equalOctets(a, b)).toBe(false);
    }
  });
});
