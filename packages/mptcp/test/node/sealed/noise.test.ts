import { spawnSync } from "node:child_process";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { fileURLToPath, pathToFileURL } from "node:url";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AeadKey } from "../../../src/node/udp/sealed/aead.ts";
import { generateUdpKey, keyOctets, LinkKey } from "../../../src/node/udp/sealed/key.ts";
import { agree, ephemeralKeyPair, hkdf, Initiator, publicOctets, Responder } from "../../../src/node/udp/sealed/noise.ts";
import type { EphemeralKeyPair } from "../../../src/node/udp/sealed/noise.ts";

const hex = (text: string): Uint8Array => Buffer.from(text, "hex");
const text = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString("hex");

/** A key pair whose private key is given: PKCS #8 (RFC 8410 §7). */
function fixedKeyPair(secret: string): EphemeralKeyPair {
  const privateKey = createPrivateKey({ key: Buffer.concat([hex("302e020100300506032b656e04220420"), hex(secret)]), format: "der", type: "pkcs8" });
  return { publicKey: publicOctets(createPublicKey(privateKey)), agree: (remote) => agree(privateKey, remote) };
}

describe("key pairs", () => {
  it("are made without end while garbage is collected, that of others included", () => {
    const path = (name: string): string => fileURLToPath(new URL(`../peers/${name}`, import.meta.url));
    // Whoever asks for a lock in the midst of a collection stands still for ever, so that it is a process of its own. V8 collects after so many allocations.
    const words = ["--gc-interval=7", "--conditions=mptcp-source", "--import", pathToFileURL(path("typescript.mjs")).href, path("key-pairs.ts")];
    const { signal, stdout, stderr } = spawnSync(process.execPath, words, { encoding: "utf8", timeout: 60_000, killSignal: "SIGKILL" });
    expect([signal, stdout, stderr]).toEqual([null, "3000\n", ""]);
  });
});

describe("Noise_NNpsk0_25519_AESGCM_SHA256", () => {
  // A published vector of the Noise project's format, from the collection of cacophony, which other implementations test themselves by as well.
  const prologue = hex("4a6f686e2047616c74");
  const psk = hex("54686973206973206d7920417573747269616e20706572737065637469766521");
  const initiatorSecret = "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a";
  const responderSecret = "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b";
  // What the vector calls the handshake's hash is that of its first message; the one of both was computed by an implementation in Python.
  const handshakeHash = "9f3b1f9afd7767767b5b9d1069844a6154fdbdcc36dfb3e31c0fffc5c973d530";
  const firstHash = "29d92c13649b5d28b41afd8dc5d6ce7f46df2348e4061c09f1c354b593e13add";
  const messages = [
    ["4c756477696720766f6e204d69736573", "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79447c37a89fc17813788d30df2d59501d6066f5f8aecc3406bbd9829f2d24a531b1"],
    ["4d757272617920526f746862617264", "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f1448088432f29d79368ef9de4e1ae7a362fb05bf0ad668e026bf5714554497b3a720461"],
    ["462e20412e20486179656b", "7c01e898a6201f36aecee532e29cd0b7f8ffa29d3366ad0dce39a6"],
    ["4361726c204d656e676572", "a9ff535aace3db6a1da1a7fb00fe2de2622bb373abad9fb42c00e0"],
    ["4a65616e2d426170746973746520536179", "6cfc49a3e65472edc2d0152abe5ce950170a8a47c959f30bd48b5f0aacf29adbfd"],
    ["457567656e2042f6686d20766f6e2042617765726b", "9bc86e6d974ed21ba04604a94aa68de21677eb409ead070c0cd569b069ee19ba142aa4c1a9"],
  ] as const;

  function seal(key: AeadKey, counter: number, plain: string): string {
    const bytes = new Uint8Array(plain.length / 2 + 16);
    bytes.set(hex(plain));
    key.seal(counter, bytes, 0, plain.length / 2);
    return text(bytes);
  }

  it("makes the messages of the published vector, the handshake's and those that follow", () => {
    const initiator = new Initiator(psk, fixedKeyPair(initiatorSecret), prologue);
    const responder = new Responder(psk, prologue);
    const [first, second, ...rest] = messages;
    const one = initiator.write(hex(first[0]));
    expect(text(one)).toBe(first[1]);
    expect(text(initiator.handshakeHash)).toBe(firstHash);
    expect(text(responder.read(one))).toBe(first[0]);
    expect(text(responder.handshakeHash)).toBe(firstHash);
    const two = responder.write(fixedKeyPair(responderSecret), hex(second[0])) as Uint8Array;
    expect(text(two)).toBe(second[1]);
    expect(text(initiator.read(two))).toBe(second[0]);
    expect(text(initiator.handshakeHash)).toBe(handshakeHash);
    expect(text(responder.handshakeHash)).toBe(handshakeHash);
    const [ours, theirs] = [initiator.keys(), responder.keys()];
    expect(ours.send).toEqual(theirs.receive);
    expect(ours.receive).toEqual(theirs.send);
    expect(ours.send).not.toEqual(ours.receive);
    // In turns, each end by its own key with a counter of its own.
    const keys = [new AeadKey(ours.send), new AeadKey(theirs.send)] as const;
    for (const [i, [plain, sealed]] of rest.entries()) expect(seal(keys[i % 2] as AeadKey, i >> 1, plain)).toBe(sealed);
  });

  it("fails, and never throws, whatever a message is changed to", () => {
    const one = new Initiator(psk, ephemeralKeyPair(), prologue).write(new Uint8Array(16));
    const other = new Responder(Uint8Array.from(psk).fill(1), prologue);
    expect(other.read(one)).toBeNull();
    fc.assert(
      fc.property(fc.nat(one.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = one.slice();
        changed[at] = (changed[at] as number) ^ change;
        expect(new Responder(psk, prologue).read(changed)).toBeNull();
      }),
      { numRuns: 50 },
    );
    for (let length = 0; length < one.length; length++) expect(new Responder(psk, prologue).read(one.subarray(0, length))).toBeNull();
    expect(new Responder(psk, new Uint8Array(1)).read(one)).toBeNull();
  });

  it("agrees on nothing with a point of low order (RFC 7748 §6.1)", () => {
    expect(ephemeralKeyPair().agree(new Uint8Array(32))).toBeNull();
    expect(ephemeralKeyPair().agree(Uint8Array.of(1, ...new Uint8Array(31)))).toBeNull();
  });

  it("agrees with whatever else is 32 octets, and never throws", () => {
    const pair = ephemeralKeyPair();
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (octets) => {
        expect([0, 32]).toContain(pair.agree(octets)?.length ?? 0);
      }),
    );
    expect(pair.agree(new Uint8Array(32).fill(0xff))?.length).toBe(32);
  });

  it("has the key derivation of RFC 5869, appendix A.3", () => {
    const okm = Buffer.concat(hkdf(new Uint8Array(0), new Uint8Array(22).fill(0x0b), 2)).subarray(0, 42);
    expect(text(okm)).toBe("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
  });
});

describe("the key of a link", () => {
  const octets = Uint8Array.from({ length: 32 }, (_, i) => i * 7);

  it("is 32 octets, also as base64, base64url or hexadecimal digits", () => {
    const buffer = Buffer.from(octets);
    for (const key of [octets, buffer, buffer.toString("base64"), buffer.toString("base64url"), buffer.toString("hex"), ` ${buffer.toString("base64")}\n`]) {
      expect(text(keyOctets(key))).toBe(buffer.toString("hex"));
    }
    expect(keyOctets(generateUdpKey()).length).toBe(32);
    expect(generateUdpKey()).not.toBe(generateUdpKey());
  });

  it("is no passphrase, nothing of another length, and not all zeros; the error does not show it", () => {
    const wrong: unknown[] = ["correct horse battery staple", "", "secret".repeat(10), new Uint8Array(31), new Uint8Array(33), new Uint8Array(32), Buffer.alloc(32, 7), "0".repeat(64), "A".repeat(43), undefined, null, 32, {}];
    for (const key of wrong) {
      expect(() => keyOctets(key as string)).toThrow(expect.objectContaining({ name: "TypeError", code: "ERR_INVALID_ARG_VALUE" }) as Error);
    }
    expect(() => keyOctets("correct horse battery staple")).not.toThrow(/correct/);
  });

  it("gives the handshake and its MACs secrets that differ", () => {
    const key = new LinkKey(octets);
    expect(text(key.psk)).not.toBe(text(octets));
    const other = new LinkKey(Uint8Array.from(octets, (octet) => octet ^ 1));
    expect(text(key.mac(octets))).not.toBe(text(other.mac(octets)));
    expect(key.mac(octets).length).toBe(16);
  });
});
