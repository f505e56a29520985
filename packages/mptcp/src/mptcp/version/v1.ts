import { sha256 } from "@noble/hashes/sha2.js";
import type { FallbackReason } from "../../core/index.ts";
import { MP_CAPABLE_FLAG } from "../../wire/index.ts";
import type { AddAddress, MpCapable, MpPriority } from "../../wire/index.ts";
import { CommonVersion } from "./common.ts";
import { addAddressHmac, equalOctets } from "./keys.ts";
import type { KeyPair, NamedAddress, Version } from "./version.ts";

/** Version 1: RFC 8684. */
class Version1 extends CommonVersion implements Version {
  readonly number = 1;
  readonly knownFlags = MP_CAPABLE_FLAG.A | MP_CAPABLE_FLAG.B | MP_CAPABLE_FLAG.C | MP_CAPABLE_FLAG.H;
  readonly answersLater = true;
  readonly dataCarriesKeys = true;
  readonly opensFast = true;
  readonly breaksOffByReset = true;
  readonly explainsResets = true;

  /** RFC 8684 §3.1: the SYN carries no key, so that a host without state can answer it. */
  capableSyn(flags: number, _ownKey: Uint8Array): MpCapable {
    return this.capable(flags, null, null);
  }

  capableAck(flags: number, keys: KeyPair, dataLength: number, checksum: number): MpCapable {
    return this.capable(flags, keys.sender, keys.receiver, dataLength, checksum);
  }

  offerRefusalOf(option: MpCapable): FallbackReason | null {
    // Of a later version's form only the flags are known.
    if (option.version === this.number && option.senderKey !== null) return "malformed_capable";
    return this.refusedFlags(option);
  }

  addAddress(keys: KeyPair, named: NamedAddress): AddAddress {
    return { kind: "add_addr", version: 1, echo: false, ...named, hmac: addAddressHmac(keys.sender, keys.receiver, named) };
  }

  acceptsAddress(keys: KeyPair, option: AddAddress): boolean {
    return option.hmac !== null && equalOctets(option.hmac, addAddressHmac(keys.sender, keys.receiver, option));
  }

  echoOf(option: AddAddress): AddAddress | null {
    const { addressId, address, port } = option;
    return { kind: "add_addr", version: 1, echo: true, addressId, address, port, hmac: null };
  }

  /** RFC 8684 §5: version 0's form, which names another subflow, is gone: whoever sat on one path could take the others out of use. */
  acceptsPriority(option: MpPriority): boolean {
    return option.addressId < 0;
  }
}

/** Multipath TCP, version 1 (RFC 8684). */
export const version1: Version = new Version1(sha256);
