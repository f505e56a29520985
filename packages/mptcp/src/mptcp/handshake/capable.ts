import type { FallbackReason } from "../../core/index.ts";
import { MP_CAPABLE_FLAG } from "../../wire/index.ts";
import type { MpCapable, TcpSegment } from "../../wire/index.ts";
import { equalOctets } from "../version/keys.ts";
import type { Version } from "../version/version.ts";

/**
 * Reads the opening handshake of a connection, MP_CAPABLE (RFC 8684 §3.1). Nothing here has effects: who reads, acts on the verdict. Used by
 * connections, listeners and SYN cookies.
 */

/** What a SYN says of Multipath TCP. */
export type CapableSyn =
  | { readonly kind: "none" }
  | { readonly kind: "refused"; readonly reason: FallbackReason }
  | { readonly kind: "offer"; readonly flags: number; readonly key: Uint8Array | null };

/** @param offers which offers of algorithms are taken; see `MptcpConfig.algorithmOffers` */
export function readCapableSyn(segment: TcpSegment, version: Version, offers: "any" | "sole"): CapableSyn {
  const option = capableOf(segment);
  if (option === null) return { kind: "none" };
  const reason = version.offerRefusalOf(option) ?? (offers === "sole" && (option.flags & OTHER_ALGORITHMS) !== 0 ? "no_common_algorithm" : null);
  return reason !== null ? { kind: "refused", reason } : { kind: "offer", flags: option.flags, key: option.version === version.number ? option.senderKey : null };
}

/** What became of the offer, or of the keys. */
export type CapableVerdict =
  | { readonly kind: "agreed"; readonly flags: number; readonly key: Uint8Array }
  | { readonly kind: "fallback"; readonly reason: FallbackReason }
  /** The segment says nothing yet. */
  | { readonly kind: "wait" };

/**
 * Reads the SYN+ACK that answers our SYN.
 * @param offered whether the latest SYN carried MP_CAPABLE
 */
export function readCapableSynAck(segment: TcpSegment, version: Version, offered: boolean): CapableVerdict {
  const option = capableOf(segment);
  if (option === null) return { kind: "fallback", reason: offered ? "no_mp_capable_in_synack" : "mp_capable_unanswered" };
  const reason = version.refusalOf(option);
  if (reason !== null || option.senderKey === null) return { kind: "fallback", reason: reason ?? "no_key_in_synack" };
  if (option.receiverKey !== null) return { kind: "fallback", reason: "malformed_capable" };
  return { kind: "agreed", flags: option.flags, key: option.senderKey };
}

/**
 * Reads what may be the third ACK.
 * @param offset the segment's, on the subflow
 * @param third what counts as such; see `MptcpConfig.thirdAck`
 */
export function readCapableAck(segment: TcpSegment, version: Version, ownKey: Uint8Array, offset: number, third: "verified" | "first"): CapableVerdict {
  const option = capableOf(segment);
  if (option !== null && option.senderKey !== null && option.receiverKey !== null && version.refusalOf(option) === null && (third === "first" || equalOctets(option.receiverKey, ownKey))) {
    return { kind: "agreed", flags: option.flags, key: option.senderKey };
  }
  // What overtook the third ACK may carry a DSS only, which shows that options pass: wait for a segment with the keys.
  // Data from the start without a mapping is none of that: Linux sends what its SYN carried in vain again like this, and speaks TCP from then on.
  const isUnmapped = offset === 0 && segment.payload.length > 0 && segment.mptcp.every((other) => other.kind !== "dss" || other.dsnLength === 0);
  if (third === "verified" && !isUnmapped && (offset > 0 || segment.mptcp.some((other) => other.kind === "dss"))) return { kind: "wait" };
  return { kind: "fallback", reason: "no_mp_capable_in_ack" };
}

/** The MP_CAPABLE flags of a SYN+ACK: what the listener wants, and checksums where the peer does (RFC 8684 §3.1). */
export function answerFlags(checksum: boolean, denyJoin: boolean, peerFlags: number): number {
  return MP_CAPABLE_FLAG.H | (checksum ? MP_CAPABLE_FLAG.A : 0) | (peerFlags & MP_CAPABLE_FLAG.A) | (denyJoin ? MP_CAPABLE_FLAG.C : 0);
}

/** Flags D to G, algorithms besides HMAC-SHA256 (RFC 8684 §3.1). */
const OTHER_ALGORITHMS = 0x1e;

function capableOf(segment: TcpSegment): MpCapable | null {
  for (const option of segment.mptcp) if (option.kind === "mp_capable") return option;
  return null;
}
