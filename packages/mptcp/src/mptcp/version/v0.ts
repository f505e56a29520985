import { sha1 } from "@noble/hashes/legacy.js";
import type { FallbackReason } from "../../core/index.ts";
import { MP_CAPABLE_FLAG } from "../../wire/index.ts";
import type { AddAddress, MpCapable, MpPriority } from "../../wire/index.ts";
import { CommonVersion } from "./common.ts";
import type { KeyPair, NamedAddress, Version } from "./version.ts";

/** Version 0: RFC 6824. */
class Version0 extends CommonVersion implements Version {
  readonly number = 0;
  /** RFC 6824 §3.1: C to G are algorithms; a host cannot forbid joins to its address. */
  readonly knownFlags = MP_CAPABLE_FLAG.A | MP_CAPABLE_FLAG.B | MP_CAPABLE_FLAG.H;
  readonly answersLater = false;
  readonly dataCarriesKeys = false;
  readonly opensFast = false;
  readonly breaksOffByReset = false;
  readonly explainsResets = false;

  capableSyn(flags: number, ownKey: Uint8Array): MpCapable {
    return this.capable(flags, ownKey, null);
  }

  /** RFC 6824 §3.6: beside both keys there is no room for a mapping. */
  capableAck(flags: number, keys: KeyPair, _dataLength: number, _checksum: number): MpCapable {
    return this.capable(flags, keys.sender, keys.receiver);
  }

  /**
   * RFC 6824 §3.1 has a SYN with flag B ignored, so that it would come again without. As RFC 8684 §3.1 put it right, it is the option that is, and
   * the connection is regular TCP: who does not know that would wait for an answer in vain.
   */
  offerRefusalOf(option: MpCapable): FallbackReason | null {
    if (option.senderKey === null || option.receiverKey !== null) return "malformed_capable";
    return this.refusedFlags(option);
  }

  /** RFC 6824 §3.4.1: nothing authenticates it, and nothing acknowledges it. */
  addAddress(_keys: KeyPair, named: NamedAddress): AddAddress {
    return { kind: "add_addr", version: 0, echo: false, ...named, hmac: null };
  }

  acceptsAddress(_keys: KeyPair, option: AddAddress): boolean {
    return option.version === 0;
  }

  echoOf(_option: AddAddress): AddAddress | null {
    return null;
  }

  /** RFC 6824 §3.3.8: it may name an address, and is of all subflows that lead there then. */
  acceptsPriority(_option: MpPriority): boolean {
    return true;
  }
}

/** Multipath TCP, version 0 (RFC 6824). */
export const version0: Version = new Version0(sha1);
