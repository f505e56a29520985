import type { FallbackReason } from "../../core/index.ts";
import { MP_CAPABLE_FLAG } from "../../wire/index.ts";
import type { AddAddress, MpCapable, MpPriority } from "../../wire/index.ts";
import { addAddressHmac, deriveKeyMaterial, equalOctets, joinHmac } from "./keys.ts";
import type { KeyMaterial, KeyPair, NamedAddress, Version } from "./version.ts";

/** Version 1: RFC 8684. */
class Version1 implements Version {
  readonly number = 1;
  readonly dataCarriesKeys = true;
  readonly explainsResets = true;

  deriveKeys(key: Uint8Array): KeyMaterial {
    return deriveKeyMaterial(key);
  }

  joinSynAckHmac(keys: KeyPair, senderNonce: number, receiverNonce: number): Uint8Array {
    return joinHmac(keys.sender, keys.receiver, senderNonce, receiverNonce).slice(0, 8);
  }

  joinAckHmac(keys: KeyPair, senderNonce: number, receiverNonce: number): Uint8Array {
    return joinHmac(keys.sender, keys.receiver, senderNonce, receiverNonce).slice(0, 20);
  }

  /** RFC 8684 §3.1: the SYN carries no key, so that a host without state can answer it. */
  capableSyn(flags: number, _ownKey: Uint8Array): MpCapable {
    return this.capable(flags, null, null, -1, -1);
  }

  capableSynAck(flags: number, ownKey: Uint8Array): MpCapable {
    return this.capable(flags, ownKey, null, -1, -1);
  }

  capableAck(flags: number, keys: KeyPair, dataLength: number, checksum: number): MpCapable {
    return this.capable(flags, keys.sender, keys.receiver, dataLength, checksum);
  }

  /** RFC 8684 §3.1: the SYN names the highest version that its sender speaks, and is answered with one that is equal or lower. */
  offerRefusalOf(option: MpCapable): FallbackReason | null {
    if (option.version < this.number) return "unsupported_version";
    // Of a later version's form only the flags are known.
    if (option.version === this.number && option.senderKey !== null) return "malformed_capable";
    return this.refusedFlags(option);
  }

  refusalOf(option: MpCapable): FallbackReason | null {
    return option.version === this.number ? this.refusedFlags(option) : "unsupported_version";
  }

  private refusedFlags(option: MpCapable): FallbackReason | null {
    if ((option.flags & MP_CAPABLE_FLAG.B) !== 0) return "unknown_extension_flag";
    if ((option.flags & MP_CAPABLE_FLAG.H) === 0) return "no_common_algorithm";
    return null;
  }

  addAddress(keys: KeyPair, named: NamedAddress): AddAddress {
    return { kind: "add_addr", version: 1, echo: false, ...named, hmac: addAddressHmac(keys.sender, keys.receiver, named) };
  }

  acceptsAddress(keys: KeyPair, option: AddAddress): boolean {
    return option.hmac !== null && equalOctets(option.hmac, addAddressHmac(keys.sender, keys.receiver, option));
  }

  echoOf(option: AddAddress): AddAddress {
    const { addressId, address, port } = option;
    return { kind: "add_addr", version: 1, echo: true, addressId, address, port, hmac: null };
  }

  /** RFC 8684 §5: version 0's form, which names another subflow, is gone: whoever sat on one path could take the others out of use. */
  acceptsPriority(option: MpPriority): boolean {
    return option.addressId < 0;
  }

  private capable(flags: number, senderKey: Uint8Array | null, receiverKey: Uint8Array | null, dataLength: number, checksum: number): MpCapable {
    return { kind: "mp_capable", version: this.number, flags, senderKey, receiverKey, dataLength, checksum };
  }
}

/** Multipath TCP, version 1 (RFC 8684). */
export const version1: Version = new Version1();
