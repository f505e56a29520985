import type { FallbackReason } from "../../core/index.ts";
import { MP_CAPABLE_FLAG } from "../../wire/index.ts";
import type { MpCapable } from "../../wire/index.ts";
import { deriveKeyMaterial, joinHmac } from "./keys.ts";
import type { KeyHash } from "./keys.ts";
import type { KeyMaterial, KeyPair } from "./version.ts";

/** What the versions of the RFCs have in common: the same construction over another hash, and MP_CAPABLE with the same fields. */
export abstract class CommonVersion {
  abstract readonly number: number;
  abstract readonly knownFlags: number;
  private readonly hash: KeyHash;

  /** @param hash what tokens, initial data sequence numbers and HMACs are made by */
  constructor(hash: KeyHash) {
    this.hash = hash;
  }

  deriveKeys(key: Uint8Array): KeyMaterial {
    return deriveKeyMaterial(key, this.hash);
  }

  joinSynAckHmac(keys: KeyPair, senderNonce: number, receiverNonce: number): Uint8Array {
    return joinHmac(keys.sender, keys.receiver, senderNonce, receiverNonce, this.hash).slice(0, 8);
  }

  joinAckHmac(keys: KeyPair, senderNonce: number, receiverNonce: number): Uint8Array {
    return joinHmac(keys.sender, keys.receiver, senderNonce, receiverNonce, this.hash).slice(0, 20);
  }

  capableSynAck(flags: number, ownKey: Uint8Array): MpCapable {
    return this.capable(flags, ownKey, null);
  }

  refusalOf(option: MpCapable): FallbackReason | null {
    return option.version === this.number ? this.refusedFlags(option) : "unsupported_version";
  }

  protected refusedFlags({ flags }: MpCapable): FallbackReason | null {
    if ((flags & MP_CAPABLE_FLAG.B) !== 0) return "unknown_extension_flag";
    if ((flags & MP_CAPABLE_FLAG.H) === 0) return "no_common_algorithm";
    return null;
  }

  protected capable(flags: number, senderKey: Uint8Array | null, receiverKey: Uint8Array | null, dataLength = -1, checksum = -1): MpCapable {
    return { kind: "mp_capable", version: this.number, flags: flags & this.knownFlags, senderKey, receiverKey, dataLength, checksum };
  }
}
