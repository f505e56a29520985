import { hmac } from "@noble/hashes/hmac.js";
import { sha512 } from "@noble/hashes/sha2.js";
import type { FallbackReason, KeyMaterial, KeyPair, NamedAddress, Version } from "../../src/index.ts";
import type { AddAddress, MpCapable } from "../../src/wire/index.ts";

/**
 * A version that nobody speaks but these tests. It differs from version 1 wherever version 0 does, and in its hashes: the SYN carries the key,
 * first data carries a DSS at once, ADD_ADDR has neither HMAC nor echo, and a RST does not say why.
 */
export const versionX: Version = {
  number: 7,
  knownFlags: 0xff,
  answersLater: false,
  dataCarriesKeys: false,
  opensFast: false,
  breaksOffByReset: true,
  explainsResets: false,
  deriveKeys(key: Uint8Array): KeyMaterial {
    const hash = sha512(key);
    return { key, token: word(hash, 60), idsnHigh: word(hash, 0), idsnLow: word(hash, 4) };
  },
  joinSynAckHmac: (keys, senderNonce, receiverNonce) => mac(keys, senderNonce, receiverNonce).slice(0, 8),
  joinAckHmac: (keys, senderNonce, receiverNonce) => mac(keys, senderNonce, receiverNonce).slice(0, 20),
  capableSyn: (flags, ownKey) => capable(flags, ownKey, null),
  capableSynAck: (flags, ownKey) => capable(flags, ownKey, null),
  capableAck: (flags, keys) => capable(flags, keys.sender, keys.receiver),
  refusalOf(option: MpCapable): FallbackReason | null {
    return option.version === 7 ? null : "unsupported_version";
  },
  offerRefusalOf: (option) => (option.version === 7 ? null : "unsupported_version"),
  addAddress: (_keys: KeyPair, named: NamedAddress): AddAddress => ({ kind: "add_addr", version: 0, echo: false, ...named, hmac: null }),
  acceptsAddress: (_keys: KeyPair, option: AddAddress): boolean => option.version === 0,
  echoOf: () => null,
  acceptsPriority: () => true,
};

function capable(flags: number, senderKey: Uint8Array, receiverKey: Uint8Array | null): MpCapable {
  return { kind: "mp_capable", version: 7, flags, senderKey, receiverKey, dataLength: -1, checksum: -1 };
}

function mac(keys: KeyPair, senderNonce: number, receiverNonce: number): Uint8Array {
  const message = new Uint8Array(8);
  new DataView(message.buffer).setUint32(0, senderNonce);
  new DataView(message.buffer).setUint32(4, receiverNonce);
  return hmac(sha512, Uint8Array.from([...keys.receiver, ...keys.sender]), message);
}

function word(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);
}
