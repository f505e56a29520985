import type { MpJoinAck, MpJoinSyn, MpJoinSynAck, TcpSegment } from "../../wire/index.ts";
import { MP_RESET_REASON, MPTCP_SUBTYPE } from "../../wire/index.ts";
import { equalOctets } from "../version/keys.ts";
import type { KeyPair, Version } from "../version/version.ts";

/**
 * Reads and writes the handshake of a further subflow, MP_JOIN (RFC 8684 §3.2). Nothing here has effects: who reads, acts on the verdict.
 */

/** The MP_JOIN of a SYN: one of the form that a SYN has, one of any other, or none (RFC 8684 §3.2). */
export function readJoinSyn(segment: TcpSegment): MpJoinSyn | "malformed" | null {
  let found: "malformed" | null = null;
  for (const option of segment.mptcp) {
    switch (option.kind) {
      case "mp_join_syn":
        return option;
      case "mp_join_synack":
      case "mp_join_ack":
        found = "malformed";
        break;
      case "mptcp_unknown":
        if (option.data.length > 0 && (option.data[0] as number) >>> 4 === MPTCP_SUBTYPE.mpJoin) found = "malformed";
        break;
      default:
    }
  }
  return found;
}

/** What the SYN+ACK that answers our SYN with MP_JOIN says. */
export type JoinSynAck =
  | { readonly kind: "verified"; readonly nonce: number; readonly addressId: number; readonly backup: boolean }
  | { readonly kind: "bad_hmac" }
  | { readonly kind: "no_mp_join_in_synack" };

/** @param keys those of the sender, which is the peer, and of ourselves */
export function readJoinSynAck(segment: TcpSegment, version: Version, keys: KeyPair, ownNonce: number): JoinSynAck {
  for (const option of segment.mptcp) {
    if (option.kind !== "mp_join_synack") continue;
    if (!equalOctets(option.hmac, version.joinSynAckHmac(keys, option.nonce, ownNonce))) return { kind: "bad_hmac" };
    return { kind: "verified", nonce: option.nonce, addressId: option.addressId, backup: option.backup };
  }
  return { kind: "no_mp_join_in_synack" };
}

/** What the third ACK of a join says. */
export type JoinAck = "verified" | "bad_hmac" | "no_mp_join_in_ack";

/** @param keys those of the sender, which is the peer, and of ourselves */
export function readJoinAck(segment: TcpSegment, version: Version, keys: KeyPair, peerNonce: number, ownNonce: number): JoinAck {
  for (const option of segment.mptcp) {
    if (option.kind === "mp_join_ack") return equalOctets(option.hmac, version.joinAckHmac(keys, peerNonce, ownNonce)) ? "verified" : "bad_hmac";
  }
  return "no_mp_join_in_ack";
}

/** What the RST says that refuses such a third ACK (RFC 8684 §3.6). */
export function resetReasonOf(verdict: Exclude<JoinAck, "verified">): number {
  return verdict === "no_mp_join_in_ack" ? MP_RESET_REASON.middleboxInterference : MP_RESET_REASON.mptcpSpecific;
}

/** MP_JOIN of a SYN+ACK. */
export function joinSynAck(version: Version, keys: KeyPair, nonces: Nonces, addressId: number, backup: boolean): MpJoinSynAck {
  return { kind: "mp_join_synack", backup, addressId, hmac: version.joinSynAckHmac(keys, nonces.own, nonces.peer), nonce: nonces.own };
}

/** MP_JOIN of a third ACK. */
export function joinAck(version: Version, keys: KeyPair, nonces: Nonces): MpJoinAck {
  return { kind: "mp_join_ack", hmac: version.joinAckHmac(keys, nonces.own, nonces.peer) };
}

/** The random numbers of a join, 32 bits each. */
export interface Nonces {
  readonly own: number;
  readonly peer: number;
}
