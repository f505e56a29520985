import { createCipheriv } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AeadKey, TAG_LENGTH } from "../../../src/node/udp/sealed/aead.ts";
import { directCipher } from "../../../src/node/udp/sealed/openssl.ts";

const direct = directCipher();
if (direct === null) console.warn("AES-256-GCM by direct calls of OpenSSL is not tested: that needs Linux and koffi");

const octets = fc.uint8Array({ minLength: 32, maxLength: 32 });
const anyLength = fc.oneof(fc.uint8Array({ maxLength: 100 }), fc.integer({ min: 0, max: 65_000 }).map((length) => new Uint8Array(length).fill(length)));

/** What AES-256-GCM makes of `plain`, by the interface that everybody knows. */
function reference(key: Uint8Array, counter: number, plain: Uint8Array): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64BE(BigInt(counter), 4);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: 16 });
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

describe.each([
  ["node:crypto", null],
  ["direct calls of OpenSSL", direct],
] as const)("AES-256-GCM by %s", (name, how) => {
  const isThere = name === "node:crypto" || direct !== null;

  it.skipIf(!isThere)("seals as the standard has it, and opens that, wherever it lies", () => {
    fc.assert(
      fc.property(octets, fc.nat({ max: 2 ** 40 }), anyLength, fc.nat(20), fc.nat(20), (key, counter, plain, at, before) => {
        const aead = new AeadKey(key, how);
        const from = before + at;
        const bytes = new Uint8Array(from + plain.length + TAG_LENGTH + 5).fill(0xee);
        bytes.set(plain, from);
        aead.seal(counter, bytes, from, from + plain.length);
        const end = from + plain.length + TAG_LENGTH;
        expect(Buffer.from(bytes.subarray(from, end)).equals(reference(key, counter, plain))).toBe(true);
        expect(bytes.subarray(end)).toEqual(new Uint8Array(5).fill(0xee));
        // To the front, over itself.
        expect(aead.open(counter, bytes, from, end, before)).toBe(plain.length);
        expect(Buffer.from(bytes.subarray(before, before + plain.length)).equals(plain)).toBe(true);
        expect(bytes.subarray(0, before).every((octet) => octet === 0xee)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it.skipIf(!isThere)("opens nothing that was changed, or sealed with another number or key, and writes nothing of it", () => {
    fc.assert(
      fc.property(octets, fc.uint8Array({ maxLength: 60 }), fc.nat(), fc.integer({ min: 1, max: 255 }), fc.nat(80), (key, plain, where, change, cut) => {
        const aead = new AeadKey(key, how);
        const sealed = new Uint8Array(reference(key, 7, plain));
        const changed = sealed.slice();
        changed[where % sealed.length]! ^= change;
        const kept = changed.slice();
        expect(aead.open(7, changed, 0, changed.length, 0)).toBe(-1);
        expect(changed).toEqual(kept);
        expect(aead.open(8, sealed, 0, sealed.length, 0)).toBe(-1);
        expect(aead.open(7, sealed, 0, Math.max(0, sealed.length - 1 - cut), 0)).toBe(-1);
        const other = key.slice();
        other[where % 32]! ^= change;
        expect(new AeadKey(other, how).open(7, sealed, 0, sealed.length, 0)).toBe(-1);
        expect(aead.open(7, sealed, 0, sealed.length, 0)).toBe(plain.length);
      }),
      { numRuns: 200 },
    );
  });

  it.skipIf(!isThere)("has nothing of a key that is given up", () => {
    const key = new Uint8Array(32).fill(3);
    const aead = new AeadKey(key, how);
    const sealed = new Uint8Array(reference(key, 1, Uint8Array.of(1)));
    aead.forget();
    expect(aead.open(1, sealed, 0, sealed.length, 0)).toBe(-1);
    // Not by zeros either, which it is overwritten with.
    const zeros = new Uint8Array(reference(new Uint8Array(32), 1, Uint8Array.of(1)));
    expect(aead.open(1, zeros, 0, zeros.length, 0)).toBe(-1);
    expect(() => aead.seal(1, new Uint8Array(20), 0, 4)).toThrow("given up");
    expect(key).toEqual(new Uint8Array(32).fill(3));
  });
});

it.skipIf(direct === null)("refuses what is longer than a datagram, and keys of another length, before OpenSSL sees them", () => {
  const bytes = new Uint8Array(70_000);
  expect(() => direct?.seal(new Uint8Array(32), 0, bytes, 0, 65_536)).toThrow(RangeError);
  expect(direct?.open(new Uint8Array(32), 0, bytes, 0, 65_552, 0)).toBe(-1);
  expect(() => direct?.seal(new Uint8Array(33), 0, bytes, 0, 10)).toThrow(RangeError);
});
