import type { FallbackReason } from "../../core/index.ts";
import type { AddAddress, MpCapable, MpPriority } from "../../wire/index.ts";

/**
 * What differs between the versions of Multipath TCP: RFC 6824 is version 0, RFC 8684 version 1. A connection has one, from its MP_CAPABLE
 * on; nothing else asks for a version's number.
 */
export interface Version {
  /** The number in MP_CAPABLE (RFC 8684 §3.1). */
  readonly number: number;
  /** Flags of MP_CAPABLE that mean something, see `MP_CAPABLE_FLAG`. Others are algorithms that nobody knows; they are not sent. */
  readonly knownFlags: number;
  /** Whether a listener reads the SYN of a version later than all that it speaks, to answer with one of these (RFC 8684 §3.1): that of RFC 6824 does not. */
  readonly answersLater: boolean;

  // ---- keys

  /** Token and initial data sequence number of a key (RFC 8684 §3.1). `key`: 8 octets, kept. */
  deriveKeys(key: Uint8Array): KeyMaterial;
  /** The HMAC of a join that a SYN+ACK carries (RFC 8684 §3.2): 8 octets. "Sender" is who sends the option. */
  joinSynAckHmac(keys: KeyPair, senderNonce: number, receiverNonce: number): Uint8Array;
  /** The HMAC of a join that a third ACK carries: 20 octets. */
  joinAckHmac(keys: KeyPair, senderNonce: number, receiverNonce: number): Uint8Array;

  // ---- the opening handshake

  /** MP_CAPABLE of a SYN. */
  capableSyn(flags: number, ownKey: Uint8Array): MpCapable;
  /** MP_CAPABLE of a SYN+ACK. */
  capableSynAck(flags: number, ownKey: Uint8Array): MpCapable;
  /** MP_CAPABLE of the third ACK, and of first data where {@link Version.dataCarriesKeys}; `dataLength` and `checksum` are -1 without data. */
  capableAck(flags: number, keys: KeyPair, dataLength: number, checksum: number): MpCapable;
  /** Whether first data carries MP_CAPABLE, with both keys, in place of a DSS until a DSS has come back (RFC 8684 §3.1). */
  readonly dataCarriesKeys: boolean;
  /** Whether data may go with SYNs (RFC 8684 appendix B). */
  readonly opensFast: boolean;
  /** Why the MP_CAPABLE of a SYN, of this version or a later one, is of no use; null when it may be answered. */
  offerRefusalOf(option: MpCapable): FallbackReason | null;
  /** Why the MP_CAPABLE of a SYN+ACK or a third ACK is of no use to a host that speaks this version; null when it is of use. */
  refusalOf(option: MpCapable): FallbackReason | null;

  // ---- signals

  /** ADD_ADDR (RFC 8684 §3.4.1) for an address of ours. */
  addAddress(keys: KeyPair, named: NamedAddress): AddAddress;
  /** Whether an ADD_ADDR comes from who has the keys. */
  acceptsAddress(keys: KeyPair, option: AddAddress): boolean;
  /** The echo that acknowledges an ADD_ADDR, which is repeated until it comes; null where there is none, and an ADD_ADDR is said once. */
  echoOf(option: AddAddress): AddAddress | null;
  /** Whether an MP_PRIO is of a form that the version has. */
  acceptsPriority(option: MpPriority): boolean;
  /** Whether a connection may be broken off by RSTs with MP_FASTCLOSE (RFC 8684 §3.5, option R), or only by an ACK with it. */
  readonly breaksOffByReset: boolean;
  /** Whether a RST may say why by MP_TCPRST (RFC 8684 §3.6). */
  readonly explainsResets: boolean;
}

/** A connection key and what a version derives from it. */
export interface KeyMaterial {
  /** 8 octets, network order. */
  readonly key: Uint8Array;
  /** 32 bits that name the connection to whoever joins it. */
  readonly token: number;
  /** The 64 bits of the initial data sequence number. */
  readonly idsnHigh: number;
  readonly idsnLow: number;
}

/** The keys of who sends an option and of who receives it, 8 octets each. */
export interface KeyPair {
  readonly sender: Uint8Array;
  readonly receiver: Uint8Array;
}

/** What an ADD_ADDR names. */
export interface NamedAddress {
  readonly addressId: number;
  readonly address: AddAddress["address"];
  /** 0: the port of the first subflow. */
  readonly port: number;
}

/** The version that an initiator offers, the highest that it speaks (RFC 8684 §3.1). @throws RangeError where it speaks none */
export function highestOf(versions: readonly Version[]): Version {
  return versions.reduce((highest, version) => (version.number > highest.number ? version : highest), first(versions));
}

/** The one that a host goes by which speaks `versions`, preferred first, where the other end offers `number` at the highest; null where they have none in common. */
export function answerTo(number: number, versions: readonly Version[]): Version | null {
  return versions.find((version) => version.number <= number) ?? null;
}

function first(versions: readonly Version[]): Version {
  const [version] = versions;
  if (version === undefined) throw new RangeError("no version of Multipath TCP");
  return version;
}
