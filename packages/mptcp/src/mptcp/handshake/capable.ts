import type { FallbackReason } from "../../core/index.ts";
import { MP_CAPABLE_FLAG, sequenceAdd } from "../../wire/index.ts";
import type { MpCapable, TcpSegment } from "../../wire/index.ts";
import { equalOctets } from "../version/keys.ts";
import type { KeyMaterial, Version } from "../version/version.ts";
import { answerTo, highestOf } from "../version/version.ts";

/**
 * Reads the opening handshake of a connection, MP_CAPABLE (RFC 8684 §3.1, RFC 6824 §3.1), with the choice of a version. Nothing here has effects: who reads, acts on
 * the verdict. Used by connections, listeners and SYN cookies.
 */

/** What a SYN says of Multipath TCP. `version`: the one that answers it; `key`: null where its SYNs carry none. */
export type CapableSyn =
  | { readonly kind: "none" }
  | { readonly kind: "refused"; readonly reason: FallbackReason }
  | { readonly kind: "offer"; readonly version: Version; readonly flags: number; readonly key: Uint8Array | null };

/**
 * @param versions those that the listener speaks, preferred first: the first that is not above the one in the SYN answers it (RFC 8684 §3.1)
 * @param offers which offers of algorithms are taken; see `MptcpConfig.algorithmOffers`
 */
export function readCapableSyn(segment: TcpSegment, versions: readonly Version[], offers: "any" | "sole"): CapableSyn {
  const option = capableOf(segment);
  if (option === null) return { kind: "none" };
  const version = answerTo(option.version, versions);
  const highest = highestOf(versions);
  const form = versions.find((other) => other.number === option.version) ?? (highest.answersLater ? highest : null);
  if (version === null || form === null) return { kind: "refused", reason: "unsupported_version" };
  const reason = form.offerRefusalOf(option) ?? (offers === "sole" && (option.flags & ~form.knownFlags) !== 0 ? "no_common_algorithm" : null);
  if (reason !== null) return { kind: "refused", reason };
  return { kind: "offer", version, flags: option.flags & form.knownFlags, key: option.version === version.number ? option.senderKey : null };
}

/** What became of the offer, or of the keys. */
export type CapableVerdict =
  | { readonly kind: "agreed"; readonly version: Version; readonly flags: number; readonly key: Uint8Array }
  | { readonly kind: "fallback"; readonly reason: FallbackReason }
  /** The segment says nothing yet. */
  | { readonly kind: "wait" };

/** What an end of the handshake has said of itself, and what it speaks. */
export interface CapableEnd {
  /** That of the SYN+ACK; before it, the one offered. */
  readonly version: Version;
  readonly own: KeyMaterial;
  /** The peer's key, where it is known. */
  readonly peerKey: Uint8Array | null;
}

/**
 * Reads the SYN+ACK that answers our SYN.
 * @param versions those that we speak
 * @param offered whether the latest SYN carried MP_CAPABLE
 */
export function readCapableSynAck(segment: TcpSegment, end: CapableEnd, versions: readonly Version[], offered: boolean): CapableVerdict {
  const option = capableOf(segment);
  if (option === null) return { kind: "fallback", reason: offered ? "no_mp_capable_in_synack" : "mp_capable_unanswered" };
  // RFC 8684 §3.1: it must not be above the one offered.
  const version = versions.find((other) => other.number === option.version && other.number <= end.version.number);
  if (version === undefined) return { kind: "fallback", reason: "unsupported_version" };
  const reason = version.refusalOf(option);
  if (reason !== null || option.senderKey === null) return { kind: "fallback", reason: reason ?? "no_key_in_synack" };
  if (option.receiverKey !== null) return { kind: "fallback", reason: "malformed_capable" };
  // The SYN had it, and whoever sends options back that he does not know does it with that one.
  if (equalOctets(option.senderKey, end.own.key)) return { kind: "fallback", reason: "own_key_in_synack" };
  return { kind: "agreed", version, flags: option.flags & version.knownFlags, key: option.senderKey };
}

/**
 * Reads what may be the third ACK.
 * @param offset the segment's, on the subflow
 * @param third what counts as such; see `MptcpConfig.thirdAck`
 */
export function readCapableAck(segment: TcpSegment, end: CapableEnd, offset: number, third: "verified" | "first"): CapableVerdict {
  const { own, peerKey, version } = end;
  const option = capableOf(segment);
  if (option !== null && option.senderKey !== null && option.receiverKey !== null && version.refusalOf(option) === null) {
    const isVerified = equalOctets(option.receiverKey, own.key) && (peerKey === null || equalOctets(option.senderKey, peerKey));
    if (third === "first" || isVerified) return { kind: "agreed", version, flags: option.flags & version.knownFlags, key: option.senderKey };
  }
  if (third === "verified" && peerKey !== null && showsKeys(segment, own)) return { kind: "agreed", version, flags: 0, key: peerKey };
  // What overtook the third ACK may carry a DSS only, which shows that options pass: wait for a segment with the keys.
  // Data from the start without a mapping is none of that: Linux sends what its SYN carried in vain again like this, and speaks TCP from then on.
  const isUnmapped = offset === 0 && segment.payload.length > 0 && segment.mptcp.every((other) => other.kind !== "dss" || other.dsnLength === 0);
  if (third === "verified" && !isUnmapped && (offset > 0 || segment.mptcp.some((other) => other.kind === "dss"))) return { kind: "wait" };
  return { kind: "fallback", reason: "no_mp_capable_in_ack" };
}

/**
 * Whether a DSS does what the third ACK was to do, where the SYN brought the peer's key: its Data ACK follows from ours. RFC 6824 §3.1 has no third ACK sent again, and
 * all after a lost one have a DSS.
 */
function showsKeys(segment: TcpSegment, own: KeyMaterial): boolean {
  return segment.mptcp.some((option) => option.kind === "dss" && option.dataAckLength !== 0 && option.dataAckLow === sequenceAdd(own.idsnLow, 1));
}

/** The MP_CAPABLE flags of a SYN+ACK: what the listener wants, and checksums where the peer does (RFC 8684 §3.1). */
export function answerFlags(checksum: boolean, denyJoin: boolean, peerFlags: number): number {
  return MP_CAPABLE_FLAG.H | (checksum ? MP_CAPABLE_FLAG.A : 0) | (peerFlags & MP_CAPABLE_FLAG.A) | (denyJoin ? MP_CAPABLE_FLAG.C : 0);
}

function capableOf(segment: TcpSegment): MpCapable | null {
  for (const option of segment.mptcp) if (option.kind === "mp_capable") return option;
  return null;
}
